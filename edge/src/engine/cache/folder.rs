//! The folder of all engines: finding, listing and removing them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use models::disk;

use super::entry::{self, About, Manifest};
use super::key::Key;
use super::leftovers::{self, LOCK};

/// The most bytes of all engines, unless set otherwise. One engine has 5 to 200 MB.
pub const DEFAULT_MAX_BYTES: u64 = 2 << 30;

/// More than a cache has.
const MAX_ENTRIES: usize = 10_000;

/// The folder of built engines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineCache {
    root: PathBuf,
    max_bytes: u64,
}

/// An engine that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// The folder with its parts.
    pub folder: PathBuf,
    /// What it was built for.
    pub about: About,
    /// The bytes of its parts.
    pub bytes: u64,
}

/// What the cache has for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A whole engine.
    Whole(Box<Entry>),
    /// Nothing.
    Absent,
    /// A damaged engine or one of another version, which was removed.
    Refused(String),
}

/// An engine that was put in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// It.
    pub entry: Entry,
    /// Those that were removed for it, because the cache would have been too large.
    pub removed: Vec<Listed>,
}

/// An engine in a list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// What it was built for, or why it cannot be used. Only the sizes of its parts were checked.
    pub about: Result<About, String>,
    /// The bytes of its files.
    pub bytes: u64,
    /// When it was used last.
    pub used: SystemTime,
}

/// Which engines are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clear {
    /// All, what an interrupted build left, and what was measured of engines.
    All,
    /// This one.
    One(Key),
    /// All but these, such as those that the bundle in use has.
    AllBut(Vec<Key>),
}

/// The cache could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {}", .path.display(), .source)]
pub struct CacheError {
    /// What was tried.
    action: &'static str,
    /// The file or folder.
    path: PathBuf,
    /// The system's reason.
    source: io::Error,
}

impl CacheError {
    pub(super) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

impl EngineCache {
    /// The cache in a folder, which is made when the first engine is put there.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, max_bytes: DEFAULT_MAX_BYTES }
    }

    /// The same with another largest size.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    /// Its folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The most bytes that all engines have together.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The engine of a key, with every byte verified. One that is not whole is removed.
    #[must_use]
    pub fn open(&self, key: &Key) -> Found {
        let found = self.look(key);
        let Found::Refused(_) = found else { return found };
        // One that cannot be locked or removed stays, and is refused again.
        let Ok(_lock) = self.lock() else { return found };
        // Another process may have written it anew since.
        let found = self.look(key);
        if let Found::Refused(_) = found {
            let _ = remove(&self.root.join(key.as_str()));
        }
        found
    }

    /// The same, and nothing is removed.
    fn look(&self, key: &Key) -> Found {
        let folder = self.root.join(key.as_str());
        if !folder.is_dir() {
            return Found::Absent;
        }
        let manifest = Manifest::read(&folder, key);
        match manifest.and_then(|found| found.check(&folder).map(|()| found)) {
            Ok(manifest) => {
                touch(&folder);
                Found::Whole(Box::new(entry(key, folder, manifest)))
            }
            Err(reason) => Found::Refused(reason),
        }
    }

    /// Keeps other processes from removing and replacing engines until it is dropped.
    pub(super) fn lock(&self) -> io::Result<File> {
        let path = self.root.join(LOCK);
        let lock = File::options().write(true).create(true).truncate(false).open(path)?;
        lock.lock()?;
        Ok(lock)
    }

    /// All engines, the one that was used last first.
    ///
    /// # Errors
    /// [`CacheError`] if the folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, CacheError> {
        let mut listed: Vec<Listed> =
            self.keys()?.into_iter().map(|key| self.listed(key)).collect();
        listed.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.key.cmp(&b.key)));
        Ok(listed)
    }

    /// Removes engines, and returns them.
    ///
    /// # Errors
    /// [`CacheError`] if one cannot be removed; those before it are.
    pub fn clear(&self, which: &Clear) -> Result<Vec<Listed>, CacheError> {
        // Without a folder there is nothing to lock.
        let _lock = self.lock();
        let mut listed = self.list()?;
        listed.retain(|one| match which {
            Clear::All => true,
            Clear::One(key) => one.key == *key,
            Clear::AllBut(kept) => !kept.contains(&one.key),
        });
        for one in &listed {
            self.remove(&one.key)?;
        }
        if *which == Clear::All {
            leftovers::remove(&self.root);
            self.forget_choices();
        }
        Ok(listed)
    }

    /// Removes what was measured of engines, which is beside them.
    fn forget_choices(&self) {
        for path in disk::list(&self.root).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("choice-") && name.ends_with(".json") {
                // One that stays is used again, and is no error.
                let _ = fs::remove_file(&path);
            }
        }
    }

    fn remove(&self, key: &Key) -> Result<(), CacheError> {
        let folder = self.root.join(key.as_str());
        remove(&folder).map_err(CacheError::new("remove", &folder))
    }

    /// Removes the engines that were not used for the longest time until the rest is small enough.
    /// One that cannot be removed stays: the next engine tries again.
    pub(super) fn shrink(&self, newest: &Key) -> Vec<Listed> {
        let _lock = self.lock();
        let mut listed = self.list().unwrap_or_default();
        let mut bytes: u64 = listed.iter().map(|one| one.bytes).sum();
        let mut removed = Vec::new();
        listed.retain(|one| one.key != *newest);
        while bytes > self.max_bytes
            && let Some(oldest) = listed.pop()
        {
            if self.remove(&oldest.key).is_ok() {
                bytes -= oldest.bytes;
                removed.push(oldest);
            }
        }
        removed
    }

    fn keys(&self) -> Result<Vec<Key>, CacheError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(CacheError::new("list", &self.root))?,
        };
        let names = entries.take(MAX_ENTRIES).flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| Key::parse(name.to_str()?)).collect())
    }

    fn listed(&self, key: Key) -> Listed {
        let folder = self.root.join(key.as_str());
        let manifest = Manifest::read(&folder, &key);
        let whole = manifest.and_then(|found| found.check_sizes(&folder).map(|()| found.about));
        let modified = entry::manifest_path(&folder).metadata().and_then(|found| found.modified());
        Listed {
            about: whole,
            bytes: entry::folder_bytes(&folder),
            // One without a manifest is the first to go.
            used: modified.unwrap_or(SystemTime::UNIX_EPOCH),
            key,
        }
    }
}

pub(super) fn entry(key: &Key, folder: PathBuf, manifest: Manifest) -> Entry {
    let bytes = manifest.bytes();
    Entry { key: key.clone(), folder, about: manifest.about, bytes }
}

/// Remembers the time of use as that of the manifest; on a read-only disk it stays as it is.
fn touch(folder: &Path) {
    let manifest = File::options().append(true).open(entry::manifest_path(folder));
    let _ = manifest.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Removes a folder. Its manifest goes first: what is left after a failure is no engine.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let manifest = fs::remove_file(entry::manifest_path(folder));
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => manifest.and(Err(error)),
        Ok(()) => Ok(()),
    }
}
