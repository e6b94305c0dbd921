//! What a folder or an archive holds: the relative paths of images and of the files that assign
//! them to classes, and where their bytes are.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Component, Path};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::error::DatasetError;
use super::source::{Place, Source};
use crate::disk::{self, Action, DiskError};
use crate::image::{EXTENSIONS, Warning};
use crate::split::Split;

/// Most folders within folders.
const MAX_DEPTH: usize = 16;
/// Most bytes of a file that lists images or holds many: CIFAR-100's largest has 154 MB.
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

/// Limits of the size of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetLimits {
    /// Most bytes of an archive, packed and unpacked; its images are held in memory.
    pub max_archive_bytes: u64,
    /// Most bytes of one image.
    pub max_image_bytes: u64,
    /// Most files.
    pub max_files: usize,
}

impl Default for DatasetLimits {
    /// 4 GiB, 16 MiB, two million.
    fn default() -> Self {
        Self { max_archive_bytes: 4 << 30, max_image_bytes: 16 << 20, max_files: 2_000_000 }
    }
}

/// The paths of a data set, in the order of their bytes.
pub(super) type Found = BTreeMap<String, Place>;

/// The images of a folder or archive, and the files that assign them to classes.
pub(super) struct Files {
    pub(super) source: Source,
    pub(super) found: Found,
    n_others: usize,
    n_links: usize,
    /// Images that are in no class.
    pub(super) n_strays: usize,
    /// Classes that the lists of classes leave out.
    pub(super) n_unlisted: usize,
}

impl Files {
    fn new(source: Source) -> Self {
        let found = Found::new();
        Self { source, found, n_others: 0, n_links: 0, n_strays: 0, n_unlisted: 0 }
    }

    /// Everything below a folder. Links are counted, never followed.
    pub(super) fn of_folder(root: &Path, limits: &DatasetLimits) -> Result<Self, DatasetError> {
        let mut files = Self::new(Source::Folder(root.to_owned()));
        let mut folders = vec![(root.to_owned(), String::new(), 0)];
        let mut n_seen = 0;
        while let Some((folder, prefix, depth)) = folders.pop() {
            if depth > MAX_DEPTH {
                let limit = MAX_DEPTH as u64;
                return Err(DatasetError::too_large(&folder, limit, "folders within folders"));
            }
            let paths = disk::list(&folder)?;
            n_seen += paths.len();
            if n_seen > limits.max_files {
                return Err(DatasetError::too_large(&folder, limits.max_files as u64, "files"));
            }
            for path in paths {
                if let Some(relative) = files.note(&path, &prefix)? {
                    folders.push((path, format!("{relative}/"), depth + 1));
                }
            }
        }
        Ok(files)
    }

    /// Takes in one entry of a folder. Returns its relative path if it is a folder itself.
    fn note(&mut self, path: &Path, prefix: &str) -> Result<Option<String>, DatasetError> {
        // `metadata` would follow a link, which may lead out of the data set.
        let metadata = path.symlink_metadata().map_err(|source| DiskError::Io {
            action: Action::LookAt,
            path: path.to_owned(),
            source,
        })?;
        // Names of classes are text; another folder or file could only be named wrongly.
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
        // Images are compressed already: unpacked, they take about the archive's size.
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
        // gzip's checksum is behind the last entry, and is compared only when the end is read.
        let result =
            result.and_then(|()| io::copy(&mut rest, &mut io::sink()).map_err(damaged(path)));
        // `take` ends the stream at the limit, which looks like any damage: the limit is the
        // reason.
        if rest.limit() == 0 {
            let limit = limits.max_archive_bytes;
            return Err(DatasetError::too_large(path, limit, "bytes unpacked"));
        }
        result?;
        // gzip has a checksum. A bare archive that was cut between two files would look like a
        // smaller data set: only its missing end shows the cut.
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
                return Err(DatasetError::too_large(path, limits.max_files as u64, "files"));
            }
            let mut entry = entry.map_err(damaged(path))?;
            let Some(relative) = file_name(&entry)? else { continue };
            if is_kept(&relative) {
                check_size(&relative, entry.size(), limits)?;
                self.store(relative, &mut entry).map_err(damaged(path))?;
            } else {
                self.n_others += 1;
            }
        }
        Ok(())
    }

    /// Copies a file of an archive into memory.
    fn store(&mut self, relative: String, entry: &mut Entry<'_, impl Read>) -> io::Result<()> {
        let Source::Archive(bytes) = &mut self.source else { return Ok(()) };
        // A later entry of the same path replaces an earlier one, as unpacking would.
        let place = Place { offset: bytes.len(), bytes: entry.size() };
        self.found.insert(relative, place);
        entry.read_to_end(bytes).map(|_| ())
    }

    /// Removes a file that lists images or classes, and returns its bytes; `None` if it is missing.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<Vec<u8>>, DatasetError> {
        let Some(place) = self.found.remove(name) else { return Ok(None) };
        match &self.source {
            Source::Archive(bytes) | Source::Records(bytes) => Ok(Some(place.of(bytes).to_vec())),
            Source::Folder(root) => Ok(Some(disk::read(&root.join(name), MAX_INDEX)?)),
        }
    }

    /// Makes the files of [`RECORDS`] the source. Those of a folder are read into memory; those of
    /// an archive are there already. Nothing else of a folder can be read afterwards.
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

