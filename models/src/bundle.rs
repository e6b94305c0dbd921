//! What ships to a device: a folder with `manifest.json` and the files that it names.
//!
//! [`Bundle::open`] checks everything. It limits the manifest's size before it parses it. It takes
//! only plain file names, and no links. Every file must have the length and the SHA-256 that the
//! manifest states. [`write()`] puts a whole bundle in place or nothing. `docs/formats.md` has the
//! tables.

pub mod manifest;
mod network;
pub mod self_test;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::disk::{self, DiskError, folder};
use crate::fault::{Blame, Fault};
use crate::knowledge::lexicon;
pub use manifest::{
    CompleterFiles, FORMAT, FileEntry, KnowledgeFiles, LARGEST_BATCH, Licenses, MANIFEST,
    MAX_INPUT_SIZE, Manifest, ManifestError, NamedFile,
};
pub use network::{Accuracy, Network, Precision, Variant, Verification, WeightStorage};
pub use self_test::{SelfTest, SelfTestError};

/// Limits of what opening a bundle reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleLimits {
    /// The most bytes of `manifest.json`.
    pub max_manifest_bytes: u64,
    /// The most files beside it.
    pub max_files: usize,
    /// The most bytes of all those files together; they are held in memory.
    pub max_total_bytes: u64,
}

impl Default for BundleLimits {
    fn default() -> Self {
        Self { max_manifest_bytes: 1 << 20, max_files: 16, max_total_bytes: 512 << 20 }
    }
}

/// Why a folder is not a usable bundle, or why none was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file could not be read or written; its name and the reason are in the text.
    #[error("the bundle is not usable: {0}")]
    Disk(#[from] DiskError),
    /// `manifest.json` does not describe a bundle.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The manifest's place.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The files are too many, or together larger than allowed.
    #[error("the bundle {} holds {got} bytes in {files} files: at most {max_bytes} in {max_files} are allowed", path.display())]
    TooLarge {
        /// The bundle.
        path: PathBuf,
        /// Bytes that the manifest announces.
        got: u64,
        /// Files that the manifest names.
        files: usize,
        /// The most bytes.
        max_bytes: u64,
        /// The most files.
        max_files: usize,
    },
    /// A file is not the one that the manifest describes.
    #[error("{} is not the file that the manifest describes: {what} is {got}, expected {expected}; copy the bundle again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What differs: its length or its SHA-256.
        what: &'static str,
        /// As the manifest says.
        expected: String,
        /// As found.
        got: String,
    },
    /// The place for a new bundle holds something else.
    #[error("{} exists and is not a bundle ({reason}): nothing was written; name another folder, or remove it first", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
        /// What is there.
        reason: String,
    },
}

impl BundleError {
    fn manifest(dir: &Path) -> impl Fn(ManifestError) -> Self {
        let path = dir.join(MANIFEST);
        move |source| Self::Manifest { path: path.clone(), source }
    }

    fn occupied(dir: &Path, reason: impl Into<String>) -> Self {
        Self::Occupied { path: dir.to_owned(), reason: reason.into() }
    }
}

impl Fault for BundleError {
    fn blame(&self) -> Blame {
        match self {
            Self::Disk(error) => error.blame(),
            Self::Manifest { source, .. } => source.blame(),
            Self::TooLarge { .. } | Self::Damaged { .. } | Self::Occupied { .. } => Blame::Input,
        }
    }
}

/// An opened bundle: every file was read once, checked, and is held in memory.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What the bundle is.
    pub manifest: Manifest,
    /// Where it was opened.
    pub path: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// Opens a bundle and checks every hash.
    ///
    /// # Errors
    /// Names the file at fault; nothing larger than `limits` is allocated on the way.
    pub fn open(dir: &Path, limits: &BundleLimits) -> Result<Self, BundleError> {
        let bytes = folder::read(dir, MANIFEST, limits.max_manifest_bytes)?;
        let manifest = Manifest::parse(&bytes).map_err(BundleError::manifest(dir))?;
        // The announced sizes are held to the limits before the first file is read.
        check_size(dir, &manifest, limits)?;
        let files = manifest
            .files
            .iter()
            .map(|(name, entry)| Ok((name.clone(), read_entry(dir, name, entry)?)))
            .collect::<Result<_, BundleError>>()?;
        Ok(Self { manifest, path: dir.to_owned(), files })
    }

    /// A file's bytes; `None` when the manifest does not name it.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// All files that the manifest names.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The backbone's ONNX file.
    pub fn backbone(&self) -> &[u8] {
        self.file(&self.manifest.backbone.file)
            .expect("invariant: a manifest names its backbone among the files")
    }

    /// The variant's ONNX file, one of the bundle's own.
    pub fn variant(&self, variant: &Variant) -> &[u8] {
        self.file(&variant.file).expect("invariant: a manifest names its variants among the files")
    }

    /// Reads the lexicon that the bundle was made with, from the folder that the bundle lies in, or
    /// from the bundle itself; `None` when the bundle has no knowledge.
    ///
    /// # Errors
    /// Names the file that is missing or is another one.
    pub fn lexicon(&self) -> Result<Option<Vec<u8>>, BundleError> {
        let Some(KnowledgeFiles { lexicon: named, .. }) = &self.manifest.knowledge else {
            return Ok(None);
        };
        let inside = self.path.join(&named.file).exists();
        // `..` and not the parent of the path: a bare name such as `bundle` has none, and
        // that of a link is not the folder that holds the bundle.
        let dir = if inside { self.path.clone() } else { self.path.join("..") };
        let entry = FileEntry { sha256: named.sha256.clone(), bytes: named.bytes };
        if entry.bytes > lexicon::MAX_BYTES {
            return Err(BundleError::TooLarge {
                path: dir,
                got: entry.bytes,
                files: 1,
                max_bytes: lexicon::MAX_BYTES,
                max_files: BundleLimits::default().max_files,
            });
        }
        read_entry(&dir, &named.file, &entry).map(Some)
    }
}

