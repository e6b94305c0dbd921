//! What a folder or an archive holds: relative paths of images and of the files that tell of them,
//! and where their bytes are.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{DatasetError, DatasetLimits, Split};
use crate::disk::{self, DiskError};
use crate::image::Warning;

/// Folders within folders.
const MAX_DEPTH: usize = 16;
/// Bytes of a file that lists images or holds many: CIFAR-100's largest has 154 MB.
const MAX_INDEX: u64 = 256 << 20;
/// Bytes of the two blocks of zeros that end an archive (POSIX.1-1988, ustar).
const TAR_END: usize = 1024;
/// The file that lists a data set.
pub(super) const MANIFEST: &str = "manifest.csv";
/// The file that gives classes their synsets where a layout has no place for them.
pub(super) const WNIDS: &str = "wnids.csv";
/// miniImageNet's lists of images, as published.
pub(super) const TABLES: [(&str, Split); 3] =
    [("train.csv", Split::Base), ("val.csv", Split::Val), ("test.csv", Split::Novel)];
/// Lists of classes, as CIFAR-FS has them.
pub(super) const LISTS: [(&str, Split); 3] =
    [("train.txt", Split::Base), ("val.txt", Split::Val), ("test.txt", Split::Novel)];
/// Where CIFAR-FS has its lists.
pub(super) const LISTS_FOLDER: &str = "splits/bertinetto/";
/// CIFAR-100's images, binary version.
pub(super) const RECORDS: [&str; 2] = ["train.bin", "test.bin"];
/// The names of CIFAR-100's classes.
pub(super) const FINE_NAMES: &str = "fine_label_names.txt";
/// The names of CIFAR-100's superclasses, which nothing needs.
pub(super) const COARSE_NAMES: &str = "coarse_label_names.txt";

/// Where a file's bytes are in an archive's memory, and how many they are (all that matters in a
/// folder).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    offset: usize,
    pub(super) bytes: u64,
}

impl Place {
    pub(super) fn of<'a>(&self, archive: &'a [u8]) -> &'a [u8] {
        // An image of another data set has no bytes here.
        archive
            .get(self.offset..)
            .and_then(|tail| tail.get(..self.bytes as usize))
            .unwrap_or_default()
    }

    /// The `bytes` bytes from `first` on, which must lie in it.
    pub(super) fn part(&self, first: usize, bytes: usize) -> Self {
        Self { offset: self.offset + first, bytes: bytes as u64 }
    }
}

/// Where images are read from.
pub(super) enum Source {
    /// Files of a folder.
    Folder(PathBuf),
    /// The kept files of an archive, one after the other.
    Archive(Vec<u8>),
    /// The records of CIFAR-100, and whatever else its archive has.
    Records(Vec<u8>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(root) => write!(f, "Folder({})", root.display()),
            Self::Archive(bytes) => write!(f, "Archive({} bytes)", bytes.len()),
            Self::Records(bytes) => write!(f, "Records({} bytes)", bytes.len()),
        }
    }
}

/// The images of a folder or archive, and the files that tell of them.
pub(super) struct Files {
    pub(super) source: Source,
    pub(super) found: BTreeMap<String, Place>,
    n_others: usize,
    n_links: usize,
    /// Images that are in no class.
    pub(super) n_strays: usize,
    /// Classes that the lists of classes leave out.
    pub(super) n_unlisted: usize,
}

impl Files {
    fn new(source: Source) -> Self {
        let found = BTreeMap::new();
        Self { source, found, n_others: 0, n_links: 0, n_strays: 0, n_unlisted: 0 }
    }

    /// Everything below a folder. Links are counted, never followed.
    pub(super) fn of_folder(root: &Path, limits: &DatasetLimits) -> Result<Self, DatasetError> {
        let mut files = Self::new(Source::Folder(root.to_owned()));
        let mut folders = vec![(root.to_owned(), String::new(), 0)];
        let mut n_seen = 0;
        while let Some((folder, prefix, depth)) = folders.pop() {
            let too_large =
                |limit, unit| DatasetError::TooLarge { path: folder.clone(), limit, unit };
            if depth > MAX_DEPTH {
                return Err(too_large(MAX_DEPTH as u64, "folders within folders"));
            }
            let paths = disk::list(&folder)?;
            n_seen += paths.len();
            if n_seen > limits.max_files {
                return Err(too_large(limits.max_files as u64, "files"));
            }
            for path in paths {
                if let Some(relative) = files.note(&path, &prefix)? {
                    folders.push((path, format!("{relative}/"), depth + 1));
                }
            }
        }
        Ok(files)
    }

