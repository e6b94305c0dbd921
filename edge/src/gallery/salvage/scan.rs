//! Finds rows in a file whatever is left of its structure: by their [seals](Seal), which may lie at
//! any byte.
//!
//! Pages that are free still hold rows of former transactions. They are genuine too: rows of the
//! journal, embeddings and images are written once, and of rows that are written again the one with
//! the greatest revision counts.
//!
//! The file is read in pieces and never held: what is kept of a row is where it lies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::gallery::store::seal::{self, Kind, MAGIC_BYTES, MAX_HEAD, PART_BYTES, Seal};

/// What is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// What cannot be read from the disk is left out in pieces of this size.
const BLOCK_BYTES: usize = 4096;

/// The most bytes of a row: those of the largest image.
const MAX_ROW_BYTES: usize = 256 << 20;

/// The file that is scanned; it is only read.
#[derive(Debug, Clone)]
pub(super) struct Damaged {
    file: Arc<File>,
    length: u64,
}

impl Damaged {
    pub(super) fn new(file: File) -> std::io::Result<Self> {
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
    id: u128,
}

impl RowName {
    fn of(seal: &Seal<'_>) -> Option<Self> {
        let gallery = seal.key.first_chunk().map(|first| u128::from_le_bytes(*first))?;
        let id = seal.key.last_chunk().map(|last| u128::from_le_bytes(*last))?;
        Some(Self { gallery, kind: seal.kind, id })
    }
}

/// Where a row lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    /// The beginning of its seal.
    at: u64,
    revision: u64,
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
}

impl Rows {
    /// Scans the whole file; `progress` is told how many bytes of it are done.
    pub(super) fn scan(file: Damaged, progress: &mut dyn FnMut(u64)) -> Self {
        let length = file.length;
        let mut rows = Self { file, places: BTreeMap::new() };
        let mut start = 0;
        while start < length {
            let piece = rows.file.read(start, PIECE_BYTES);
            let end = start + piece.len() as u64;
            let mut next = start;
            while let Some(found) = seal::find(&piece, to_index(next - start)) {
                next = rows.take(start + found as u64);
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

    /// Takes the row at this position, if there is one. Returns where to look on: what lies in a
    /// row is its content, also if that looks like a row.
    fn take(&mut self, at: u64) -> u64 {
        let head = self.file.read(at, MAX_HEAD);
        let seal = Seal::read(&head).filter(|seal| seal.length <= MAX_ROW_BYTES);
        let Some((seal, name)) = seal.and_then(|seal| Some((seal, RowName::of(&seal)?))) else {
            return at + 1;
        };
        let content_at = at + seal.content_at() as u64;
        let is_whole = self.file.checksum(content_at, seal.length) == Some(seal.checksum);
        let place = RowPlace { at, revision: seal.revision, is_whole };
        if self.places.get(&name).is_none_or(|other| place.is_better_than(other)) {
            self.places.insert(name, place);
        }
        if is_whole { content_at + seal.length as u64 } else { at + 1 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The galleries that have rows.
    pub(super) fn galleries(&self) -> Vec<u128> {
        let mut galleries: Vec<u128> = self.places.keys().map(|name| name.gallery).collect();
        galleries.dedup();
        galleries
    }

    /// The rows of a gallery in a table, by the ids of what they are about.
    pub(super) fn of(&self, gallery: u128, kind: Kind) -> impl Iterator<Item = (u128, RowPlace)> {
        let first = RowName { gallery, kind, id: 0 };
        let last = RowName { id: u128::MAX, ..first };
        self.places.range(first..=last).map(|(name, place)| (name.id, *place))
    }

    /// One of them.
    pub(super) fn get(&self, gallery: u128, kind: Kind, id: u128) -> Option<RowPlace> {
        self.places.get(&RowName { gallery, kind, id }).copied()
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
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    is_whole: bool,
    whole_parts: Vec<bool>,
}

impl Content {
    /// Whether these bytes of it are as they were written.
    pub(super) fn has(&self, bytes: std::ops::Range<usize>) -> bool {
        if self.is_whole {
            return bytes.end <= self.bytes.len();
        }
        let parts = bytes.start / PART_BYTES..bytes.end.div_ceil(PART_BYTES);
        parts.into_iter().all(|part| self.whole_parts.get(part) == Some(&true))
    }
}

impl Damaged {
    /// The content of a row; empty if it cannot be read any more.
    pub(super) fn content(&self, place: RowPlace) -> Content {
        let head = self.read(place.at, MAX_HEAD);
        let Some(seal) = Seal::read(&head) else {
            return Content { bytes: Vec::new(), is_whole: false, whole_parts: Vec::new() };
        };
        let content_at = seal.content_at();
        let row = self.read(place.at, content_at.saturating_add(seal.length));
        let whole_parts = if place.is_whole { Vec::new() } else { seal.whole_parts(&row) };
        let mut bytes = row.get(content_at..).unwrap_or_default().to_vec();
        // The number of embeddings and their places follow from the length.
        bytes.resize(seal.length, 0);
        Content { bytes, is_whole: place.is_whole, whole_parts }
    }

    /// The content of a row that is whole.
    pub(super) fn whole(&self, place: RowPlace) -> Option<Vec<u8>> {
        let found = place.is_whole.then(|| self.content(place).bytes);
        found
    }
}
