//! Why a data set cannot be opened, or an image of it cannot be read.

use std::fmt;
use std::path::{Path, PathBuf};

use super::left_out::{LeftOut, SHOWN, first_names};
use crate::disk::DiskError;
use crate::fault::{Blame, Fault};
use crate::image::{EXTENSIONS, ImageError};
use crate::split::Split;

/// Why a data set cannot be opened, or an image of it cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// All classes are in other splits.
    #[error("the data has no classes in split `{split}`; it has {}", listed(.others))]
    NoClasses {
        /// The split asked for.
        split: Split,
        /// The splits that have classes, and how many each has.
        others: Vec<(Split, usize)>,
    },
    /// A file or folder cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is not an archive, or it is damaged.
    #[error("{} cannot be read as a .zip, .tar, .tar.gz or .tar.xz archive: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive holds an entry that a data set must not have.
    #[error("archive entry `{entry}` is refused: {reason}")]
    Entry {
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are more bytes, files or nested folders than allowed.
    #[error("{} is too large: more than {limit} {unit}", path.display())]
    TooLarge {
        /// The folder or archive.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A file that lists or holds images cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong with it, what was expected, what to do.
        reason: String,
    },
    /// A line of such a file cannot be used.
    #[error("{at}: {reason}")]
    Line {
        /// Where the line is.
        at: Line,
        /// What is wrong with it.
        reason: String,
    },
    /// A path leads out of the data set.
    #[error("{at}: `{path}` leads out of the data set; expected a path below it")]
    Escapes {
        /// The line that names the path.
        at: Line,
        /// The path.
        path: String,
    },
    /// There is no image at a path.
    #[error(
        "{at}: there is no image `{path}` (a regular file, no link, with the extension of an image: {}); add it or \
         remove the line",
        EXTENSIONS.join(", ")
    )]
    Missing {
        /// The line that names the path.
        at: Line,
        /// The path.
        path: String,
    },
    /// A class is in two splits.
    #[error(
        "{at}: class `{class}` is in split {second} here and in split {first} before; a class belongs to one: for an \
         ordinary split of the same classes, leave the splits out: all of them are base then"
    )]
    TwoSplits {
        /// The line or the image that puts the class into the second split.
        at: String,
        /// The class.
        class: String,
        /// The split that the class was in before.
        first: Split,
        /// The other split.
        second: Split,
    },
    /// A class has two synsets.
    #[error("{at}: class `{class}` has wnid {second} here and {first} before; a class has one")]
    TwoWnids {
        /// The line that gives the second synset.
        at: String,
        /// The class.
        class: String,
        /// The synset that the class had before.
        first: String,
        /// The other synset.
        second: String,
    },
    /// Two files or folders assign images to classes, so one of them must be wrong.
    #[error(
        "`{first}` and `{second}` belong to different layouts, or give the same twice; keep one and move the other away"
    )]
    Both {
        /// One file or folder.
        first: String,
        /// The other.
        second: String,
    },
    /// Folders hold classes of the same names.
    #[error(
        "{} hold classes of the same names ({}), as in an ordinary split of the images of each class; few-shot splits \
         have classes of their own: give one folder, for instance `{base}`, or move the images of each class into one \
         folder",
        first_names(folders),
        first_names(classes)
    )]
    SharedClasses {
        /// Folders that hold the first such class.
        folders: Vec<String>,
        /// The names.
        classes: Vec<String>,
        /// The folder of training images, or the first one.
        base: String,
    },
    /// All folders are named after splits, but they hold images instead of classes.
    #[error(
        "{} are named as splits, but hold images instead of a folder per class; expected `{}/CLASS/IMAGE`; if they \
         are classes, list their images in manifest.csv",
        first_names(folders),
        folders.first().map_or("", String::as_str)
    )]
    SplitsWithoutClasses {
        /// The folders.
        folders: Vec<String>,
    },
    /// The folder of a class has no image, but several folders with images.
    #[error(
        "`{folder}` has no image of its own, but {} folders of images ({}), which may be classes or parts of one class; \
         if they are classes, give `{folder}` as the data or move them up one level; if not, move their images into \
         `{folder}` itself",
        inside.len(),
        first_names(inside)
    )]
    FolderOfFolders {
        /// The folder.
        folder: String,
        /// The folders in it.
        inside: Vec<String>,
    },
    /// The folder of the only class is called after images, and no folder around it has a name.
    #[error(
        "the only folder of images is `{folder}`, which is called so for being one: expected the name of a class; \
         rename the folder, or put it into one that is called as the class is"
    )]
    UnnamedClass {
        /// The folder.
        folder: String,
    },
    /// The names of two classes differ only in case, in spaces or in the form of their characters.
    #[error(
        "the classes `{first}` and `{second}` have the same name, apart from case, spaces or the form of accents; \
         rename one of them, or move the images into one"
    )]
    SameName {
        /// A class.
        first: String,
        /// The other.
        second: String,
    },
    /// An image is outside the folders of splits, or in one of them but in no class.
    #[error(
        "`{path}` is in no class of a split; among the folders base, val and novel (or train, val and test) every \
         image is at <split>/<class>/<image>: move or remove it"
    )]
    Stray {
        /// The image's path.
        path: String,
    },
    /// An image cannot be decoded.
    #[error("image {path}: {reason}")]
    Image {
        /// The image's path in the data set.
        path: String,
        /// What is wrong with it.
        reason: ImageError,
    },
    /// There are no classes.
    #[error(
        "no images in classes in {}; expected manifest.csv, base/ val/ novel/ with a folder per class, a folder per \
         class ({}/*.jpg), or miniImageNet, CIFAR-100, CIFAR-FS or tieredImageNet as published (pickles are not \
         read: train/unpickle.py turns them into folders){}",
        path.display(),
        path.join("NAME").display(),
        listed_left_out(left_out)
    )]
    Empty {
        /// The folder or archive.
        path: PathBuf,
        /// What was left out.
        left_out: Vec<LeftOut>,
    },
    /// A folder or archive whose images need no classes has no image.
    #[error("no images in {}{}", path.display(), listed_left_out(left_out))]
    NoImages {
        /// The folder or archive.
        path: PathBuf,
        /// What was left out.
        left_out: Vec<LeftOut>,
    },
}

