//! Where the file of a store lies: a folder, or a simulated disk in tests.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{Builder, Database, DatabaseError};

/// The file of a store in its folder.
pub(super) const FILE: &str = "gallery.redb";

/// Its presence says that there was a store here: a file that is gone or empty is no new store.
pub(super) const MARKER: &str = "store";

/// Facts are read once, so the database needs no large cache (its default is a gigabyte).
const CACHE_BYTES: usize = 8 << 20;

/// The file that a compaction writes.
const NEW_FILE: &str = "gallery.redb.new";

/// The file in the folder of a store into which a service writes a gallery that it is sent, until
/// it is imported. One that is left of a service that was killed is removed by the next program
/// that opens the store for writing.
pub const UPLOAD_FILE: &str = "import.part";

/// On a full disk a deletion needs room too: this file gives its room up for it.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: usize = 1 << 20;

/// The unit in which the system counts the room of a file (POSIX `st_blocks` on Linux).
const BLOCK_BYTES: u64 = 512;

/// Makes the folder of a store if it is missing, for its owner only: thumbnails of what was
/// enrolled are not for other users of the machine.
pub(super) fn create_folder(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Opens the database of a store.
pub(super) trait Medium: Send + fmt::Debug {
    /// Opens it, or creates an empty one where no store was.
    fn open(&self) -> Result<Database, DatabaseError>;

    /// Remembers that there is a store.
    fn mark(&self) -> io::Result<()>;

    /// Whether it is still the one that was opened.
    fn check(&self) -> io::Result<()>;

    /// The room that the store takes, in bytes.
    fn bytes(&self) -> io::Result<u64>;

    /// Creates an empty database beside the store.
    fn create_new(&self) -> Result<Database, DatabaseError>;

    /// Puts what was created beside the store in its place.
    fn replace(&self) -> io::Result<()>;

    /// Whether there was a store here before.
    fn is_marked(&self) -> bool {
        false
    }

    /// Removes what was created beside the store.
    fn discard_new(&self) {}

    /// Keeps some room for changes that make room.
    fn keep_reserve(&self) {}

    /// Gives that room up; answers whether there was some.
    fn release_reserve(&self) -> bool {
        false
    }
}

/// A folder of the file system.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// The device and the number of the file that is open.
    opened: Mutex<Option<(u64, u64)>>,
}

impl Folder {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), opened: Mutex::new(None) }
    }

    /// The same, without what is left of an upload. The store must be locked for writing: then no
    /// service is receiving a file.
    pub(super) fn without_upload(dir: &Path) -> Self {
        let _ = fs::remove_file(dir.join(UPLOAD_FILE));
        Self::new(dir)
    }

    fn file_number(&self) -> io::Result<(u64, u64)> {
        let metadata = fs::metadata(self.dir.join(FILE))?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn opened(&self) -> MutexGuard<'_, Option<(u64, u64)>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self) -> io::Result<()> {
        // A new file's name is durable only when its folder is.
        File::open(&self.dir)?.sync_all()
    }
}

impl Medium for Folder {
    fn open(&self) -> Result<Database, DatabaseError> {
        let file = self.dir.join(FILE);
        let is_empty = fs::metadata(&file).map_or(true, |metadata| metadata.len() == 0);
        // Of a compaction that was interrupted.
        self.discard_new();
        if is_empty && self.is_marked() {
            let reason = format!("a store was here, but its file {FILE} is missing or empty");
            return Err(DatabaseError::from(io::Error::new(io::ErrorKind::UnexpectedEof, reason)));
        }
        if is_empty {
            // Beside it and then moved: a process that dies while it writes the first bytes would
            // leave a file that is no store.
            drop(self.create_new()?);
            self.replace()?;
        }
        let database = builder().create(file)?;
        *self.opened() = Some(self.file_number()?);
        self.sync()?;
        Ok(database)
    }

    fn mark(&self) -> io::Result<()> {
        let marker = self.dir.join(MARKER);
        if !marker.exists() {
            File::create(marker)?.sync_all()?;
            self.sync()?;
        }
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        let reason = match self.file_number() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => "removed",
            Ok(number) if self.opened().is_some_and(|opened| opened != number) => "replaced",
            _ => return Ok(()),
        };
        let reason = format!("its file {FILE} was {reason} while it was open");
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason))
    }

    fn bytes(&self) -> io::Result<u64> {
        // Not its length: redb makes the file longer in large steps and leaves holes in it.
        let blocks = fs::metadata(self.dir.join(FILE))?.blocks();
        Ok(blocks.saturating_mul(BLOCK_BYTES))
    }

    fn create_new(&self) -> Result<Database, DatabaseError> {
        self.discard_new();
        builder().create(self.dir.join(NEW_FILE))
    }

    fn replace(&self) -> io::Result<()> {
        fs::rename(self.dir.join(NEW_FILE), self.dir.join(FILE))?;
        // Before the sync, which may fail: the file is another one all the same.
        *self.opened() = None;
        self.sync()
    }

    fn is_marked(&self) -> bool {
        self.dir.join(MARKER).exists()
    }

    fn discard_new(&self) {
        let _ = fs::remove_file(self.dir.join(NEW_FILE));
    }

    fn keep_reserve(&self) {
        let reserve = self.dir.join(RESERVE);
        let length = fs::metadata(&reserve).map_or(0, |metadata| metadata.len());
        if length != RESERVE_BYTES as u64 && fs::write(&reserve, [0; RESERVE_BYTES]).is_err() {
            // Without room for it the store works all the same, and a part of it is of no use.
            let _ = fs::remove_file(reserve);
        }
    }

    fn release_reserve(&self) -> bool {
        fs::remove_file(self.dir.join(RESERVE)).is_ok()
    }
}

/// The settings of every database.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // Damage is an error at the start, not a surprise later; stores are small enough to read.
    builder.set_check_integrity_on_open(true);
    builder
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_file_that_others_replaced_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        drop(folder.open().unwrap());
        drop(folder.create_new().unwrap());
        // As after a failed sync: nothing has opened the new file yet.
        folder.replace().unwrap();
        folder.check().unwrap();
        drop(folder.open().unwrap());
        drop(folder.create_new().unwrap());
        fs::rename(dir.path().join(NEW_FILE), dir.path().join(FILE)).unwrap();
        assert!(folder.check().unwrap_err().to_string().contains("replaced"));
    }
}
