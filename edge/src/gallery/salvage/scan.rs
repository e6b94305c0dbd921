//! Finds rows in a file whatever is left of its structure: by their [seals](Seal), which may lie at
//! any byte.
//!
//! Pages that are free still hold rows of former transactions. They are genuine too: rows of the
//! journal and images are written once, and of rows that are written again the one with the
//! greatest revision counts.
//!
//! The file is read in pieces and never held: what is kept of a row is where it lies. Time and
//! memory follow from its length, also if it was made to do harm.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::gallery::store::seal::{self, Kind, MAGIC_BYTES, MAX_HEAD, PART_BYTES, Seal};

/// What is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// What cannot be read from the disk is left out in pieces of this size.
const BLOCK_BYTES: usize = 4096;

/// The most bytes of the largest image.
const MAX_IMAGE_BYTES: usize = 256 << 20;

/// The most bytes of every other row.
const MAX_ROW_BYTES: usize = 4 << 20;

/// How many bytes of rows that turn out to be damaged are read for each byte of the file. Those of
/// a store hardly overlap, but a file could have rows everywhere that claim all that follows.
const READ_IN_VAIN: u64 = 16;

/// Of a larger file no more rows are remembered than one for each 256 bytes. A store has fewer: the
/// change that made a row is a row itself.
const BYTES_FOR_A_ROW: u64 = 256;
/// As many as this are always remembered.
const FEW_ROWS: u64 = 1 << 20;

/// The file that is scanned; it is only read.
#[derive(Debug, Clone)]
pub(super) struct Damaged {
    file: Arc<File>,
    length: u64,
}

impl Damaged {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes from a position on, at most `n`; fewer at the end of the file. What the disk does
    /// not give is zeros.
    fn read(&self, at: u64, n: usize) -> Vec<u8> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; n.min(left)];
        if self.file.read_exact_at(&mut bytes, at).is_err() {
            for (block, from) in bytes.chunks_mut(BLOCK_BYTES).zip((at..).step_by(BLOCK_BYTES)) {
                self.read_block(block, from);
            }
        }
        bytes
    }

    fn read_block(&self, mut block: &mut [u8], mut at: u64) {
        block.fill(0);
        while !block.is_empty() {
            match self.file.read_at(block, at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(n) if n > 0 => {
                    block = &mut block[n..];
                    at += n as u64;
                }
                _ => return,
            }
        }
    }

    /// The CRC-32 of bytes of the file; `None` if it ends before.
    fn checksum(&self, at: u64, n: usize) -> Option<u32> {
        let end = at.checked_add(n as u64).filter(|end| *end <= self.length)?;
        let mut hasher = crc32fast::Hasher::new();
        let mut from = at;
        while from < end {
            let left = usize::try_from(end - from).unwrap_or(usize::MAX);
            let piece = self.read(from, left.min(PIECE_BYTES));
            hasher.update(&piece);
            from += piece.len() as u64;
        }
        Some(hasher.finalize())
    }
}

/// What a row is about, in the order in which rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowName {
    gallery: u128,
    kind: Kind,
    /// That of embeddings; 0 in other tables.
    space: u64,
    id: u128,
}

impl RowName {
    fn new(gallery: u128, kind: Kind, id: u128) -> Self {
        Self { gallery, kind, space: 0, id }
    }

    fn of(seal: &Seal<'_>) -> Option<Self> {
        let gallery = seal.key.first_chunk().map(|first| u128::from_le_bytes(*first))?;
        let id = seal.key.last_chunk().map(|last| u128::from_le_bytes(*last))?;
        let name = Self::new(gallery, seal.kind, id);
        if seal.kind != Kind::Embeddings {
            return Some(name);
        }
        let space = seal.key.get(16..)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))?;
        Some(Self { space, ..name })
    }
}

fn most_bytes(kind: Kind) -> usize {
    if kind == Kind::Images { MAX_IMAGE_BYTES } else { MAX_ROW_BYTES }
}

/// Where a row lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    /// The beginning of its seal.
    at: u64,
    pub(super) revision: u64,
    /// Of its content, in bytes.
    pub(super) length: usize,
    /// Whether its content has its checksum; that of embeddings may be whole in parts.
    pub(super) is_whole: bool,
}

impl RowPlace {
    /// Whole rows before damaged ones, then the later one.
    fn is_better_than(&self, other: &Self) -> bool {
        (self.is_whole, self.revision) > (other.is_whole, other.revision)
    }
}

