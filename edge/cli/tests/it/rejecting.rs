//! The tiny bundle with a decision, which rejects unknown images.
//!
//! The bundle has random weights, to which all images look alike: cosines are above 0.8. The limits
//! are made for that, and separate the drawings of [`crate::files`].

use std::collections::BTreeMap;
use std::path::Path;

use few_shot::decision::ambiguity::Ambiguity;
use few_shot::decision::background::Background;
use few_shot::decision::confidence::{Confidence, Logistic};
use few_shot::decision::limits::Limits;
use few_shot::decision::score::{Fading, Weights};
use few_shot::decision::{DecisionModel, DecisionTable, ExpectedScore};
use image::{ImageFormat, Rgb, RgbImage};

use crate::decided::write_decision;
use crate::files::{copy_folder, encode, image};
use crate::sandbox::{tiny_bundle, tiny_bundle_dir};

/// Makes the bundle in a folder.
pub(crate) fn make_bundle(dir: &Path) {
    let manifest = tiny_bundle().manifest;
    let center = vec![0.0; manifest.backbone.embedding_size];
    let background = Background::none(center.into());
    let model = DecisionModel { table: table(), background };
    copy_folder(&tiny_bundle_dir(), dir);
    write_decision(dir, &model.to_bytes(&manifest.space_id).unwrap());
}

/// Unlike the drawings at 5 %, and like the blue ones at 20 %.
pub(crate) fn gray() -> Vec<u8> {
    encode(RgbImage::from_pixel(48, 40, Rgb([128; 3])), ImageFormat::Png)
}

/// Like a green drawing on the left, like a red one on the right.
pub(crate) fn half_green_half_red() -> Vec<u8> {
    let mut half = image(0, 3);
    let other = image(1, 3);
    for (x, y, pixel) in half.enumerate_pixels_mut().filter(|(x, _, _)| *x >= 16) {
        *pixel = *other.get_pixel(x, y);
    }
    encode(half, ImageFormat::Png)
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
        ambiguity: Ambiguity { largest_share: 0.2, share_per_rate: 1e9 },
    }
}
