//! Every noun of WordNet with its senses and its word vector, in one file that a device keeps in
//! memory.
//!
//! It gives the senses of a word, and the gloss, ancestors, attributes and word vector of a sense,
//! without a network and without WordNet's files. Texts are compressed in blocks, which are
//! unpacked on demand. Vectors are signed bytes with a scale for each word. `docs/formats.md` has
//! the layout.

mod blocks;
mod bytes;
mod plurals;
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
use plurals::singulars;

pub use write::LICENSE;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;

/// The most bytes of a lexicon that are read.
pub const MAX_BYTES: u64 = 64 << 20;

/// A file's first bytes.
const MAGIC: [u8; 8] = *b"HANDFLEX";

/// Bytes of the SHA-256, which follows the magic and the format's number.
const HASH: usize = 32;

/// The greatest offset in WordNet that eight digits hold.
const MAX_ID: u32 = 99_999_999;

/// The most synsets, words or values of a vector. WordNet 3.0 has 82,115 noun synsets.
const MAX_COUNT: usize = 1 << 22;

/// Nouns, their senses and their word vectors.
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

/// A noun of a lexicon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noun {
    /// The noun in lower case, a singular if WordNet has no sense for the plural, with `_` for
    /// spaces.
    pub lemma: String,
    /// Its senses, the most frequent first; at least one.
    pub senses: Vec<SynsetId>,
}

/// The first section of a lexicon: its sizes, and where its data come from.
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
    #[error("the lexicon is damaged: its bytes do not have the hash that it states; copy it again")]
    Hash,
    /// The hash is right but the content is not. This program never writes such a file.
    #[error("the lexicon's {section} cannot be read: make it again with handful-train lexicon")]
    Content {
        /// The section's name.
        section: &'static str,
    },
}

impl Fault for LexiconError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Lexicon {
    /// Reads a file's bytes and checks their hash, which finds every changed byte.
    ///
    /// # Errors
    /// See [`LexiconError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LexiconError> {
        let (hash, content) = split(bytes)?;
        if hex::sha256(content) != hex::encode(hash) {
            return Err(LexiconError::Hash);
        }
        Self::parse_verified(bytes)
    }

    /// Reads bytes whose hash was compared already, as a
    /// [bundle's](crate::bundle::Bundle::lexicon) were. The hash in the file is not computed again:
    /// that takes as long as everything else here.
    ///
    /// # Errors
    /// See [`LexiconError`].
    pub fn parse_verified(bytes: &[u8]) -> Result<Self, LexiconError> {
        let (hash, content) = split(bytes)?;
        Self::read(content, hex::encode(hash))
    }

    fn read(content: &[u8], sha256: String) -> Result<Self, LexiconError> {
        let mut sections = Sections(Reader::new(content));
        let header = sections.read("header", Header::parse)?;
        let ids = sections.read("ids", |section| ids(section, header.synsets))?;
        let (hypernyms, parts) =
            sections.read("graph", |section| graph(section, header.synsets))?;
        let texts = sections.read("texts", Blocks::decode)?;
        let lemmas = sections.read("lemmas", Blocks::decode)?;
        let words = sections.read("words", Blocks::decode)?;
        let scales = sections.read("scales", |section| section.floats(header.words))?;
        let rows = sections.read("rows", |section| rows(section, &header))?;
        Ok(Self { header, sha256, ids, hypernyms, parts, texts, lemmas, words, scales, rows })
    }

    /// Its sizes, and where its data come from.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The lexicon's identity, in hexadecimal: the SHA-256 in the file, of all bytes after it. Only
    /// [`Lexicon::parse`] compares it with the bytes.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The senses of a noun, the most frequent first: those of the first of [`Lexicon::nouns`].
    pub fn senses(&self, noun: &str) -> Vec<SynsetId> {
        self.nouns(noun).next().map(|noun| noun.senses).unwrap_or_default()
    }

    /// The nouns that a text may be: the noun as written, then those that it may be the plural of
    /// (the rules of detachment of WordNet's morphy, and some for irregular plurals), then the same
    /// with spaces, `_` and `-` exchanged or left out. Case does not matter.
    pub fn nouns(&self, text: &str) -> impl Iterator<Item = Noun> {
        let written = text.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase();
        let others =
            [written.replace('-', "_"), written.replace('_', "-"), written.replace('_', "")];
        let others = others.into_iter().filter(|other| *other != written);
        let spellings: Vec<String> = std::iter::once(written.clone()).chain(others).collect();
        let lemmas = spellings.into_iter().flat_map(|spelling| singulars(&spelling));
        let nouns = lemmas.map(move |lemma| Noun { senses: self.exact_senses(&lemma), lemma });
        nouns.filter(|noun| !noun.senses.is_empty())
    }

    fn exact_senses(&self, lemma: &str) -> Vec<SynsetId> {
        let Some((_, line)) = self.lemmas.find(lemma) else { return Vec::new() };
        let places = line.split('\t').nth(1).unwrap_or_default().split(' ');
        // A place in a text was not checked when the file was read, unlike those of the graph.
        let ids = places.filter_map(|place| self.ids.get(place.parse::<usize>().ok()?));
        ids.map(|&id| SynsetId(id)).collect()
    }

    /// Lemmas that begin with `prefix`, in the order of their bytes, at most `limit`.
    pub fn search(&self, prefix: &str, limit: usize) -> Vec<String> {
        let prefix = prefix.trim_start().to_lowercase().replace(' ', "_");
        self.lemmas.with_prefix(&prefix, limit)
    }

    /// A synset with its lemmas and its gloss.
    pub fn synset(&self, id: SynsetId) -> Option<Synset> {
        let place = self.place(id)?;
        let line = self.texts.line(place)?;
        let (lemmas, gloss) = line.split_once('\t')?;
        Some(Synset {
            id,
            lemmas: lemmas.split(' ').map(str::to_owned).collect(),
            gloss: gloss.to_owned(),
            hypernyms: self.hypernyms.get(place).iter().map(|&place| self.id(place)).collect(),
            parts: self.parts.get(place).iter().map(|&place| self.id(place)).collect(),
        })
    }

    /// The first lemma of a synset.
    pub fn first_lemma(&self, id: SynsetId) -> Option<String> {
        let line = self.texts.line(self.place(id)?)?;
        line.split([' ', '\t']).next().map(str::to_owned)
    }

    fn id(&self, place: u32) -> SynsetId {
        SynsetId(self.ids[place as usize])
    }

    fn place(&self, id: SynsetId) -> Option<usize> {
        self.ids.binary_search(&id.0).ok()
    }

    /// The synset and everything that it is a kind or an instance of, on every path; empty if the
    /// lexicon does not have the synset.
    pub fn line(&self, id: SynsetId) -> BTreeSet<SynsetId> {
        let places = self.places_of_line(id);
        places.into_iter().map(|place| self.id(place)).collect()
    }

    fn places_of_line(&self, id: SynsetId) -> BTreeSet<u32> {
        let mut found: BTreeSet<u32> =
            self.place(id).map(|place| place as u32).into_iter().collect();
        let mut ahead: Vec<u32> = found.iter().copied().collect();
        while let Some(next) = ahead.pop() {
            let hypernyms = self.hypernyms.get(next as usize);
            // What was found before is not followed again, so a cycle ends here.
            ahead.extend(hypernyms.iter().filter(|&&hypernym| found.insert(hypernym)));
        }
        found
    }

    /// The parts of the synset and of everything that it is a kind of.
    pub fn attributes(&self, id: SynsetId) -> BTreeSet<SynsetId> {
        let line = self.places_of_line(id);
        let parts = line.into_iter().flat_map(|place| self.parts.get(place as usize));
        parts.map(|&part| self.id(part)).collect()
    }

    /// The L2-normalized vector of a synset's lemmas, `[d]`, by the same rule as
    /// [`Vectors::synset`](super::vectors::Vectors::synset); `None` if no word has a vector.
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

    /// The semantic descriptor of a class with this synset; `None` if the lexicon does not have it.
    pub fn descriptor(&self, id: SynsetId) -> Option<SemanticDescriptor> {
        self.place(id)?;
        let word_vector = self.vector(id).unwrap_or_else(|| Array1::zeros(self.header.dimension));
        let hypernyms = self.line(id).into_iter().collect();
        Some(SemanticDescriptor { word_vector, hypernyms })
    }
}

