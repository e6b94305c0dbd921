//! The bytes of rows (`docs/formats.md`, "store"): JSON, and embeddings as they are.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::seal::{self, Kind, SealKey};
use crate::gallery::change::{EmbeddingSpace, MOST_PRECISION_BYTES};
use crate::gallery::other_spaces::EmbeddingState;
use crate::gallery::settings::GallerySettings;

/// A gallery of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::gallery) struct GalleryRow {
    pub(in crate::gallery) name: String,
    /// Identifies the backbone of the embeddings in use.
    pub(in crate::gallery) space_id: String,
    /// Whether its journal has a change of the space.
    pub(in crate::gallery) reembedded: bool,
    pub(in crate::gallery) revision: u64,
    /// The number of rows of its journal: fewer show that some were lost.
    pub(in crate::gallery) changes: u64,
    /// That of the embeddings in use; null before the first.
    pub(in crate::gallery) embedding_length: Option<usize>,
    pub(in crate::gallery) classes: usize,
    /// Those of the classes and of the background set.
    pub(in crate::gallery) examples: usize,
    pub(in crate::gallery) background: usize,
    pub(in crate::gallery) settings: GallerySettings,
}

impl GalleryRow {
    /// That of a gallery without changes.
    pub(super) fn new(name: &str, space_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            space_id: space_id.to_owned(),
            reembedded: false,
            revision: 0,
            changes: 0,
            embedding_length: None,
            classes: 0,
            examples: 0,
            background: 0,
            settings: GallerySettings::default(),
        }
    }

    /// The space with this id, as rows have it.
    pub(super) fn space(&self, space_id: &str) -> RowSpace {
        let has_all = space_id == self.space_id && !self.reembedded;
        RowSpace { number: space_number(space_id), has_all }
    }

    /// The space of the embeddings in use.
    pub(super) fn space_in_use(&self) -> RowSpace {
        self.space(&self.space_id)
    }

    /// What the state of the gallery knows of its space.
    pub(super) fn state_space(&self) -> Option<EmbeddingSpace> {
        let length = self.embedding_length.filter(|_| self.reembedded)?;
        Some(EmbeddingSpace { id: self.space_id.clone(), length })
    }
}

/// A space of the embeddings of a gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowSpace {
    pub(super) number: u64,
    /// Every change that enrolls has its row: one that is missing is damage.
    pub(super) has_all: bool,
}

/// The number of a space in keys.
pub(in crate::gallery) fn space_number(space_id: &str) -> u64 {
    let hash: [u8; 32] = Sha256::digest(space_id).into();
    let (first, _) = hash.split_at(8);
    u64::from_be_bytes(first.try_into().expect("invariant: the first 8 of 32 bytes"))
}

pub(super) fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("invariant: rows have keys of text and finite numbers")
}

/// # Errors
/// What is wrong, in a few words.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// The JSON of a row that was read at its key.
///
/// # Errors
/// What is wrong, in a few words.
pub(super) fn parse_sealed<T: DeserializeOwned>(
    kind: Kind,
    key: &impl SealKey,
    row: &[u8],
) -> Result<T, String> {
    parse(seal::unsealed(kind, key, row)?)
}

/// The embeddings of the examples of one change in one space.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::gallery) struct Embeddings {
    /// That of the backbone that made each; empty without an embedding.
    precisions: Vec<String>,
    /// Their bytes, end to end.
    values: Vec<u8>,
}

/// In place of each byte of an embedding that was purged or is yet to be made: as numbers, these
/// are none.
const PURGED: u8 = 0xFF;
/// The first byte of those in place of an embedding whose image cannot be read. This is no number
/// either.
const UNREADABLE: u8 = 0xFE;

