//! The gallery on the disk, in one file of the embedded database redb.
//!
//! A commit that returns `Ok` is one transaction, synced to the disk; a commit that fails leaves
//! the facts as they were. `docs/durability.md` has what is assumed of the disk, and each failure.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase};

use super::change::Change;
use super::clock::Clock;
use super::error::GalleryError;
use super::facts::Examples;
use super::id::{DeviceId, ExampleId, GalleryId};
use super::journal::{Commit, Contents, Journal};
use super::lock::Lock;
use super::state::ExampleState;

mod compact;
mod contents;
mod failures;
mod header;
mod medium;
#[cfg(test)]
mod power_cut;
mod rows;
pub(super) mod seal;
mod spaces;
mod tables;
pub(super) mod view;
mod views;

use failures::{broken, failure, io_failure, lock_failure, read_failure};
use header::Header;
pub use header::STORE_FORMAT;
pub use medium::UPLOAD_FILE;
use medium::{FILE, Folder, MARKER, Medium};
pub(super) use rows::{Embeddings, GalleryRow, space_number};
use views::Views;

/// The name of the gallery that always exists.
pub(super) const DEFAULT_GALLERY: &str = "default";

/// The room that a store may take, unless another limit is set: 8 GiB.
const MAX_STORE_BYTES: u64 = 8 << 30;

/// The file of a store, which its galleries share; one process at a time has it open.
#[derive(Debug)]
struct StoreFile {
    dir: PathBuf,
    medium: Box<dyn Medium>,
    /// Absent after a failed write, until it has been opened again.
    database: Option<Opened>,
    views: Views,
    device: DeviceId,
    /// The room that it may take.
    max_bytes: u64,
    is_read_only: bool,
    _lock: Option<Lock>,
}

enum Opened {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writable(_) => "Writable",
            Self::ReadOnly(_) => "ReadOnly",
        })
    }
}

/// The same, held by several galleries.
#[derive(Debug, Clone)]
pub(super) struct SharedFile(Arc<Mutex<StoreFile>>);

/// The durable journal of one gallery.
#[derive(Debug)]
pub(super) struct RedbStore {
    file: SharedFile,
    gallery: GalleryId,
    row: GalleryRow,
}

impl SharedFile {
    /// Opens the store in the folder `dir`, or creates one whose first gallery is of the space
    /// `space_id`.
    pub(super) fn open(
        dir: &Path,
        space_id: &str,
        clock: &mut Clock,
    ) -> Result<Self, GalleryError> {
        medium::create_folder(dir).map_err(|e| io_failure(dir, &e))?;
        // Before the database: its own lock does not name the holder, and it is free while a failed
        // write is settled.
        let lock = Lock::take(dir).map_err(|e| lock_failure(dir, e))?;
        Self::open_on(Box::new(Folder::without_upload(dir)), dir, Some(lock), space_id, clock)
    }

    /// The same on any medium.
    fn open_on(
        medium: Box<dyn Medium>,
        dir: &Path,
        lock: Option<Lock>,
        space_id: &str,
        clock: &mut Clock,
    ) -> Result<Self, GalleryError> {
        let database = medium.open().map_err(|e| failure(dir, e))?;
        let header = Header::read(&database).map_err(|e| failure(dir, e))?;
        let header = match header {
            Some(header) => header,
            None if medium.is_marked() => {
                return Err(broken(dir, "a store was here, but its file has no tables"));
            }
            None => {
                let first = GalleryRow::new(DEFAULT_GALLERY, space_id);
                header::create(&database, &first, clock).map_err(|e| failure(dir, e))?
            }
        };
        header.check(dir)?;
        medium.mark().map_err(|e| io_failure(dir, &e))?;
        let device = header.device.parse().map_err(|_| broken(dir, "its device id is damaged"))?;
        medium.keep_reserve();
        Ok(Self::of(dir, medium, Opened::Writable(database), device, lock))
    }