    /// Takes in one entry of a folder; gives its relative path back if it is a folder itself.
    fn note(&mut self, path: &Path, prefix: &str) -> Result<Option<String>, DatasetError> {
        let metadata = path.symlink_metadata().map_err(|source| DiskError::Io {
            action: "look at",
            path: path.to_owned(),
            source,
        })?;
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            self.n_others += 1;
            return Ok(None);
        };
        let relative = format!("{prefix}{name}");
        if metadata.is_dir() && !name.starts_with('.') {
            return Ok(Some(relative));
        }
        if metadata.is_symlink() {
            self.n_links += 1;
        } else if metadata.is_file() && is_kept(&relative) {
            self.found.insert(relative, Place { offset: 0, bytes: metadata.len() });
        } else {
            self.n_others += 1;
        }
        Ok(None)
    }

    /// Everything in a tar archive, gzipped or not.
    pub(super) fn of_archive(path: &Path, limits: &DatasetLimits) -> Result<Self, DatasetError> {
        let packed = disk::read(path, limits.max_archive_bytes)?;
        // Images are packed already: unpacked they take about the archive's size.
        let mut files = Self::new(Source::Archive(Vec::with_capacity(packed.len())));
        let is_gzip = packed.starts_with(&[0x1F, 0x8B]);
        let unpacked: Box<dyn Read + '_> = if is_gzip {
            Box::new(MultiGzDecoder::new(packed.as_slice()))
        } else {
            Box::new(Cursor::new(&packed))
        };
        let mut archive = Archive::new(unpacked.take(limits.max_archive_bytes));
        let result = files.take_in(&mut archive, path, limits);
        let mut rest = archive.into_inner();
        // Behind the last entry is the checksum: only who reads to the end has it checked.
        let result =
            result.and_then(|()| io::copy(&mut rest, &mut io::sink()).map_err(damaged(path)));
        // Whatever error the cut caused, the cut is the reason.
        if rest.limit() == 0 {
            let (path, limit) = (path.to_owned(), limits.max_archive_bytes);
            return Err(DatasetError::TooLarge { path, limit, unit: "bytes unpacked" });
        }
        result?;
        // gzip has a checksum of its own; for a bare archive that was cut between two files, only
        // the missing end shows it.
        if !is_gzip && !packed.is_empty() && !packed.ends_with(&[0; TAR_END]) {
            let reason = "it was cut: the blocks of zeros that end an archive are missing";
            return Err(DatasetError::Archive { path: path.to_owned(), reason: reason.to_owned() });
        }
        Ok(files)
    }

    fn take_in(
        &mut self,
        archive: &mut Archive<impl Read>,
        path: &Path,
        limits: &DatasetLimits,
    ) -> Result<(), DatasetError> {
        for (i, entry) in archive.entries().map_err(damaged(path))?.enumerate() {
            if i >= limits.max_files {
                let (path, limit) = (path.to_owned(), limits.max_files as u64);
                return Err(DatasetError::TooLarge { path, limit, unit: "files" });
            }
            let mut entry = entry.map_err(damaged(path))?;
            if let Some(relative) = file_name(&entry)? {
                self.store(relative, &mut entry, limits)?.map_err(damaged(path))?;
            }
        }
        Ok(())
    }

    /// Copies a file of an archive into memory if it is one to keep.
    fn store(
        &mut self,
        relative: String,
        entry: &mut Entry<'_, impl Read>,
        limits: &DatasetLimits,
    ) -> Result<io::Result<()>, DatasetError> {
        if !is_kept(&relative) {
            self.n_others += 1;
            return Ok(Ok(()));
        }
        let limit = if is_image(&relative) { limits.max_image_bytes } else { MAX_INDEX };
        if entry.size() > limit {
            let reason = format!("it has {} bytes, more than {limit}", entry.size());
            return Err(DatasetError::Entry { entry: relative, reason });
        }
        let Source::Archive(bytes) = &mut self.source else {
            return Ok(Ok(()));
        };
        let place = Place { offset: bytes.len(), bytes: entry.size() };
        let read = entry.read_to_end(bytes);
        self.found.insert(relative, place);
        Ok(read.map(|_| ()))
    }

    /// The bytes of a list of images, which is then taken out of the files; `None` if it is missing.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<Vec<u8>>, DatasetError> {
        let Some(place) = self.found.remove(name) else { return Ok(None) };
        match &self.source {
            Source::Archive(bytes) | Source::Records(bytes) => Ok(Some(place.of(bytes).to_vec())),
            Source::Folder(root) => Ok(Some(disk::read(&root.join(name), MAX_INDEX)?)),
        }
    }

    /// Makes the files of [`RECORDS`] the source: a folder's are read into memory, where an
    /// archive's are already. Nothing else can be taken from a folder afterwards.
    pub(super) fn hold_records(&mut self) -> Result<Vec<(&'static str, Place)>, DatasetError> {
        let mut memory = Vec::new();
        let mut held = Vec::new();
        for name in RECORDS {
            let Some(mut place) = self.found.remove(name) else { continue };
            if let Source::Folder(root) = &self.source {
                let bytes = disk::read(&root.join(name), MAX_INDEX)?;
                place = Place { offset: memory.len(), bytes: bytes.len() as u64 };
                memory.extend(bytes);
            }
            held.push((name, place));
        }
        if let Source::Archive(bytes) = &mut self.source {
            memory = std::mem::take(bytes);
        }
        self.source = Source::Records(memory);
        Ok(held)
    }

    /// What was left out.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let n_others = self.n_others + self.found.keys().filter(|path| !is_image(path)).count();
        let left_out = [
            ("ignored_files", n_others, "files that are hidden or not .jpg, .jpeg, .png, .webp"),
            ("ignored_links", self.n_links, "links, which are never followed"),
            ("stray_images", self.n_strays, "images that are in no class"),
            ("unlisted_classes", self.n_unlisted, "classes that are in no list"),
        ];
        let met = left_out.into_iter().filter(|(_, count, _)| *count > 0);
        met.map(|(code, count, what)| Warning {
            code,
            detail: format!("left out: {count} ({what})"),
        })
        .collect()
    }
}

