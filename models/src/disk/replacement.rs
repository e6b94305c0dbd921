//! A file that is written in parts and appears whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Action, DiskError, parent, sync_folder, temporary};

/// A file that is being written beside the one whose place it takes. Dropped before
/// [`Replacement::finish`], it is removed.
///
/// # Examples
/// ```
/// use models::disk::replacement::Replacement;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("two.parts");
/// let mut file = Replacement::create(&path)?;
/// file.write(b"first ")?;
/// file.write(b"second")?;
/// assert!(!path.exists());
/// file.finish()?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"first second");
/// # Ok::<(), models::disk::DiskError>(())
/// ```
#[derive(Debug)]
pub struct Replacement {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl Replacement {
    /// Begins a file in the folder of `path`.
    ///
    /// # Errors
    /// [`DiskError::Io`].
    pub fn create(path: &Path) -> Result<Self, DiskError> {
        let temporary = temporary(path);
        let file = File::create(&temporary).map_err(DiskError::io(Action::Write, path))?;
        Ok(Self { file, temporary, path: path.to_owned(), is_finished: false })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`DiskError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all(bytes).map_err(DiskError::io(Action::Write, &self.path))
    }

    /// Syncs the file, puts it in its place and syncs the folder.
    ///
    /// # Errors
    /// [`DiskError::Io`].
    pub fn finish(mut self) -> Result<(), DiskError> {
        let synced = self.file.sync_all();
        let moved = synced.and_then(|()| fs::rename(&self.temporary, &self.path));
        self.is_finished = moved.is_ok();
        let done = moved.and_then(|()| sync_folder(parent(&self.path)));
        done.map_err(DiskError::io(Action::Write, &self.path))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_finished {
            // A leftover file does no harm.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.handful");
        fs::write(&path, b"before").unwrap();
        let mut file = Replacement::create(&path).unwrap();
        file.write(b"half").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("no").join("a.handful");
        let error = Replacement::create(&missing).unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("a.handful"), "{error}");
    }
}
