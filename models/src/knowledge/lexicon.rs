//! Every noun of WordNet with its meanings and its vector, in one file that a device keeps in
//! memory.
//!
//! From a word to senses, from a sense to its gloss, ancestors, attributes and word vector, without
//! a network and without WordNet. Texts are compressed in blocks that are unpacked when they are
//! asked for; vectors are kept as bytes with a scale for each word. `docs/formats.md` has the
//! layout.

mod blocks;
mod bytes;
mod write;

use std::collections::BTreeSet;

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use super::descriptor::SemanticDescriptor;
use super::vectors::{lemma_vector, synset_vector};
use super::wordnet::{Synset, SynsetId};
use crate::fault::{Blame, Fault};
use crate::hex;
use blocks::Blocks;
use bytes::Reader;

pub use write::LICENSE;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;

/// The most bytes of a lexicon that are read.
pub const MAX_BYTES: u64 = 64 << 20;

/// A file's first bytes.
const MAGIC: [u8; 8] = *b"HANDFLEX";

/// Bytes of the SHA-256 that follows them and the format's number.
const HASH: usize = 32;

/// The greatest offset that eight digits hold.
const MAX_ID: u32 = 99_999_999;

/// The most synsets and words of a lexicon.
const MAX_COUNT: usize = 1 << 22;

/// Nouns, their meanings and their vectors.
#[derive(Debug)]
pub struct Lexicon {
    header: Header,
    sha256: String,
    /// The synsets' ids, sorted; other lists name synsets by their place here.
    ids: Vec<u32>,
    hypernyms: Lists,
    parts: Lists,
    /// A line `lemma lemma…<tab>gloss` for each synset.
    texts: Blocks,
    /// A line `lemma<tab>place place…` for each lower-case lemma, sorted; the places of its senses,
    /// most frequent first.
    lemmas: Blocks,
    /// A line `word` for each row of vectors, sorted.
    words: Blocks,
    scales: Vec<f32>,
    rows: Vec<i8>,
}

/// What a lexicon says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Values of a word vector.
    pub dimension: usize,
    /// Number of synsets.
    pub synsets: usize,
    /// Number of words that have a vector.
    pub words: usize,
    /// Where the vectors come from and under what terms.
    pub vectors: String,
    /// WordNet's license, which goes wherever its data goes.
    // The shipped lexicon keeps its bytes, and with them this spelling of the key.
    #[serde(rename = "licence")]
    pub license: String,
}

/// A list of numbers for each synset, one after the other.
#[derive(Debug, Default)]
struct Lists {
    ends: Vec<u32>,
    values: Vec<u32>,
}

impl Lists {
    /// Appends the next list, of numbers below `limit`.
    fn read(&mut self, from: &mut Reader<'_>, limit: usize) -> Option<()> {
        from.list(limit, &mut self.values)?;
        self.ends.push(self.values.len() as u32);
        Some(())
    }

    fn get(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.values[start..self.ends[at] as usize]
    }
}

/// Why bytes are not a usable lexicon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// Another kind of file.
    #[error("not a lexicon: expected a file that handful-train lexicon wrote")]
    Kind,
    /// Written by another version.
    #[error(
        "the lexicon has format {got}, expected {FORMAT}: use a Handful of the version that wrote it"
    )]
    Format {
        /// The format found.
        got: u32,
    },
    /// Bytes were changed or are missing.
    #[error("the lexicon is damaged: its bytes do not have the hash that it names; copy it again")]
    Hash,
    /// The hash is right and the content is not: never written by this program.
    #[error("the lexicon's {section} cannot be read")]
    Content {
        /// Which part.
        section: &'static str,
    },
}

impl Fault for LexiconError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Lexicon {
    /// Reads a file's bytes, all of them, and checks their hash.
    ///
    /// # Errors
    /// See [`LexiconError`]; a changed byte is found.
    pub fn parse(bytes: &[u8]) -> Result<Self, LexiconError> {
        let (hash, content) = split(bytes)?;
        if hex::sha256(content) != hex::encode(hash) {
            return Err(LexiconError::Hash);
        }
        Self::parse_verified(bytes)
    }