/// The sections of a lexicon, in the order of the file.
struct Sections<'a>(Reader<'a>);

impl<'a> Sections<'a> {
    /// Reads the next section. The error names it if `read` finds no value in its bytes.
    fn read<T>(
        &mut self,
        section: &'static str,
        read: impl FnOnce(Reader<'a>) -> Option<T>,
    ) -> Result<T, LexiconError> {
        let value = self.0.section().and_then(|bytes| read(Reader::new(bytes)));
        value.ok_or(LexiconError::Content { section })
    }
}

impl Header {
    fn parse(section: Reader<'_>) -> Option<Self> {
        let header: Self = serde_json::from_slice(section.rest()).ok()?;
        let counts = [header.dimension, header.synsets, header.words];
        counts.iter().all(|&count| count <= MAX_COUNT).then_some(header)
    }
}

fn ids(section: Reader<'_>, n_synsets: usize) -> Option<Vec<u32>> {
    let ids = section.ascending(n_synsets)?;
    // Synsets are written with eight digits.
    ids.last().is_none_or(|&id| id <= MAX_ID).then_some(ids)
}

/// The hypernyms and the parts of each synset.
fn graph(mut section: Reader<'_>, n_synsets: usize) -> Option<(Lists, Lists)> {
    let mut hypernyms = Lists::default();
    let mut parts = Lists::default();
    for _ in 0..n_synsets {
        hypernyms.read(&mut section, n_synsets)?;
        parts.read(&mut section, n_synsets)?;
    }
    Some((hypernyms, parts))
}

fn rows(section: Reader<'_>, header: &Header) -> Option<Vec<i8>> {
    let bytes = section.rest();
    let fits = header.words.checked_mul(header.dimension) == Some(bytes.len());
    fits.then(|| bytes.iter().map(|&byte| byte as i8).collect())
}

/// The hash in a file, and the bytes that it is the hash of.
fn split(bytes: &[u8]) -> Result<(&[u8; HASH], &[u8]), LexiconError> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(LexiconError::Kind)?;
    let (format, rest) = rest.split_first_chunk::<4>().ok_or(LexiconError::Kind)?;
    let got = u32::from_le_bytes(*format);
    if got != FORMAT {
        return Err(LexiconError::Format { got });
    }
    rest.split_first_chunk::<HASH>().ok_or(LexiconError::Kind)
}
