//! The bytes of rows (`docs/formats.md`, "store"): JSON, and embeddings as they are.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::gallery::settings::GallerySettings;

/// A gallery of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::gallery) struct GalleryRow {
    pub(super) name: String,
    /// Identifies the backbone of its embeddings.
    pub(super) space_id: String,
    pub(in crate::gallery) revision: u64,
    /// That of all its embeddings; null before the first.
    pub(super) embedding_length: Option<usize>,
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
            revision: 0,
            embedding_length: None,
            classes: 0,
            examples: 0,
            background: 0,
            settings: GallerySettings::default(),
        }
    }
}

pub(super) fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("invariant: rows have keys of text and finite numbers")
}

/// # Errors
/// What is wrong, in a few words.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// The embeddings of the examples of one change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Embeddings(Vec<u8>);

/// In place of each byte of an embedding that was purged: as numbers, these are none.
const PURGED: u8 = 0xFF;

impl Embeddings {
    /// At most 255, of one length; `None` is one that was purged.
    pub(super) fn of<'a>(
        embeddings: impl ExactSizeIterator<Item = Option<&'a [f32]>> + Clone,
    ) -> Self {
        let n = u8::try_from(embeddings.len());
        let n = n.expect("invariant: a change has at most 16 examples");
        let length = embeddings.clone().flatten().next().map_or(0, <[f32]>::len);
        let mut bytes = Vec::with_capacity(1 + 4 * length * embeddings.len());
        bytes.push(n);
        for embedding in embeddings {
            match embedding {
                Some(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
                None => bytes.resize(bytes.len() + 4 * length, PURGED),
            }
        }
        Self(bytes)
    }

    pub(super) fn read(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The embedding at this index; `None` if it was purged.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub(super) fn get(&self, index: u8) -> Result<Option<Vec<f32>>, String> {
        let slot = self.slots().nth(index.into()).ok_or("an embedding is missing")?;
        if slot.iter().all(|byte| *byte == PURGED) {
            return Ok(None);
        }
        let (values, []) = slot.as_chunks::<4>() else {
            return Err("an embedding is cut".to_owned());
        };
        let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        // One value that is not finite would make every similarity with its class NaN.
        let is_sound = values.iter().all(|value| value.is_finite());
        if is_sound { Ok(Some(values)) } else { Err("an embedding is not finite".to_owned()) }
    }

    /// Overwrites the embeddings at these indices.
    pub(super) fn purge(&mut self, indices: &[usize]) {
        let Some((n, values)) = self.0.split_first_mut() else { return };
        let size = values.len() / usize::from(*n).max(1);
        if size == 0 {
            return;
        }
        let slots = values.chunks_mut(size).enumerate();
        for (_, slot) in slots.filter(|(at, _)| indices.contains(at)) {
            slot.fill(PURGED);
        }
    }

    /// The bytes of each embedding.
    fn slots(&self) -> impl Iterator<Item = &[u8]> {
        let (n, values) = self.0.split_first().unwrap_or((&0, &[]));
        let n = usize::from(*n);
        let size = values.len().checked_div(n).unwrap_or(0);
        (0..n).map(move |at| &values[at * size..(at + 1) * size])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ONE: [f32; 3] = [1.5, -0.0, f32::MIN_POSITIVE];
    const TWO: [f32; 3] = [2.0, f32::MAX, -1.0];

    fn embeddings() -> Embeddings {
        Embeddings::of([Some(&ONE[..]), None, Some(&TWO[..])].into_iter())
    }

    #[test]
    fn embeddings_come_back_bit_for_bit() {
        let read = Embeddings::read(embeddings().bytes().to_vec());
        let one = read.get(0).unwrap().unwrap();
        assert_eq!(one, ONE);
        assert!(one[1].is_sign_negative());
        assert_eq!((read.get(1), read.get(2)), (Ok(None), Ok(Some(TWO.to_vec()))));
        assert!(read.get(3).is_err());
    }

    #[test]
    fn what_is_purged_leaves_no_bytes() {
        let mut purged = embeddings();
        purged.purge(&[2]);
        assert_eq!((purged.get(0), purged.get(2)), (Ok(Some(ONE.to_vec())), Ok(None)));
        let value = TWO[1].to_le_bytes();
        assert!(!purged.bytes().windows(4).any(|bytes| bytes == value));
        purged.purge(&[0, 1, 2, 3]);
        assert!(purged.bytes()[1..].iter().all(|byte| *byte == PURGED));
        let mut none = Embeddings::read(Vec::new());
        none.purge(&[0]);
        assert!(none.get(0).is_err());
    }

    #[test]
    fn bytes_that_are_no_embeddings_are_refused() {
        let whole = embeddings().bytes().to_vec();
        for end in 0..whole.len() {
            let cut = Embeddings::read(whole[..end].to_vec());
            assert_ne!(cut.get(2), Ok(Some(TWO.to_vec())), "cut at {end}");
        }
        let infinite = Embeddings::of([Some(&[f32::INFINITY][..])].into_iter());
        assert!(infinite.get(0).is_err());
    }
}