    /// The same for bytes that were held against a hash already, as a
    /// [bundle's](crate::bundle::Bundle::lexicon) are: the hash in the file is not computed
    /// again, because that takes as long as everything else here.
    ///
    /// # Errors
    /// See [`LexiconError`].
    pub fn parse_verified(bytes: &[u8]) -> Result<Self, LexiconError> {
        let (hash, content) = split(bytes)?;
        Self::read(content, hex::encode(hash)).map_err(|section| LexiconError::Content { section })
    }

    /// The error is the name of the section that cannot be read.
    fn read(content: &[u8], sha256: String) -> Result<Self, &'static str> {
        let mut sections = Reader::new(content);
        let mut section = |name: &'static str| sections.section().map(Reader::new).ok_or(name);
        let header: Header =
            serde_json::from_slice(section("header")?.rest()).map_err(|_| "header")?;
        let Header { dimension, synsets, words, .. } = header;
        if synsets > MAX_COUNT || words > MAX_COUNT || dimension > MAX_COUNT {
            return Err("header");
        }
        let ids = section("ids")?.ascending(synsets).ok_or("ids")?;
        // Synsets are written with eight digits.
        if ids.last().is_some_and(|&id| id > MAX_ID) {
            return Err("ids");
        }
        let mut graph = section("graph")?;
        let (mut hypernyms, mut parts) = (Lists::default(), Lists::default());
        for _ in 0..synsets {
            for lists in [&mut hypernyms, &mut parts] {
                lists.read(&mut graph, synsets).ok_or("graph")?;
            }
        }
        let mut blocks = |name| section(name)?.blocks().ok_or(name);
        let (texts, lemmas) = (blocks("texts")?, blocks("lemmas")?);
        let word_blocks = blocks("words")?;
        let scales = section("scales")?.floats(words).ok_or("scales")?;
        let rows = section("rows")?.rest();
        if words.checked_mul(dimension) != Some(rows.len()) {
            return Err("rows");
        }
        let rows = rows.iter().map(|&byte| byte as i8).collect();
        Ok(Self {
            header,
            sha256,
            ids,
            hypernyms,
            parts,
            texts,
            lemmas,
            words: word_blocks,
            scales,
            rows,
        })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The SHA-256 that stands in the file, of everything after it, in hex: the lexicon's identity.
    /// Only [`Lexicon::parse`] compares it with the bytes.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The senses of a noun, the most frequent first. Case does not matter; spaces, `_` and `-` are
    /// tried for each other, and a plural is looked up as its singular (the rules of detachment of
    /// WordNet's morphy).
    pub fn senses(&self, noun: &str) -> Vec<SynsetId> {
        let noun = noun.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase();
        let others = [noun.replace('-', "_"), noun.replace('_', "-"), noun.replace('_', "")];
        let others = others.into_iter().filter(|other| *other != noun);
        let spellings: Vec<String> = std::iter::once(noun.clone()).chain(others).collect();
        let forms = spellings.iter().flat_map(|spelling| singulars(spelling));
        let found = forms.map(|form| self.exact_senses(&form)).find(|senses| !senses.is_empty());
        found.unwrap_or_default()
    }

    fn exact_senses(&self, lemma: &str) -> Vec<SynsetId> {
        let Some((_, line)) = self.lemmas.find(lemma) else { return Vec::new() };
        let places = line.split('\t').nth(1).unwrap_or_default().split(' ');
        let ids = places.filter_map(|place| self.ids.get(place.parse::<usize>().ok()?));
        ids.map(|&id| SynsetId(id)).collect()
    }

    /// Lemmas that begin so, in the order of their bytes, at most `limit`.
    pub fn search(&self, prefix: &str, limit: usize) -> Vec<String> {
        let prefix = prefix.trim_start().to_lowercase().replace(' ', "_");
        self.lemmas.with_prefix(&prefix, limit)
    }

    /// A synset with its lemmas and its gloss.
    pub fn synset(&self, id: SynsetId) -> Option<Synset> {
        let place = self.place(id)?;
        let line = self.texts.line(place)?;
        let (lemmas, gloss) = line.split_once('\t')?;
        let ids = |places: &[u32]| places.iter().map(|&p| SynsetId(self.ids[p as usize])).collect();
        Some(Synset {
            id,
            lemmas: lemmas.split(' ').map(str::to_owned).collect(),
            gloss: gloss.to_owned(),
            hypernyms: ids(self.hypernyms.get(place)),
            parts: ids(self.parts.get(place)),
        })
    }

