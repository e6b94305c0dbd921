//! The files that `edge` replays are the ones that the export writes now. `UPDATE_GOLDEN=1` rewrites them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use edge::engine::EngineOptions;
use export::bundle_writer::Recipe;
use models::bundle::{MANIFEST, Manifest, WeightStorage};
use models::cases;
use models::disk;

use crate::sample::{self, recipe};

/// Larger networks are replayed by the export only.
const LARGEST: usize = 256 << 10;

fn folder() -> PathBuf {
    sample::workspace().join("edge/tests/fixtures")
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = disk::list(dir).unwrap().into_iter().filter(|path| path.is_file());
    files
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        })
        .collect()
}

/// Compares a folder's files with what they must be, or makes them so.
fn check(dir: &Path, expected: &BTreeMap<String, Vec<u8>>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let stale = contents(dir).into_keys().filter(|name| !expected.contains_key(name));
        stale.for_each(|name| fs::remove_file(dir.join(name)).unwrap());
        expected.iter().for_each(|(name, bytes)| fs::write(dir.join(name), bytes).unwrap());
    }
    let found = contents(dir);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    let hint = "`UPDATE_GOLDEN=1 cargo test --release -p export committed` rewrites them";
    assert_eq!(names(&found), names(expected), "{}: {hint}", dir.display());
    for (name, bytes) in expected {
        let same = found[name] == *bytes || name == MANIFEST && alike(&found[name], bytes);
        assert!(same, "{} differs: {hint}", dir.join(name).display());
    }
}

/// How far an engine is off in integers depends on the machine: a value in the middle between two steps goes either way.
fn alike(a: &[u8], b: &[u8]) -> bool {
    let plain = |bytes: &[u8]| {
        let mut manifest = Manifest::parse(bytes).unwrap();
        manifest.backbone.variants.iter_mut().for_each(|variant| variant.verification.clear());
        manifest
    };
    plain(a) == plain(b)
}

#[test]
fn the_small_cases_are_committed() {
    fs::create_dir_all(folder()).unwrap();
    let written = cases::all().into_iter().map(|case| {
        let onnx = sample::onnx(&case, &case.parameters, WeightStorage::Fp32);
        (format!("{}.onnx", case.name), onnx)
    });
    check(&folder(), &written.filter(|(_, onnx)| onnx.len() <= LARGEST).collect());
}

#[test]
fn the_tiny_bundle_is_committed() {
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("tiny-bundle");
    // Without ONNX Runtime, so that a machine that has it writes the same manifest.
    let options = EngineOptions::default();
    let recipe = recipe("tiny-bundle", WeightStorage::Fp16);
    export::bundle_writer::export(&sample::run(), &recipe, &options, &out).unwrap();
    fs::create_dir_all(folder().join("tiny-bundle")).unwrap();
    check(&folder().join("tiny-bundle"), &contents(&out));
}

/// A bundle with its network in 8 bits as well. Ranges are rounded, so that every machine finds the same.
#[test]
fn the_integer_bundle_is_committed() {
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("integer-bundle");
    let recipe = sample::integer_recipe("integer-bundle");
    export::bundle_writer::export(&sample::run(), &recipe, &EngineOptions::default(), &out)
        .unwrap();
    fs::create_dir_all(folder().join("integer-bundle")).unwrap();
    check(&folder().join("integer-bundle"), &contents(&out));
}

/// A bundle that knows names, and its lexicon beside it.
#[test]
fn the_knowing_bundle_is_committed() {
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("knowing-bundle");
    let recipe = Recipe {
        lexicon: Some(sample::lexicon()),
        ..recipe("knowing-bundle", WeightStorage::Fp16)
    };
    let run = sample::knowing_run();
    export::bundle_writer::export(&run, &recipe, &EngineOptions::default(), &out).unwrap();
    let committed = folder().join("knowing");
    fs::create_dir_all(committed.join("knowing-bundle")).unwrap();
    check(&committed, &contents(fresh.path()));
    check(&committed.join("knowing-bundle"), &contents(&out));
}
