//! One file for each command: its options, and what it does with them.

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
pub(crate) mod statistics;

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use models::dataset::Dataset;
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;
use train::device::{DeviceChoice, Precision, resolve};
use train::net::Compute;

/// Where and how networks compute.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ComputeArguments {
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

impl ComputeArguments {
    /// The device and the kind of numbers for training.
    fn for_training(&self) -> Result<Compute> {
        if let Some(threads) = self.threads {
            tch::set_num_threads(threads.max(1) as i32);
            rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global()?;
        }
        let compute = resolve(self.device, self.precision)?;
        eprintln!("computing on {:?} in {:?}", compute.device, compute.kind);
        Ok(compute)
    }

    /// The same for figures and whatever is kept: those should not depend on what the processor can do.
    fn for_figures(&self) -> Result<Compute> {
        let precision = match self.precision {
            Precision::Auto => Precision::Fp32,
            precision => precision,
        };
        Self { precision, ..self.clone() }.for_training()
    }
}

/// Lets a training end at its next step, with everything saved, when the program is asked to stop.
fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    for signal in TERM_SIGNALS {
        // In this order: the first signal asks, a second one ends it at once and unsaved.
        flag::register_conditional_shutdown(*signal, 128 + signal, Arc::clone(stop))?;
        flag::register(*signal, Arc::clone(stop))?;
    }
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

/// Prints a command's answer.
///
/// # Errors
/// When it cannot be written, on a full disk for instance. A closed pipe is the reader's choice.
pub(crate) fn say(answer: Arguments<'_>) -> Result<()> {
    match writeln!(std::io::stdout(), "{answer}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("the answer cannot be written to standard output")
        }
        _ => Ok(()),
    }
}
