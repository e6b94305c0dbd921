//! `handful-train statistics`: moments of classes and attributes.

use std::path::PathBuf;

use anyhow::Result;
use models::few_shot::statistics::Std;
use train::run::Run;
use train::stages::statistics::statistics;

use super::{ComputeArguments, open};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Pictures, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// What standard deviations are divided by: n - 1 (the published code) or n (the paper's text).
    #[arg(long, value_enum, default_value = "unbiased")]
    std: StdOption,
    #[command(flatten)]
    compute: ComputeArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StdOption {
    Unbiased,
    Population,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let std = match options.std {
        StdOption::Unbiased => Std::Unbiased,
        StdOption::Population => Std::Population,
    };
    let compute = options.compute.for_figures()?;
    let found = statistics(&Run::new(&options.run), &open(&options.data)?, std, compute)?;
    println!(
        "wrote {}: {} classes and {} attributes from {} pictures",
        options.run.join("statistics.safetensors").display(),
        found.classes.names.len(),
        found.attributes.names.len(),
        found.classes.pictures.iter().sum::<u64>()
    );
    Ok(())
}
