//! What this crate adds to the engines that it uses, against the bare crates in the same process:
//!
//! * a tensor through [`Engine`] against a bare session of ONNX Runtime on the same file;
//! * a JPEG file of 640x480 against its decoder, its resizing and such a session;
//! * from the start of a process to its first answer, and the memory that it has then;
//! * images that are decoded while others are embedded, against one after the other;
//! * a batch of 16 on an engine with a fixed cost a run, against 16 runs.
//!
//! Contestants take turns (`turns`). What a run costs after something else had the caches is
//! printed as cold.
//!
//! `cargo bench -p handful-edge --bench engine`. `HANDFUL_BENCH_ROUNDS` sets the rounds. What needs
//! ONNX Runtime is skipped where its library is not found. The last table, workers and threads, is
//! printed and not judged: it is for the choice of [`Threads::for_engine`].

#[path = "shared/bar.rs"]
mod bar;
#[path = "engine/turns.rs"]
mod turns;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use edge::backbone::{BackboneFile, Started, embed_batch, files, start};
use edge::decoder::{DecodedImage, ImageDecoder};
use edge::device::Threads;
use edge::embedder::Embedder;
use edge::engine::bare::BareSession;
use edge::engine::{Engine, EngineChoice, EngineError, EngineOptions, PrecisionChoice, Provider};
use edge::locate::{self, Environment};
use edge::pipeline::chunks_ahead;
use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use models::bundle::{Bundle, BundleLimits, Manifest, Precision};
use ndarray::{ArrayD, ArrayView4, ArrayViewD, IxDyn};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use bar::Bar;
use turns::{cold, median, milliseconds, ratio, turns};

/// The argument of the process whose start is measured.
const START: &str = "--start";

const BATCH: usize = 16;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == START) {
        first_answer();
        return ExitCode::SUCCESS;
    }
    let rounds = std::env::var("HANDFUL_BENCH_ROUNDS").ok();
    let rounds = rounds.map_or(9, |rounds| rounds.parse().expect("a number of rounds"));
    let mut bars = vec![slow_engine()];
    match locate::onnxruntime(None, &Environment::read()) {
        Ok(library) => bars.extend(Bench::new(library, rounds).run()),
        Err(missing) => println!("skipped: engines against bare crates: {missing}"),
    }
    for bar in &bars {
        println!("{bar}");
    }
    let missed = bars.iter().any(Bar::is_missed);
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// An engine whose run takes the same time whatever its batch.
struct Slow {
    size: usize,
}

impl Engine for Slow {
    fn provider(&self) -> Provider {
        Provider::Cuda
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        thread::sleep(Duration::from_millis(5));
        Ok(vec![ArrayD::zeros(IxDyn(&[inputs[0].1.shape()[0], self.size]))])
    }
}

fn slow_engine() -> Bar {
    let manifest = bundle().manifest;
    let engine = Box::new(Slow { size: manifest.backbone.embedding_size });
    let started = Started { engine, precision: Precision::Fp32, rejected: Vec::new() };
    let mut embedder = Embedder::of(&manifest, started);
    let inputs = vec![noise(&manifest, 1); BATCH];
    let start = Instant::now();
    for input in &inputs {
        embedder.embed_input(input).expect("a sound input");
    }
    let single = start.elapsed();
    let start = Instant::now();
    assert!(embedder.embed_inputs(&inputs).iter().all(Result::is_ok));
    let ratio = single.as_secs_f64() / start.elapsed().as_secs_f64();
    Bar::least("slow engine: images/s of a batch of 16", ratio, [6.0, 6.0])
}

/// What is measured with the library of ONNX Runtime.
struct Bench {
    library: PathBuf,
    bundle: Bundle,
    rounds: usize,
    threads: usize,
}

impl Bench {
    fn new(library: PathBuf, rounds: usize) -> Self {
        Self { library, bundle: bundle(), rounds, threads: Threads::for_engine() }
    }