impl Embeddings {
    /// At most 255, of one length, each with its precision; `None` is one that was purged.
    pub(super) fn of<'a>(
        embeddings: impl ExactSizeIterator<Item = Option<(&'a [f32], &'a str)>> + Clone,
    ) -> Self {
        let n = embeddings.len();
        let length = embeddings.clone().flatten().next().map_or(0, |(values, _)| values.len());
        let mut row = Self::absent(n, length);
        for (at, embedding) in embeddings.enumerate() {
            if let Some((values, precision)) = embedding {
                row.set(at, values, precision);
            }
        }
        row
    }

    /// Of this number of examples, without any embedding of this length.
    pub(super) fn absent(n: usize, length: usize) -> Self {
        let values = vec![PURGED; n * length * size_of::<f32>()];
        Self { precisions: vec![String::new(); n], values }
    }

    /// Becomes a row for `n` embeddings of this length if it has no room for any.
    pub(super) fn make_room(&mut self, n: usize, length: usize) {
        if self.size() == 0 {
            *self = Self::absent(n, length);
        }
    }

    /// An empty row if these are no bytes of a row.
    pub(in crate::gallery) fn read(bytes: Vec<u8>) -> Self {
        Self::parsed(bytes).unwrap_or_default()
    }

    /// Those of a row that was read at its key; `None` if they were forgotten.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub(super) fn unsealed(key: &impl SealKey, row: &[u8]) -> Result<Option<Self>, String> {
        let content = seal::unsealed(Kind::Embeddings, key, row)?;
        Ok((!content.is_empty()).then(|| Self::read(content.to_vec())))
    }

    fn parsed(mut bytes: Vec<u8>) -> Option<Self> {
        let (n, mut rest) = bytes.split_first()?;
        let mut precisions = Vec::with_capacity(usize::from(*n));
        for _ in 0..*n {
            let (length, text) = rest.split_first()?;
            let (text, after) = text.split_at_checked(usize::from(*length))?;
            precisions.push(str::from_utf8(text).ok()?.to_owned());
            rest = after;
        }
        let start = bytes.len() - rest.len();
        bytes.drain(..start);
        Some(Self { precisions, values: bytes })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let n = u8::try_from(self.precisions.len());
        let mut bytes = vec![n.expect("invariant: a change has at most 16 examples")];
        for precision in &self.precisions {
            bytes.push(u8::try_from(precision.len()).expect("invariant: it was cut"));
            bytes.extend(precision.as_bytes());
        }
        bytes.extend(&self.values);
        bytes
    }

    /// Replaces the embedding at this index, which has the length of the others.
    pub(super) fn set(&mut self, index: usize, values: &[f32], precision: &str) {
        let end = precision.floor_char_boundary(MOST_PRECISION_BYTES);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if let Some(slot) = self.slot_mut(index).filter(|slot| slot.len() == bytes.len()) {
            slot.copy_from_slice(&bytes);
            precision[..end].clone_into(&mut self.precisions[index]);
        }
    }

    /// Remembers that the image of the example at this index cannot be read.
    pub(super) fn set_unreadable(&mut self, index: usize) {
        if let Some(slot) = self.slot_mut(index) {
            slot.fill(PURGED);
            slot[0] = UNREADABLE;
            self.precisions[index].clear();
        }
    }

    /// The embedding at this index, and its precision; `None` if there is none.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub(in crate::gallery) fn get(&self, index: u8) -> Result<Option<(Vec<f32>, &str)>, String> {
        let slot = self.slots().nth(index.into()).ok_or("an embedding is missing")?;
        if !is_embedding(slot) {
            return Ok(None);
        }
        let (values, []) = slot.as_chunks::<4>() else {
            return Err("an embedding is cut".to_owned());
        };
        let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        // One value that is not finite would make every similarity with its class NaN.
        let is_sound = values.iter().all(|value| value.is_finite());
        let precision = self.precisions[usize::from(index)].as_str();
        if is_sound {
            Ok(Some((values, precision)))
        } else {
            Err("an embedding is not finite".to_owned())
        }
    }

    /// What there is of each example; `None` if it was purged or is yet to be embedded.
    pub(super) fn states(&self) -> impl Iterator<Item = Option<EmbeddingState>> {
        self.slots().map(|slot| match is_embedding(slot) {
            true => Some(EmbeddingState::Embedded),
            false => slot.starts_with(&[UNREADABLE]).then_some(EmbeddingState::Unreadable),
        })
    }

    /// The bytes of a row before the first embedding: without them nothing shows where each lies.
    pub(in crate::gallery) fn head(&self) -> Range<usize> {
        let texts: usize = self.precisions.iter().map(|precision| 1 + precision.len()).sum();
        // The number of examples is before them.
        let end = size_of::<u8>() + texts;
        0..end
    }

    /// Where the embedding at this index lies in the bytes of a row.
    pub(in crate::gallery) fn range(&self, index: u8) -> Option<Range<usize>> {
        let index = usize::from(index);
        let start = self.head().end + self.size() * index;
        (index < self.precisions.len()).then(|| start..start + self.size())
    }

    /// Overwrites the embeddings at these indices.
    pub(super) fn purge(&mut self, indices: &[usize]) {
        for index in indices {
            if let Some(slot) = self.slot_mut(*index) {
                slot.fill(PURGED);
                self.precisions[*index].clear();
            }
        }
    }

    /// The number of bytes of each embedding.
    fn size(&self) -> usize {
        self.values.len().checked_div(self.precisions.len()).unwrap_or(0)
    }

    /// The bytes of an embedding; `None` if there are none.
    fn slot_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        let size = self.size();
        if size == 0 || index >= self.precisions.len() {
            return None;
        }
        self.values.get_mut(index * size..(index + 1) * size)
    }

    /// The bytes of each embedding.
    fn slots(&self) -> impl Iterator<Item = &[u8]> {
        let size = self.size();
        (0..self.precisions.len()).map(move |at| &self.values[at * size..(at + 1) * size])
    }
}

