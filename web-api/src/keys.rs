//! The keys of the service: those in the file of the store, and the addresses that send wrong ones.

mod attempts;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::keys::Keys;
use tracing::{error, info};

use crate::file_stamp::FileStamp;

pub use attempts::Attempts;

/// How long it may take until a change of the file is noticed.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a call was refused for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// It had none.
    Missing,
    /// It was none of those that were made, or is revoked.
    Wrong,
    /// Its role does not suffice.
    Role,
    /// It is for another gallery.
    Gallery,
    /// Its address had sent too many wrong ones.
    Attempts,
}

impl KeyRefusal {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Missing, Self::Wrong, Self::Role, Self::Gallery, Self::Attempts];

    /// The name in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Role => "role",
            Self::Gallery => "gallery",
            Self::Attempts => "attempts",
        }
    }
}

/// The keys that a call may have.
#[derive(Clone)]
pub enum Held {
    /// No key was ever made: every call may do everything.
    Open,
    /// One of these.
    Keys(Arc<Keys>),
    /// The file cannot be read, or is gone: no call is admitted.
    Unreadable,
}

/// The keys of a store. A change of the file is noticed within a second.
///
/// It never opens a service that had keys: if the file becomes damaged, those read last stay valid
/// and no others are; if it is removed, none is until the service is started again.
pub struct KeyFile {
    store: PathBuf,
    last: Mutex<LastLook>,
}

struct LastLook {
    held: Held,
    stamp: FileStamp,
    /// Whether `held` is what the file had at that look.
    is_current: bool,
    looked_at: Instant,
}

impl KeyFile {
    /// The keys of the store in this folder.
    #[must_use]
    pub fn open(store: PathBuf) -> Self {
        // Before it is read, so that a change meanwhile is noticed.
        let stamp = FileStamp::of(&Keys::path(&store));
        let (held, is_current) = read(&store, &Held::Open, true);
        let last = LastLook { held, stamp, is_current, looked_at: Instant::now() };
        Self { store, last: Mutex::new(last) }
    }

    /// States that keys were there before this was opened: without them no call is admitted, also
    /// if the file was removed in between.
    pub fn require(&self) {
        let mut last = self.lock();
        if matches!(last.held, Held::Open) {
            error!("the keys were removed while the service started: every call is refused");
            last.held = Held::Unreadable;
        }
    }

    /// The keys as the file has them now, or had them less than a second ago.
    #[must_use]
    pub fn held(&self) -> Held {
        let mut last = self.lock();
        if last.looked_at.elapsed() >= PAUSE {
            self.look_again(&mut last);
        }
        last.held.clone()
    }

    fn lock(&self) -> MutexGuard<'_, LastLook> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_again(&self, last: &mut LastLook) {
        let stamp = FileStamp::of(&Keys::path(&self.store));
        let is_new = stamp != last.stamp;
        // What failed may have been short of something that is there now.
        if is_new || !last.is_current {
            (last.held, last.is_current) = read(&self.store, &last.held, is_new);
            last.stamp = stamp;
        }
        last.looked_at = Instant::now();
    }
}

/// The keys of the file, and whether they are what it has. Only what `is_new` is logged.
fn read(store: &Path, before: &Held, is_new: bool) -> (Held, bool) {
    let path = Keys::path(store);
    let path = path.display();
    match Keys::read(store) {
        Ok(Some(keys)) => {
            info!("{} keys of {path} are valid", keys.list().len());
            (Held::Keys(Arc::new(keys)), true)
        }
        Ok(None) if matches!(before, Held::Open) => (Held::Open, true),
        Ok(None) => {
            if is_new {
                error!(
                    "{path} is gone: every call is refused until it is back or the service is \
                     started again"
                );
            }
            (Held::Unreadable, true)
        }
        Err(error) => {
            let held = match before {
                Held::Keys(keys) => Held::Keys(Arc::clone(keys)),
                Held::Open | Held::Unreadable => Held::Unreadable,
            };
            if is_new {
                let kept = match held {
                    Held::Keys(_) => "only the keys that were read before are valid",
                    Held::Open | Held::Unreadable => "every call is refused",
                };
                error!("the keys cannot be read, so {kept}: {error}");
            }
            (held, false)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use access::Role;

    use super::*;

    /// As if half a second had passed.
    fn later(file: &KeyFile) -> Held {
        file.look_again(&mut file.last.lock().unwrap());
        file.held()
    }

    fn is_valid(held: &Held, key: &str) -> bool {
        matches!(held, Held::Keys(keys) if keys.find(key).is_some())
    }

    #[test]
    fn keys_are_valid_from_when_they_are_made_until_they_are_revoked() {
        let store = tempfile::tempdir().unwrap();
        let file = KeyFile::open(store.path().to_owned());
        assert!(matches!(later(&file), Held::Open));
        let key = Keys::add(store.path(), "phone", Role::Read, None).unwrap().to_string();
        let held = later(&file);
        assert!(is_valid(&held, &key) && !is_valid(&held, "other"));
        Keys::revoke(store.path(), "phone").unwrap();
        let held = later(&file);
        assert!(matches!(held, Held::Keys(_)), "it stays closed without keys");
        assert!(!is_valid(&held, &key));
    }

    #[test]
    fn a_damaged_file_keeps_the_keys_and_a_removed_one_none() {
        let store = tempfile::tempdir().unwrap();
        let key = Keys::add(store.path(), "phone", Role::Read, None).unwrap().to_string();
        let file = KeyFile::open(store.path().to_owned());
        let path = Keys::path(store.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, "{").unwrap();
        assert!(is_valid(&later(&file), &key));
        let anew = KeyFile::open(store.path().to_owned());
        assert!(matches!(anew.held(), Held::Unreadable), "nothing was read before");
        fs::write(&path, whole).unwrap();
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        for _ in 0..2 {
            assert!(matches!(later(&file), Held::Unreadable));
        }
        fs::rename(&aside, &path).unwrap();
        assert!(is_valid(&later(&file), &key));
    }

    #[test]
    fn keys_that_were_there_at_the_start_are_required() {
        let store = tempfile::tempdir().unwrap();
        let file = KeyFile::open(store.path().to_owned());
        file.require();
        assert!(matches!(later(&file), Held::Unreadable), "they are gone");
        let key = Keys::add(store.path(), "phone", Role::Read, None).unwrap().to_string();
        assert!(is_valid(&later(&file), &key));
        file.require();
        assert!(is_valid(&later(&file), &key));
    }

    #[test]
    fn a_damaged_file_closes_an_open_service() {
        let store = tempfile::tempdir().unwrap();
        let file = KeyFile::open(store.path().to_owned());
        fs::write(Keys::path(store.path()), "{").unwrap();
        assert!(matches!(later(&file), Held::Unreadable));
    }
}
