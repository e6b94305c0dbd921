//! The seal of a row: the bytes in front of its content in the file of a store.
//!
//! A seal names the table and the key of its row and has checksums of both and of the content. So a
//! row that is read is the one that was written, and a scan of a damaged file finds rows whatever
//! is left of the tree of pages around them: redb writes a value in one piece, wherever its page
//! lies.
//!
//! ```text
//! 8 bytes  the same in every seal
//! u8       the table
//! u8       length of the key
//! u64      the revision of the gallery with which the row was written
//! u32      length of the content
//! u32      CRC-32 of the content
//! key      its numbers one after the other
//! u32      CRC-32 of all of the above
//! u32 ...  embeddings only: CRC-32 of each 256 bytes of the content
//! content
//! ```
//!
//! Numbers are little-endian. The last checksums are there because a row of embeddings is larger
//! than a page of the file: of a row that is damaged in one page the other embeddings are read.
//! They begin with the checksum of the seal and the number of the part, so the bytes of another row
//! do not fit.

use std::fmt;

use crc32fast::Hasher;

/// The beginning of every seal. Its first byte is rare in text and in images.
const MAGIC: [u8; 8] = [0xF5, 0x48, 0x1A, 0x72, 0x6F, 0x77, 0xC3, 0x0A];

/// The bytes that are searched at once.
const STEP: usize = 128;

/// The bytes before the key.
const FIXED: usize = 26;

/// The bytes of a checksum.
const SUM: usize = 4;

/// The bytes of content that have a checksum of their own, in the table of embeddings.
pub(in crate::gallery) const PART_BYTES: usize = 256;

/// The most bytes of a seal up to and including its own checksum.
pub(in crate::gallery) const MAX_HEAD: usize = FIXED + u8::MAX as usize + SUM;

/// The bytes that must follow a position for a seal to begin there.
pub(in crate::gallery) const MAGIC_BYTES: usize = MAGIC.len();

/// The tables whose rows have seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::gallery) enum Kind {
    Gallery,
    Journal,
    Embeddings,
    Images,
    Classes,
    Examples,
}

const KINDS: [(u8, Kind); 6] = [
    (1, Kind::Gallery),
    (2, Kind::Journal),
    (3, Kind::Embeddings),
    (4, Kind::Images),
    (5, Kind::Classes),
    (6, Kind::Examples),
];

impl Kind {
    fn tag(self) -> u8 {
        let found = KINDS.into_iter().find(|(_, kind)| *kind == self);
        found.map(|(tag, _)| tag).expect("invariant: every kind has a tag")
    }

    fn of(tag: u8) -> Option<Self> {
        KINDS.into_iter().find(|(known, _)| *known == tag).map(|(_, kind)| kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gallery => "galleries",
            Self::Journal => "journal",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Classes => "classes",
            Self::Examples => "examples",
        })
    }
}

/// A key of a table: its first number is the gallery, its last one what the row is about.
pub(in crate::gallery) trait SealKey {
    /// Its numbers, one after the other.
    fn bytes(&self) -> Vec<u8>;
}

impl SealKey for u128 {
    fn bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }
}

impl SealKey for (u128, u128) {
    fn bytes(&self) -> Vec<u8> {
        [self.0.to_le_bytes(), self.1.to_le_bytes()].concat()
    }
}

impl SealKey for (u128, u64, u128) {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.to_le_bytes().to_vec();
        bytes.extend(self.1.to_le_bytes());
        bytes.extend(self.2.to_le_bytes());
        bytes
    }
}

impl SealKey for (u128, u64, u16, u128, u128) {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.to_le_bytes().to_vec();
        bytes.extend(self.1.to_le_bytes());
        bytes.extend(self.2.to_le_bytes());
        bytes.extend(self.3.to_le_bytes());
        bytes.extend(self.4.to_le_bytes());
        bytes
    }
}