/// Whether these bytes were made of numbers.
fn is_embedding(slot: &[u8]) -> bool {
    let rest = slot.strip_prefix(&[UNREADABLE]).unwrap_or(slot);
    rest.iter().any(|byte| *byte != PURGED)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ONE: [f32; 3] = [1.5, -0.0, f32::MIN_POSITIVE];
    const TWO: [f32; 3] = [2.0, f32::MAX, -1.0];

    fn embeddings() -> Embeddings {
        Embeddings::of([Some((&ONE[..], "fp32")), None, Some((&TWO[..], "int8"))].into_iter())
    }

    #[test]
    fn embeddings_come_back_bit_for_bit() {
        let read = Embeddings::read(embeddings().bytes());
        assert_eq!(read, embeddings());
        let (one, precision) = read.get(0).unwrap().unwrap();
        assert_eq!((&one[..], precision), (&ONE[..], "fp32"));
        assert!(one[1].is_sign_negative());
        assert_eq!((read.get(1), read.get(2)), (Ok(None), Ok(Some((TWO.to_vec(), "int8")))));
        assert!(read.get(3).is_err());
        // The number of embeddings, and three precisions with their lengths.
        let head = 1 + 5 + 1 + 5;
        assert_eq!(read.head(), 0..head);
        assert_eq!((read.range(2), read.range(3)), (Some(head + 24..head + 36), None));
    }

    #[test]
    fn an_image_that_cannot_be_read_is_remembered_until_it_is_purged() {
        let mut row = Embeddings::absent(3, 3);
        row.set(0, &ONE, "fp32");
        row.set_unreadable(2);
        let mut read = Embeddings::read(row.bytes());
        let states: Vec<_> = read.states().collect();
        let expected = [Some(EmbeddingState::Embedded), None, Some(EmbeddingState::Unreadable)];
        assert_eq!(states, expected);
        assert_eq!((read.get(1), read.get(2)), (Ok(None), Ok(None)));
        read.purge(&[0, 2]);
        assert!(read.states().all(|state| state.is_none()));
        row.set(2, &TWO, "int8");
        assert_eq!(row.get(2), Ok(Some((TWO.to_vec(), "int8"))));
    }

    #[test]
    fn spaces_have_numbers_of_their_own() {
        // SHA-256 of "abc" begins so.
        assert_eq!(space_number("abc"), 0xBA78_16BF_8F01_CFEA);
        assert_ne!(space_number(""), space_number("space"));
    }

    #[test]
    fn what_is_purged_leaves_no_bytes() {
        let mut purged = embeddings();
        purged.purge(&[2]);
        assert_eq!((purged.get(0), purged.get(2)), (Ok(Some((ONE.to_vec(), "fp32"))), Ok(None)));
        let value = TWO[1].to_le_bytes();
        assert!(!purged.bytes().windows(4).any(|bytes| bytes == value));
        purged.purge(&[0, 1, 2, 3]);
        assert_eq!(purged, Embeddings::absent(3, 3));
        let mut none = Embeddings::read(Vec::new());
        none.purge(&[0]);
        assert!(none.get(0).is_err());
    }

    #[test]
    fn bytes_that_are_no_embeddings_are_refused() {
        let whole = embeddings().bytes();
        for end in 0..whole.len() {
            let cut = Embeddings::read(whole[..end].to_vec());
            assert_ne!(cut.get(2), Ok(Some((TWO.to_vec(), "int8"))), "cut at {end}");
        }
        let infinite = Embeddings::of([Some((&[f32::INFINITY][..], "fp32"))].into_iter());
        assert!(infinite.get(0).is_err());
    }
}
