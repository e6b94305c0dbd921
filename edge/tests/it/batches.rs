//! Images that are embedded together: their numbers are those of one image, a bad one fails by
//! itself, and decoding ahead takes no longer than the longer half.

use std::thread;
use std::time::{Duration, Instant};

use edge::backbone::Started;
use edge::embedder::Embedder;
use edge::engine::{Engine, EngineChoice, EngineError, EngineOptions, Provider};
use edge::pipeline::ahead;
use image::{ImageFormat, Rgb, RgbImage};
use models::bundle::{Bundle, BundleLimits, Manifest, Precision};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::files::encode;
use crate::fixtures::{folder, onnxruntime, options, tiny_bundle};

/// Images that differ.
fn drawn(count: u8) -> Vec<Vec<u8>> {
    let image = |seed: u8| {
        let pixel = |x: u32, y: u32| Rgb([x as u8 * 5, y as u8 * 6, seed.wrapping_mul(29)]);
        encode(RgbImage::from_fn(48, 40, pixel), ImageFormat::Png)
    };
    (0..count).map(image).collect()
}

/// The embedder of a bundle on tract and, where its library is, on ONNX Runtime.
fn embedders(bundle: &Bundle) -> Vec<Embedder> {
    let library = onnxruntime("batches of images on ONNX Runtime");
    let cpu = library.is_some().then_some(Provider::Cpu);
    let providers = [Some(Provider::Tract), cpu].into_iter().flatten();
    let open = |provider| {
        let options = options(library.clone());
        Embedder::open(bundle, EngineChoice::Only(provider), &options).unwrap()
    };
    providers.map(open).collect()
}

fn assert_same(one: &[f32], other: &[f32], what: &str) {
    let largest = one.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (one, other) in one.iter().zip(other) {
        assert!((one - other).abs() <= 1e-4 * largest.max(1.0), "{what}: {one} and {other}");
    }
    assert_eq!(one.len(), other.len());
}

fn integer_bundle() -> Bundle {
    Bundle::open(&folder().join("integer-bundle"), &BundleLimits::default()).unwrap()
}

#[test]
fn images_together_have_the_numbers_of_single_ones() {
    for bundle in [tiny_bundle(), integer_bundle()] {
        let files = drawn(7);
        for mut embedder in embedders(&bundle) {
            let what = format!("{} in {}", embedder.provider(), embedder.precision());
            let decoded = files.iter().map(|file| embedder.decoder().decode(file, None).unwrap());
            let decoded: Vec<_> = decoded.collect();
            let together = embedder.embed_all(decoded);
            assert_eq!(together.len(), files.len());
            for (file, together) in files.iter().zip(together) {
                let single = embedder.embed(file).unwrap();
                let together = together.unwrap();
                assert_same(&single.embedding, &together.embedding, &what);
                assert_eq!(single.sha256, together.sha256, "{what}: in order");
                assert!(together.timing.embed > Duration::ZERO);
            }
        }
    }
}

#[test]
fn tract_runs_a_batch_on_threads_with_the_same_numbers() {
    let bundle = tiny_bundle();
    let length = 3 * bundle.manifest.preprocess.size.pow(2);
    let inputs: Vec<_> = (0..7_u8).map(|n| vec![f32::from(n) / 7.0; length]).collect();
    for threads in [1, 2, 64] {
        let options = EngineOptions { threads: Some(threads), ..options(None) };
        let tract = EngineChoice::Only(Provider::Tract);
        let mut embedder = Embedder::open(&bundle, tract, &options).unwrap();
        let together = embedder.embed_inputs(&inputs);
        for (input, together) in inputs.iter().zip(together) {
            let single = embedder.embed_input(input).unwrap();
            assert_eq!(together.unwrap(), single, "{threads} threads: in order, to the last bit");
        }
    }
}

#[test]
fn an_input_that_has_no_embedding_fails_by_itself() {
    for mut embedder in embedders(&tiny_bundle()) {
        let length = 3 * embedder.manifest().preprocess.size.pow(2);
        let bad = [vec![f32::MAX; length], vec![0.5; 7]];
        for bad in bad {
            let inputs = [vec![0.5; length], bad, vec![-0.5; length]];
            let results = embedder.embed_inputs(&inputs);
            let are_sound: Vec<_> = results.iter().map(Result::is_ok).collect();
            assert_eq!(are_sound, [true, false, true], "{}", embedder.provider());
            let single = embedder.embed_input(&inputs[2]).unwrap();
            assert_same(&single, results[2].as_ref().unwrap(), "beside a bad one");
        }
        assert!(embedder.embed_inputs(&[]).is_empty());
    }
}

/// An engine that takes its time, for each image of a batch.
struct Slow {
    size: usize,
    image: Duration,
}

impl Engine for Slow {
    fn provider(&self) -> Provider {
        Provider::Cuda
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        let batch = inputs[0].1.shape()[0];
        thread::sleep(self.image * u32::try_from(batch).unwrap());
        Ok(vec![ArrayD::zeros(IxDyn(&[batch, self.size]))])
    }
}

fn slow(manifest: &Manifest, image: Duration) -> Embedder {
    let engine = Box::new(Slow { size: manifest.backbone.embedding_size, image });
    let started = Started { engine, precision: Precision::Fp32, rejected: Vec::new() };
    Embedder::of(manifest, started)
}

#[test]
fn a_batch_is_no_larger_than_the_bundle_allows() {
    let mut manifest = tiny_bundle().manifest;
    manifest.backbone.max_batch = 3;
    let mut embedder = slow(&manifest, Duration::ZERO);
    assert_eq!(embedder.batch(), 3);
    let length = 3 * manifest.preprocess.size.pow(2);
    let results = embedder.embed_inputs(&vec![vec![0.0; length]; 8]);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 8);
}

#[test]
fn decoding_ahead_saves_the_shorter_half() {
    let manifest = tiny_bundle().manifest;
    let input = vec![0.0; 3 * manifest.preprocess.size.pow(2)];
    let embed = Duration::from_millis(20);
    for share in [0.7, 1.0, 1.5] {
        let mut embedder = slow(&manifest, embed);
        let decode = |_: u32| {
            thread::sleep(embed.mul_f64(share));
            input.clone()
        };
        let mut consume = |input: Vec<f32>| embedder.embed_input(&input).map(drop);
        let started = Instant::now();
        (0..20).map(decode).try_for_each(&mut consume).unwrap();
        let single = started.elapsed();
        let started = Instant::now();
        ahead(0..20, decode, &mut consume).unwrap();
        let ratio = single.as_secs_f64() / started.elapsed().as_secs_f64();
        println!("decoding of {share} x the embedding: {ratio:.2} x the images a second");
        assert!(ratio >= 1.5, "{share}: {ratio:.2}");
    }
}
