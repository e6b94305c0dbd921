//! The zip container of PyTorch files. Entries are stored uncompressed, so each is a slice of the
//! file.

use std::collections::BTreeMap;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const CENTRAL_BYTES: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
const ENCRYPTED: u16 = 1;
/// Field values that refer to a zip64 record.
const IN_ZIP64: (u16, u32) = (u16::MAX, u32::MAX);

/// Why a zip file is not one of `torch.save`.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A part is cut off or invalid.
    #[error("not a whole zip file ({what}): it is cut short or damaged; copy or download it again")]
    Damaged {
        /// The part.
        what: &'static str,
    },
    /// An entry is compressed or encrypted.
    #[error("the entry `{name}` is compressed or encrypted; expected it stored as torch.save does")]
    NotStored {
        /// The entry's name.
        name: String,
    },
    /// The checksum of an entry does not match.
    #[error(
        "the entry `{name}` has the checksum {got:08x}, expected {expected:08x}: the file is damaged; copy or download it again"
    )]
    Checksum {
        /// The entry's name.
        name: String,
        /// The checksum in the file.
        expected: u32,
        /// The checksum of the bytes.
        got: u32,
    },
    /// Two entries with the same name.
    #[error("the zip file has two entries named `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
    /// The file needs zip64.
    #[error("the zip file needs zip64 (65,535 entries or 4 GiB, or more), which is not supported")]
    Zip64,
    /// A missing entry.
    #[error("the zip file has no entry `{name}`; expected what torch.save writes")]
    Missing {
        /// The entry's name.
        name: String,
    },
}

/// The entries of a zip file, by name; all bounds and checksums are checked.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    entries: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads the central directory. Nothing is copied.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        let end = find_end(bytes).ok_or(damaged("no directory at its end"))?;
        let count = u16_at(bytes, end + 10).ok_or(damaged("directory"))?;
        let mut at = u32_at(bytes, end + 16).ok_or(damaged("directory"))?;
        if (count, at) == IN_ZIP64 || count == IN_ZIP64.0 || at == IN_ZIP64.1 {
            return Err(ArchiveError::Zip64);
        }
        let mut entries = BTreeMap::new();
        // Valid entries do not overlap. Without this check, a small file could cause endless
        // checksums.
        let mut unclaimed = bytes.len();
        for _ in 0..count {
            let (entry, next) = Entry::parse(bytes, at as usize)?;
            unclaimed =
                unclaimed.checked_sub(entry.data.len()).ok_or(damaged("entries overlap"))?;
            // Checked for every entry here, so that all later reads are of undamaged bytes.
            entry.check()?;
            // Programs disagree about which of two entries of one name counts.
            if entries.insert(entry.name, entry.data).is_some() {
                return Err(ArchiveError::Twice { name: entry.name.to_owned() });
            }
            at = next;
        }
        Ok(Self { entries })
    }

    /// The folder of all entries, with its slash: the name of the saved file.
    pub(super) fn root(&self) -> Result<&'a str, ArchiveError> {
        // torch.save names the folder after the file as it was saved, which may have been renamed
        // since.
        let mut roots = self.entries.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        roots
            .find(|root| root.ends_with('/'))
            .ok_or_else(|| ArchiveError::Missing { name: "*/data.pkl".to_owned() })
    }

    /// An entry's bytes.
    pub(super) fn entry(&self, name: &str) -> Result<&'a [u8], ArchiveError> {
        let data = self.entries.get(name).copied();
        data.ok_or_else(|| ArchiveError::Missing { name: name.to_owned() })
    }
}

/// The names of the entries, packed or not, without a look at their data; `None` if the directory
/// is damaged.
pub(super) fn entry_names(bytes: &[u8]) -> Option<Vec<&str>> {
    let end = find_end(bytes)?;
    let mut at = u32_at(bytes, end + 16)? as usize;
    let mut names = Vec::new();
    for _ in 0..u16_at(bytes, end + 10)? {
        if array_at(bytes, at)? != CENTRAL {
            return None;
        }
        let name_end = at + CENTRAL_BYTES + usize::from(u16_at(bytes, at + 28)?);
        names.push(std::str::from_utf8(bytes.get(at + CENTRAL_BYTES..name_end)?).ok()?);
        at = name_end + usize::from(u16_at(bytes, at + 30)?) + usize::from(u16_at(bytes, at + 32)?);
    }
    Some(names)
}

struct Entry<'a> {
    name: &'a str,
    data: &'a [u8],
    checksum: u32,
    is_stored: bool,
}

impl<'a> Entry<'a> {
    /// The entry with the central header at `at`, and the position of the next header.
    fn parse(bytes: &'a [u8], at: usize) -> Result<(Self, u32), ArchiveError> {
        Self::parts(bytes, at).ok_or(damaged("an entry of the directory"))?
    }

    /// `None` if a part lies outside the file.
    fn parts(bytes: &'a [u8], at: usize) -> Option<Result<(Self, u32), ArchiveError>> {
        if array_at(bytes, at)? != CENTRAL {
            return None;
        }
        let flags = u16_at(bytes, at + 8)?;
        let method = u16_at(bytes, at + 10)?;
        let stored = u32_at(bytes, at + 20)?;
        let size = u32_at(bytes, at + 24)?;
        let local = u32_at(bytes, at + 42)?;
        if [stored, size, local].contains(&IN_ZIP64.1) {
            return Some(Err(ArchiveError::Zip64));
        }
        let name_bytes = usize::from(u16_at(bytes, at + 28)?);
        let name_end = at + CENTRAL_BYTES + name_bytes;
        let entry = Self {
            name: std::str::from_utf8(bytes.get(at + CENTRAL_BYTES..name_end)?).ok()?,
            data: local_data(bytes, local as usize, stored as usize)?,
            checksum: u32_at(bytes, at + 16)?,
            is_stored: method == 0 && flags & ENCRYPTED == 0 && stored == size,
        };
        let extra = u16_at(bytes, at + 30)?;
        let comment = u16_at(bytes, at + 32)?;
        let next = name_end + usize::from(extra) + usize::from(comment);
        Some(Ok((entry, u32::try_from(next).ok()?)))
    }

    fn check(&self) -> Result<(), ArchiveError> {
        if !self.is_stored {
            return Err(ArchiveError::NotStored { name: self.name.to_owned() });
        }
        let got = crc32fast::hash(self.data);
        if got == self.checksum {
            return Ok(());
        }
        Err(ArchiveError::Checksum { name: self.name.to_owned(), expected: self.checksum, got })
    }
}

/// The bytes after a local header, which has its own lengths of name and padding.
fn local_data(bytes: &[u8], at: usize, size: usize) -> Option<&[u8]> {
    if array_at(bytes, at)? != LOCAL {
        return None;
    }
    let name = u16_at(bytes, at + 26)?;
    let extra = u16_at(bytes, at + 28)?;
    let start = at + LOCAL_BYTES + usize::from(name) + usize::from(extra);
    bytes.get(start..start.checked_add(size)?)
}

/// The position of the end record: the last one whose comment ends exactly at the end of the file.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    // A comment may contain the signature, so its length must match too.
    (first..=last).rev().find(|&at| {
        let comment = u16_at(bytes, at + 20).map(usize::from);
        array_at(bytes, at) == Some(END) && comment == Some(last - at)
    })
}

fn damaged(what: &'static str) -> ArchiveError {
    ArchiveError::Damaged { what }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}