fn check_size(dir: &Path, manifest: &Manifest, limits: &BundleLimits) -> Result<(), BundleError> {
    let bytes = manifest.files.values().fold(0u64, |sum, entry| sum.saturating_add(entry.bytes));
    if bytes <= limits.max_total_bytes && manifest.files.len() <= limits.max_files {
        return Ok(());
    }
    Err(BundleError::TooLarge {
        path: dir.to_owned(),
        got: bytes,
        files: manifest.files.len(),
        max_bytes: limits.max_total_bytes,
        max_files: limits.max_files,
    })
}

fn read_entry(dir: &Path, name: &str, expected: &FileEntry) -> Result<Vec<u8>, BundleError> {
    // One byte more than announced is read, so that a longer file is noticed.
    let bytes = folder::read_start(dir, name, expected.bytes.saturating_add(1))?;
    match difference(expected, FileEntry::of(&bytes)) {
        None => Ok(bytes),
        Some((what, expected, got)) => {
            Err(BundleError::Damaged { path: dir.join(name), what, expected, got })
        }
    }
}

/// What differs in a file, what was expected and what was found; `None` for the right file.
fn difference(expected: &FileEntry, got: FileEntry) -> Option<(&'static str, String, String)> {
    if got.bytes != expected.bytes {
        // Reading stopped after the first byte too many: how many there are is not known.
        let found =
            if got.bytes > expected.bytes { "more".to_owned() } else { got.bytes.to_string() };
        return Some(("its length", format!("{} bytes", expected.bytes), found));
    }
    let is_same = got.sha256 == expected.sha256;
    (!is_same).then(|| ("its SHA-256", expected.sha256.clone(), got.sha256))
}

/// Writes a bundle at `dir`: first into a folder beside it, synced, then renamed into place.
///
/// An existing bundle is replaced; an empty folder is filled; anything else is refused.
///
/// # Errors
/// [`BundleError::Occupied`] when `dir` holds something else; [`BundleError::Manifest`] when the
/// manifest would not be readable again or does not describe `files`; [`BundleError::TooLarge`] for
/// what no reader takes; [`BundleError::Disk`]. In each case nothing is left behind.
pub fn write(
    dir: &Path,
    manifest: &Manifest,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<(), BundleError> {
    manifest.check().map_err(BundleError::manifest(dir))?;
    manifest.check_files(files).map_err(BundleError::manifest(dir))?;
    // What no reader takes by default is not written either.
    check_size(dir, manifest, &BundleLimits::default())?;
    check_place(dir)?;
    let text = manifest.to_bytes();
    let mut entries: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    entries.push((MANIFEST, &text));
    Ok(folder::replace(dir, &entries)?)
}

/// Whether a new bundle may take this place: nothing there, an empty folder, or a bundle and
/// nothing else.
///
/// # Errors
/// [`BundleError::Occupied`] says what is in the way.
pub fn check_place(dir: &Path) -> Result<(), BundleError> {
    let entries = match folder::kind(dir)? {
        folder::Kind::Absent => return Ok(()),
        folder::Kind::Folder => disk::list(dir)?,
        folder::Kind::Other => return Err(BundleError::occupied(dir, "it is not a folder")),
    };
    if entries.is_empty() {
        return Ok(());
    }
    let text = folder::read(dir, MANIFEST, BundleLimits::default().max_manifest_bytes)
        .map_err(|_| BundleError::occupied(dir, format!("it has no {MANIFEST}")))?;
    let mut known = manifest::named_files(&text)
        .ok_or_else(|| BundleError::occupied(dir, format!("its {MANIFEST} is not a bundle's")))?;
    known.push(MANIFEST.to_owned());
    // Replacing the bundle removes the whole folder: a user's own file in it must not be lost.
    match entries.iter().find(|path| !is_one_of(path, &known)) {
        None => Ok(()),
        Some(other) => {
            Err(BundleError::occupied(dir, format!("it also holds {}", other.display())))
        }
    }
}

fn is_one_of(path: &Path, names: &[String]) -> bool {
    path.file_name().is_some_and(|file| names.iter().any(|name| file == name.as_str()))
}

#[cfg(test)]
mod tests;