/// Refuses a file of an archive that is larger than the limit.
fn check_size(relative: &str, bytes: u64, limits: &DatasetLimits) -> Result<(), DatasetError> {
    let limit = if is_image(relative) { limits.max_image_bytes } else { MAX_INDEX };
    if bytes <= limit {
        return Ok(());
    }
    let reason = format!("it has {bytes} bytes, more than {limit}");
    Err(DatasetError::Entry { entry: relative.to_owned(), reason })
}

fn damaged(path: &Path) -> impl Fn(io::Error) -> DatasetError {
    move |error| {
        let mut reason = error.to_string();
        // tar quotes the bytes that it cannot read. They would garble a terminal.
        if !reason.chars().all(is_printable) {
            "it is not one, or it is damaged".clone_into(&mut reason);
        }
        DatasetError::Archive { path: path.to_owned(), reason }
    }
}

fn is_printable(c: char) -> bool {
    !c.is_control() && c != char::REPLACEMENT_CHARACTER
}

/// The relative path of an archive's entry if it is a file.
fn file_name(entry: &Entry<'_, impl Read>) -> Result<Option<String>, DatasetError> {
    let name = entry.path_bytes();
    checked_name(&name, entry.header().entry_type()).map_err(|reason| DatasetError::Entry {
        entry: String::from_utf8_lossy(&name).into_owned(),
        reason: reason.to_owned(),
    })
}

/// The error states what is wrong with the entry.
fn checked_name(name: &[u8], kind: EntryType) -> Result<Option<String>, &'static str> {
    // Settings for all entries, which `git archive` writes first. Its name is no path.
    if kind == EntryType::XGlobalHeader {
        return Ok(None);
    }
    let text = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8")?;
    // Checked for folders too: an archive with any such path is not to be trusted.
    let relative = relative_path(text).ok_or("its path leads out of the archive")?;
    match kind {
        EntryType::Regular | EntryType::Continuous => Ok(Some(relative)),
        EntryType::Directory => Ok(None),
        EntryType::Symlink | EntryType::Link => Err("it is a link"),
        _ => Err("it is not a regular file"),
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
    let name = last_part(relative);
    let listed = TABLES.iter().chain(&LISTS).any(|(known, _)| *known == name);
    listed || RECORDS.contains(&name) || [MANIFEST, WNIDS, FINE_NAMES, COARSE_NAMES].contains(&name)
}

/// Whether a path is that of CIFAR-100's records.
pub(super) fn is_records(relative: &str) -> bool {
    RECORDS.contains(&last_part(relative))
}

fn last_part(relative: &str) -> &str {
    relative.rsplit('/').next().unwrap_or_default()
}

/// Whether a path is that of an image, by its extension.
pub(super) fn is_image(relative: &str) -> bool {
    // macOS puts hidden files beside those of an archive, with the same extension.
    let hidden = relative.split('/').any(|name| name.starts_with('.'));
    let extension = Path::new(relative).extension().and_then(|e| e.to_str()).unwrap_or_default();
    !hidden
        && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