fn damaged(path: &Path) -> impl Fn(io::Error) -> DatasetError {
    let path = path.to_owned();
    move |error| {
        // tar quotes the bytes that it cannot read.
        let is_text = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
        let mut reason = error.to_string();
        if !reason.chars().all(is_text) {
            "it is none, or damaged".clone_into(&mut reason);
        }
        DatasetError::Archive { path: path.clone(), reason }
    }
}

/// The relative path of an archive's entry if it is a file.
fn file_name(entry: &Entry<'_, impl Read>) -> Result<Option<String>, DatasetError> {
    let name = entry.path_bytes();
    let refused = |reason: &str| DatasetError::Entry {
        entry: String::from_utf8_lossy(&name).into_owned(),
        reason: reason.to_owned(),
    };
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(None);
    }
    let text = std::str::from_utf8(&name).map_err(|_| refused("its name is not UTF-8"))?;
    let relative =
        relative_path(text).ok_or_else(|| refused("its path leads out of the archive"))?;
    match kind {
        EntryType::Regular | EntryType::Continuous => Ok(Some(relative)),
        EntryType::Directory => Ok(None),
        EntryType::Symlink | EntryType::Link => Err(refused("it is a link")),
        _ => Err(refused("it is not a regular file")),
    }
}

/// `path` without `.` parts, or nothing if it is absolute, has `..` parts or is empty of names.
pub(super) fn relative_path(path: &str) -> Option<String> {
    let mut names = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_str()?),
            _ => return None,
        }
    }
    Some(names.join("/"))
}

fn is_kept(relative: &str) -> bool {
    is_image(relative) || is_index(relative)
}

/// Whether a path's last part is a name that some layout knows.
fn is_index(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap_or_default();
    let listed = TABLES.iter().chain(&LISTS).any(|(known, _)| *known == name);
    listed || RECORDS.contains(&name) || [MANIFEST, WNIDS, FINE_NAMES, COARSE_NAMES].contains(&name)
}

/// Whether a path is that of an image, by its extension.
pub(super) fn is_image(relative: &str) -> bool {
    let hidden = relative.split('/').any(|name| name.starts_with('.'));
    let extension = Path::new(relative).extension().and_then(|e| e.to_str()).unwrap_or_default();
    !hidden
        && ["jpg", "jpeg", "png", "webp"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
