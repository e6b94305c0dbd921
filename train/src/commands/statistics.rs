//! `handful-train statistics`: measures moments of classes and attributes.

use std::path::PathBuf;

use anyhow::Result;
use few_shot::fit::statistics::Std;
use train::run::Run;
use train::stages::class_source::{ClassSource, Exclusion};
use train::stages::statistics::statistics;

use super::{ComputeArguments, open, print_line};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Divisor of the variance: n - 1 (unbiased, the published code) or n (population, the paper's
    /// text).
    #[arg(long, value_enum, default_value = "unbiased")]
    std: StdOption,
    /// Measure the classes of the checkpoint's classifier instead of classes with images. For each
    /// row, embeddings are drawn around it with the variance of the base images around their class
    /// means.
    #[arg(long)]
    from_classifier: bool,
    /// With --from-classifier: rows to leave out.
    #[arg(long, value_enum, default_value = "evaluated", requires = "from_classifier")]
    exclude: Exclusion,
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
    let run = Run::new(&options.run);
    let dataset = open(&options.data)?;
    let found = statistics(&run, &dataset, std, class_source, options.exclude, compute)?;
    print_line(format_args!(
        "wrote {}: {} classes and {} attributes from {} {}images",
        options.run.join("statistics.safetensors").display(),
        found.classes.names.len(),
        found.attributes.names.len(),
        found.classes.images.iter().sum::<u64>(),
        if options.from_classifier { "synthetic " } else { "" }
    ))
}
