//! An engine that is being written: a hidden folder that becomes an entry, or nothing.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use models::disk;

use super::entry::{self, About, Manifest};
use super::folder::{self, CacheError, EngineCache, Stored};
use super::key::Key;
use super::leftovers::{self, LOCK, PREFIX};

/// Counts the builds of this process, so that two of one key have two folders.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// An engine that is being written. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct NewEntry {
    cache: EngineCache,
    key: Key,
    folder: PathBuf,
    // Held until the end, also by a process that is killed: then the system lets it go.
    _lock: File,
}

impl EngineCache {
    /// A hidden folder for the parts of a new engine. What an interrupted build left is removed.
    ///
    /// # Errors
    /// [`CacheError`] if it cannot be made.
    pub fn begin(&self, key: &Key) -> Result<NewEntry, CacheError> {
        NewEntry::begin(self, key)
    }
}

impl NewEntry {
    fn begin(cache: &EngineCache, key: &Key) -> Result<Self, CacheError> {
        create_folder(cache.root())?;
        leftovers::remove(cache.root());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{key}-{}-{count}", process::id());
        let folder = cache.root().join(name);
        // Another machine's process of this number may have left one, such as a container's.
        let _ = fs::remove_dir_all(&folder);
        create_folder(&folder)?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(CacheError::new("lock", &path))?;
        Ok(Self { cache: cache.clone(), key: key.clone(), folder, _lock: lock })
    }

    /// Where the parts of the engine are written. Another process may do it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the engine in its place, where it replaces one of the same key.
    ///
    /// # Errors
    /// [`CacheError`] if it cannot be written, also if it has no parts; nothing of it stays.
    pub fn finish(self, about: About) -> Result<Stored, CacheError> {
        let manifest = Manifest::of_folder(&self.folder, about)
            .and_then(|manifest| entry::sync(&self.folder).map(|()| manifest))
            .map_err(CacheError::new("read", &self.folder))?;
        let json = serde_json::to_vec_pretty(&manifest).expect("invariant: its fields are JSON");
        let path = entry::manifest_path(&self.folder);
        disk::write(&path, &json)
            .map_err(|error| CacheError::new("write", &path)(std::io::Error::other(error)))?;
        // What the system has not kept, or nobody wrote, is not put in the place of an engine.
        manifest.check_sizes(&self.folder).map_err(|reason| {
            CacheError::new("use", &self.folder)(std::io::Error::other(reason))
        })?;
        let place = self.cache.root().join(self.key.as_str());
        self.rename(&place)?;
        let entry = folder::entry(&self.key, place, manifest);
        let removed = self.cache.shrink(&self.key);
        Ok(Stored { entry, removed })
    }

    fn rename(&self, place: &Path) -> Result<(), CacheError> {
        let _ = fs::remove_file(self.folder.join(LOCK));
        let root = self.cache.root();
        let _lock = self.cache.lock().map_err(CacheError::new("lock", root))?;
        // A folder is not renamed over one with files.
        folder::remove(place).map_err(CacheError::new("replace", place))?;
        fs::rename(&self.folder, place).map_err(CacheError::new("write", place))?;
        let synced = File::open(root).and_then(|root| root.sync_all());
        synced.map_err(CacheError::new("write", root))
    }
}

impl Drop for NewEntry {
    fn drop(&mut self) {
        // After `finish` it is not there any more.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An engine runs as a part of the program that loads it: only the owner may put one there.
fn create_folder(folder: &Path) -> Result<(), CacheError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.map_err(CacheError::new("create", folder))
}
