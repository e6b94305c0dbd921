//! What a folder or an archive holds: the relative paths of images and of the files that assign
//! them to classes, where their bytes are, and what is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::error::DatasetError;
use super::junk::left_by;
use super::left_out::{LeftOut, Reason};
use super::source::{Place, Source};
use crate::disk::{self, Action, DiskError};
use crate::image::EXTENSIONS;
use crate::split::Split;

/// Most folders within folders.
pub(super) const MAX_DEPTH: usize = 16;
/// Most bytes of a file that lists images or holds many: CIFAR-100's largest has 154 MB.
pub(super) const MAX_INDEX: u64 = 256 << 20;
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
/// Extensions of images that are not read, in lower case.
const OTHER_FORMATS: &[&str] = &[
    "avif", "cr2", "cr3", "dng", "exr", "hdr", "heic", "heif", "hif", "ico", "j2k", "jp2", "jpx",
    "jxl", "nef", "arw", "orf", "rw2", "raf", "pbm", "pgm", "pnm", "ppm", "psd", "qoi", "svg",
    "tga",
];

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
    /// 4 GiB, 128 MiB, two million.
    fn default() -> Self {
        Self { max_archive_bytes: 4 << 30, max_image_bytes: 128 << 20, max_files: 2_000_000 }
    }
}

/// The paths of a data set, in the order of their bytes.
pub(super) type Found = BTreeMap<String, Place>;

/// The images of a folder or archive, and the files that assign them to classes.
pub(super) struct Files {
    pub(super) source: Source,
    pub(super) found: Found,
    /// The folder around everything, with a `/` at its end; empty if there is none. Paths in
    /// `found` are below it.
    pub(super) wrapper: String,
    /// Folders within the folders of classes, whose images are in the class.
    pub(super) nested: Vec<String>,
    left_out: BTreeMap<String, Reason>,
    /// Folders that may have no image.
    folders: BTreeSet<String>,
}

