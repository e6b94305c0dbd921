//! The only module of this crate that opens files. Reads are bounded, and a written file appears
//! whole or not at all.

pub mod folder;
pub mod private;
pub mod replacement;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::fault::{Blame, Fault};

/// What was done to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Its kind and size were read.
    LookAt,
    /// It was opened to be read.
    Open,
    /// Its bytes were read.
    Read,
    /// The entries of a folder were read.
    List,
    /// A folder was made.
    Create,
    /// A file was written, or a folder with its files.
    Write,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LookAt => "look at",
            Self::Open => "open",
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Write => "write",
        })
    }
}

/// A failed file operation: what was tried, where, and why it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The operating system refused.
    #[error("cannot {action} {}: {}", path.display(), reason(source))]
    Io {
        /// What was tried.
        action: Action,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file is larger than this kind of file may be.
    #[error("{} is larger than the {limit} bytes allowed for such a file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
}

impl Fault for DiskError {
    fn blame(&self) -> Blame {
        match self {
            Self::Io { action: Action::Create | Action::Write, .. } => Blame::Machine,
            // A user named the file: it is missing, or not readable for this user.
            Self::Io { .. } | Self::TooLarge { .. } => Blame::Input,
        }
    }
}

impl DiskError {
    fn io(action: Action, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// The error without the path, for a line that names it already.
    pub fn without_path(&self) -> String {
        match self {
            Self::Io { action, source, .. } => format!("cannot {action} it: {}", reason(source)),
            Self::TooLarge { limit, .. } => {
                format!("it is larger than the {limit} bytes allowed for such a file")
            }
        }
    }

    /// The file or folder that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::TooLarge { path, .. } => path,
        }
    }
}

/// What the operating system says, without the number of the error.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

/// Reads a whole file of at most `max_bytes`. A larger file takes no more memory than that.
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
    let file = File::open(path).map_err(DiskError::io(Action::Open, path))?;
    let mut bytes = Vec::new();
    // One byte more shows that a file is too large. A length read before could change meanwhile.
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(DiskError::io(Action::Read, path))?;
    if bytes.len() as u64 > max_bytes {
        return Err(DiskError::TooLarge { path: path.to_owned(), limit: max_bytes });
    }
    Ok(bytes)
}

/// Writes a file so that a reader sees the old bytes or the new ones, never a mixture, also after a
/// power cut. A temporary file in the same folder is synced and renamed over `path`; then the
/// folder is synced.
///
/// If `path` exists and is no regular file (`/dev/null`, a pipe), the bytes are written into it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return fs::write(path, bytes).map_err(DiskError::io(Action::Write, path));
    }
    let folder = parent(path);
    let temporary = temporary(path);
    let result = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to report; a leftover file does no harm.
        let _ = fs::remove_file(&temporary);
    }
    // The new name is durable only when the folder is synced too.
    result.and_then(|()| sync_folder(folder)).map_err(DiskError::io(Action::Write, path))
}

/// Where the bytes of a file are written before they are put in its place.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The process is part of the name, so that two programs do not write one temporary file.
    parent(path).join(format!(".{name}.{}.tmp", std::process::id()))
}

/// The folder of a path; that of a bare name is the current folder.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder, and the folders above it if they are missing.
pub fn create_folder(folder: &Path) -> Result<(), DiskError> {
    fs::create_dir_all(folder).map_err(DiskError::io(Action::Create, folder))
}

/// The entries of a folder, sorted by the bytes of their names.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    list_first(folder, usize::MAX)
}

/// At most `most` entries of a folder, those that the system lists first, sorted by the bytes of
/// their names. With one more than allowed a caller bounds its memory in a folder of millions.
pub fn list_first(folder: &Path, most: usize) -> Result<Vec<PathBuf>, DiskError> {
    let entries = fs::read_dir(folder).map_err(DiskError::io(Action::List, folder))?;
    let mut paths: Vec<PathBuf> = entries
        .take(most)
        .map(|entry| entry.map(|e| e.path()))
        .collect::<io::Result<_>>()
        .map_err(DiskError::io(Action::List, folder))?;
    // The system lists entries in any order; sorted, runs on other machines see the same.
    paths.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_read_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write(&path, &[1, 2, 3]).unwrap();
        assert_eq!(read(&path, 3).unwrap(), [1, 2, 3]);
        assert!(matches!(read(&path, 2), Err(DiskError::TooLarge { limit: 2, .. })));
    }

    #[test]
    fn a_missing_file_is_named_once_and_without_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone");
        let error = read(&path, 3).unwrap_err();
        let place = path.display();
        assert_eq!(error.to_string(), format!("cannot open {place}: No such file or directory"));
        assert_eq!(error.without_path(), "cannot open it: No such file or directory");
    }

    #[test]
    fn a_write_replaces_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"new");
        assert_eq!(list(folder.path()).unwrap(), [path]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        write(&path, b"gone").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_failed_write_names_the_file_and_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("occupied");
        fs::create_dir(&path).unwrap();
        let error = write(&path, b"x").unwrap_err();
        assert_eq!(error.path(), path);
        assert_eq!(error.blame(), Blame::Machine);
        assert_eq!(list(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_fault_of_the_input() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        write(&file, b"x").unwrap();
        let error = create_folder(&file.join("below")).unwrap_err();
        assert_eq!(error.blame(), Blame::Machine, "{error}");
        let error = folder::replace(&file.join("below/new"), &[]).unwrap_err();
        assert_eq!(error.blame(), Blame::Machine, "{error}");
        assert_eq!(read(&folder.path().join("none"), 1).unwrap_err().blame(), Blame::Input);
    }
}