/// The rows of a file.
#[derive(Debug)]
pub(super) struct Rows {
    file: Damaged,
    places: BTreeMap<RowName, RowPlace>,
    /// How many bytes of damaged rows may still be read.
    left_in_vain: u64,
}

impl Rows {
    /// Scans the whole file; `progress` is told how many bytes of it are done.
    pub(super) fn scan(file: Damaged, progress: &mut dyn FnMut(u64)) -> Self {
        let length = file.length;
        let left_in_vain = length.saturating_mul(READ_IN_VAIN);
        let mut rows = Self { file, places: BTreeMap::new(), left_in_vain };
        let mut start = 0;
        while start < length {
            let piece = rows.file.read(start, PIECE_BYTES);
            let end = start + piece.len() as u64;
            let mut next = start;
            while let Some(found) = seal::find(&piece, to_index(next - start)) {
                let at = start + found as u64;
                next = match piece.get(found..found + MAX_HEAD) {
                    Some(head) => rows.take(at, head),
                    // It may go on in the next piece.
                    None => rows.take(at, &rows.file.read(at, MAX_HEAD)),
                };
                if next >= end {
                    break;
                }
            }
            progress(end);
            // A seal may begin in the last bytes of the piece.
            let overlap = if end < length { MAGIC_BYTES as u64 - 1 } else { 0 };
            start = next.max(end - overlap);
        }
        rows
    }

    /// Takes the row at this position, if there is one; `head` are the bytes from there. Returns
    /// where to look on: what lies in a row is its content, also if that looks like a row.
    fn take(&mut self, at: u64, head: &[u8]) -> u64 {
        let seal = Seal::read(head).filter(|seal| seal.length <= most_bytes(seal.kind));
        let Some((seal, name)) = seal.and_then(|seal| Some((seal, RowName::of(&seal)?))) else {
            return at + 1;
        };
        let content_at = at + seal.content_at() as u64;
        let Some(is_whole) = self.is_whole(content_at, &seal) else { return at + 1 };
        let Seal { revision, length, .. } = seal;
        let place = RowPlace { at, revision, length, is_whole };
        let is_better = match self.places.get(&name) {
            Some(other) => place.is_better_than(other),
            None => self.has_room(),
        };
        if is_better {
            self.places.insert(name, place);
        }
        if is_whole { content_at + length as u64 } else { at + 1 }
    }

    /// Whether the content at this position has its checksum; `None` if it is not read any more.
    /// Such a row is not remembered, so what is read of damaged rows later has the same bound.
    fn is_whole(&mut self, content_at: u64, seal: &Seal<'_>) -> Option<bool> {
        let left = self.left_in_vain.checked_sub(seal.length as u64)?;
        let is_whole = self.file.checksum(content_at, seal.length) == Some(seal.checksum);
        if !is_whole {
            self.left_in_vain = left;
        }
        Some(is_whole)
    }

    fn has_room(&self) -> bool {
        let most = FEW_ROWS.max(self.file.length / BYTES_FOR_A_ROW);
        (self.places.len() as u64) < most
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The galleries that have rows.
    pub(super) fn galleries(&self) -> Vec<u128> {
        let mut galleries: Vec<u128> = Vec::new();
        for name in self.places.keys() {
            if galleries.last() != Some(&name.gallery) {
                galleries.push(name.gallery);
            }
        }
        galleries
    }

    /// The rows of a gallery in a table that has no spaces, by the ids of what they are about.
    pub(super) fn of(&self, gallery: u128, kind: Kind) -> impl Iterator<Item = (u128, RowPlace)> {
        let first = RowName::new(gallery, kind, 0);
        let last = RowName { id: u128::MAX, ..first };
        self.places.range(first..=last).map(|(name, place)| (name.id, *place))
    }

    /// One of them.
    pub(super) fn get(&self, gallery: u128, kind: Kind, id: u128) -> Option<RowPlace> {
        self.places.get(&RowName::new(gallery, kind, id)).copied()
    }

    /// The embeddings of a gallery in a space, by the changes that enrolled them.
    pub(super) fn of_space(
        &self,
        gallery: u128,
        space: u64,
    ) -> impl Iterator<Item = (u128, RowPlace)> {
        let first = RowName { space, ..RowName::new(gallery, Kind::Embeddings, 0) };
        let last = RowName { id: u128::MAX, ..first };
        self.places.range(first..=last).map(|(name, place)| (name.id, *place))
    }

    /// The embeddings of a change in a space.
    pub(super) fn embeddings(&self, gallery: u128, space: u64, change: u128) -> Option<RowPlace> {
        let name = RowName::new(gallery, Kind::Embeddings, change);
        self.places.get(&RowName { space, ..name }).copied()
    }

    /// The file, from which places are read.
    pub(super) fn file(&self) -> &Damaged {
        &self.file
    }
}

fn to_index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The content of a row, and what of it is whole.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    is_whole: bool,
    whole_parts: Vec<bool>,
}

