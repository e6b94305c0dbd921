//! `handful-train complete`: learns to complete prototypes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use few_shot::embedding_frame::NamePrior;
use models::disk;
use train::config::Completion;
use train::run::Run;
use train::stages::class_source::{ClassSource, TakenOut};
use train::stages::{complete, protocomnet};

use super::{ComputeArguments, open, say};

/// The most bytes of a file of settings.
const MAX_CONFIG: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// What is learned.
    #[arg(long, value_enum, default_value = "both")]
    completer: Kind,
    /// How ProtoComNet is learned [default: 1,000 steps of AdamW on cached embeddings].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What completers learn from.
    #[arg(long, value_enum, default_value = "images")]
    class_source: ClassSource,
    /// Which rows of the classifier take no part.
    #[arg(long, value_enum, default_value = "evaluated")]
    take_out: TakenOut,
    /// How many images a name is worth to the kernel completer [default: chosen on the validation classes, so that one wrong
    /// name or two swapped ones do no harm, or 0.25 where they always do; where names are known to be right, more may be better].
    /// A power, as in 1.2:0.7, says how fast its share falls beside more images: beside k it is 1 / (1 + (k / N)^POWER), so that with 1
    /// a name counts as N images more.
    #[arg(long, value_name = "N[:POWER]")]
    name_prior: Option<NamePrior>,
    #[command(flatten)]
    compute: ComputeArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Kernel ridge regression from words and hypernyms, in closed form.
    Kernel,
    /// The paper's network of attributes.
    Protocomnet,
    /// One after the other.
    Both,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let config = options.config.as_deref().map_or_else(|| Ok(Completion::default()), read)?;
    let compute = options.compute.for_figures()?;
    let (run, dataset) = (Run::new(&options.run), open(&options.data)?);
    let (class_source, take_out) = (options.class_source, options.take_out);
    if options.completer != Kind::Protocomnet {
        let learned = complete::complete(
            &run,
            &dataset,
            class_source,
            take_out,
            options.name_prior,
            compute,
        )?;
        let (path, ridge) = (run.kernel(), learned.completer.ridge());
        let name_prior = learned.name_prior.unwrap_or(NamePrior::ONE);
        say(format_args!(
            "wrote {}: kernel completer with ridge {ridge}, of {} classes ({} taken out); a name is worth {} images (power {})",
            path.display(),
            learned.classes,
            learned.taken_out,
            name_prior.images(),
            name_prior.power()
        ))?;
        if learned.name_prior.is_none() {
            eprintln!(
                "note: how many images a name is worth was not chosen: that needs 5 validation classes, each of 20 images, and base classes that are none of them"
            );
        }
        if learned.completer.errors(1).is_none() {
            eprintln!(
                "note: its errors were not measured, so error-variance is not evaluated: base classes need two images each and two synsets"
            );
        }
    }
    if options.completer != Kind::Kernel {
        let learned = protocomnet::learn(&run, &dataset, &config, class_source, take_out, compute)?;
        let attributes = learned.completer.attributes().names.len();
        let path = run.completer();
        say(format_args!(
            "wrote {}: ProtoComNet with {attributes} attributes, of {} classes",
            path.display(),
            learned.classes
        ))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Completion> {
    let text = String::from_utf8(disk::read(path, MAX_CONFIG)?)
        .with_context(|| format!("{} is not text", path.display()))?;
    Completion::parse(&text).with_context(|| format!("{} is not usable", path.display()))
}