impl DatasetError {
    /// [`DatasetError::File`].
    pub(super) fn file(file: &str, reason: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), reason: reason.into() }
    }

    /// [`DatasetError::Entry`].
    pub(super) fn entry(entry: &str, reason: impl Into<String>) -> Self {
        Self::Entry { entry: entry.to_owned(), reason: reason.into() }
    }

    /// [`DatasetError::TooLarge`].
    pub(super) fn too_large(path: &Path, limit: u64, unit: &'static str) -> Self {
        Self::TooLarge { path: path.to_owned(), limit, unit }
    }
}

impl DatasetError {
    /// The split that has the classes, or will have them when the advice of the error is followed:
    /// a program with a choice of split names it. `None` if the error is about something else.
    pub fn split_to_use(&self) -> Option<Split> {
        match self {
            Self::NoClasses { others, .. } => others.first().map(|(split, _)| *split),
            Self::TwoSplits { .. } | Self::SharedClasses { .. } => Some(Split::Base),
            _ => None,
        }
    }
}

impl Fault for DatasetError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

fn listed(splits: &[(Split, usize)]) -> String {
    let counts = splits.iter().map(|(split, classes)| format!("{classes} in `{split}`"));
    counts.collect::<Vec<_>>().join(" and ")
}

/// What was left out, as the end of a sentence.
fn listed_left_out(left_out: &[LeftOut]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let shown =
        left_out.iter().take(SHOWN).map(|LeftOut { path, reason }| format!("{path} ({reason})"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = left_out.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("; left out: {shown}{more}")
}

/// A line of a file that lists images or classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file's path in the data set.
    pub file: String,
    /// The line's number, from 1.
    pub line: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

impl Line {
    /// The error of a line that cannot be used.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> DatasetError {
        DatasetError::Line { at: self.clone(), reason: reason.into() }
    }
}
