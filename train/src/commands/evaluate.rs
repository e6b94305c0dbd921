//! `handful-train evaluate`: few-shot accuracy of a run.

use std::path::PathBuf;

use anyhow::Result;
use few_shot::compare::{Conditions, LabelNoise, Unlabeled};
use few_shot::episode::EpisodeSpec;
use few_shot::evaluate::Protocol;
use models::dataset::Split;
use models::disk;
use train::run::Run;
use train::stages::evaluate::{CompleterChoice, evaluate};

use super::{ComputeArguments, open, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// base, val or novel.
    #[arg(long, default_value = "val")]
    split: Split,
    /// Classes in an episode.
    #[arg(long, default_value_t = 5)]
    n_way: usize,
    /// Labeled images of each class.
    #[arg(long, default_value_t = 1)]
    k_shot: usize,
    /// Images of each class to be recognized.
    #[arg(long, default_value_t = 15)]
    n_query: usize,
    /// Number of episodes.
    #[arg(long, default_value_t = 2000)]
    episodes: u64,
    /// Seed of the episodes.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Which names the classes bear: right, wrong, equal, one-wrong or swapped. Needs a completer.
    #[arg(long, default_value_t = LabelNoise::None)]
    names: LabelNoise,
    /// How many of each class's queries a transductive policy sees as unlabeled images [default: all].
    #[arg(long, value_name = "N")]
    unlabeled: Option<usize>,
    /// How many images of other classes it sees beside them, for each class.
    #[arg(long, value_name = "N", default_value_t = 0)]
    distractors: usize,
    /// Let the first class have all of its unlabeled images, the last almost none.
    #[arg(long)]
    unbalanced: bool,
    /// Also tell how well so many of the classes are found by their names alone among the others.
    #[arg(long, value_name = "N")]
    name_only: Option<usize>,
    /// What completes prototypes.
    #[arg(long, value_enum, default_value = "kernel")]
    completer: CompleterChoice,
    /// Where the figures are written as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let compute = options.compute.for_figures()?;
    let dataset = open(&options.data)?;
    let Options { n_way, k_shot, n_query, split, episodes, seed, name_only, .. } = *options;
    let spec = EpisodeSpec { n_way, k_shot, n_query };
    let protocol = Protocol { split, spec, episodes, seed };
    let run = Run::new(&options.run);
    let conditions = options.conditions();
    let choice = options.completer;
    let report = evaluate(&run, &dataset, &protocol, conditions, name_only, choice, compute)?;
    let json = serde_json::to_string_pretty(&report)?;
    if let Some(path) = &options.json {
        disk::write(path, json.as_bytes())?;
    }
    if report.results.len() > 1 {
        // For people; what is piped into a program is the JSON alone.
        eprintln!("\n{}", report.to_markdown());
    }
    say(format_args!("{json}"))?;
    Ok(())
}

impl Options {
    fn conditions(&self) -> Conditions {
        let Self { names, unlabeled, distractors, unbalanced, n_query, .. } = *self;
        let is_special = unlabeled.is_some() || distractors > 0 || unbalanced;
        let per_class = unlabeled.unwrap_or(n_query);
        let unlabeled = Unlabeled { per_class, distractors, unbalanced };
        Conditions { names, unlabeled: is_special.then_some(unlabeled) }
    }
}
