//! `handful-train complete`: learns to complete prototypes.

use std::path::PathBuf;

use anyhow::Result;
use train::run::Run;
use train::stages::complete::complete;

use super::{ComputeArguments, open};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Pictures, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let compute = options.compute.for_figures()?;
    let completer = complete(&Run::new(&options.run), &open(&options.data)?, compute)?;
    println!(
        "wrote {}: kernel completer with ridge {}",
        options.run.join("kernel.safetensors").display(),
        completer.ridge()
    );
    Ok(())
}
