//! `handful-train complete`: trains the completers of a run.

use std::path::PathBuf;

use anyhow::Result;
use few_shot::name_prior::NamePrior;
use models::dataset::Dataset;
use terminal::note;
use train::config::Completion;
use train::net::Compute;
use train::run::Run;
use train::stages::class_source::{ClassSource, Exclusion};
use train::stages::{complete, protocomnet};

use super::{ComputeArguments, open, print_line, read_config};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Completers to train; `kernel` is the name regressor.
    #[arg(long, value_enum, default_value = "both")]
    completer: Kind,
    /// Settings of ProtoComNet as TOML [default: 1,000 steps of AdamW on cached embeddings].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Classes that the completers are trained on.
    #[arg(long, value_enum, default_value = "images")]
    class_source: ClassSource,
    /// Classifier rows that are excluded from training.
    #[arg(long, value_enum, default_value = "evaluated")]
    exclude: Exclusion,
    /// Name prior: at k shots the weight of the name is 1 / (1 + (k / N)^DECAY). With DECAY 1 (the
    /// default) the name counts as N images. [default: of the N from 0.25 to 2.8 with
    /// which wrong names do no harm, the most accurate on the validation classes; 0.25 if there
    /// is none]
    #[arg(long, value_name = "N[:DECAY]")]
    name_prior: Option<NamePrior>,
    #[command(flatten)]
    compute: ComputeArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The name regressor: kernel ridge regression from word vectors and hypernyms, in closed form.
    Kernel,
    /// ProtoComNet, the network that completes prototypes from attributes (Zhang et al. 2021).
    Protocomnet,
    /// The name regressor, then ProtoComNet.
    Both,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let config = match &options.config {
        Some(path) => read_config(path, Completion::parse)?,
        None => Completion::default(),
    };
    let compute = options.compute.for_figures()?;
    let dataset = open(&options.data)?;
    if options.completer != Kind::Protocomnet {
        name_regressor(options, &dataset, compute)?;
    }
    if options.completer != Kind::Kernel {
        protocomnet(options, &dataset, &config, compute)?;
    }
    Ok(())
}

fn name_regressor(options: &Options, dataset: &Dataset, compute: Compute) -> Result<()> {
    let run = Run::new(&options.run);
    let Options { class_source, exclude, name_prior, .. } = *options;
    let learned = complete::complete(&run, dataset, class_source, exclude, name_prior, compute)?;
    let name_prior = learned.name_prior.unwrap_or(NamePrior::ONE);
    print_line(format_args!(
        "wrote {}: name regressor with ridge {}, of {} classes ({} excluded); name prior of {} \
         images (decay {})",
        run.kernel().display(),
        learned.completer.ridge(),
        learned.classes,
        learned.excluded,
        name_prior.pseudo_count(),
        name_prior.decay()
    ))?;
    if learned.name_prior.is_none() {
        note!(
            "note: the name prior was not tuned; tuning needs 5 validation classes of 20 images each, \
             none of them a base class"
        );
    }
    if learned.completer.errors(1).is_none() {
        note!(
            "note: estimator errors were not measured, so error-variance is not evaluated: this \
             needs two images of every base class, and base classes of at least two synsets"
        );
    }
    match &learned.decision {
        Ok(report) => print_line(format_args!(
            "wrote {}: decision with {} background directions, of {} classes",
            run.decision().display(),
            report.background,
            report.sets.iter().map(|set| set.classes).sum::<usize>()
        ))?,
        Err(reason) => {
            note!("note: no decision was fitted, and no image is rejected: {reason}")
        }
    }
    Ok(())
}

fn protocomnet(
    options: &Options,
    dataset: &Dataset,
    config: &Completion,
    compute: Compute,
) -> Result<()> {
    let run = Run::new(&options.run);
    let Options { class_source, exclude, .. } = *options;
    let learned = protocomnet::learn(&run, dataset, config, class_source, exclude, compute)?;
    print_line(format_args!(
        "wrote {}: ProtoComNet with {} attributes, of {} classes",
        run.completer().display(),
        learned.completer.attributes().names.len(),
        learned.classes
    ))
}
