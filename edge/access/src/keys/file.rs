//! `keys.json`: bounded reads, and writes that lose nothing when two programs add keys at once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use models::disk::{self, DiskError, private};
use models::label;
use serde::{Deserialize, Serialize};

use super::error::KeysError;
use super::key::Key;
use super::rules::{self, MAX_KEYS};
use super::secret::Hash;
use crate::Role;

/// The file of the keys in the folder of a store.
pub const KEYS_FILE: &str = "keys.json";

/// The only format so far.
const FORMAT: u32 = 1;

/// The most bytes of the file: more than [`MAX_KEYS`] keys with the longest names take.
const MAX_BYTES: u64 = 4 << 20;

/// The file that a program locks while it changes keys. The lock of the store is another one: the
/// service holds it as long as it runs.
const LOCK_FILE: &str = "keys.lock";

/// What decides how the rest of the file is read.
#[derive(Debug, Deserialize)]
struct Head {
    format: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    keys: Vec<Row>,
}

/// A key as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    role: Role,
    gallery: Option<String>,
    created_at: String,
    sha256: Hash,
}

/// The file of the keys of a store.
pub(super) fn path(store: &Path) -> PathBuf {
    store.join(KEYS_FILE)
}

/// Reads the keys; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Key>>, KeysError> {
    // Also a link that leads nowhere is a file that cannot be read, and not a missing one.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A pipe would be waited for.
        Ok(_) if fs::metadata(path).is_ok_and(|found| !found.is_file()) => {
            return Err(damaged(path, "it is no regular file"));
        }
        _ => {}
    }
    let bytes = disk::read(path, MAX_BYTES).map_err(|error| match error {
        DiskError::TooLarge { .. } => damaged(path, error.without_path()),
        error => error.into(),
    })?;
    parse(&bytes).map(Some).map_err(|what| damaged(path, what))
}

fn damaged(path: &Path, what: impl Into<String>) -> KeysError {
    KeysError::Damaged { path: path.to_owned(), what: what.into() }
}

/// Reads the content of the file. The error is what is wrong, without any of the content: a key
/// may have been pasted into it.
fn parse(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let head: Head = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    if head.format != FORMAT {
        return Err(format!("it has format {}, and this build reads format {FORMAT}", head.format));
    }
    let contents: Contents = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    if contents.keys.len() > MAX_KEYS {
        return Err(format!("it has more than {MAX_KEYS} keys"));
    }
    let mut names = BTreeSet::new();
    let keys = contents.keys.into_iter().enumerate();
    keys.map(|(at, row)| row.checked(&mut names).map_err(|what| format!("key {at}: {what}")))
        .collect()
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("expected the JSON of keys, line {} column {} is not", error.line(), error.column())
}

impl Row {
    fn of(key: &Key) -> Self {
        Self {
            name: key.name.clone(),
            role: key.role,
            gallery: key.gallery.clone(),
            created_at: key.created_at.clone(),
            sha256: key.hash.clone(),
        }
    }

    /// The key, if its texts follow the rules. `names` are those before it.
    fn checked(self, names: &mut BTreeSet<String>) -> Result<Key, String> {
        let Self { name, role, gallery, created_at, sha256: hash } = self;
        rules::check_name(&name)?;
        gallery.as_deref().map_or(Ok(()), rules::check_gallery)?;
        if !is_time(&created_at) {
            return Err("`created_at` is no time in UTC".to_owned());
        }
        if !names.insert(label::folded(&name)) {
            return Err(format!("a key before it is called `{name}` too"));
        }
        Ok(Key { name, role, gallery, created_at, hash })
    }
}

/// Whether a text has the form `2026-11-30T13:15:07.250Z`, with or without parts of a second.
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let Some((point, rest)) = text.as_bytes().split_at_checked(FORM.len()) else { return false };
    let Some(fraction) = rest.strip_suffix(b"Z") else { return false };
    let mut signs = point.iter().zip(FORM);
    let has_form = signs.all(|(sign, form)| match form {
        b'0' => sign.is_ascii_digit(),
        _ => sign == form,
    });
    let is_fraction = match fraction {
        [] => true,
        [b'.', digits @ ..] => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    has_form && is_fraction
}

/// The right to change the keys of a store, which one program has at a time.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    keys_path: PathBuf,
}

impl Lock {
    /// Waits for another program that changes keys, which takes moments.
    pub(super) fn take(store: &Path) -> Result<Self, KeysError> {
        private::create_folder(store)?;
        let lock_path = store.join(LOCK_FILE);
        let file = private::open(&lock_path)?;
        file.lock().map_err(|source| KeysError::Lock { path: lock_path, source })?;
        Ok(Self { file, keys_path: path(store) })
    }

    /// The keys as they are now; none if there is no file.
    pub(super) fn read(&self) -> Result<Vec<Key>, KeysError> {
        Ok(read(&self.keys_path)?.unwrap_or_default())
    }

    pub(super) fn write(&self, keys: &[Key]) -> Result<(), KeysError> {
        let contents = Contents { format: FORMAT, keys: keys.iter().map(Row::of).collect() };
        let text = serde_json::to_string_pretty(&contents);
        let text = text.expect("invariant: the fields are texts") + "\n";
        Ok(private::write(&self.keys_path, text.as_bytes())?)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a child process that is just starting shares the open file.
        let _ = self.file.unlock();
    }
}
