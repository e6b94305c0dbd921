#![allow(clippy::unwrap_used)]
use edge::decoder::Timing;
use edge::device::DeviceSettings;
use edge::embedder::Embedded;
use edge::engine::{EngineChoice, EngineKind, Provider};
use edge::locate::Environment;
use models::bundle::Precision;

use super::prepared::ImageFile;
use super::*;

fn embedded(embedding: Vec<f32>) -> Embedded {
    Embedded {
        embedding,
        engine: EngineKind { provider: Provider::Tract, precision: Precision::Fp32 },
        sha256: [0; 32],
        crop: None,
        kept: None,
        warnings: Vec::new(),
        quality: Vec::new(),
        timing: Timing::default(),
    }
}

fn prepared(embedding: Vec<f32>, kept: Option<Input>) -> Prepared {
    let file = ImageFile { name: "mug.jpg".to_owned(), kept };
    Prepared { images: vec![embedded(embedding)], files: vec![file] }
}

#[test]
fn a_file_that_changed_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mug.jpg");
    std::fs::write(&path, b"another image").unwrap();
    let changed = prepared(vec![1.0], Some(Input::File(path)));
    let error = changed.with_files().unwrap_err();
    assert!(error.to_string().contains("mug.jpg: the file changed"), "{error}");
    assert_eq!(error.blame(), Blame::Input);
}

#[test]
fn after_a_failure_the_answer_has_what_is_enrolled() {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny-bundle");
    let store = tempfile::tempdir().unwrap();
    let settings = DeviceSettings {
        bundle: Some(tiny),
        engine: Some(EngineChoice::Only(Provider::Tract)),
        store: Some(store.path().to_owned()),
        ..DeviceSettings::default()
    };
    let device = Device::new(settings, Environment::default());
    let mut recognizer = device.recognizer(StoreAccess::Create).unwrap();
    let mug = prepared(vec![1.0; recognizer.manifest().backbone.embedding_size], None);
    let class = |label| Target::Class(Label::parse(label).unwrap());
    let key = prepared(vec![f32::NAN], None);
    let classes = vec![(class("mug"), mug), (class("key"), key)];
    let mut answer = Answer::default();
    let error = answer.write(classes, &mut recognizer).unwrap_err().to_string();
    assert!(error.contains("key (") && error.contains("above it"), "{error}");
    assert_eq!((answer.classes.len(), answer.revision), (1, 1));
}
