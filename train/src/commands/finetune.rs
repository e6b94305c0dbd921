//! `handful-train finetune`: backbone and completer learn from whole episodes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use models::disk;
use train::config::Finetune;
use train::error::BadInput;
use train::run::Run;
use train::stages::finetune::finetune;
use train::stages::pretrain::Ending;

use super::{ComputeArguments, open, stop_on_signals};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run to begin with: its best checkpoint, and the ProtoComNet of handful-train complete.
    run: PathBuf,
    /// The settings, as TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Go on where it stopped.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let compute = options.compute.for_training()?;
    let text = disk::read(&options.config, 1 << 20)?;
    let config = Finetune::parse(&String::from_utf8_lossy(&text))
        .with_context(|| format!("{} is not usable", options.config.display()))?;
    let out = Run::new(&options.out);
    let place = options.out.display();
    let begun = || {
        BadInput(format!(
            "{place} already holds a training: go on with --resume, or name another folder"
        ))
    };
    let is_begun = out.is_begun() || out.finetuning().exists();
    ensure!(options.resume || !is_begun, begun());
    let dataset = open(&options.data)?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let from = Run::new(&options.run);
    let ending = finetune(&config, &dataset, &from, &out, options.resume, compute, &stop)?;
    if ending == Ending::Stopped {
        eprintln!(
            "stopped and saved; go on with: handful-train finetune {} --config {place}/finetune.toml --data {} --out {place} --precision {} --resume",
            options.run.display(),
            options.data.display(),
            compute.precision()
        );
    }
    Ok(())
}
