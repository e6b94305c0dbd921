//! The embeddings of JPEG files of every structure, held to those of the pixels that libjpeg reads.

use std::env;
use std::io::Cursor;
use std::path::Path;

use edge::embedder::Embedder;
use edge::engine::EngineChoice;
use image::{ImageFormat, RgbImage};
use models::bundle::{Bundle, BundleLimits};
use ndarray::ArrayView1;

use crate::fixtures::{onnxruntime, options};
use crate::libjpeg::{Record, records};

/// The least cosine of the two embeddings of a file.
const LEAST_COSINE: f32 = 0.98;

/// The shortest side of an image whose embedding is compared: a smaller one is mostly invented when
/// it is enlarged to the input of the network.
const LEAST_SIDE: usize = 32;

/// One file in this number is embedded, unless `HANDFUL_ALL_JPEGS` is set.
const ONE_IN: usize = 8;

#[test]
fn every_structure_has_the_embedding_of_libjpegs_pixels() {
    let records = match records() {
        Ok(records) => records,
        Err(reason) => return println!("skipped: embeddings of libjpeg's pixels: {reason}"),
    };
    let Some(library) = onnxruntime("embeddings of libjpeg's pixels") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0");
    let bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
    let mut embedder =
        Embedder::open(&bundle, EngineChoice::Auto, &options(Some(library))).unwrap();
    let one_in = if env::var_os("HANDFUL_ALL_JPEGS").is_some() { 1 } else { ONE_IN };
    let compared = records.iter().filter(|record| is_compared(record)).step_by(one_in);
    let mut least = (1.0, String::new());
    let mut n_compared = 0;
    for record in compared {
        let read = embedder.embed(&record.jpeg).unwrap().embedding;
        let expected = embedder.embed(&png(record)).unwrap().embedding;
        let cosine = cosine(&read, &expected);
        n_compared += 1;
        if cosine < least.0 {
            least = (cosine, record.name.clone());
        }
    }
    println!("{n_compared} files; the least cosine is {:.4}: {}", least.0, least.1);
    assert!(n_compared >= 100, "{n_compared} files");
    assert!(least.0 >= LEAST_COSINE, "{}: {}", least.1, least.0);
}

fn is_compared(record: &Record) -> bool {
    let is_read = !record.name.contains("arithmetic");
    is_read && record.size.iter().all(|side| *side >= LEAST_SIDE)
}

/// The pixels of libjpeg as a file.
fn png(record: &Record) -> Vec<u8> {
    let [width, height] = record.size.map(|side| u32::try_from(side).unwrap());
    let image = RgbImage::from_raw(width, height, record.rgb.clone()).unwrap();
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let one = ArrayView1::from(one);
    let other = ArrayView1::from(other);
    one.dot(&other) / (one.dot(&one) * other.dot(&other)).sqrt()
}
