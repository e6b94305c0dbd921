//! Bundles that are damaged, hostile, or lie about their network.

use std::fs;
use std::path::{Path, PathBuf};

use edge::embedder::Embedder;
use edge::engine::PrecisionChoice;
use edge::engine::{EngineChoice, EngineOptions, Provider, SelectError};
use edge::lexicon::NameKnowledge;
use models::bundle::{Bundle, BundleError, BundleLimits, Precision};
use models::fault::{Blame, Fault};

use crate::decided::{add_decision, write_decision};
use crate::files::{copy_folder, edit_manifest, png};
use crate::fixtures::{folder, onnxruntime, options, tiny_bundle, tiny_bundle_dir};

fn copy_bundle(to: &Path) {
    copy_folder(&tiny_bundle_dir(), to);
}

fn open(dir: &Path) -> Result<Bundle, BundleError> {
    Bundle::open(dir, &BundleLimits::default())
}

#[test]
fn one_flipped_byte_of_the_network_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    copy_bundle(root.path());
    let file = root.path().join(&tiny_bundle().manifest.backbone.file);
    let whole = fs::read(&file).unwrap();
    for place in [0, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        fs::write(&file, damaged).unwrap();
        let error = open(root.path()).unwrap_err().to_string();
        assert!(error.contains("SHA-256") && error.contains("backbone"), "{error}");
    }
    fs::write(&file, whole).unwrap();
    open(root.path()).unwrap();
}

#[test]
fn a_missing_file_and_an_escaping_name_are_told() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("missing");
    copy_bundle(&missing);
    let file = tiny_bundle().manifest.backbone.file;
    fs::remove_file(missing.join(&file)).unwrap();
    let error = open(&missing).unwrap_err().to_string();
    assert!(error.contains(&file), "{error}");
    for name in ["../secret", "/etc/passwd", "a/b", "..", ""] {
        let dir = root.path().join("escaping");
        copy_bundle(&dir);
        edit_manifest(&dir, |manifest| {
            let entry = manifest["files"][&file].clone();
            manifest["files"][name] = entry;
            manifest["backbone"]["file"] = name.into();
        });
        assert!(matches!(open(&dir), Err(BundleError::Manifest { .. })), "{name}");
    }
}

#[test]
fn a_decision_of_another_backbone_is_refused() {
    let root = tempfile::tempdir().unwrap();
    copy_bundle(root.path());
    assert!(edge::decision::open(&open(root.path()).unwrap()).unwrap().is_none());
    add_decision(root.path());
    let bundle = open(root.path()).unwrap();
    let model = edge::decision::open(&bundle).unwrap().unwrap();
    assert_eq!(model.background.center().len(), bundle.manifest.backbone.embedding_size);
    write_decision(root.path(), &model.to_bytes("another space").unwrap());
    let error = edge::decision::open(&open(root.path()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("its space is another space"), "{error}");
    write_decision(root.path(), &model.to_bytes("another space").unwrap()[1..]);
    let error = edge::decision::open(&open(root.path()).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("the bundle's decision cannot be used: "), "{error}");
    assert_eq!(error.blame(), Blame::Input);
}

/// An engine that computes something else than the bundle says is refused, and with it every one.
#[test]
fn an_engine_that_fails_the_self_test_is_refused() {
    let mut bundle = tiny_bundle();
    bundle.manifest.self_test.embedding[0] += 1.0;
    let library = onnxruntime("the self-test on ONNX Runtime");
    let error =
        Embedder::open(&bundle, EngineChoice::Auto, &options(library.clone())).err().unwrap();
    // What has to be built is tried behind the engine in use.
    let at_once = Provider::ALL.iter().filter(|provider| !provider.needs_build());
    assert_eq!(error.rejected.len(), at_once.count());
    for rejection in &error.rejected {
        let runs = rejection.provider == Provider::Tract
            || rejection.provider == Provider::Cpu && library.is_some();
        assert_eq!(rejection.reason.contains("self-test"), runs, "{rejection}");
    }
}

/// A manifest may lie within the rules: then the network does not do what it says.
#[test]
fn a_manifest_that_lies_about_its_network_is_refused() {
    let lies: [fn(&mut Bundle); 2] = [
        |bundle| bundle.manifest.backbone.input = "other".to_owned(),
        |bundle| bundle.manifest.backbone.embedding_size += 1,
    ];
    for lie in lies {
        let mut bundle = tiny_bundle();
        lie(&mut bundle);
        let tract = EngineChoice::Only(Provider::Tract);
        let error = Embedder::open(&bundle, tract, &options(None)).err().unwrap();
        assert_eq!(error.rejected.len(), 1, "{error}");
    }
}

#[test]
fn every_shipped_bundle_starts_and_knows_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles");
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let shipped: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(shipped.len() >= 2, "{shipped:?}");
    for dir in shipped {
        let bundle = Bundle::open(&dir, &BundleLimits::default()).unwrap();
        let knowledge = NameKnowledge::open(&bundle).unwrap().unwrap();
        let mug = knowledge.read("coffee mug").unwrap();
        assert!(knowledge.semantic(&[Some(mug)]).iter().all(|x| x.is_finite()), "{dir:?}");
        let tract = EngineChoice::Only(Provider::Tract);
        let mut embedder = Embedder::open(&bundle, tract, &options(None)).unwrap();
        let size = embedder.manifest().backbone.embedding_size;
        assert_eq!(embedder.embed(&png(0, 0)).unwrap().embedding.len(), size, "{dir:?}");
    }
}

