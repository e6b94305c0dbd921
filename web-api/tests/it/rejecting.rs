//! The tiny bundle with a decision, so that unknown images are rejected.
//!
//! The limits separate the drawings of [`crate::images`].

use std::fs;
use std::path::Path;

use few_shot::decision::DecisionModel;
use few_shot::decision::background::Background;
use image::{Rgb, RgbImage};
use models::bundle::{FileEntry, Manifest};
use tempfile::TempDir;

use crate::images::{columns, stripes};
use crate::rejecting_table::table;
use crate::service::tiny_bundle;

const DECISION: &str = "decision.safetensors";

/// Makes the bundle.
pub(crate) fn bundle() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |file: &str| dir.path().join(file);
    fs::copy(tiny_bundle().join("backbone.onnx"), path("backbone.onnx")).unwrap();
    let mut manifest = manifest(&tiny_bundle());
    let center = vec![0.0; manifest.backbone.embedding_size];
    let background = Background::none(center.into());
    let model = DecisionModel { table: table(0.3), background };
    let bytes = model.to_bytes(&manifest.space_id).unwrap();
    manifest.files.insert(DECISION.to_owned(), FileEntry::of(&bytes));
    manifest.decision = Some(DECISION.to_owned());
    fs::write(path(DECISION), bytes).unwrap();
    fs::write(path("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
    dir
}

fn manifest(bundle: &Path) -> Manifest {
    serde_json::from_slice(&fs::read(bundle.join("manifest.json")).unwrap()).unwrap()
}

/// Unlike stripes and columns at every rate that the page offers.
pub(crate) fn unknown() -> RgbImage {
    RgbImage::from_fn(48, 48, |_, _| Rgb([255; 3]))
}

/// Unlike stripes and columns at 5 %, and like stripes at 20 %.
pub(crate) fn checks() -> RgbImage {
    let is_green = |x: u32, y: u32| !(x / 6 + y / 6).is_multiple_of(2);
    RgbImage::from_fn(48, 48, |x, y| Rgb(if is_green(x, y) { [40, 220, 60] } else { [240; 3] }))
}

/// Half stripes, half columns.
pub(crate) fn half_and_half() -> RgbImage {
    let (stripes, columns) = (stripes(5), columns(5));
    RgbImage::from_fn(48, 48, |x, y| *if y < 24 { &stripes } else { &columns }.get_pixel(x, y))
}