    /// Opens the store in the folder `dir` for reading, without a file that is written.
    pub(super) fn open_read_only(dir: &Path) -> Result<Self, GalleryError> {
        if !Self::exists(dir) {
            let reason = "there is no store here; start once without --read-only";
            return Err(GalleryError::Io { path: dir.to_owned(), reason: reason.to_owned() });
        }
        let lock = Lock::take_shared(dir).map_err(|e| lock_failure(dir, e))?;
        let database = ReadOnlyDatabase::open(dir.join(FILE)).map_err(|e| failure(dir, e))?;
        let header = Header::read(&database).map_err(|e| failure(dir, e))?;
        let header = header.ok_or_else(|| broken(dir, "it is empty"))?;
        header.check(dir)?;
        let device = header.device.parse().map_err(|_| broken(dir, "its device id is damaged"))?;
        let medium = Box::new(Folder::new(dir));
        Ok(Self::of(dir, medium, Opened::ReadOnly(database), device, lock))
    }

    fn of(
        dir: &Path,
        medium: Box<dyn Medium>,
        database: Opened,
        device: DeviceId,
        lock: Option<Lock>,
    ) -> Self {
        Self(Arc::new(Mutex::new(StoreFile {
            dir: dir.to_owned(),
            medium,
            is_read_only: matches!(database, Opened::ReadOnly(_)),
            database: Some(database),
            views: Views::default(),
            device,
            max_bytes: MAX_STORE_BYTES,
            _lock: lock,
        })))
    }

    /// The file of the store in a folder.
    pub(super) fn file_in(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    pub(super) fn exists(dir: &Path) -> bool {
        dir.join(FILE).is_file() || dir.join(MARKER).is_file()
    }

    /// Whether the file of the store is in the folder.
    pub(super) fn check_folder(dir: &Path) -> Result<(), GalleryError> {
        Folder::new(dir).check().map_err(|e| io_failure(dir, &e))
    }

    /// The bytes that the file of the store in the folder takes on the disk.
    pub(super) fn size_in(dir: &Path) -> Result<u64, GalleryError> {
        Folder::new(dir).bytes().map_err(|e| io_failure(dir, &e))
    }

    /// From now on changes that make the store larger are refused beyond `bytes`.
    pub(super) fn set_max_bytes(&self, bytes: u64) {
        self.lock().max_bytes = bytes;
    }

    /// The galleries that the store has rows of.
    pub(super) fn galleries(&self) -> Result<Vec<(GalleryId, GalleryRow)>, GalleryError> {
        let mut file = self.lock();
        let galleries = contents::galleries(&file.read()?);
        galleries.map_err(|e| read_failure(&file.dir, e))
    }

    /// The gallery that always exists.
    pub(super) fn default_gallery(&self) -> Result<GalleryId, GalleryError> {
        let mut galleries = self.galleries()?.into_iter();
        let default = galleries.find(|(_, row)| row.name == DEFAULT_GALLERY);
        let missing = || broken(&self.lock().dir, "its default gallery is missing");
        default.map(|(id, _)| id).ok_or_else(missing)
    }

    fn lock(&self) -> MutexGuard<'_, StoreFile> {
        // After a panic nothing is known of the database, so it is opened again.
        self.0.lock().unwrap_or_else(|poisoned| {
            self.0.clear_poison();
            let mut file = poisoned.into_inner();
            file.close();
            file
        })
    }
}

impl StoreFile {
    /// The open database.
    fn opened(&mut self) -> Result<&Opened, GalleryError> {
        if self.database.is_none() {
            let opened = match self.is_read_only {
                true => ReadOnlyDatabase::open(self.dir.join(FILE)).map(Opened::ReadOnly),
                false => self.medium.open().map(Opened::Writable),
            };
            self.database = Some(match opened.map_err(|e| failure(&self.dir, e)) {
                // After a failed write it is checked and repaired, which needs room too.
                Err(GalleryError::StoreFull { .. }) if self.medium.release_reserve() => {
                    let opened = self.medium.open().map_err(|e| failure(&self.dir, e))?;
                    Opened::Writable(opened)
                }
                other => other?,
            });
        }
        Ok(self.database.as_ref().expect("invariant: it was opened"))
    }

