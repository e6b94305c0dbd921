//! Builds the lexicon: WordNet nouns and their word vectors, packed for devices.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use models::disk;
use models::knowledge::lexicon::Lexicon;

use super::knowledge::{read_vectors, read_wordnet};

/// Nouns whose look-up is timed.
const ASKED: [&str; 4] = ["zebra", "coffee mug", "screwdriver", "mice"];

/// What was written, for display.
#[derive(Debug)]
pub struct Summary {
    bytes: usize,
    synsets: usize,
    words: usize,
    sha256: String,
    ready: Duration,
    look_up: Duration,
}

/// Builds a lexicon, verifies that it can be read, and writes it.
pub fn lexicon(wordnet: &Path, vectors: &Path, source: &str, out: &Path) -> Result<Summary> {
    let bytes = Lexicon::build(&read_wordnet(wordnet)?, &read_vectors(vectors)?, source);
    let started = Instant::now();
    // Parsed as a device parses it: a broken lexicon is not written.
    let lexicon = Lexicon::parse(&bytes)?;
    let ready = started.elapsed();
    let started = Instant::now();
    for noun in ASKED {
        for sense in lexicon.senses(noun) {
            lexicon.descriptor(sense);
        }
    }
    let look_up = started.elapsed() / ASKED.len() as u32;
    disk::write(out, &bytes)?;
    let header = lexicon.header();
    Ok(Summary {
        bytes: bytes.len(),
        synsets: header.synsets,
        words: header.words,
        sha256: lexicon.sha256().to_owned(),
        ready,
        look_up,
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "synsets  {}", self.synsets)?;
        writeln!(f, "words    {} with a vector", self.words)?;
        writeln!(f, "size     {:.2} MB", self.bytes as f64 / 1e6)?;
        writeln!(f, "sha256   {}", self.sha256)?;
        writeln!(
            f,
            "load     {:.1} ms; look-up of a noun with all senses {:.2} ms",
            milliseconds(self.ready),
            milliseconds(self.look_up)
        )
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