    fn run(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for precision in [Precision::Int8U8, Precision::Fp32] {
            for batch in [1, BATCH] {
                bars.push(self.tensor(precision, batch));
            }
        }
        bars.push(self.jpeg());
        bars.extend(self.start());
        bars.extend(self.overlap());
        self.workers();
        bars
    }

    fn options(&self, precision: Precision, threads: usize) -> EngineOptions {
        EngineOptions {
            onnxruntime: Some(self.library.clone()),
            threads: Some(threads),
            precision: PrecisionChoice::Only(precision),
            ..EngineOptions::default()
        }
    }

    fn embedder(&self, precision: Precision, threads: usize) -> Embedder {
        let engine = EngineChoice::Only(Provider::Cpu);
        let options = self.options(precision, threads);
        Embedder::open(&self.bundle, engine, &options).expect("ONNX Runtime runs the bundle")
    }

    fn file(&self, precision: Precision) -> BackboneFile<'_> {
        let only = PrecisionChoice::Only(precision);
        files(&self.bundle, Provider::Cpu, only).expect("a file of this precision")[0]
    }

    fn engine(&self, precision: Precision) -> Box<dyn Engine> {
        let file = self.file(precision);
        let options = self.options(precision, self.threads);
        start(&self.bundle, file, Provider::Cpu, &options).expect("ONNX Runtime runs the file")
    }

    fn session(&self, precision: Precision, are_spinning: bool) -> BareSession {
        let onnx = self.file(precision).onnx;
        BareSession::load(onnx, &self.library, self.threads, are_spinning).expect("a session")
    }

    /// The runs a second of an engine, of those of the bare session.
    fn tensor(&self, precision: Precision, batch: usize) -> Bar {
        let manifest = &self.bundle.manifest;
        let values = noise(manifest, batch);
        let mut engine = self.engine(precision);
        let mut bare = self.session(precision, true);
        let mut asleep = self.session(precision, false);
        let name = &manifest.backbone.input;
        let size = manifest.preprocess.size;
        let shape = [batch, 3, size, size];
        let input = ArrayView4::from_shape(shape, &values).expect("as many values");
        let mut ours = || drop(black_box(embed_batch(&mut *engine, manifest, input)));
        let medians = turns(
            self.rounds,
            &mut [
                Box::new(&mut ours),
                Box::new(|| drop(black_box(bare.run(name, shape, &values).expect("a sound run")))),
                Box::new(|| {
                    drop(black_box(asleep.run(name, shape, &values).expect("a sound run")))
                }),
            ],
        );
        let cold = cold(ours);
        let [ours, theirs, asleep] = [0, 1, 2].map(|at| milliseconds(&medians[at]));
        println!(
            "{precision} batch {batch:2}: engine {ours:.2} ms, bare session {theirs:.2} ms \
             ({asleep:.2} ms without spinning), engine cold {cold:.2} ms"
        );
        let name = format!("{precision}, batch {batch}: speed of a bare session");
        strict(Bar::least(name, ratio(&medians[1], &medians[0]), [0.97, 0.97]))
    }

    /// The time from a JPEG file to its embedding, of that of the bare crates.
    fn jpeg(&self) -> Bar {
        let precision = Precision::Int8U8;
        let manifest = &self.bundle.manifest;
        let size = manifest.preprocess.size;
        let file = photograph(640, 480);
        let mut embedder = self.embedder(precision, self.threads);
        let mut bare = self.session(precision, true);
        let name = &manifest.backbone.input;
        let medians = turns(
            self.rounds,
            &mut [
                Box::new(|| drop(black_box(embedder.embed(&file).expect("an image")))),
                Box::new(|| {
                    let values = bare_input(manifest, &file);
                    drop(black_box(
                        bare.run(name, [1, 3, size, size], &values).expect("a sound run"),
                    ));
                }),
            ],
        );
        let [ours, theirs] = [0, 1].map(|at| milliseconds(&medians[at]));
        println!("JPEG 640x480 to embedding: {ours:.2} ms, bare crates {theirs:.2} ms");
        let got = ratio(&medians[0], &medians[1]);
        strict(Bar::most("JPEG 640x480: time of the bare crates", got, [1.10, 1.10]))
    }

    /// Start to first answer, and memory then: each of a process of its own.
    fn start(&self) -> [Bar; 2] {
        let mut seconds = Vec::new();
        let mut bytes = Vec::new();
        for _ in 0..self.rounds.clamp(3, 9) {
            let started = Instant::now();
            let program = std::env::current_exe().expect("this program");
            let output = Command::new(program).arg(START).output().expect("this program starts");
            seconds.push(started.elapsed().as_secs_f64());
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{text}");
            bytes.push(text.trim().parse::<f64>().expect("a number of bytes"));
        }
        let model = self.file(Precision::Int8U8).onnx.len() as f64;
        let most = 1.5 * model + 60e6;
        let bytes = median(bytes);
        println!(
            "idle after the first answer: {:.0} MB, at most {:.0} MB",
            bytes / 1e6,
            most / 1e6
        );
        [
            Bar::most("start to first answer, s", median(seconds), [0.5, 0.5]),
            strict(Bar::most("idle memory, of 1.5 x model + 60 MB", bytes / most, [1.0, 1.0])),
        ]
    }

    /// Images a second of decoding ahead, of one after the other, with one engine thread.
    fn overlap(&self) -> Option<Bar> {
        if Threads::most() < 2 {
            println!("skipped: decoding ahead: this process may use one core only");
            return None;
        }
        let mut embedder = self.embedder(Precision::Int8U8, 1);
        let decoder = embedder.decoder().clone();
        let (file, share) = matching(&decoder, &mut embedder)?;
        let images = vec![&file[..]; 4 * BATCH];
        let mut ratios = Vec::new();
        for _ in 0..self.rounds.clamp(3, 5) {
            let started = Instant::now();
            for image in &images {
                black_box(embedder.embed(image).expect("an image"));
            }
            let single = started.elapsed();
            let started = Instant::now();
            let decode = |image: &[u8]| decoder.decode(image, None).expect("an image");
            let embed = |chunk: Vec<DecodedImage>| {
                assert!(embedder.embed_all(chunk).iter().all(Result::is_ok));
                Ok::<(), String>(())
            };
            chunks_ahead(images.iter().copied(), BATCH, decode, embed).expect("sound images");
            ratios.push(single.as_secs_f64() / started.elapsed().as_secs_f64());
        }
        let name = format!("decoding of {share:.1} x the embedding, ahead");
        Some(Bar::least(name, median(ratios), [1.5, 1.5]))
    }

    /// Images a second of one engine with all threads, of two with half of them, and so on.
    fn workers(&self) {
        let precision = Precision::Int8U8;
        for batch in [1, BATCH] {
            let mut workers = 1;
            while workers <= self.threads {
                let threads = self.threads / workers;
                let rate = self.rate(precision, workers, threads, batch);
                println!("{workers} x {threads} threads, batch {batch:2}: {rate:.0} images/s");
                workers *= 2;
            }
        }
    }

    fn rate(&self, precision: Precision, workers: usize, threads: usize, batch: usize) -> f64 {
        let inputs = vec![noise(&self.bundle.manifest, 1); batch];
        let mut embedders: Vec<_> =
            (0..workers).map(|_| self.embedder(precision, threads)).collect();
        let runs = 160 / batch;
        let started = Instant::now();
        thread::scope(|scope| {
            for embedder in &mut embedders {
                let inputs = &inputs;
                scope.spawn(move || {
                    for _ in 0..runs {
                        black_box(embedder.embed_inputs(inputs));
                    }
                });
            }
        });
        (workers * runs * batch) as f64 / started.elapsed().as_secs_f64()
    }
}

