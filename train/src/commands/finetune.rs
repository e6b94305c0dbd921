//! `handful-train finetune`: meta-trains backbone and ProtoComNet on episodes.

use std::path::PathBuf;

use anyhow::Result;
use train::config::Finetune;
use train::run::Run;
use train::stages::finetune::finetune;
use train::stages::pretrain::Status;

use super::signals::{saved, stop_on_signals};
use super::{ComputeArguments, check_not_begun, open, read_config};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run to start from, with its best checkpoint and its ProtoComNet.
    run: PathBuf,
    /// Settings as TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Continue an interrupted training.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let compute = options.compute.for_training()?;
    let config = read_config(&options.config, Finetune::parse)?;
    let out = Run::new(&options.out);
    let is_begun = out.is_begun() || out.finetuning().exists();
    check_not_begun(&options.out, is_begun, options.resume)?;
    let dataset = open(&options.data)?;
    let resume = options.resume_command(compute.precision());
    let stop = stop_on_signals(resume.clone())?;
    let from = Run::new(&options.run);
    let status = finetune(&config, &dataset, &from, &out, options.resume, compute, &stop)?;
    if status == Status::Stopped {
        saved(&resume);
    }
    Ok(())
}

impl Options {
    /// The command that continues this training.
    fn resume_command(&self, precision: &str) -> String {
        format!(
            "handful-train finetune {} --config {out}/finetune.toml --data {} --out {out} --precision {precision} --resume",
            self.run.display(),
            self.data.display(),
            out = self.out.display()
        )
    }
}
