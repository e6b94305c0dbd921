//! The gallery on the disk, in one file of the embedded database redb.
//!
//! A commit that returns `Ok` is one transaction, synced to the disk; a commit that fails leaves
//! the facts as they were. `docs/durability.md` says what is assumed of the disk and how each
//! failure is met.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use models::layout;
use redb::Database;

use super::change::Change;
use super::error::GalleryError;
use super::facts::Facts;
use super::journal::Journal;
use super::lock::{Lock, LockError};

mod header;
mod raw_facts;
mod tables;

use header::Header;
use raw_facts::RawFacts;
use tables::{SCHEMA, initialize, write};

const FILE: &str = "gallery.redb";
/// Every format has this number until the first release; the layout identifies the schema.
const FORMAT: u64 = 1;
/// Facts are read once, so the database needs no large cache (its default is a gigabyte).
const CACHE_BYTES: usize = 8 << 20;

/// A durable journal; one process at a time has it open.
#[derive(Debug)]
pub(super) struct RedbStore {
    dir: PathBuf,
    space_id: String,
    /// Absent after a failed write, until it has been opened again.
    database: Option<Database>,
    _lock: Lock,
}

impl RedbStore {
    /// Opens the store in the folder `dir`, or creates one bound to `space_id`.
    pub(super) fn open(dir: &Path, space_id: &str) -> Result<(Self, Facts), GalleryError> {
        fs::create_dir_all(dir).map_err(|e| io_failure(dir, &e))?;
        // Before the database: its own lock does not name the holder, and it is free while a failed
        // write is settled.
        let lock = Lock::take(dir).map_err(|e| lock_failure(dir, e))?;
        let (database, facts) = open_database(dir, space_id)?;
        let store = Self {
            dir: dir.to_owned(),
            space_id: space_id.to_owned(),
            database: Some(database),
            _lock: lock,
        };
        Ok((store, facts))
    }

    pub(super) fn exists(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }
}

impl Journal for RedbStore {
    fn commit(&mut self, change: &Change) -> Result<(), GalleryError> {
        let database = self.database.as_ref().expect("invariant: reloaded after a failure");
        let written = write(database, change);
        if written.is_err() {
            // After a failed write redb refuses everything until it is opened again.
            self.database = None;
        }
        written.map_err(|error| failure(&self.dir, error))
    }

    fn reload(&mut self) -> Result<Option<Facts>, GalleryError> {
        // A write that panicked has left it open, and a file can be opened only once.
        self.database = None;
        // As at the first opening: nothing is known of the file after a failed write.
        let (database, facts) = open_database(&self.dir, &self.space_id)?;
        self.database = Some(database);
        Ok(Some(facts))
    }
}

fn open_database(dir: &Path, space_id: &str) -> Result<(Database, Facts), GalleryError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // Damage is an error at the start, not a surprise later; stores are small enough to read.
    builder.set_check_integrity_on_open(true);
    let database = builder.create(dir.join(FILE)).map_err(|e| failure(dir, e))?;
    sync_folder(dir).map_err(|e| io_failure(dir, &e))?;
    let header = Header::read(&database).map_err(|e| failure(dir, e))?;
    let Some(header) = header else {
        let layout = layout::of(SCHEMA);
        initialize(&database, FORMAT, &layout, space_id).map_err(|e| failure(dir, e))?;
        return Ok((database, Facts::default()));
    };
    let facts = read_facts(dir, &database, header, space_id)?;
    Ok((database, facts))
}

/// A new file's name is durable only when its folder is.
fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The facts of a store of this layout and space.
fn read_facts(
    dir: &Path,
    database: &Database,
    header: Header,
    space_id: &str,
) -> Result<Facts, GalleryError> {
    check_layout(dir, &header)?;
    let revision = header.revision.ok_or_else(|| broken(dir, "its revision is missing"))?;
    // The space is compared at the end, so that a damaged store is told as damaged.
    let got = header.space_id.ok_or_else(|| broken(dir, "its space is missing"))?;
    let raw = RawFacts::read(database).map_err(|e| failure(dir, e))?;
    let facts = raw.assemble(revision).map_err(|reason| broken(dir, &reason))?;
    if got != space_id {
        let expected = space_id.to_owned();
        return Err(GalleryError::OtherSpace { path: dir.to_owned(), expected, got });
    }
    Ok(facts)
}

fn check_layout(dir: &Path, header: &Header) -> Result<(), GalleryError> {
    let expected = layout::of(SCHEMA);
    if header.format == Some(FORMAT) && header.layout.as_ref() == Some(&expected) {
        return Ok(());
    }
    // A damaged file may hold a long text.
    let got = header.layout.as_deref().unwrap_or("none").chars().take(64).collect();
    Err(GalleryError::OtherLayout { path: dir.to_owned(), expected, got })
}

fn broken(dir: &Path, reason: &str) -> GalleryError {
    GalleryError::Broken { path: dir.to_owned(), reason: reason.to_owned() }
}

fn lock_failure(dir: &Path, error: LockError) -> GalleryError {
    match error {
        LockError::Held(holder) => GalleryError::InUse { path: dir.to_owned(), holder },
        LockError::Io(error) => io_failure(dir, &error),
    }
}

fn io_failure(dir: &Path, error: &io::Error) -> GalleryError {
    use io::ErrorKind::{FileTooLarge, InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
    let path = dir.to_owned();
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => GalleryError::StoreFull { path },
        InvalidData | UnexpectedEof => GalleryError::Broken { path, reason: error.to_string() },
        _ => GalleryError::Io { path, reason: error.to_string() },
    }
}

fn failure(dir: &Path, error: impl Into<redb::Error>) -> GalleryError {
    let path = dir.to_owned();
    match error.into() {
        redb::Error::Io(error) => io_failure(dir, &error),
        redb::Error::DatabaseAlreadyOpen => {
            GalleryError::InUse { path, holder: "another process".to_owned() }
        }
        error => GalleryError::Broken { path, reason: error.to_string() },
    }
}
