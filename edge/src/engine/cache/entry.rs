//! One engine on the disk: its parts, and the manifest that names them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use models::{disk, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key::{Key, MadeFor};

pub(super) const MANIFEST: &str = "manifest.json";

/// More than the manifest of an engine has.
const MAX_MANIFEST_BYTES: u64 = 256 * 1024;

/// More than an engine has.
const MAX_PARTS: usize = 64;

/// Bytes that are read at once for a hash.
const CHUNK: usize = 64 * 1024;

/// What is known of an engine in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What it was built for.
    pub made_for: MadeFor,
    /// The name of the bundle that it was built from.
    pub bundle: String,
    /// The time that it took to build, in milliseconds.
    pub build_ms: u64,
    /// The median time of one image when it was built, in milliseconds; `None` if not measured.
    pub image_ms: Option<Milliseconds>,
}

/// A time in thousandths of a millisecond: whole numbers, so that values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds(u64);

impl Milliseconds {
    /// The nearest one.
    #[must_use]
    pub fn new(ms: f64) -> Self {
        // A negative or endless time becomes 0 or the largest.
        Self((ms * 1e3).round() as u64)
    }

    /// As a number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

/// The manifest of an engine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) about: About,
    pub(super) parts: Vec<EngineFile>,
}

/// A file of an engine.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EngineFile {
    name: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Reads the manifest of a folder, which has to be that of `key`.
    pub(super) fn read(folder: &Path, key: &Key) -> Result<Self, String> {
        let bytes = disk::read(&folder.join(MANIFEST), MAX_MANIFEST_BYTES)
            .map_err(|error| format!("its manifest: {}", error.without_path()))?;
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| format!("its manifest is of another version or damaged: {error}"))?;
        match manifest.about.made_for.key() == *key {
            true => Ok(manifest),
            false => Err("it was built for another network, version or machine".to_owned()),
        }
    }

    /// Describes all files of a folder.
    pub(super) fn of_folder(folder: &Path, about: About) -> io::Result<Self> {
        let mut parts = Vec::new();
        for name in names(folder)? {
            let path = folder.join(&name);
            let sha256 = sha256(&path)?;
            parts.push(EngineFile { name, bytes: path.metadata()?.len(), sha256 });
        }
        Ok(Self { about, parts })
    }

    /// The bytes of all parts.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Refuses a folder that has not these files with these sizes, and no others.
    pub(super) fn check_sizes(&self, folder: &Path) -> Result<(), String> {
        if self.parts.is_empty() {
            return Err("it has no parts".to_owned());
        }
        for part in &self.parts {
            // A name from a file: it must not lead out of the folder.
            let is_plain = Path::new(&part.name).file_name() == Some(part.name.as_ref());
            let found = folder.join(&part.name).symlink_metadata();
            match found {
                Ok(found) if is_plain && found.is_file() && found.len() == part.bytes => {}
                Ok(found) if is_plain && found.is_file() => {
                    let EngineFile { name, bytes, .. } = part;
                    let got = found.len();
                    return Err(format!("{name} has {got} bytes, expected {bytes}"));
                }
                _ => return Err(format!("{} is missing", part.name)),
            }
        }
        let found = names(folder).map_err(|error| error.to_string())?;
        match found.iter().find(|name| !self.parts.iter().any(|part| part.name == **name)) {
            Some(other) => Err(format!("{other} is no part of it")),
            None => Ok(()),
        }
    }

    /// The same, and refuses files with other bytes.
    pub(super) fn check(&self, folder: &Path) -> Result<(), String> {
        self.check_sizes(folder)?;
        for EngineFile { name, sha256: expected, .. } in &self.parts {
            let got = sha256(&folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
            if got != *expected {
                return Err(format!("{name} has other bytes than were written"));
            }
        }
        Ok(())
    }
}

/// The files of a folder except the manifest and hidden ones, sorted.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)?.take(MAX_PARTS + 2) {
        let name = entry?.file_name();
        let name = name.into_string().map_err(|_| other("a part has a name that is no text"))?;
        if name != MANIFEST && !name.starts_with('.') {
            names.push(name);
        }
    }
    if names.len() > MAX_PARTS {
        return Err(other("it has too many parts"));
    }
    names.sort();
    Ok(names)
}

fn other(reason: &str) -> io::Error {
    io::Error::other(reason.to_owned())
}

/// The SHA-256 of a file, which may be larger than the memory.
fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex::encode(&hash.finalize())),
            read => hash.update(&chunk[..read]),
        }
    }
}

/// The bytes of all files directly in a folder, whatever they are.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// Writes a folder's files and its own entry to the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    for name in names(folder)? {
        File::open(folder.join(name))?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

/// The path of the manifest in a folder.
pub(super) fn manifest_path(folder: &Path) -> PathBuf {
    folder.join(MANIFEST)
}
