//! The subcommands, one module each: options and what they start.

pub(crate) mod complete;
pub(crate) mod ensemble;
pub(crate) mod evaluate;
pub(crate) mod failure;
pub(crate) mod finetune;
pub(crate) mod import;
pub(crate) mod knowledge;
pub(crate) mod lexicon;
pub(crate) mod plot;
pub(crate) mod pretrain;
mod signals;
pub(crate) mod statistics;

use std::fmt::Arguments;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use models::dataset::Dataset;
use models::disk;
use terminal::note;
use train::config::ConfigError;
use train::device::{DeviceChoice, Precision, resolve};
use train::error::BadInput;
use train::net::Compute;

/// Device, precision and threads.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ComputeArguments {
    /// Device: auto, cpu, cuda or cuda:N. Only auto falls back to the CPU.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Precision of matrix multiplications and convolutions.
    #[arg(long, value_enum, default_value = "auto")]
    precision: Precision,
    /// CPU threads of libtorch and of image loading [default: all cores].
    #[arg(long)]
    threads: Option<usize>,
}

impl ComputeArguments {
    /// Device and precision of training.
    fn for_training(&self) -> Result<Compute> {
        if let Some(threads) = self.threads {
            // Two pools: libtorch computes on its own threads, images are loaded on those of rayon.
            tch::set_num_threads(threads.max(1) as i32);
            rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global()?;
        }
        Ok(resolve(self.device, self.precision)?)
    }

    /// Device and precision of evaluations and of kept results, which must not depend on what the
    /// CPU supports.
    fn for_figures(&self) -> Result<Compute> {
        let precision = match self.precision {
            Precision::Auto => Precision::Fp32,
            precision => precision,
        };
        Self { precision, ..self.clone() }.for_training()
    }
}

/// Opens a data set and prints warnings of what was left out of it.
fn open(path: &Path) -> Result<Dataset> {
    let dataset = Dataset::open(path)?;
    for line in dataset.notices("") {
        note!("warning: {}: {line}", path.display());
    }
    Ok(dataset)
}

/// Prints a line of a command's result on standard output.
///
/// # Errors
/// Standard output cannot be written.
fn print_line(line: Arguments<'_>) -> Result<()> {
    Ok(terminal::print(line)?)
}

/// The most bytes of a settings file.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads a settings file and parses it.
fn read_config<T>(path: &Path, parse: impl Fn(&str) -> Result<T, ConfigError>) -> Result<T> {
    let text = disk::read(path, MAX_CONFIG_BYTES)?;
    parse(&String::from_utf8_lossy(&text))
        .with_context(|| format!("{} is not usable", path.display()))
}

/// Refuses to start a new training in a run folder that already has one.
fn check_not_begun(folder: &Path, is_begun: bool, resume: bool) -> Result<()> {
    ensure!(
        resume || !is_begun,
        BadInput(format!(
            "{} already holds a training: continue it with --resume, or use another folder",
            folder.display()
        ))
    );
    Ok(())
}
