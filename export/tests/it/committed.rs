//! Holds the committed fixtures of `edge` equal to what the export writes; `UPDATE_GOLDEN=1`
//! rewrites them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use edge::engine::EngineOptions;
use export::draft::Recipe;
use export::publish::publish;
use models::bundle::{MANIFEST, Manifest, WeightStorage};
use models::cases;
use models::disk;

use crate::sample::{self, recipe};

/// Larger networks are replayed in this crate only, to keep the repository small.
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

/// Compares a folder's files with the expected ones, or rewrites them.
fn check(dir: &Path, expected: &BTreeMap<String, Vec<u8>>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let stale = contents(dir).into_keys().filter(|name| !expected.contains_key(name));
        stale.for_each(|name| fs::remove_file(dir.join(name)).unwrap());
        expected.iter().for_each(|(name, bytes)| fs::write(dir.join(name), bytes).unwrap());
    }
    let found = contents(dir);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    let hint = "`UPDATE_GOLDEN=1 cargo test --release -p handful-export committed` rewrites them";
    assert_eq!(names(&found), names(expected), "{}: {hint}", dir.display());
    for (name, bytes) in expected {
        let same =
            found[name] == *bytes || name == MANIFEST && equal_but_for_figures(&found[name], bytes);
        assert!(same, "{} differs: {hint}", dir.join(name).display());
    }
}

/// Compares manifests without the differences of int8 engines, which depend on the machine: a
/// value in the middle between two steps is rounded to either.
fn equal_but_for_figures(a: &[u8], b: &[u8]) -> bool {
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
    publish(&sample::run(), &recipe, &options, &out).unwrap();
    fs::create_dir_all(folder().join("tiny-bundle")).unwrap();
    check(&folder().join("tiny-bundle"), &contents(&out));
}

/// A bundle with int8 variants. Ranges are rounded, so that every machine measures the same.
#[test]
fn the_integer_bundle_is_committed() {
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("integer-bundle");
    let recipe = sample::integer_recipe("integer-bundle");
    publish(&sample::run(), &recipe, &EngineOptions::default(), &out).unwrap();
    fs::create_dir_all(folder().join("integer-bundle")).unwrap();
    check(&folder().join("integer-bundle"), &contents(&out));
}

/// A bundle with name knowledge, and its lexicon next to it.
#[test]
fn the_knowing_bundle_is_committed() {
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("knowing-bundle");
    let recipe = Recipe {
        lexicon: Some(sample::lexicon()),
        ..recipe("knowing-bundle", WeightStorage::Fp16)
    };
    let run = sample::knowing_run();
    publish(&run, &recipe, &EngineOptions::default(), &out).unwrap();
    let committed = folder().join("knowing");
    fs::create_dir_all(committed.join("knowing-bundle")).unwrap();
    check(&committed, &contents(fresh.path()));
    check(&committed.join("knowing-bundle"), &contents(&out));
}
