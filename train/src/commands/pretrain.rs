//! `handful-train pretrain`: a backbone learns the base classes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use models::disk;
use train::config::Config;
use train::error::BadInput;
use train::run::Run;
use train::stages::pretrain::{Begin, Ending, pretrain};

use super::{ComputeArguments, open, stop_on_signals};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The settings, as TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Images: a folder or .tar.gz with manifest.csv, folders base/ val/ novel/ or train/ val/ test/ of classes, or a
    /// folder per class; miniImageNet, CIFAR-100 (with CIFAR-FS's lists) and tieredImageNet as published. The data
    /// section of docs/formats.md has every layout.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Go on where the run stopped.
    #[arg(long)]
    resume: bool,
    /// Begin with the backbone of another run (an import, or a training on more images) instead of
    /// random weights.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    from: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(arguments: &Options) -> Result<()> {
    let compute = arguments.compute.for_training()?;
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
    let begin = match &arguments.from {
        _ if arguments.resume => Begin::Resume,
        None => Begin::Random,
        Some(folder) => {
            let other = Run::new(folder);
            Begin::From(Box::new(other.read(&other.best())?))
        }
    };
    let dataset = open(&arguments.data)?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let ending = pretrain(&config, &dataset, &run, begin, compute, &stop)?;
    if ending == Ending::Stopped {
        eprintln!(
            "stopped and saved; go on with: handful-train pretrain --config {0}/config.toml --data {1} --out {0} --precision {2} --resume",
            arguments.out.display(),
            arguments.data.display(),
            compute.precision()
        );
    }
    Ok(())
}