    fn writable(&mut self) -> Result<&Database, GalleryError> {
        match self.opened()? {
            Opened::Writable(database) => Ok(database),
            Opened::ReadOnly(_) => Err(GalleryError::ReadOnlyStore),
        }
    }

    fn read(&mut self) -> Result<ReadTransaction, GalleryError> {
        let transaction = match self.opened()? {
            Opened::Writable(database) => database.begin_read(),
            Opened::ReadOnly(database) => database.begin_read(),
        };
        transaction.map_err(|e| failure(&self.dir, e))
    }

    /// One transaction; if there is no room for it and it makes room, with that of the reserve.
    fn write(
        &mut self,
        gallery: GalleryId,
        row: &GalleryRow,
        commit: &Commit<'_>,
    ) -> Result<(), GalleryError> {
        let written = tables::write(self.writable()?, gallery, row, commit);
        let Err(error) = written else {
            self.medium.keep_reserve();
            return Ok(());
        };
        // After a failed write redb refuses everything until it is opened again.
        self.close();
        let error = failure(&self.dir, error);
        let is_full = matches!(error, GalleryError::StoreFull { .. });
        if !is_full || !commit.makes_room() || !self.medium.release_reserve() {
            return Err(error);
        }
        let written = tables::write(self.writable()?, gallery, row, commit);
        written.map_err(|error| {
            self.close();
            failure(&self.dir, error)
        })
    }

    /// Refuses changes that need more room than the store may take.
    fn check_room(&self, added: u64) -> Result<(), GalleryError> {
        let bytes = self.medium.bytes().map_err(|e| io_failure(&self.dir, &e))?;
        let limit = self.max_bytes;
        match bytes.saturating_add(added) > limit {
            true => Err(GalleryError::StoreLimitReached { bytes, added, limit }),
            false => Ok(()),
        }
    }

    /// Whether the file is still there. One that was removed stays readable as long as it is open.
    fn check(&self) -> Result<(), GalleryError> {
        self.medium.check().map_err(|e| io_failure(&self.dir, &e))
    }
}

impl RedbStore {
    /// Opens a gallery of the store. One without a row is new, and of the space `space_id`.
    pub(super) fn open(
        file: SharedFile,
        gallery: GalleryId,
        name: &str,
        space_id: &str,
    ) -> Result<(Self, Contents), GalleryError> {
        Self::open_with(file, gallery, name, space_id, true)
    }

    /// The same, if asked for without the examples, which take the most memory.
    pub(super) fn open_with(
        file: SharedFile,
        gallery: GalleryId,
        name: &str,
        space_id: &str,
        has_examples: bool,
    ) -> Result<(Self, Contents), GalleryError> {
        let found = file.galleries()?.into_iter().find(|(id, _)| *id == gallery);
        let Some((_, row)) = found else {
            let row = GalleryRow::new(name, space_id);
            let contents = Contents::new(&row.space_id);
            return Ok((Self { file, gallery, row }, contents));
        };
        let contents = read(&mut file.lock(), gallery, &row, has_examples)?;
        Ok((Self { file, gallery, row }, contents))
    }
}

impl Journal for RedbStore {
    fn device(&self) -> DeviceId {
        self.file.lock().device
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), GalleryError> {
        let row = GalleryRow {
            space_id: commit.space_id.to_owned(),
            reembedded: commit.state.space().is_some(),
            revision: commit.revision,
            changes: self.row.changes + commit.changes.len() as u64,
            embedding_length: commit.embedding_length,
            classes: commit.state.n_classes(),
            examples: commit.state.n_examples(),
            background: commit.state.n_background(),
            settings: *commit.state.settings(),
            ..self.row.clone()
        };
        let mut file = self.file.lock();
        file.check()?;
        file.write(self.gallery, &row, commit)?;
        drop(file);
        self.row = row;
        Ok(())
    }

