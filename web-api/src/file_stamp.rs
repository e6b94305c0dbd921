//! How a file that was replaced is told from the one before, without reading it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// What shows that a file is another one than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStamp {
    /// There is none.
    Absent,
    /// There is one.
    File {
        /// When it was written; `None` if the system does not state it.
        modified: Option<SystemTime>,
        /// Its bytes.
        length: u64,
        /// A file that takes the place of another one has another inode.
        inode: u64,
    },
    /// It cannot be looked at, for this reason.
    Failed(ErrorKind),
}

impl FileStamp {
    /// That of the file at this path, or of the file that a link there leads to.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => Self::File {
                modified: found.modified().ok(),
                length: found.len(),
                inode: found.ino(),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Absent,
            Err(error) => Self::Failed(error.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_in_place_of_another_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert_eq!(FileStamp::of(&path), FileStamp::Absent);
        fs::write(&path, "1").unwrap();
        let first = FileStamp::of(&path);
        assert_eq!(FileStamp::of(&path), first);
        let next = folder.path().join("next");
        fs::write(&next, "2").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_ne!(FileStamp::of(&path), first);
        assert!(matches!(FileStamp::of(&path.join("below")), FileStamp::Failed(_)));
    }
}
