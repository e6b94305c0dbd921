#![allow(clippy::unwrap_used)]
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::checkpoint::Provenance;
use crate::graph::{Architecture, ProtoComNet, Resnet12, SelfWeight};
use crate::layout;
use crate::preprocess::Preprocess;

fn files() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("backbone.onnx".to_owned(), b"network".to_vec()),
        ("extra.bin".to_owned(), vec![0; 100]),
    ])
}

fn manifest() -> Manifest {
    let architecture = Architecture::Resnet12(Resnet12 {
        widths: [1, 1, 1, 2],
        input_size: 16,
        last_activation: false,
    });
    Manifest {
        format: FORMAT.number,
        layout: FORMAT.layout(),
        name: "test".to_owned(),
        space_id: "0".repeat(64),
        created_by: "test".to_owned(),
        backbone: Network {
            file: "backbone.onnx".to_owned(),
            input: "image".to_owned(),
            output: "embedding".to_owned(),
            embedding_size: 2,
            flops: 1,
            architecture: Some(architecture),
            opset: 17,
            ir_version: 8,
            precision: Precision::Fp32,
            weights: WeightStorage::Fp16,
            max_batch: 8,
            variants: Vec::new(),
        },
        preprocess: Preprocess::paper(16),
        knowledge: None,
        decision: None,
        files: files().iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect(),
        accuracy: Vec::new(),
        verification: vec![Verification {
            engine: "tract".to_owned(),
            max_abs_difference: 1e-5,
            min_cosine: 0.999_999,
        }],
        self_test: SelfTest { seed: 1, embedding: vec![0.1, 0.2], max_abs_difference: 1e-3 },
        provenance: Provenance::default(),
        licenses: Licenses { weights: "MIT".to_owned(), data: "unknown".to_owned() },
    }
}

fn written() -> (TempDir, PathBuf) {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("bundle");
    write(&dir, &manifest(), &files()).unwrap();
    (base, dir)
}

fn open(dir: &Path) -> Result<Bundle, BundleError> {
    Bundle::open(dir, &BundleLimits::default())
}

/// The error's text after the manifest was edited as text.
fn refusal(from: &str, to: &str) -> String {
    let (_base, dir) = written();
    let path = dir.join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "the manifest has no {from}");
    fs::write(&path, text.replace(from, to)).unwrap();
    open(&dir).unwrap_err().to_string()
}

#[test]
fn the_schema_names_everything_that_is_written() {
    let value = serde_json::from_slice(&manifest().to_bytes()).unwrap();
    // Only the names of files are free.
    assert_eq!(layout::unnamed(FORMAT.schema, &value), ["backbone.onnx", "extra.bin"]);
}

#[test]
fn a_bundle_survives_the_round_trip() {
    let (_base, dir) = written();
    let bundle = open(&dir).unwrap();
    assert_eq!(bundle.manifest, manifest());
    assert_eq!(bundle.backbone(), b"network");
    assert_eq!(bundle.file("extra.bin"), Some([0; 100].as_slice()));
    assert_eq!(bundle.file("other"), None);
}

#[test]
fn every_flipped_byte_is_noticed() {
    let (_base, dir) = written();
    for name in files().keys() {
        let path = dir.join(name);
        let whole = fs::read(&path).unwrap();
        for i in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[i] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let error = open(&dir).unwrap_err();
            assert!(
                matches!(&error, BundleError::Damaged { what: "its SHA-256", path: p, .. } if *p == path),
                "{error}"
            );
        }
        fs::write(&path, &whole).unwrap();
    }
    open(&dir).unwrap();
}

#[test]
fn a_longer_a_shorter_and_a_missing_file_are_named() {
    for (bytes, expected) in [
        (Some(&b"networkx"[..]), "its length is more"),
        (Some(b"net"), "its length is 3"),
        (None, "cannot open"),
    ] {
        let (_base, dir) = written();
        let path = dir.join("backbone.onnx");
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = open(&dir).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("backbone.onnx"), "{error}");
    }
}