impl Files {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            found: Found::new(),
            wrapper: String::new(),
            nested: Vec::new(),
            left_out: BTreeMap::new(),
            folders: BTreeSet::new(),
        }
    }

    /// Everything below a folder. Links are listed, never followed.
    pub(super) fn of_folder(root: &Path, limits: &DatasetLimits) -> Result<Self, DatasetError> {
        let mut files = Self::new(Source::Folder(root.to_owned()));
        let mut folders = vec![(root.to_owned(), String::new(), 0)];
        let mut n_seen = 0;
        while let Some((folder, prefix, depth)) = folders.pop() {
            if depth > MAX_DEPTH {
                let limit = MAX_DEPTH as u64;
                return Err(DatasetError::too_large(&folder, limit, "folders within folders"));
            }
            // One more than allowed shows that there are too many, and is all that is held.
            let paths = disk::list_first(&folder, (limits.max_files - n_seen).saturating_add(1))?;
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

    /// Takes in one entry of a folder. Returns its relative path if it is a folder to look into.
    fn note(&mut self, path: &Path, prefix: &str) -> Result<Option<String>, DatasetError> {
        // `metadata` would follow a link, which may lead out of the data set.
        let metadata = path.symlink_metadata().map_err(|source| DiskError::Io {
            action: Action::LookAt,
            path: path.to_owned(),
            source,
        })?;
        let name = path.file_name().unwrap_or_default();
        let relative = format!("{prefix}{}", name.to_string_lossy());
        let reason = match name.to_str() {
            None => Some(Reason::NotUtf8),
            Some(name) => left_by(name).or_else(|| {
                unusable(metadata.is_symlink(), metadata.is_dir() || metadata.is_file())
            }),
        };
        if let Some(reason) = reason {
            self.leave_out(relative, reason);
            return Ok(None);
        }
        if metadata.is_dir() {
            self.folders.insert(relative.clone());
            return Ok(Some(relative));
        }
        if let Some(relative) = self.wanted(relative) {
            self.found.insert(relative, Place { offset: 0, bytes: metadata.len() });
        }
        Ok(None)
    }

    /// The path itself if the file of an archive is kept. Otherwise the file is left out, or the
    /// first folder above it that is not kept.
    pub(super) fn wanted_of_archive(&mut self, relative: String) -> Option<String> {
        match excluded(&relative) {
            Some((excluded, reason)) => {
                let excluded = excluded.to_owned();
                self.add_folders_above(&excluded);
                self.leave_out(excluded, reason);
                None
            }
            None => self.wanted(relative),
        }
    }

    /// The path itself if it is that of an image or of a file that some layout knows. Any other is
    /// left out.
    fn wanted(&mut self, relative: String) -> Option<String> {
        if is_image(&relative) || is_index(&relative) {
            return Some(relative);
        }
        self.add_folders_above(&relative);
        let is_format = OTHER_FORMATS.contains(&extension(&relative).to_lowercase().as_str());
        let reason = if is_format { Reason::Format } else { Reason::NotImage };
        self.leave_out(relative, reason);
        None
    }

    /// Takes in a folder that an archive lists.
    pub(super) fn add_folder(&mut self, relative: &str) {
        if let Some((excluded, reason)) = excluded(relative) {
            self.add_folders_above(excluded);
            self.leave_out(excluded.to_owned(), reason);
        } else if !relative.is_empty() {
            // As if a file were in it: the folder itself is added.
            self.add_folders_above(&format!("{relative}/"));
        }
    }

    pub(super) fn add_folders_above(&mut self, relative: &str) {
        // Those above a known folder are known.
        for folder in folders_above(relative) {
            if !self.folders.insert(folder.to_owned()) {
                break;
            }
        }
    }

    /// Notes that something is no part of the data set. The path is that before the folder around
    /// everything was removed.
    pub(super) fn leave_out(&mut self, path: String, reason: Reason) {
        self.left_out.insert(path, reason);
    }

    /// A path below the folder around everything, with that folder.
    pub(super) fn full(&self, path: &str) -> String {
        format!("{}{path}", self.wrapper)
    }

    /// Removes images from the data set, by their paths in `found`.
    pub(super) fn leave_out_found(&mut self, paths: Vec<String>, reason: Reason) {
        for path in paths {
            self.found.remove(&path);
            self.leave_out(self.full(&path), reason);
        }
    }

    /// Number of bytes of an archive that are held in memory.
    pub(super) fn stored_bytes(&self) -> u64 {
        match &self.source {
            Source::Archive(bytes) | Source::Records(bytes) => bytes.len() as u64,
            Source::Folder(_) => 0,
        }
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

    /// Everything that was left out, the most important reasons first.
    pub(super) fn left_out(&mut self) -> Vec<LeftOut> {
        let unused: Vec<String> =
            self.found.keys().filter(|path| !is_image(path)).cloned().collect();
        self.leave_out_found(unused, Reason::NotImage);
        for folder in self.empty_folders() {
            self.leave_out(folder, Reason::EmptyFolder);
        }
        let entries = std::mem::take(&mut self.left_out);
        let mut left_out: Vec<_> =
            entries.into_iter().map(|(path, reason)| LeftOut { reason, path }).collect();
        left_out.sort();
        left_out
    }

    /// The folders without a file of the data set in them, without those inside such a folder.
    fn empty_folders(&mut self) -> BTreeSet<String> {
        let mut empty = BTreeSet::new();
        // A folder comes before those in it.
        for folder in std::mem::take(&mut self.folders) {
            let is_known = folders_above(&folder).any(|above| empty.contains(above));
            if !is_known && !self.has_files(&format!("{folder}/")) {
                empty.insert(folder);
            }
        }
        empty
    }

    /// Whether a folder (with a `/` at its end) has an image, also one that was left out as it is
    /// in no class, or a file that assigns images to classes.
    fn has_files(&self, folder: &str) -> bool {
        let is_found = match folder.strip_prefix(&self.wrapper) {
            Some(below) => first_below(&self.found, below).is_some(),
            None => self.wrapper.starts_with(folder) && !self.found.is_empty(),
        };
        let images = [Reason::NoClass, Reason::NotListed, Reason::ClassNotListed];
        let below = self.left_out.range(folder.to_owned()..);
        let mut below = below.take_while(|(path, _)| path.starts_with(folder));
        is_found || self.is_read(folder) || below.any(|(_, reason)| images.contains(reason))
    }

    /// Whether a folder (with a `/` at its end) has, or had, files that were read already.
    fn is_read(&self, folder: &str) -> bool {
        // Records and lists are taken out of `found` when they are read.
        matches!(self.source, Source::Records(_)) && self.wrapper.starts_with(folder)
            || format!("{}{LISTS_FOLDER}", self.wrapper).starts_with(folder)
    }
}

/// The folders that a path lies in, the innermost first.
fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(folder_of(path), |path| folder_of(path))
}

fn folder_of(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

fn first_below<'a>(found: &'a Found, folder: &str) -> Option<&'a String> {
    found
        .range(folder.to_owned()..)
        .next()
        .map(|(path, _)| path)
        .filter(|path| path.starts_with(folder))
}

/// Why an entry of a folder is neither looked into nor read; `None` for plain files and folders.
fn unusable(is_link: bool, is_plain: bool) -> Option<Reason> {
    match (is_link, is_plain) {
        (true, _) => Some(Reason::Link),
        (false, true) => None,
        (false, false) => Some(Reason::Special),
    }
}

/// The part of a path up to the first name that is no part of a data set, and why it is none.
pub(super) fn excluded(relative: &str) -> Option<(&str, Reason)> {
    let mut end = 0;
    for name in relative.split('/') {
        end += name.len();
        if let Some(reason) = left_by(name) {
            return Some((&relative[..end], reason));
        }
        end += 1;
    }
    None
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

/// The extension of a path's last part; empty if it has none.
fn extension(relative: &str) -> &str {
    last_part(relative).rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Whether a path is that of an image, by its extension.
pub(super) fn is_image(relative: &str) -> bool {
    let extension = extension(relative);
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
