//! What may be wrong with keys and their file.

use std::path::PathBuf;

use models::disk::DiskError;
use models::fault::{Blame, Fault};

use super::rules::{MAX_KEYS, shown};

/// Why keys were not read or changed. No text holds a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The lock of the keys was not given.
    #[error(
        "cannot lock {}: {source}; the store must be on a disk that has file locks",
        path.display()
    )]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file of the keys is not one that Handful wrote.
    #[error(
        "{} is damaged: {what}; put a copy of it back, or move it away and make new keys with \
         `handful keys add`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        what: String,
    },
    /// The name breaks a rule.
    #[error("{0}; a key is named with 1 to 64 characters, such as `camera 2`")]
    BadName(String),
    /// The name is one that the history uses for what has no key ([`models::actor`]).
    #[error("the history uses `{0}` for what has no key; choose another name for the key")]
    Reserved(String),
    /// Another key has the name.
    #[error("there is a key `{0}` already; choose another name, or revoke that one first")]
    Taken(String),
    /// No key has the name.
    #[error("there is no key `{0}`; `handful keys list` shows them")]
    Unknown(String),
    /// The gallery breaks a rule of names of galleries.
    #[error("{0}; expected the name or the id of a gallery, with 1 to 128 characters")]
    BadGallery(String),
    /// There are as many keys as a store may have.
    #[error("there are {MAX_KEYS} keys already, and a store has no more; revoke some first")]
    TooMany,
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes for a key: {0}; try again")]
    Random(getrandom::Error),
}

impl KeysError {
    /// Any text may have been given as a name.
    pub(super) fn unknown(name: &str) -> Self {
        Self::Unknown(shown(name))
    }
}

impl Fault for KeysError {
    fn blame(&self) -> Blame {
        match self {
            Self::BadName(_)
            | Self::Reserved(_)
            | Self::Taken(_)
            | Self::Unknown(_)
            | Self::BadGallery(_)
            | Self::TooMany => Blame::Input,
            // Nobody named the file: it is the store's.
            Self::Disk(_) | Self::Lock { .. } | Self::Damaged { .. } | Self::Random(_) => {
                Blame::Machine
            }
        }
    }
}