/// The content of a row behind its seal.
pub(in crate::gallery) fn sealed(
    kind: Kind,
    key: &impl SealKey,
    revision: u64,
    content: &[u8],
) -> Vec<u8> {
    let key = key.bytes();
    let key_length = u8::try_from(key.len()).expect("invariant: keys have at most 58 bytes");
    let length = u32::try_from(content.len()).expect("invariant: rows are smaller than 4 GiB");
    let mut bytes = Vec::with_capacity(FIXED + key.len() + SUM + content.len());
    bytes.extend(MAGIC);
    bytes.push(kind.tag());
    bytes.push(key_length);
    bytes.extend(revision.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(crc32fast::hash(content).to_le_bytes());
    bytes.extend(key);
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    if kind == Kind::Embeddings {
        for (at, part) in (0..).zip(content.chunks(PART_BYTES)) {
            bytes.extend(sum_of_part(sum, at, part).to_le_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

/// The content of a row that was read at its key.
///
/// # Errors
/// What is wrong, in a few words.
pub(in crate::gallery) fn unsealed<'a>(
    kind: Kind,
    key: &impl SealKey,
    row: &'a [u8],
) -> Result<&'a [u8], String> {
    let seal = seal_of(kind, key, row)?;
    let content = &row[seal.content_at()..];
    if crc32fast::hash(content) == seal.checksum { Ok(content) } else { Err(damaged(kind)) }
}

/// The number of bytes of that content, which is not read.
///
/// # Errors
/// What is wrong, in a few words.
pub(in crate::gallery) fn content_length(
    kind: Kind,
    key: &impl SealKey,
    row: &[u8],
) -> Result<usize, String> {
    seal_of(kind, key, row).map(|seal| seal.length)
}

/// The seal of a row that ends with its content.
fn seal_of<'a>(kind: Kind, key: &impl SealKey, row: &'a [u8]) -> Result<Seal<'a>, String> {
    let seal = Seal::read(row).filter(|seal| seal.kind == kind && seal.key == key.bytes());
    let seal = seal.filter(|seal| row.len().checked_sub(seal.content_at()) == Some(seal.length));
    seal.ok_or_else(|| damaged(kind))
}

fn damaged(kind: Kind) -> String {
    format!("a row of `{kind}` does not have its checksum")
}

/// Where the next seal may begin.
pub(in crate::gallery) fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += first_of_magic(bytes.get(at..)?)?;
        if bytes[at..].starts_with(&MAGIC) {
            return Some(at);
        }
        at += 1;
    }
}

/// Where the first byte of a seal may be. `contains` looks at several bytes at once, which a search
/// for a position does not: the file has gigabytes.
fn first_of_magic(bytes: &[u8]) -> Option<usize> {
    let step = bytes.chunks(STEP).position(|some| some.contains(&MAGIC[0]))?;
    let start = step * STEP;
    let within = bytes[start..].iter().position(|byte| *byte == MAGIC[0])?;
    Some(start + within)
}

/// The seal of a row that may lie anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gallery) struct Seal<'a> {
    pub(in crate::gallery) kind: Kind,
    pub(in crate::gallery) key: &'a [u8],
    pub(in crate::gallery) revision: u64,
    /// Of the content, in bytes.
    pub(in crate::gallery) length: usize,
    /// Of the content.
    pub(in crate::gallery) checksum: u32,
    /// Of the seal.
    sum: u32,
}