#[test]
fn a_manifest_cannot_leave_its_folder() {
    for name in [
        "../extra.bin",
        "/etc/hostname",
        "a/b",
        "..",
        ".hidden",
        "",
        "manifest.json",
        "a\\\\b",
        "con\\u0000",
    ] {
        let error = refusal("extra.bin", name);
        assert!(
            error.contains("`files` is") && error.contains("plain file names"),
            "{name}: {error}"
        );
    }
}

#[test]
#[cfg(unix)]
fn a_linked_file_is_refused() {
    let (base, dir) = written();
    let outside = base.path().join("outside");
    fs::rename(dir.join("extra.bin"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, dir.join("extra.bin")).unwrap();
    let error = open(&dir).unwrap_err().to_string();
    assert!(error.contains("extra.bin") && error.contains("link"), "{error}");
}

#[test]
fn a_wrong_field_is_named() {
    for (from, to, expected) in [
        ("\"format\": 1", "\"format\": 4", "the bundle cannot be read: format 4, expected 1"),
        ("\"layout\": \"", "\"layout\": \"0", "its layout is `0"),
        ("\"layout\"", "\"other\"", "its layout is ``"),
        ("\"name\": \"test\"", "\"name\": \"Te/st\"", "`name` is \"Te/st\""),
        ("\"name\": \"test\"", "\"nome\": \"test\"", "unknown field `nome`"),
        (&"0".repeat(64), "00", "`space_id` is \"00\""),
        ("\"file\": \"backbone.onnx\"", "\"file\": \"other.onnx\"", "`backbone.file`"),
        (
            "\"embedding_size\": 2",
            "\"embedding_size\": 3",
            "`backbone.embedding_size` is 3, expected 2",
        ),
        ("\"input_size\": 16", "\"input_size\": 1000000", "input_size` is 1000000"),
        ("\"size\": 16", "\"size\": 32", "`preprocess.size` is 32, expected 16"),
        ("\"max_batch\": 8", "\"max_batch\": 0", "`backbone.max_batch` is 0"),
        ("\"seed\": 1", "\"seed\": -1", "not a bundle's manifest"),
        ("0.2\n", "0.2, 0.3\n", "`self_test.embedding` is 3"),
        ("0.2\n", "1e39\n", "number out of range"),
        ("{", "", "the description is not usable"),
    ] {
        let error = refusal(from, to);
        assert!(error.contains(expected) && error.contains(MANIFEST), "{from} -> {to}: {error}");
    }
}

#[test]
fn limits_are_checked_before_files_are_read() {
    let (_base, dir) = written();
    let limits = [
        BundleLimits { max_files: 1, ..BundleLimits::default() },
        BundleLimits { max_total_bytes: 106, ..BundleLimits::default() },
    ];
    for limits in limits {
        assert!(matches!(
            Bundle::open(&dir, &limits),
            Err(BundleError::TooLarge { got: 107, files: 2, .. })
        ));
    }
    let tiny = BundleLimits { max_manifest_bytes: 10, ..BundleLimits::default() };
    assert!(matches!(
        Bundle::open(&dir, &tiny),
        Err(BundleError::Disk(DiskError::TooLarge { limit: 10, .. }))
    ));
    let huge = refusal("\"bytes\": 100", "\"bytes\": 18446744073709551615");
    assert!(huge.contains("at most"), "{huge}");
}

#[test]
fn an_existing_bundle_is_replaced_and_nothing_else_is() {
    let (_base, dir) = written();
    write(&dir, &manifest(), &files()).unwrap();
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let error = write(&dir, &manifest(), &files()).unwrap_err();
    assert!(
        matches!(error, BundleError::Occupied { .. }) && error.to_string().contains("notes.txt"),
        "{error}"
    );
    fs::remove_file(dir.join(MANIFEST)).unwrap();
    let error = write(&dir, &manifest(), &files()).unwrap_err();
    assert!(error.to_string().contains("it has no manifest.json"), "{error}");
}

#[test]
fn an_empty_folder_is_filled_and_a_file_is_not_replaced() {
    let base = tempfile::tempdir().unwrap();
    write(base.path(), &manifest(), &files()).unwrap();
    open(base.path()).unwrap();
    let file = base.path().join("backbone.onnx");
    assert!(matches!(write(&file, &manifest(), &files()), Err(BundleError::Occupied { .. })));
}

#[test]
fn what_could_not_be_opened_is_not_written() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("bundle");
    let mut wrong = files();
    wrong.insert("extra.bin".to_owned(), vec![1]);
    assert!(matches!(write(&dir, &manifest(), &wrong), Err(BundleError::Manifest { .. })));
    let broken = Manifest { name: String::new(), ..manifest() };
    assert!(matches!(write(&dir, &broken, &files()), Err(BundleError::Manifest { .. })));
    assert_eq!(disk::list(base.path()).unwrap(), [] as [PathBuf; 0]);
}