    fn place(&self, id: SynsetId) -> Option<usize> {
        self.ids.binary_search(&id.0).ok()
    }

    /// The synset and all that it is a kind or an instance of, on every path; empty for one that is
    /// not here.
    pub fn line(&self, id: SynsetId) -> BTreeSet<SynsetId> {
        let places = self.places_of_line(id);
        places.into_iter().map(|place| SynsetId(self.ids[place as usize])).collect()
    }

    fn places_of_line(&self, id: SynsetId) -> BTreeSet<u32> {
        let mut found: BTreeSet<u32> =
            self.place(id).map(|place| place as u32).into_iter().collect();
        let mut ahead: Vec<u32> = found.iter().copied().collect();
        while let Some(next) = ahead.pop() {
            let hypernyms = self.hypernyms.get(next as usize);
            ahead.extend(hypernyms.iter().filter(|&&hypernym| found.insert(hypernym)));
        }
        found
    }

    /// The parts of the synset and of all that it is a kind of.
    pub fn attributes(&self, id: SynsetId) -> BTreeSet<SynsetId> {
        let line = self.places_of_line(id);
        let parts = line.into_iter().flat_map(|place| self.parts.get(place as usize));
        parts.map(|&part| SynsetId(self.ids[part as usize])).collect()
    }

    /// The L2-normalized vector of a synset's lemmas, `[d]`, by the same rule as
    /// [`Vectors::synset`](super::vectors::Vectors::synset); `None` where no word is known.
    pub fn vector(&self, id: SynsetId) -> Option<Array1<f32>> {
        let lemmas = self.synset(id)?.lemmas;
        synset_vector(lemmas.iter().filter_map(|lemma| lemma_vector(lemma, |word| self.word(word))))
    }

    fn word(&self, word: &str) -> Option<Array1<f32>> {
        let (row, _) = self.words.find(word)?;
        let dimension = self.header.dimension;
        let scale = self.scales.get(row)?;
        let values = self.rows.get(row * dimension..(row + 1) * dimension)?;
        Some(values.iter().map(|&value| f32::from(value) * scale).collect())
    }

    /// What a completer needs of a class of this synset; `None` for one that is not here.
    pub fn descriptor(&self, id: SynsetId) -> Option<SemanticDescriptor> {
        self.place(id)?;
        let word_vector = self.vector(id).unwrap_or_else(|| Array1::zeros(self.header.dimension));
        let hypernyms = self.line(id).into_iter().collect();
        Some(SemanticDescriptor { word_vector, hypernyms })
    }
}

/// The hash that a file names, and what it is the hash of.
fn split(bytes: &[u8]) -> Result<(&[u8; HASH], &[u8]), LexiconError> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(LexiconError::Kind)?;
    let (format, rest) = rest.split_first_chunk::<4>().ok_or(LexiconError::Kind)?;
    let got = u32::from_le_bytes(*format);
    if got != FORMAT {
        return Err(LexiconError::Format { got });
    }
    rest.split_first_chunk::<HASH>().ok_or(LexiconError::Kind)
}

/// The word itself, and what it would be the plural of.
fn singulars(word: &str) -> Vec<String> {
    const ENDINGS: [(&str, &str); 8] = [
        ("ies", "y"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("men", "man"),
        ("s", ""),
    ];
    let detached = ENDINGS.iter().filter_map(|(plural, singular)| {
        word.strip_suffix(plural).map(|stem| format!("{stem}{singular}"))
    });
    std::iter::once(word.to_owned()).chain(detached).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plurals_have_singulars() {
        for (plural, singular) in [
            ("cups", "cup"),
            ("berries", "berry"),
            ("boxes", "box"),
            ("snowmen", "snowman"),
            ("watches", "watch"),
        ] {
            assert!(singulars(plural).contains(&singular.to_owned()), "{plural}");
        }
        assert_eq!(singulars("cup"), ["cup"]);
    }
}