/// A JPEG file whose decoding takes 0.7 to 1.5 of the time of its embedding, with this share.
fn matching(decoder: &ImageDecoder, embedder: &mut Embedder) -> Option<(Vec<u8>, f64)> {
    for width in (320..4000).step_by(160) {
        let file = photograph(width, width * 3 / 4);
        let image = decoder.decode(&file, None).expect("an image");
        let mut times = turns(
            1,
            &mut [
                Box::new(|| drop(black_box(decoder.decode(&file, None).expect("an image")))),
                Box::new(|| {
                    drop(black_box(embedder.embed_decoded(image.clone()).expect("an image")))
                }),
            ],
        );
        let share = median(times.remove(0)) / median(times.remove(0));
        if (0.9..1.5).contains(&share) {
            return Some((file, share));
        }
    }
    println!("skipped: decoding ahead: no image takes as long to decode as to embed");
    None
}

/// A ratio of one run, which noise changes less than times.
fn strict(mut bar: Bar) -> Bar {
    bar.tolerance = 1.05;
    bar
}

/// In a process of its own: the first answer, then the resident memory on standard output.
fn first_answer() {
    let library = locate::onnxruntime(None, &Environment::read()).expect("found before");
    let precision = PrecisionChoice::Only(Precision::Int8U8);
    let threads = Some(Threads::for_engine());
    let options = EngineOptions {
        onnxruntime: Some(library),
        threads,
        precision,
        ..EngineOptions::default()
    };
    let engine = EngineChoice::Only(Provider::Cpu);
    let embedder = Embedder::open(&bundle(), engine, &options);
    let mut embedder = embedder.expect("ONNX Runtime runs the bundle");
    black_box(embedder.embed(&photograph(640, 480)).expect("an image"));
    println!("{}", resident());
}

