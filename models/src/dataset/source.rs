//! Where the bytes of images are: in files of a folder, or in memory.

use std::fmt;
use std::path::PathBuf;

/// Where images are read from.
pub(super) enum Source {
    /// The files of a folder.
    Folder(PathBuf),
    /// The kept files of an archive, one after the other.
    Archive(Vec<u8>),
    /// CIFAR-100's records, and whatever else its archive holds.
    Records(Vec<u8>),
}

// Derived, it would print every byte.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => write!(f, "Folder({})", root.display()),
            Self::Archive(bytes) => write!(f, "Archive({} bytes)", bytes.len()),
            Self::Records(bytes) => write!(f, "Records({} bytes)", bytes.len()),
        }
    }
}

/// Where a file's bytes are in memory, and how many they are. In a folder only the number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) bytes: u64,
}

impl Place {
    /// The bytes at this place; none if `memory` does not reach so far.
    pub(super) fn of<'a>(&self, memory: &'a [u8]) -> &'a [u8] {
        // Callers may ask for an image of another data set: that must not panic.
        memory
            .get(self.offset..)
            .and_then(|tail| tail.get(..self.bytes as usize))
            .unwrap_or_default()
    }

    /// The `bytes` bytes from `first` on, which must lie in this place.
    pub(super) fn part(&self, first: usize, bytes: usize) -> Self {
        Self { offset: self.offset + first, bytes: bytes as u64 }
    }
}

/// An image of a data set, not yet read.
// The path stands first: images are sorted by it, and episodes are drawn from that order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRef {
    pub(super) path: String,
    pub(super) place: Place,
}

impl ImageRef {
    /// The path within the data set, with `/` between its parts.
    pub fn path(&self) -> &str {
        &self.path
    }
}
