//! `handful bench`: measures the speed of a bundle's network on each engine.
//!
//! Engines take turns in blocks of several runs, each for one batch size. So other load on the
//! machine affects all of them alike, and each has its own weights in the caches. Results are
//! medians over all runs but the first ones of a block. In turns of single runs, a small network
//! takes a third longer: that, after something else filled the caches, is the cold figure.

use std::fmt;
use std::hint::black_box;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use edge::backbone::{embed_batch, files, start};
use edge::device::Device;
use edge::engine::{Engine, Provider, Rejection};
use models::bundle::{Bundle, Manifest, Precision, self_test};
use models::fault::AnyFault;
use ndarray::{Array4, ArrayView4, Axis, concatenate};
use serde::Serialize;

use super::Refused;
use crate::peak;
use crate::text::{Align, progress, show, table};

// One image shows the latency, 16 the throughput.
const BATCHES: [usize; 2] = [1, 16];

/// Blocks of each engine and batch size.
const BLOCKS: usize = 3;

/// Runs at the start of a block that warm the caches.
const WARM: usize = 3;

/// Runs with cold caches.
const COLD: usize = 5;

/// More bytes than the caches of a processor hold.
const CACHES: usize = 64 << 20;

const EXAMPLES: &str = "\
Examples:
  handful bench
  handful bench my-bundle --rounds 50 --json

Each engine is measured by itself, with warm caches: what images cost that follow each other. `cold`
is the time of an image after other engines ran and something else filled the caches of the
processor, `first` that of the first run.";

