//! What the tests share: the committed files, ONNX Runtime's library, drawn images, facts.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use edge::engine::EngineOptions;
use edge::gallery::{Label, NewExample};
use edge::locate::{self, Environment};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use models::bundle::{Bundle, BundleLimits};

/// `edge/tests/fixtures`, written by export's tests.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub(crate) fn tiny_bundle_dir() -> PathBuf {
    folder().join("tiny-bundle")
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
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

/// A drawn image: `kind` gives colors and the direction of stripes, `variant` moves them.
pub(crate) fn image(kind: u8, variant: u32) -> RgbImage {
    let (front, back) = match kind {
        0 => ([220, 40, 30], [30, 10, 60]),
        1 => ([40, 200, 60], [240, 240, 200]),
        _ => ([30, 60, 230], [120, 120, 120]),
    };
    RgbImage::from_fn(48, 40, |x, y| {
        let along = if kind == 1 { y } else { x };
        let is_front = (along + variant) % 12 < 6;
        Rgb(if is_front { front } else { back })
    })
}

pub(crate) fn encode(image: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png(kind: u8, variant: u32) -> Vec<u8> {
    encode(image(kind, variant), ImageFormat::Png)
}

pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// A made-up fact, told apart by its number.
pub(crate) fn example(number: u32) -> NewExample {
    let mut sha256 = [0; 32];
    sha256[..4].copy_from_slice(&number.to_le_bytes());
    let value = number as f32;
    NewExample { sha256, embedding: vec![value, -value, 0.5], precision: "fp32".to_owned() }
}

pub(crate) fn examples(numbers: impl IntoIterator<Item = u32>) -> Vec<NewExample> {
    numbers.into_iter().map(example).collect()
}
