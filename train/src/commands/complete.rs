//! `handful-train complete`: learns to complete prototypes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use models::disk;
use models::few_shot::space::Worth;
use train::config::Completion;
use train::run::Run;
use train::stages::teachers::{TakenOut, Teachers};
use train::stages::{complete, protocomnet};

use super::{ComputeArguments, open, say};

/// The most bytes of a file of settings.
const MAX_CONFIG: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Pictures, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// What is learned.
    #[arg(long, value_enum, default_value = "both")]
    completer: Kind,
    /// How ProtoComNet is learned [default: 1,000 steps of AdamW on cached embeddings].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What completers learn from.
    #[arg(long, value_enum, default_value = "pictures")]
    teachers: Teachers,
    /// Which rows of the classifier take no part.
    #[arg(long, value_enum, default_value = "evaluated")]
    take_out: TakenOut,
    /// How many pictures a name is worth to the kernel completer [default: chosen on the validation classes, so that one wrong
    /// name or two swapped ones do no harm, or 0.25 where they always do; where names are known to be right, more may be better].
    /// A power, as in 1.2:0.7, says how fast its share falls beside more pictures: beside k it is 1 / (1 + (k / N)^POWER), so that with 1
    /// a name counts as N pictures more.
    #[arg(long, value_name = "N[:POWER]")]
    worth: Option<Worth>,
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
    let (teachers, take_out) = (options.teachers, options.take_out);
    if options.completer != Kind::Protocomnet {
        let learned =
            complete::complete(&run, &dataset, teachers, take_out, options.worth, compute)?;
        let (path, ridge) = (run.kernel(), learned.completer.ridge());
        let worth = learned.worth.unwrap_or(Worth::ONE);
        say(format_args!(
            "wrote {}: kernel completer with ridge {ridge}, of {} classes ({} taken out); a name is worth {} pictures (power {})",
            path.display(),
            learned.classes,
            learned.taken_out,
            worth.pictures(),
            worth.power()
        ))?;
        if learned.worth.is_none() {
            eprintln!(
                "note: how many pictures a name is worth was not chosen: that needs 5 validation classes, each of 20 pictures, and base classes that are none of them"
            );
        }
        if learned.completer.errors(1).is_none() {
            eprintln!(
                "note: its errors were not measured, so error-variance is not evaluated: base classes need two pictures each and two synsets"
            );
        }
    }
    if options.completer != Kind::Kernel {
        let learned = protocomnet::learn(&run, &dataset, &config, teachers, take_out, compute)?;
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
