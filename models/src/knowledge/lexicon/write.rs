//! Makes a lexicon's bytes from WordNet and a table of word vectors.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::blocks::Blocks;
use super::bytes::{put, put_section};
use super::{FORMAT, Header, MAGIC};
use crate::knowledge::vectors::{Vectors, lemma_vector};
use crate::knowledge::wordnet::{SynsetId, WordNet};

/// WordNet's license, which must accompany its data.
pub const LICENSE: &str = include_str!("wordnet_license.txt");

/// The largest value of a signed byte. -128 is not used, so that rows are symmetric around zero.
const MAX_BYTE: f32 = 127.0;

impl super::Lexicon {
    /// The bytes of a lexicon of all nouns and of the vectors that they need. `source` states where
    /// the vectors come from, and under what terms. The same inputs always give the same bytes.
    pub fn build(wordnet: &WordNet, vectors: &Vectors, source: &str) -> Vec<u8> {
        let places: BTreeMap<SynsetId, u32> = wordnet
            .synsets()
            .enumerate()
            .map(|(place, synset)| (synset.id, place as u32))
            .collect();
        let words = needed_words(wordnet, vectors);
        let header = Header {
            dimension: vectors.dimension(),
            synsets: places.len(),
            words: words.len(),
            vectors: source.to_owned(),
            license: LICENSE.to_owned(),
        };
        let (scales, rows) = quantized(&words, vectors);
        let words: Vec<String> = words.into_iter().collect();
        // Readers go through the sections in this order.
        let sections = [
            serde_json::to_vec(&header).expect("invariant: a header is plain text and numbers"),
            ids(wordnet),
            graph(wordnet, &places),
            Blocks::encode(&texts(wordnet)),
            Blocks::encode(&lemmas(wordnet, &places)),
            Blocks::encode(&words),
            scales,
            rows,
        ];
        let mut content = Vec::new();
        sections.iter().for_each(|section| put_section(&mut content, section));
        let hash = Sha256::digest(&content);
        [&MAGIC[..], &FORMAT.to_le_bytes(), &hash, &content].concat()
    }
}

fn ids(wordnet: &WordNet) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0;
    for synset in wordnet.synsets() {
        // Differences of neighbors need fewer bytes than the ids.
        put(&mut out, synset.id.0 - last);
        last = synset.id.0;
    }
    out
}

fn graph(wordnet: &WordNet, places: &BTreeMap<SynsetId, u32>) -> Vec<u8> {
    let mut out = Vec::new();
    for synset in wordnet.synsets() {
        for list in [&synset.hypernyms, &synset.parts] {
            put(&mut out, list.len() as u32);
            list.iter().for_each(|id| put(&mut out, places[id]));
        }
    }
    out
}

/// A line for each synset: its lemmas and its gloss.
fn texts(wordnet: &WordNet) -> Vec<String> {
    let synsets = wordnet.synsets();
    synsets.map(|synset| format!("{}\t{}", synset.lemmas.join(" "), synset.gloss)).collect()
}

/// A line for each lower-case lemma: the lemma and the places of its senses.
fn lemmas(wordnet: &WordNet, places: &BTreeMap<SynsetId, u32>) -> Vec<String> {
    // Readers search by halving, so the lines are sorted.
    let sorted: BTreeMap<&str, &[SynsetId]> = wordnet.lemmas().collect();
    let mut lines = Vec::new();
    for (lemma, senses) in sorted {
        let senses: Vec<String> = senses.iter().map(|id| places[id].to_string()).collect();
        lines.push(format!("{lemma}\t{}", senses.join(" ")));
    }
    lines
}

/// The words with a vector that the look-up rule asks for, for any lemma.
fn needed_words(wordnet: &WordNet, vectors: &Vectors) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    for lemma in wordnet.synsets().flat_map(|synset| &synset.lemmas) {
        // The rule itself decides which words it looks at, so no rule can differ from it.
        let _ = lemma_vector(lemma, |word| {
            let known = vectors.word(word)?;
            needed.insert(word.to_owned());
            Some(known.to_owned())
        });
    }
    needed
}

/// The scale of each word, and its vector in bytes.
fn quantized(words: &BTreeSet<String>, vectors: &Vectors) -> (Vec<u8>, Vec<u8>) {
    let mut scales = Vec::new();
    let mut rows = Vec::new();
    for vector in words.iter().filter_map(|word| vectors.word(word)) {
        let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        // Every word uses the whole range of a byte. A vector of zeros has no range to divide by.
        let scale = if largest > 0.0 { largest / MAX_BYTE } else { 1.0 };
        scales.extend(scale.to_le_bytes());
        rows.extend(vector.iter().map(|x| (x / scale).round() as i8 as u8));
    }
    (scales, rows)
}
