//! `handful-train statistics`: moments of classes and attributes.

use std::path::PathBuf;

use anyhow::Result;
use few_shot::statistics::Std;
use train::run::Run;
use train::stages::class_source::{ClassSource, TakenOut};
use train::stages::statistics::statistics;

use super::{ComputeArguments, open, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// What standard deviations are divided by: n - 1 (the published code) or n (the paper's text).
    #[arg(long, value_enum, default_value = "unbiased")]
    std: StdOption,
    /// Measures classes of which only the checkpoint's classifier knows, a row each, instead of those of images: around
    /// where a row points, images are imagined with the distances that the data's base images have from their classes.
    #[arg(long)]
    from_classifier: bool,
    /// Which rows of the classifier take no part.
    #[arg(long, value_enum, default_value = "evaluated", requires = "from_classifier")]
    take_out: TakenOut,
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
    let class_source = match options.from_classifier {
        true => ClassSource::Classifier,
        false => ClassSource::Images,
    };
    let (run, dataset) = (Run::new(&options.run), open(&options.data)?);
    let found = statistics(&run, &dataset, std, class_source, options.take_out, compute)?;
    say(format_args!(
        "wrote {}: {} classes and {} attributes from {} {}images",
        options.run.join("statistics.safetensors").display(),
        found.classes.names.len(),
        found.attributes.names.len(),
        found.classes.images.iter().sum::<u64>(),
        if options.from_classifier { "synthetic " } else { "" }
    ))?;
    Ok(())
}
