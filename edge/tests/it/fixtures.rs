//! What the tests share: the committed files, ONNX Runtime's library, facts.

use std::path::{Path, PathBuf};

use edge::engine::EngineOptions;
use edge::gallery::{Label, NewExample};
use edge::locate::{self, Environment};
use models::bundle::{Bundle, BundleLimits};

/// `edge/tests/fixtures`, written by export's tests.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub(crate) fn tiny_bundle_dir() -> PathBuf {
    folder().join("tiny-bundle")
}

pub(crate) fn tiny_bundle() -> Bundle {
    Bundle::open(&tiny_bundle_dir(), &BundleLimits::default()).unwrap()
}

/// ONNX Runtime's library, or a line that says what is skipped without it.
pub(crate) fn onnxruntime(test: &str) -> Option<PathBuf> {
    match locate::onnxruntime(None, &Environment::read()) {
        Ok(library) => Some(library),
        Err(missing) => {
            eprintln!("skipped: {test}: {missing}");
            None
        }
    }
}

pub(crate) fn options(onnxruntime: Option<PathBuf>) -> EngineOptions {
    EngineOptions { onnxruntime, threads: Some(1), ..EngineOptions::default() }
}

pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// A made-up fact, told apart by its number.
pub(crate) fn example(number: u32) -> NewExample {
    let mut sha256 = [0; 32];
    sha256[..4].copy_from_slice(&number.to_le_bytes());
    let value = number as f32;
    let embedding = vec![value, -value, 0.5];
    NewExample { sha256, crop: None, embedding, precision: "fp32".to_owned(), image: None }
}

pub(crate) fn examples(numbers: impl IntoIterator<Item = u32>) -> Vec<NewExample> {
    numbers.into_iter().map(example).collect()
}