#[test]
fn the_engine_decides_in_which_arithmetic_the_network_runs() {
    let dir = folder().join("integer-bundle");
    let bundle = || Bundle::open(&dir, &BundleLimits::default()).unwrap();
    let embed = |provider, precision: &str, library: Option<PathBuf>| {
        let options =
            EngineOptions { precision: precision.parse().unwrap(), ..options(library.clone()) };
        let mut embedder = Embedder::open(&bundle(), EngineChoice::Only(provider), &options)?;
        let embedding = embedder.embed(&png(0, 0)).unwrap().embedding;
        Ok::<_, SelectError>((embedder.precision(), embedding))
    };
    let distance = |a: &[f32], b: &[f32]| {
        let length = |values: Vec<f32>| values.iter().map(|x| x * x).sum::<f32>().sqrt();
        length(a.iter().zip(b).map(|(a, b)| a - b).collect()) / length(b.to_vec())
    };
    let (precision, exact) = embed(Provider::Tract, "auto", None).unwrap();
    assert_eq!(precision, Precision::Fp32, "integers are for other engines");
    let (precision, asked) = embed(Provider::Tract, "int8", None).unwrap();
    assert_eq!(precision, Precision::Int8U8, "unless they are asked for");
    let apart = distance(&asked, &exact);
    assert!(apart > 1e-4 && apart < 0.2, "{apart}");
    let (precision, _) = embed(Provider::Tract, "int8-s8", None).unwrap();
    assert_eq!(precision, Precision::Int8S8);
    let mut none = bundle();
    none.manifest.backbone.variants.clear();
    let int8 = EngineOptions { precision: PrecisionChoice::Int8, ..options(None) };
    let error = Embedder::open(&none, EngineChoice::Only(Provider::Tract), &int8).err().unwrap();
    assert!(error.to_string().contains("no int8 backbone"), "{error}");
    // An engine that computes other integers than the bundle says gets the floats.
    let mut wrong = bundle();
    wrong.manifest.backbone.variants[0].self_test.embedding.iter_mut().for_each(|x| *x += 9.0);
    let Some(library) = onnxruntime("integers on ONNX Runtime") else { return };
    let (precision, fast) = embed(Provider::Cpu, "auto", Some(library.clone())).unwrap();
    assert_eq!(precision, Precision::Int8U8);
    assert!(distance(&fast, &asked) < 0.05, "{}", distance(&fast, &asked));
    let cpu = EngineChoice::Only(Provider::Cpu);
    let embedder = Embedder::open(&wrong, cpu, &options(Some(library))).unwrap();
    assert_eq!(embedder.precision(), Precision::Fp32);
    assert!(embedder.rejected()[0].reason.starts_with("in int8-u8: "), "{:?}", embedder.rejected());
}