/// Measure each working engine: load time, latency per image, throughput
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Bundle to measure: a folder or a name [default: --bundle]
    #[arg(value_name = "BUNDLE")]
    named: Option<PathBuf>,

    /// Runs per engine and batch size; the median is reported
    #[arg(long, default_value_t = 21, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    bundle: String,
    gflop_per_image: f64,
    rounds: u16,
    /// Peak of the processor in 32-bit floats: one thread, and as many as ONNX Runtime has.
    peak_gflop_per_second: Peak,
    results: Vec<Figures>,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Figures {
    provider: String,
    precision: String,
    batch: usize,
    load_ms: f64,
    /// Milliseconds per image, not per batch.
    image_ms: f64,
    /// The same for the first run of this batch size, in which an engine may still prepare.
    first_ms: f64,
    /// The same after other engines ran and something else filled the caches.
    cold_ms: f64,
    images_per_second: f64,
    gflop_per_second: f64,
    /// Share of the peak of the threads in use; 32-bit floats only.
    peak_share: Option<f64>,
    /// Speed relative to the slowest engine at this batch size.
    ratio: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Peak {
    one_thread: f64,
    threads: usize,
    all_threads: f64,
}

impl Peak {
    fn measured(threads: usize) -> Self {
        let one_thread = peak::gflop_per_second(1);
        let all_threads = if threads == 1 { one_thread } else { peak::gflop_per_second(threads) };
        Self { one_thread, threads, all_threads }
    }

    /// The peak of the threads that a provider has for a batch; unknown for GPUs.
    fn of(self, provider: Provider, precision: Precision, batch: usize) -> Option<f64> {
        match provider {
            // Integers and 16-bit floats have other peaks, which are not measured.
            _ if precision != Precision::Fp32 => None,
            // tract computes each image in one thread.
            Provider::Tract if batch == 1 => Some(self.one_thread),
            Provider::Cpu | Provider::Tract => Some(self.all_threads),
            Provider::TensorRt | Provider::Cuda => None,
        }
    }
}

/// An engine under test.
struct Runner {
    engine: Box<dyn Engine>,
    precision: Precision,
    load: Duration,
    /// For each of [`BATCHES`].
    times: [Times; BATCHES.len()],
}

/// The times of the runs of one batch size.
#[derive(Debug, Default)]
struct Times {
    first: Option<Duration>,
    warm: Vec<Duration>,
    cold: Vec<Duration>,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let bundle = device.bundle(options.named.as_deref())?;
    let (mut runners, refused) = start_all(device, &bundle)?;
    measure(&mut runners, &bundle.manifest, options)?;
    let threads = device.engine_options()?.threads;
    let available = std::thread::available_parallelism().map_or(1, NonZero::get);
    // Measured after the engines, which would share the processor with it.
    let peak = Peak::measured(threads.unwrap_or(available));
    let gflop_per_image = gflop_per_image(&bundle.manifest);
    let answer = Answer {
        bundle: bundle.manifest.name.clone(),
        gflop_per_image,
        rounds: options.rounds,
        peak_gflop_per_second: peak,
        results: figures(&runners, &batches(&bundle.manifest), gflop_per_image, peak),
        refused: refused.iter().map(Refused::of).collect(),
    };
    show(&answer, options.json)
}

/// Test-time augmentation runs the network once per view.
fn gflop_per_image(manifest: &Manifest) -> f64 {
    (manifest.backbone.flops * manifest.preprocess.passes()) as f64 / 1e9
}

fn start_all(device: &Device, bundle: &Bundle) -> Result<(Vec<Runner>, Vec<Rejection>), AnyFault> {
    let engine_options = device.engine_options()?;
    let mut runners = Vec::new();
    let mut refused = Vec::new();
    for provider in device.engine().providers() {
        let candidates = files(bundle, provider, engine_options.precision);
        // An engine that does not work is part of the result; the others are measured all the same.
        let candidates = candidates.map_err(|rejection| refused.push(rejection));
        for candidate in candidates.unwrap_or_default() {
            let precision = candidate.precision;
            let before = Instant::now();
            match start(bundle, candidate, provider, &engine_options) {
                Ok(engine) => {
                    let load = before.elapsed();
                    runners.push(Runner { engine, precision, load, times: Default::default() });
                }
                Err(rejection) => refused.push(rejection),
            }
        }
    }
    if runners.is_empty() {
        return Err(edge::engine::SelectError { rejected: refused }.into());
    }
    Ok((runners, refused))
}

fn batches(manifest: &Manifest) -> [usize; BATCHES.len()] {
    BATCHES.map(|batch| batch.min(manifest.backbone.max_batch))
}

fn measure(runners: &mut [Runner], manifest: &Manifest, options: &Options) -> Result<(), AnyFault> {
    let inputs = batches(manifest).map(|batch| noise(manifest, batch));
    let blocks = BLOCKS * runners.len() * inputs.len();
    let bar = progress("measuring", blocks + COLD, options.json);
    for block in 0..BLOCKS {
        // The rounds in parts that differ by one at most.
        let runs = (usize::from(options.rounds) + block) / BLOCKS;
        for runner in &mut *runners {
            for (at, input) in inputs.iter().enumerate() {
                runner.run_block(at, input.view(), manifest, runs)?;
                bar.inc(1);
            }
        }
    }
    let mut other = vec![1_u8; CACHES];
    for _ in 0..COLD {
        for runner in &mut *runners {
            for (at, input) in inputs.iter().enumerate() {
                other.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                black_box(&other);
                let time = runner.run(input.view(), manifest)?;
                runner.times[at].cold.push(time);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn noise(manifest: &Manifest, batch: usize) -> Array4<f32> {
    let size = manifest.preprocess.size;
    // Noise: the time does not depend on what an image shows.
    let images: Vec<_> = (0..batch as u64).map(|seed| self_test::input(seed, size)).collect();
    let views: Vec<_> = images.iter().map(|image| image.view()).collect();
    concatenate(Axis(0), &views).expect("invariant: the images have one size")
}

fn figures(runners: &[Runner], batches: &[usize], gflop: f64, peak: Peak) -> Vec<Figures> {
    let mut figures = Vec::new();
    for (at, &batch) in batches.iter().enumerate() {
        let seconds = runners.iter().map(|runner| runner.seconds_per_image(at, batch));
        let slowest = seconds.fold(0.0, f64::max);
        figures.extend(runners.iter().map(|runner| {
            let ratio = slowest / runner.seconds_per_image(at, batch);
            Figures { ratio, ..runner.figures(at, batch, gflop, peak) }
        }));
    }
    figures
}

impl Runner {
    fn run(&mut self, input: ArrayView4<f32>, manifest: &Manifest) -> Result<Duration, AnyFault> {
        let before = Instant::now();
        embed_batch(self.engine.as_mut(), manifest, input)?;
        Ok(before.elapsed())
    }

    /// Runs one batch size: first until the caches are warm, then as often as is asked for.
    fn run_block(
        &mut self,
        at: usize,
        input: ArrayView4<f32>,
        manifest: &Manifest,
        runs: usize,
    ) -> Result<(), AnyFault> {
        for run in 0..WARM + runs {
            let time = self.run(input, manifest)?;
            let times = &mut self.times[at];
            times.first.get_or_insert(time);
            if run >= WARM {
                times.warm.push(time);
            }
        }
        Ok(())
    }

    fn seconds_per_image(&self, at: usize, batch: usize) -> f64 {
        median(&self.times[at].warm) / batch as f64
    }

    fn figures(&self, at: usize, batch: usize, gflop: f64, peak: Peak) -> Figures {
        let seconds = self.seconds_per_image(at, batch);
        let Times { first, cold, .. } = &self.times[at];
        let first = first.unwrap_or_default().as_secs_f64();
        let provider = self.engine.provider();
        let gflop_per_second = gflop / seconds;
        Figures {
            provider: provider.to_string(),
            precision: self.precision.to_string(),
            batch,
            load_ms: self.load.as_secs_f64() * 1e3,
            image_ms: seconds * 1e3,
            first_ms: first / batch as f64 * 1e3,
            cold_ms: median(cold) / batch as f64 * 1e3,
            images_per_second: 1.0 / seconds,
            gflop_per_second,
            peak_share: peak
                .of(provider, self.precision, batch)
                .map(|peak| gflop_per_second / peak),
            // Set by `figures`, which knows the slowest engine.
            ratio: 1.0,
        }
    }
}

fn median(times: &[Duration]) -> f64 {
    let mut seconds: Vec<_> = times.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let upper = seconds[middle];
    if seconds.len() % 2 == 1 { upper } else { f64::midpoint(seconds[middle - 1], upper) }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bundle, gflop_per_image, rounds, .. } = self;
        writeln!(f, "{bundle}: {gflop_per_image:.2} GFLOP per image, median of {rounds} runs\n")?;
        let rows: Vec<_> = self.results.iter().map(Figures::row).collect();
        f.write_str(&table(&COLUMNS, &rows))?;
        for Refused { provider, reason } in &self.refused {
            writeln!(f, "rejected: {provider}: {reason}")?;
        }
        let Peak { one_thread, threads, all_threads } = self.peak_gflop_per_second;
        write!(f, "peak: {one_thread:.0} GFLOP/s in one thread")?;
        if threads > 1 {
            write!(f, ", {all_threads:.0} in {threads}")?;
        }
        writeln!(f, " (32-bit floats, from registers)")
    }
}

const COLUMNS: [(&str, Align); 11] = [
    ("engine", Align::Left),
    ("precision", Align::Left),
    ("batch", Align::Right),
    ("load ms", Align::Right),
    ("ms/image", Align::Right),
    ("cold", Align::Right),
    ("first", Align::Right),
    ("images/s", Align::Right),
    ("GFLOP/s", Align::Right),
    ("of peak", Align::Right),
    ("ratio", Align::Right),
];

impl Figures {
    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let peak_share = self.peak_share.map(|share| format!("{:.0} %", 100.0 * share));
        vec![
            self.provider.clone(),
            self.precision.clone(),
            self.batch.to_string(),
            format!("{:.0}", self.load_ms),
            format!("{:.2}", self.image_ms),
            format!("{:.2}", self.cold_ms),
            format!("{:.2}", self.first_ms),
            format!("{:.0}", self.images_per_second),
            format!("{:.1}", self.gflop_per_second),
            peak_share.unwrap_or_default(),
            format!("{:.2}", self.ratio),
        ]
    }
}
