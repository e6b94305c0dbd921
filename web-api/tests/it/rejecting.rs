//! The tiny bundle with a decision, so that unknown images are rejected.
//!
//! The bundle has random weights, to which all images look alike: cosines are above 0.8. The limits
//! are made for that, and separate the drawings of [`crate::images`].

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use few_shot::decision::ambiguity::Ambiguity;
use few_shot::decision::background::Background;
use few_shot::decision::confidence::{Confidence, Logistic};
use few_shot::decision::limits::Limits;
use few_shot::decision::score::{Fading, Weights};
use few_shot::decision::{DecisionModel, DecisionTable, ExpectedScore};
use image::{Rgb, RgbImage};
use models::bundle::{FileEntry, Manifest};
use tempfile::TempDir;

use crate::images::{columns, stripes};
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
    let model = DecisionModel { table: table(), background };
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

fn table() -> DecisionTable {
    let logistic = Logistic { slope: 100.0, intercept: -2.0 };
    let one_class = vec![0.999, 0.995, 0.985, 0.975, 0.9];
    let several = vec![0.04, 0.032, 0.022, 0.01, -0.02];
    let fading = Fading { most: 0.0, mean: 0.0 };
    DecisionTable {
        weights: Weights { novelty: 0.0, overlap: 0.0, sharpness: 1.0, fading },
        expected: ExpectedScore {
            by_shots: BTreeMap::from([(0, 0.0)]),
            growth: 0.0,
            likeness: 0.0,
        },
        limits: Limits {
            rates: vec![0.001, 0.01, 0.05, 0.2, 0.5],
            by_classes: BTreeMap::from([(1, one_class.clone()), (2, several)]),
            by_name: BTreeMap::from([(1, one_class)]),
            // Only the table counts.
            table_classes: 1e9,
        },
        confidence: Confidence {
            with_images: logistic,
            by_name: logistic,
            sharpness: BTreeMap::from([(0, 150.0)]),
        },
        ambiguity: Ambiguity { largest_share: 0.3, share_per_rate: 1e9 },
    }
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