    fn reload(&mut self) -> Result<Option<Contents>, GalleryError> {
        let mut file = self.file.lock();
        if file.is_read_only {
            // The refused change was not written anywhere.
            return Ok(None);
        }
        file.check()?;
        // As at the first opening: nothing is known of the file after a failed write.
        file.close();
        let galleries = contents::galleries(&file.read()?);
        let galleries = galleries.map_err(|e| read_failure(&file.dir, e))?;
        let Some((_, row)) = galleries.into_iter().find(|(id, _)| *id == self.gallery) else {
            // Its first write has failed.
            return Ok(Some(Contents::new(&self.row.space_id)));
        };
        let contents = read(&mut file, self.gallery, &row, true)?;
        drop(file);
        self.row = row;
        Ok(Some(contents))
    }

    fn changes(&self) -> Result<Vec<Change>, GalleryError> {
        let mut file = self.file.lock();
        let changes = contents::changes(&file.read()?, self.gallery);
        changes.map_err(|e| read_failure(&file.dir, e))
    }

    fn examples(
        &self,
        space_id: &str,
        wanted: &[(ExampleId, &ExampleState)],
    ) -> Result<Examples, GalleryError> {
        let mut file = self.file.lock();
        let space = self.row.space(space_id);
        let examples = contents::examples(&file.read()?, self.gallery, space, wanted);
        examples.map_err(|e| read_failure(&file.dir, e))
    }

    fn image(&self, id: ExampleId) -> Result<Option<Vec<u8>>, GalleryError> {
        let mut file = self.file.lock();
        let image = contents::image(&file.read()?, self.gallery, id);
        image.map_err(|e| read_failure(&file.dir, e))
    }

    fn image_size(&self, id: ExampleId) -> Result<Option<usize>, GalleryError> {
        let mut file = self.file.lock();
        let size = contents::image_size(&file.read()?, self.gallery, id);
        size.map_err(|e| read_failure(&file.dir, e))
    }

    fn check(&self) -> Result<(), GalleryError> {
        self.file.lock().check()
    }

    fn check_writable(&self) -> Result<(), GalleryError> {
        match self.file.lock().is_read_only {
            true => Err(GalleryError::ReadOnlyStore),
            false => Ok(()),
        }
    }

    fn needs_compaction(&self) -> Result<bool, GalleryError> {
        let mut file = self.file.lock();
        let is_needed = contents::is_to_compact(&file.read()?);
        is_needed.map_err(|e| read_failure(&file.dir, e))
    }

    fn check_room(&self, bytes: u64) -> Result<(), GalleryError> {
        let file = self.file.lock();
        file.check()?;
        file.check_room(bytes)
    }

    fn compact(&mut self) -> Result<(), GalleryError> {
        let mut file = self.file.lock();
        file.check()?;
        file.writable()?;
        let from = file.read()?;
        let copied = compact::copy(&from, file.medium.as_ref());
        copied.map_err(|error| {
            // What is written of it may be all the room that is left.
            file.medium.discard_new();
            failure(&file.dir, error)
        })?;
        // From here on the new file is the store, whether or not it can be opened again at once.
        drop(from);
        file.close();
        file.medium.replace().map_err(|e| io_failure(&file.dir, &e))?;
        file.opened().map(drop)
    }
}

fn read(
    file: &mut StoreFile,
    gallery: GalleryId,
    row: &GalleryRow,
    has_examples: bool,
) -> Result<Contents, GalleryError> {
    let contents = contents::read(&file.read()?, gallery, row, has_examples);
    contents.map_err(|e| read_failure(&file.dir, e))
}
