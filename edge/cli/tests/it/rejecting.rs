//! The tiny bundle with a decision, which rejects unknown images.
//!
//! The limits separate the drawings of [`crate::files`].

use std::path::Path;

use few_shot::decision::DecisionModel;
use few_shot::decision::background::Background;
use image::{ImageFormat, Rgb, RgbImage};

use crate::decided::write_decision;
use crate::files::{copy_folder, encode, image};
use crate::rejecting_table::table;
use crate::sandbox::{tiny_bundle, tiny_bundle_dir};

/// Makes the bundle in a folder.
pub(crate) fn make_bundle(dir: &Path) {
    let manifest = tiny_bundle().manifest;
    let center = vec![0.0; manifest.backbone.embedding_size];
    let background = Background::none(center.into());
    let model = DecisionModel { table: table(0.2), background };
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