#[test]
fn a_variant_comes_once_and_widths_are_bounded() {
    let check = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        manifest.check().map_err(|error| error.to_string())
    };
    let variant = |file: &str, precision| Variant {
        file: file.to_owned(),
        precision,
        engines: vec!["cpu".to_owned()],
        verification: Vec::new(),
        self_test: manifest().self_test,
    };
    let with = |variants: Vec<Variant>| check(&|m| m.backbone.variants.clone_from(&variants));
    let (u8, s8) = (Precision::Int8U8, Precision::Int8S8);
    assert_eq!(with(vec![variant("extra.bin", u8), variant("extra.bin", s8)]), Ok(()));
    for twice in [vec![u8, u8], vec![Precision::Fp32]] {
        let twice = twice.into_iter().map(|precision| variant("extra.bin", precision)).collect();
        assert!(with(twice).unwrap_err().contains("backbone.variants.precision"));
    }
    let missing = with(vec![variant("other.bin", u8)]).unwrap_err();
    assert!(missing.contains("`backbone.variants.file` is \"other.bin\""), "{missing}");
    let wide = check(&|m| {
        let widths = [4_000_000_000, 4_000_000_000, 64, 2];
        let wide = Resnet12 { widths, input_size: 16, last_activation: false };
        m.backbone.architecture = Some(Architecture::Resnet12(wide));
    });
    assert!(wide.unwrap_err().contains("backbone.architecture.widths"));
}

#[test]
fn a_network_without_architecture_is_held_to_its_sizes() {
    let check = |preprocess: Preprocess, embedding_size: usize| {
        let mut wrapped = Manifest { preprocess, ..manifest() };
        wrapped.backbone.architecture = None;
        wrapped.backbone.embedding_size = embedding_size;
        wrapped.self_test.embedding = vec![0.5; embedding_size];
        let text = String::from_utf8(wrapped.to_bytes()).unwrap();
        assert!(!text.contains("architecture"), "{text}");
        Manifest::parse(text.as_bytes()).map(|read| assert_eq!(read, wrapped))
    };
    assert_eq!(check(Preprocess::paper(224), 3), Ok(()));
    let large = check(Preprocess::paper(1025), 3).unwrap_err().to_string();
    assert!(large.contains("`preprocess.size` is 1025"), "{large}");
    let wide = check(Preprocess::paper(16), 16_385).unwrap_err().to_string();
    assert!(wide.contains("`backbone.embedding_size` is 16385"), "{wide}");
}

#[test]
fn a_completer_is_held_to_its_sizes() {
    let check = |network: ProtoComNet| {
        let file = "extra.bin".to_owned();
        let completer = CompleterFiles {
            file: file.clone(),
            attributes: file.clone(),
            network,
            verification: Vec::new(),
        };
        let lexicon = NamedFile { file: "words.bin".to_owned(), sha256: "0".repeat(64), bytes: 1 };
        let knowledge = KnowledgeFiles { kernel: file, completer: Some(completer), lexicon };
        Manifest { knowledge: Some(knowledge), ..manifest() }.check().map_err(|e| e.to_string())
    };
    let network = ProtoComNet {
        embedding: 2,
        word: 3,
        attributes: 4,
        hidden: 5,
        self_weight: SelfWeight::One,
    };
    assert_eq!(check(network.clone()), Ok(()));
    let other_embedding = check(ProtoComNet { embedding: 3, ..network.clone() }).unwrap_err();
    assert!(other_embedding.contains("knowledge.completer.network"), "{other_embedding}");
    let huge = check(ProtoComNet { word: 16_384, attributes: 16_384, ..network }).unwrap_err();
    assert!(huge.contains("16777216 values"), "{huge}");
}
