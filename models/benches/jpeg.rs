//! The promises: an ordinary JPEG takes at most 1.2 times as long as the fast decoder only,
//! although every block of it is read to know that the file is whole; reduced size makes large
//! photographs cheaper than all of their pixels.
//!
//! `cargo bench -p handful-models --bench jpeg` times decoding against zune-jpeg in the
//! same run, on a drawn photograph of 640x480, and one of 12 megapixels at full and at reduced size
//! with the resize that follows. `-- FILE…` does it on files.

use std::hint::black_box;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use models::image::{Detail, ImageLimits, decode};
use models::preprocess::Preprocess;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

const MOST_OF_DECODER: f64 = 1.2;
const MOST_OF_FULL_SIZE: f64 = 0.7;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if files.is_empty() {
        let camera = of_decoder("drawn, 640x480", &photograph(640, 480), 101);
        assert!(camera <= MOST_OF_DECODER, "{camera:.2} times the fast decoder");
        let large = of_full_size("drawn, 4032x3024", &photograph(4032, 3024), 5);
        assert!(large <= MOST_OF_FULL_SIZE, "{large:.2} times full size");
    }
    for file in files {
        let bytes = std::fs::read(&file).expect("a file that can be read");
        of_decoder(&file, &bytes, 9);
        of_full_size(&file, &bytes, 9);
    }
}

/// The time of decoding, in times of zune-jpeg.
fn of_decoder(name: &str, bytes: &[u8], rounds: usize) -> f64 {
    let [bare, whole] = fastest(
        rounds,
        [&|| drop(black_box(JpegDecoder::new(ZCursor::new(bytes)).decode())), &|| {
            drop(black_box(decode(bytes, &ImageLimits::default(), Detail::Full)))
        }],
    );
    let ratio = whole.as_secs_f64() / bare.as_secs_f64();
    println!("{name}: {whole:.2?}, zune-jpeg {bare:.2?}: {ratio:.2} times");
    ratio
}

/// The time of decoding and resizing at reduced size, in times of full size.
fn of_full_size(name: &str, bytes: &[u8], rounds: usize) -> f64 {
    let recipe = Preprocess::paper(224);
    let [full, reduced] = fastest(
        rounds,
        [&|| drop(black_box(input(&recipe, bytes, Detail::Full))), &|| {
            drop(black_box(input(&recipe, bytes, recipe.detail())))
        }],
    );
    let ratio = reduced.as_secs_f64() / full.as_secs_f64();
    println!("{name}: {reduced:.2?} at reduced size, {full:.2?} at full size: {ratio:.2} times");
    ratio
}

fn input(recipe: &Preprocess, bytes: &[u8], detail: Detail) -> Vec<u8> {
    let image = decode(bytes, &ImageLimits::default(), detail).expect("a whole JPEG");
    recipe.resize(&image).expect("an image with pixels")
}

/// The least time of each, in turn, so that a busy machine slows both.
fn fastest<const N: usize>(rounds: usize, tasks: [&dyn Fn(); N]) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    for _ in 0..rounds {
        for (least, task) in least.iter_mut().zip(tasks) {
            let start = Instant::now();
            task();
            *least = start.elapsed().min(*least);
        }
    }
    least
}

/// Edges, gradients and grain, in about as many bytes as a photograph of that size.
fn photograph(width: u32, height: u32) -> Vec<u8> {
    let mut grain = 1_u32;
    let image = RgbImage::from_fn(width, height, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (across, down) = (x as f32 / 37.0, y as f32 / 23.0);
        let light = 120.0 + 60.0 * across.sin() * down.cos() + 40.0 * (across * down / 9.0).sin();
        let edge = if (x / 61 + y / 47).is_multiple_of(3) { 25.0 } else { 0.0 };
        let level = light + edge + (grain >> 27) as f32 / 2.0;
        Rgb([level, level * 0.9, level * 0.7 + 30.0].map(|value| value as u8))
    });
    let mut bytes = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(&image);
    encoded.expect("invariant: memory takes every byte");
    bytes
}
