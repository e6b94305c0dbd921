//! `handful-train`: builds every stage of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use models::dataset::{Dataset, Split};
use models::disk;
use models::few_shot::episode::EpisodeSpec;
use models::few_shot::evaluate::Protocol;
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;
use train::config::Config;
use train::device::{DeviceChoice, Precision, resolve};
use train::error::{BadInput, is_bad_input};
use train::run::Run;
use train::stages::evaluate::evaluate;
use train::stages::import;
use train::stages::pretrain::{Ending, pretrain};

/// Trains few-shot backbones on libtorch.
#[derive(Debug, Parser)]
#[command(name = "handful-train", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a backbone as a classifier of the base classes.
    #[command(
        after_help = "Examples:\n  handful-train pretrain --config train/configs/cifar_fs_cpu.toml --data cifar_fs.tar.gz --out runs/cifar\n  handful-train pretrain --config runs/cifar/config.toml --data cifar_fs.tar.gz --out runs/cifar --resume"
    )]
    Pretrain(Pretrain),
    /// Few-shot accuracy of a run's best checkpoint, with mean prototypes and cosine.
    #[command(
        after_help = "Example:\n  handful-train evaluate runs/cifar --data cifar_fs.tar.gz --split val --k-shot 5 --json report.json"
    )]
    Evaluate(Evaluate),
    /// Make a run of weights trained elsewhere: safetensors, or a .pth file of torch.save.
    #[command(
        after_help = "Names like `layer1.conv1.weight` are expected, also behind `module.`, `encoder.` and other wrappers; classifiers are left out.\nNames and shapes do not tell everything: the last block must have no activation after its sum, as in the code published with the paper.\n\nExamples:\n  handful-train import best_pretrain_model.pth --arch resnet12 --out runs/paper --data-name miniImageNet\n  handful-train import tiny.safetensors --arch resnet12 --out runs/tiny --input-size 32"
    )]
    Import(Import),
}

#[derive(Debug, Clone, clap::Args)]
struct ComputeArguments {
    /// auto, cpu, cuda or cuda:N; a GPU that is asked for by name is never replaced by the CPU.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// In which numbers products are computed; auto is bf16 for training where the device is made for it, and
    /// fp32 for evaluation.
    #[arg(long, value_enum, default_value = "auto")]
    precision: Precision,
    /// Processor threads, for libtorch and for loading; all cores by default.
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct Pretrain {
    /// The settings, as TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Pictures: a folder with manifest.csv, a folder per class, or a .tar.gz of either.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Go on where the run stopped.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    compute: ComputeArguments,
}

#[derive(Debug, clap::Args)]
struct Evaluate {
    /// The run's folder.
    run: PathBuf,
    /// Pictures, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// base, val or novel.
    #[arg(long, default_value = "val")]
    split: Split,
    /// Classes in an episode.
    #[arg(long, default_value_t = 5)]
    n_way: usize,
    /// Labelled pictures of each class.
    #[arg(long, default_value_t = 1)]
    k_shot: usize,
    /// Pictures of each class to be recognised.
    #[arg(long, default_value_t = 15)]
    n_query: usize,
    /// Number of episodes.
    #[arg(long, default_value_t = 2000)]
    episodes: u64,
    /// Seed of the episodes.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where the figures are written as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArguments,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// The weights.
    weights: PathBuf,
    /// The network that they belong to; its widths are deduced from the shapes.
    #[arg(long, value_enum)]
    arch: Arch,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Height and width of the pictures that the network takes; the recipe's, or else 84.
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,
    /// How pictures become input (size, geometry, filter, mean, std as TOML); the paper's by default.
    #[arg(long, value_name = "FILE")]
    preprocess: Option<PathBuf>,
    /// What the weights were trained on; travels with them.
    #[arg(long, value_name = "TEXT")]
    data_name: Option<String>,
    /// Under what terms that data is used.
    #[arg(long, value_name = "TEXT")]
    data_licence: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Arch {
    Resnet12,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Pretrain(arguments) => run_pretrain(&arguments),
        Command::Evaluate(arguments) => run_evaluate(&arguments),
        Command::Import(arguments) => run_import(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if is_bad_input(&error) { 2 } else { 1 })
        }
    }
}

fn run_pretrain(arguments: &Pretrain) -> Result<()> {
    let compute = compute(&arguments.compute)?;
    let text = disk::read(&arguments.config, 1 << 20)?;
    let config = Config::parse(&String::from_utf8_lossy(&text))
        .with_context(|| format!("{} is not usable", arguments.config.display()))?;
    let run = Run::new(&arguments.out);
    let begun = || {
        BadInput(format!(
            "{} already holds a training: go on with --resume, or name another folder",
            arguments.out.display()
        ))
    };
    ensure!(arguments.resume || !run.is_begun(), begun());
    let dataset = open(&arguments.data)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        // In this order: the first signal asks, a second one ends it at once and unsaved.
        flag::register_conditional_shutdown(*signal, 128 + signal, Arc::clone(&stop))?;
        flag::register(*signal, Arc::clone(&stop))?;
    }
    let ending = pretrain(&config, &dataset, &run, arguments.resume, compute, &stop)?;
    if ending == Ending::Stopped {
        eprintln!(
            "stopped and saved; go on with: handful-train pretrain --config {0}/config.toml --data {1} --out {0} --resume",
            arguments.out.display(),
            arguments.data.display()
        );
    }
    Ok(())
}

fn run_evaluate(arguments: &Evaluate) -> Result<()> {
    let mut settings = arguments.compute.clone();
    if settings.precision == Precision::Auto {
        // A figure should not depend on what the processor can do.
        settings.precision = Precision::Fp32;
    }
    let compute = compute(&settings)?;
    let dataset = open(&arguments.data)?;
    let spec = EpisodeSpec {
        n_way: arguments.n_way,
        k_shot: arguments.k_shot,
        n_query: arguments.n_query,
    };
    let protocol = Protocol {
        split: arguments.split,
        spec,
        episodes: arguments.episodes,
        seed: arguments.seed,
    };
    let report = evaluate(&Run::new(&arguments.run), &dataset, &protocol, compute)?;
    let json = serde_json::to_string_pretty(&report)?;
    if let Some(path) = &arguments.json {
        disk::write(path, json.as_bytes())?;
    }
    println!("{json}");
    Ok(())
}

fn run_import(arguments: Import) -> Result<()> {
    let Arch::Resnet12 = arguments.arch;
    let options = import::Options {
        input_size: arguments.input_size,
        preprocess: arguments.preprocess,
        data_name: arguments.data_name,
        data_licence: arguments.data_licence,
    };
    let imported = import::import(&arguments.weights, &Run::new(&arguments.out), &options)?;
    let out = arguments.out.display();
    for tensor in &imported.left_out {
        println!("left out: {tensor}");
    }
    println!("{imported}; written to {out}/best.safetensors, with its proof in golden.safetensors");
    println!("next: handful-export {out} --out BUNDLE");
    Ok(())
}

/// Opens a data set and says what in it was left out.
fn open(path: &Path) -> Result<Dataset> {
    let dataset = Dataset::open(path)?;
    for warning in &dataset.warnings {
        eprintln!("warning: {}: {}", path.display(), warning.detail);
    }
    Ok(dataset)
}

fn compute(arguments: &ComputeArguments) -> Result<train::net::Compute> {
    if let Some(threads) = arguments.threads {
        tch::set_num_threads(threads.max(1) as i32);
        rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global()?;
    }
    let compute = resolve(arguments.device, arguments.precision)?;
    eprintln!("computing on {:?} in {:?}", compute.device, compute.kind);
    Ok(compute)
}