impl Content {
    /// Whether these bytes of it are as they were written.
    pub(super) fn has(&self, bytes: &Range<usize>) -> bool {
        let mut parts = bytes.start / PART_BYTES..bytes.end.div_ceil(PART_BYTES);
        self.is_whole || parts.all(|part| self.whole_parts.get(part) == Some(&true))
    }
}

impl Damaged {
    /// The content of a row; empty if its seal cannot be read any more.
    pub(super) fn content(&self, place: RowPlace) -> Content {
        let head = self.read(place.at, MAX_HEAD);
        let Some(seal) = Seal::read(&head).filter(|seal| seal.length == place.length) else {
            return Content::default();
        };
        let content_at = seal.content_at();
        let row = self.read(place.at, content_at + seal.length);
        let whole_parts = seal.whole_parts(&row);
        let mut bytes = row.get(content_at..).unwrap_or_default().to_vec();
        // A disk that fails may give other bytes the second time.
        let is_whole = place.is_whole && crc32fast::hash(&bytes) == seal.checksum;
        // The places of embeddings follow from the length, also in a file that was cut.
        bytes.resize(seal.length, 0);
        Content { bytes, is_whole, whole_parts }
    }

    /// The content of a row that is whole.
    pub(super) fn whole(&self, place: RowPlace) -> Option<Vec<u8>> {
        if !place.is_whole {
            return None;
        }
        let content = self.content(place);
        content.is_whole.then_some(content.bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn scanned(bytes: &[u8]) -> Rows {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        fs::write(&path, bytes).unwrap();
        Rows::scan(Damaged::new(File::open(&path).unwrap()).unwrap(), &mut |_| {})
    }

    #[test]
    fn rows_are_found_by_their_space_across_pieces() {
        let mut bytes = vec![0; PIECE_BYTES - 30];
        for space in [1_u64, 2, u64::MAX] {
            bytes.extend(seal::sealed(Kind::Embeddings, &(7_u128, space, 8_u128), space, b"row"));
        }
        bytes.extend(seal::sealed(Kind::Images, &(7_u128, 8_u128), 5, &vec![9; 3 * PIECE_BYTES]));
        let rows = scanned(&bytes);
        assert_eq!(rows.galleries(), [7]);
        let found: Vec<_> = rows.of_space(7, 2).map(|(id, place)| (id, place.revision)).collect();
        assert_eq!(found, [(8, 2)]);
        let last = rows.embeddings(7, u64::MAX, 8).unwrap();
        assert_eq!(rows.file().whole(last).unwrap(), b"row");
        assert!(rows.embeddings(7, 3, 8).is_none() && rows.embeddings(7, 1, 7).is_none());
        let images: Vec<_> = rows.of(7, Kind::Images).collect();
        assert_eq!((images.len(), images[0].1.is_whole), (1, true));
        assert_eq!(images[0].1.length, 3 * PIECE_BYTES);
    }

    /// Each row claims nearly all of the file: its square would be read without a limit.
    #[test]
    fn rows_that_overlap_are_not_read_without_end() {
        let content = vec![0_u8; PIECE_BYTES];
        let mut bytes = Vec::new();
        for id in 0..100_u128 {
            let row = seal::sealed(Kind::Images, &(1_u128, id), 3, &content);
            bytes.extend(&row[..row.len() - content.len()]);
        }
        bytes.resize(bytes.len() + 2 * PIECE_BYTES, 1);
        let rows = scanned(&bytes);
        assert!(rows.left_in_vain < PIECE_BYTES as u64, "{} are left", rows.left_in_vain);
        let lengths = rows.of(1, Kind::Images).map(|(_, place)| {
            assert!(!place.is_whole);
            place.length as u64
        });
        assert!(lengths.sum::<u64>() <= READ_IN_VAIN * bytes.len() as u64);
    }
}