/// The resident memory of this process in bytes; 0 where the system does not have the file.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The input of the network by the decoder and the resizing that this project uses, and nothing
/// else: neither limits nor checks.
fn bare_input(manifest: &Manifest, file: &[u8]) -> Vec<f32> {
    let recipe = &manifest.preprocess;
    let mut decoder = JpegDecoder::new(ZCursor::new(file));
    let rgb = decoder.decode().expect("a JPEG file");
    let (width, height) = decoder.dimensions().expect("it is decoded");
    let whole = TypedImageRef::<U8x3>::from_buffer(width as u32, height as u32, &rgb);
    let whole = whole.expect("three bytes a pixel");
    let side = width.min(height);
    let [left, top] = [(width - side) / 2, (height - side) / 2].map(|at| at as u32);
    let part = TypedCroppedImage::from_ref(&whole, left, top, side as u32, side as u32);
    let mut square = TypedImage::<U8x3>::new(recipe.size as u32, recipe.size as u32);
    let filter = ResizeAlg::Convolution(FilterType::CatmullRom);
    let options = ResizeOptions::new().resize_alg(filter);
    let part = part.expect("a part of the image");
    Resizer::new().resize_typed(&part, &mut square, &options).expect("two images");
    let pixels = square.pixels();
    let mut values = Vec::with_capacity(3 * pixels.len());
    for channel in 0..3 {
        let [mean, std] = [recipe.mean[channel], recipe.std[channel]];
        values.extend(pixels.iter().map(|pixel| (f32::from(pixel.0[channel]) - mean) / std));
    }
    values
}

fn bundle() -> Bundle {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0");
    Bundle::open(&folder, &BundleLimits::default()).expect("a sound bundle")
}

/// Inputs of the network, one after the other. The time does not depend on what they show.
fn noise(manifest: &Manifest, batch: usize) -> Vec<f32> {
    let length = batch * 3 * manifest.preprocess.size.pow(2);
    (0..length).map(|at| (at as f32 * 0.37).sin()).collect()
}

fn photograph(width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| {
        let level = 120.0 + 60.0 * (x as f32 / 37.0).sin() * (y as f32 / 23.0).cos();
        // What a camera adds.
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 16;
        Rgb([level, level * 0.9, level * 0.7 + 30.0].map(|value| value as u8 + (grain % 8) as u8))
    });
    let mut bytes = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(&image);
    encoded.expect("invariant: memory takes every byte");
    bytes
}
