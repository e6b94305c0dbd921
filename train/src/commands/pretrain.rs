//! `handful-train pretrain`: trains a backbone on the base classes.

use std::path::PathBuf;

use anyhow::Result;
use train::config::Config;
use train::run::Run;
use train::stages::pretrain::{Begin, Status, pretrain};

use super::signals::{saved, stop_on_signals};
use super::{ComputeArguments, check_not_begun, open, read_config};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Settings as TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Images: a folder, .zip, .tar, .tar.gz or .tar.xz. It has manifest.csv, or folders of
    /// classes in base/, val/ and novel/ (or train/, val/ and test/), or one folder per class,
    /// which is then a base class; or it is miniImageNet, CIFAR-100 (with the lists of CIFAR-FS)
    /// or tieredImageNet as published. docs/formats.md lists every layout.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Continue an interrupted training.
    #[arg(long)]
    resume: bool,
    /// Start from the backbone of another run, for instance an import, instead of random weights.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    from: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(arguments: &Options) -> Result<()> {
    let compute = arguments.compute.for_training()?;
    let config = read_config(&arguments.config, Config::parse)?;
    let run = Run::new(&arguments.out);
    check_not_begun(&arguments.out, run.is_begun(), arguments.resume)?;
    let begin = match &arguments.from {
        _ if arguments.resume => Begin::Resume,
        None => Begin::Random,
        Some(folder) => {
            let other = Run::new(folder);
            Begin::From(Box::new(other.read(&other.best())?))
        }
    };
    // Opened last: errors in settings appear at once, data takes seconds.
    let dataset = open(&arguments.data)?;
    let resume = arguments.resume_command(compute.precision());
    let stop = stop_on_signals(resume.clone())?;
    let status = pretrain(&config, &dataset, &run, begin, compute, &stop)?;
    if status == Status::Stopped {
        saved(&resume);
    }
    Ok(())
}

impl Options {
    /// The command that continues this training.
    fn resume_command(&self, precision: &str) -> String {
        format!(
            "handful-train pretrain --config {0}/config.toml --data {1} --out {0} --precision {precision} --resume",
            self.out.display(),
            self.data.display(),
        )
    }
}
