//! The keys of a service: who may call it, with which role, and for which gallery.
//!
//! They are kept in `keys.json` in the folder of the store, as hashes. The file appears whole or
//! not at all, so that a service may read it at any time. A service without the file has never had
//! a key; with a file without keys it refuses everyone.
//!
//! # Examples
//! ```
//! use access::Role;
//! use access::keys::Keys;
//!
//! let store = tempfile::tempdir().unwrap();
//! assert!(Keys::read(store.path())?.is_none());
//! let secret = Keys::add(store.path(), "camera", Role::Enroll, Some("line 2"))?;
//! let keys = Keys::read(store.path())?.unwrap();
//! assert_eq!(keys.find(&secret.to_string()).unwrap().name, "camera");
//! assert!(keys.find("another").is_none());
//! # Ok::<(), access::keys::KeysError>(())
//! ```

mod error;
mod file;
mod key;
mod rules;
mod secret;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use models::disk::private;
use models::{actor, label, utc};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::Role;

pub use error::KeysError;
pub use file::KEYS_FILE;
pub use key::Key;
pub use rules::MAX_KEYS;
pub use secret::Secret;

use file::Lock;
use secret::Hash;

/// The keys of a store, in the order in which they were made.
#[derive(Debug, Clone)]
pub struct Keys {
    keys: Vec<Key>,
}

impl Keys {
    /// The file of the keys of the store in this folder.
    #[must_use]
    pub fn path(store: &Path) -> PathBuf {
        file::path(store)
    }

    /// Reads the keys; `None` if no key was ever made.
    ///
    /// # Errors
    /// [`KeysError::Damaged`] for a file that Handful did not write, and [`KeysError::Disk`] for
    /// one that cannot be read. Neither ever counts as no keys.
    pub fn read(store: &Path) -> Result<Option<Self>, KeysError> {
        Ok(file::read(&Self::path(store))?.map(|keys| Self { keys }))
    }

    /// Whether users other than its owner may read or write the file.
    #[must_use]
    pub fn is_exposed(store: &Path) -> bool {
        private::is_exposed(&Self::path(store))
    }

    /// The key that a client presents. The time it takes depends only on the length of what is
    /// presented and on the number of keys.
    #[must_use]
    pub fn find(&self, presented: &str) -> Option<&Key> {
        let hash = Hash::of(presented);
        // Every key is compared and no branch depends on the result.
        let mut found = u32::MAX;
        for (at, key) in (0..).zip(&self.keys) {
            found.conditional_assign(&at, key.hash.ct_eq(&hash));
        }
        self.keys.get(usize::try_from(found).ok()?)
    }

    /// The keys, in the order in which they were made.
    #[must_use]
    pub fn list(&self) -> &[Key] {
        &self.keys
    }

    /// Makes a key. The folder of the store is made if it is missing. `gallery` is kept as it is
    /// given; there need not be such a gallery.
    ///
    /// # Errors
    /// [`KeysError`]: the name or the gallery breaks a rule, the name is taken, or the file cannot
    /// be read or written. Then nothing has changed.
    pub fn add(
        store: &Path,
        name: &str,
        role: Role,
        gallery: Option<&str>,
    ) -> Result<Secret, KeysError> {
        check_new_name(name)?;
        gallery.map_or(Ok(()), rules::check_gallery).map_err(KeysError::BadGallery)?;
        let lock = Lock::take(store)?;
        let mut keys = lock.read()?;
        if keys.iter().any(|key| is_same(&key.name, name)) {
            return Err(KeysError::Taken(name.to_owned()));
        }
        if keys.len() >= MAX_KEYS {
            return Err(KeysError::TooMany);
        }
        let secret = Secret::draw()?;
        keys.push(Key {
            name: name.to_owned(),
            role,
            gallery: gallery.map(str::to_owned),
            created_at: now(),
            hash: secret.hash(),
        });
        lock.write(&keys)?;
        Ok(secret)
    }

    /// Takes a key back. After the last one the file stays, so that the service stays closed.
    ///
    /// # Errors
    /// [`KeysError`]: there is no key of this name, or the file cannot be read or written.
    pub fn revoke(store: &Path, name: &str) -> Result<Key, KeysError> {
        // Before the lock, which would make the folder of a store that is not there.
        if file::read(&Self::path(store))?.is_none() {
            return Err(KeysError::unknown(name));
        }
        let lock = Lock::take(store)?;
        let mut keys = lock.read()?;
        let at = keys.iter().position(|key| is_same(&key.name, name));
        let revoked = keys.remove(at.ok_or_else(|| KeysError::unknown(name))?);
        lock.write(&keys)?;
        Ok(revoked)
    }
}

fn check_new_name(name: &str) -> Result<(), KeysError> {
    rules::check_name(name).map_err(KeysError::BadName)?;
    match actor::is_reserved(name) {
        true => Err(KeysError::Reserved(name.to_owned())),
        false => Ok(()),
    }
}

/// Names are compared as those of galleries are: two that look the same would be mistaken for one
/// another in the history.
fn is_same(name: &str, other: &str) -> bool {
    label::folded(name) == label::folded(other)
}

fn now() -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    utc::rfc3339(u64::try_from(since_1970.as_millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