impl<'a> Seal<'a> {
    /// The seal that begins the bytes; `None` if there is none, or if it is damaged.
    pub(in crate::gallery) fn read(bytes: &'a [u8]) -> Option<Self> {
        let fixed = bytes.get(..FIXED)?;
        if !fixed.starts_with(&MAGIC) {
            return None;
        }
        let end = FIXED + usize::from(fixed[9]);
        let sum = crc32fast::hash(bytes.get(..end)?);
        if number(bytes, end)? != sum {
            return None;
        }
        let revision = bytes.get(10..18)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))?;
        Some(Self {
            kind: Kind::of(fixed[8])?,
            key: &bytes[FIXED..end],
            revision,
            length: usize::try_from(number(bytes, 18)?).ok()?,
            checksum: number(bytes, 22)?,
            sum,
        })
    }

    /// Where the content begins, from the beginning of the seal.
    pub(in crate::gallery) fn content_at(&self) -> usize {
        self.sums_at() + SUM * self.n_parts()
    }

    /// Which parts of the content are whole; `row` begins with the seal.
    pub(in crate::gallery) fn whole_parts(&self, row: &[u8]) -> Vec<bool> {
        let content = row.get(self.content_at()..).unwrap_or_default();
        let content = &content[..content.len().min(self.length)];
        let parts = content.chunks(PART_BYTES).take(self.n_parts());
        let parts = (0_u32..).zip(parts).map(|(at, part)| {
            let stated = number(row, self.sums_at() + SUM * at as usize);
            stated == Some(sum_of_part(self.sum, at, part))
        });
        parts.collect()
    }

    fn sums_at(&self) -> usize {
        FIXED + self.key.len() + SUM
    }

    fn n_parts(&self) -> usize {
        if self.kind == Kind::Embeddings { self.length.div_ceil(PART_BYTES) } else { 0 }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// Every part of every row has another beginning.
fn sum_of_part(seal: u32, at: u32, part: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seal.wrapping_add(at));
    hasher.update(part);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: (u128, u128) = (7, 9);

    fn content() -> Vec<u8> {
        (0..600_u32).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_row_comes_back_only_at_its_key_and_whole() {
        let content = content();
        let row = sealed(Kind::Images, &KEY, 3, &content);
        assert_eq!(unsealed(Kind::Images, &KEY, &row), Ok(&content[..]));
        assert!(unsealed(Kind::Classes, &KEY, &row).is_err());
        assert!(unsealed(Kind::Images, &(7_u128, 8_u128), &row).is_err());
        let empty = sealed(Kind::Classes, &KEY, 3, &[]);
        assert_eq!(unsealed(Kind::Classes, &KEY, &empty), Ok(&[][..]));
        for at in 0..row.len() {
            let mut damaged = row.clone();
            damaged[at] ^= 0x10;
            let error = unsealed(Kind::Images, &KEY, &damaged).unwrap_err();
            assert!(error.contains("`images`"), "{at}: {error}");
            assert!(unsealed(Kind::Images, &KEY, &row[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_seal_is_found_where_it_lies() {
        let mut bytes = vec![MAGIC[0]; 100];
        let row = sealed(Kind::Journal, &(1_u128, 2_u64, 3_u16, 4_u128, 5_u128), 6, b"change");
        bytes.extend(&row);
        assert_eq!(find(&bytes, 0), Some(100));
        assert_eq!(find(&bytes, 101), None);
        assert_eq!(find(&bytes, 1000), None);
        let far = [vec![7; 3 * STEP - 1], row.clone()].concat();
        assert_eq!(
            (find(&far, 0), find(&far, 2 * STEP + 1)),
            (Some(3 * STEP - 1), Some(3 * STEP - 1))
        );
        let seal = Seal::read(&bytes[100..]).unwrap();
        assert_eq!((seal.kind, seal.revision, seal.length), (Kind::Journal, 6, 6));
        assert_eq!((seal.key.len(), &seal.key[42..]), (58, &5_u128.to_le_bytes()[..]));
        assert_eq!(&bytes[100 + seal.content_at()..], b"change");
        assert_eq!(Seal::read(&bytes), None);
    }

    #[test]
    fn the_parts_of_a_row_are_checked_one_by_one() {
        let mut row = sealed(Kind::Embeddings, &KEY, 3, &content());
        let at = Seal::read(&row).unwrap().content_at();
        assert_eq!(Seal::read(&row).unwrap().whole_parts(&row), [true; 3]);
        row[at + PART_BYTES] ^= 1;
        assert_eq!(Seal::read(&row).unwrap().whole_parts(&row), [true, false, true]);
        assert!(unsealed(Kind::Embeddings, &KEY, &row).is_err());
        // The same bytes at another place of the row, or in another row, are not whole.
        let other = sealed(Kind::Embeddings, &(7_u128, 8_u128), 3, &content());
        row[at..].copy_from_slice(&other[at..]);
        row[at - 3 * SUM..at].copy_from_slice(&other[at - 3 * SUM..at]);
        assert_eq!(Seal::read(&row).unwrap().whole_parts(&row), [false; 3]);
    }
}
