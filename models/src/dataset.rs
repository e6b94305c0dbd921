//! Images in classes: a folder or a tar archive, in one of six layouts.
//!
//! * `manifest.csv` with the columns `path,class` and, if wished, `wnid,split`;
//! * `base/`, `val/`, `novel/`, each with a folder per class: one such folder decides, and then no
//!   image may lie elsewhere; `train/`, `val/`, `test/` are the same in the words of
//!   tieredImageNet;
//! * miniImageNet as published: `train.csv`, `val.csv`, `test.csv` with the columns
//!   `filename,label`, and `images/`;
//! * CIFAR-100's binary version: `train.bin`, `test.bin`, `fine_label_names.txt`; classes are base,
//!   or split by lists;
//! * CIFAR-FS as published: a folder per class in `data/`, lists of classes in
//!   `splits/bertinetto/`;
//! * a folder per class (all classes are base).
//!
//! `wnids.csv` with the columns `class,wnid` beside any of them gives classes their synsets; a
//! class that is named as a synset has it. One folder around all of it is looked through. Layouts
//! are decided from names only, so a folder and an archive of it are the same data set. Images of a
//! folder are read when asked for; an archive is read once, into memory, as are CIFAR-100's
//! records. Links are never followed, and a pickle is never opened.

mod cifar;
mod classes;
mod files;
mod layout;
mod lists;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::{self, DiskError};
use crate::fault::{Blame, Fault};
use crate::hex;
use crate::image::{self, Image, ImageError, ImageLimits, Warning};
use files::{Files, Source};

/// What a class is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learned from.
    Base,
    /// Chosen by.
    Val,
    /// Judged by.
    Novel,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Base => "base",
            Self::Val => "val",
            Self::Novel => "novel",
        })
    }
}

impl FromStr for Split {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Self, SplitError> {
        match text {
            "base" => Ok(Self::Base),
            "val" => Ok(Self::Val),
            "novel" => Ok(Self::Novel),
            _ => Err(SplitError { got: text.to_owned() }),
        }
    }
}

/// A word that names no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is no split; expected base, val or novel")]
pub struct SplitError {
    /// The word.
    pub got: String,
}

impl Fault for SplitError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// An image of a data set, not yet read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRef {
    path: String,
    place: files::Place,
}

impl ImageRef {
    /// The path within the data set, with `/` between its parts.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A class and its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its WordNet synset, for instance `n07739125`, if the data set gives one or it is the class's
    /// name.
    pub wnid: Option<String>,
    /// What it is for.
    pub split: Split,
    /// Its images, sorted by the bytes of their paths.
    pub images: Vec<ImageRef>,
}

/// How much a data set may be.
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

/// Why a data set cannot be opened or an image of it not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The classes are all in other splits.
    #[error("the data has no classes in split `{split}`; it has {}: say which with --split", listed(.others))]
    NoClasses {
        /// The split asked for.
        split: Split,
        /// How many the others have.
        others: Vec<(Split, usize)>,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is no archive, or a damaged one.
    #[error("{} cannot be read as a tar or tar.gz archive: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What was met.
        reason: String,
    },
    /// An entry of an archive that has no place in a data set.
    #[error("archive entry `{entry}` is refused: {reason}")]
    Entry {
        /// The entry's name.
        entry: String,
        /// Why.
        reason: String,
    },
    /// More bytes or files than allowed, or folders too deep.
    #[error("{} is too large: more than {limit} {unit}", path.display())]
    TooLarge {
        /// The folder or archive.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A list of images that cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong with it, what was expected, what to do.
        reason: String,
    },
    /// A line of a list of images that cannot be used.
    #[error("{at}: {reason}")]
    Line {
        /// Where it is.
        at: Line,
        /// What is wrong with it.
        reason: String,
    },
    /// A path that leads out of the data set.
    #[error("{at}: `{path}` leads out of the data set; expected a path below it")]
    Escapes {
        /// The line that names it.
        at: Line,
        /// The path.
        path: String,
    },
    /// A path where no image is.
    #[error(
        "{at}: there is no image `{path}` (a regular .jpg, .jpeg, .png or .webp file); add it or remove the line"
    )]
    Missing {
        /// The line that names it.
        at: Line,
        /// The path.
        path: String,
    },
    /// A class in two splits.
    #[error(
        "{at}: class `{class}` is in split {second} here and in split {first} before; a class belongs to one"
    )]
    TwoSplits {
        /// The line or the image that says so.
        at: String,
        /// The class.
        class: String,
        /// The split it was first seen in.
        first: Split,
        /// Another one.
        second: Split,
    },
    /// A class with two synsets.
    #[error("{at}: class `{class}` has wnid {second} here and {first} before; a class has one")]
    TwoWnids {
        /// The line that says so.
        at: String,
        /// The class.
        class: String,
        /// The synset it was first given.
        first: String,
        /// Another one.
        second: String,
    },
    /// Two things that tell of classes, so that one must be wrong.
    #[error(
        "`{first}` and `{second}` belong to different layouts, or say the same twice; keep one and move the other away"
    )]
    Both {
        /// One file or folder.
        first: String,
        /// The other.
        second: String,
    },
    /// An image outside of the folders of splits, or in one but in no class.
    #[error(
        "`{path}` is in no class of a split; among the folders base, val and novel (or train, val and test) every \
         image is at <split>/<class>/<image>: move or remove it"
    )]
    Stray {
        /// The image's path.
        path: String,
    },
    /// An image that cannot be read.
    #[error("image {path}: {reason}")]
    Image {
        /// Its path in the data set.
        path: String,
        /// Why.
        reason: ImageError,
    },
    /// No class at all.
    #[error(
        "no images in {}; expected manifest.csv, base/ val/ novel/ with a folder per class, a folder per class, or \
         miniImageNet, CIFAR-100, CIFAR-FS or tieredImageNet as published (pickles are not read: train/unpickle.py \
         turns them into folders)",
        path.display()
    )]
    Empty {
        /// The folder or archive.
        path: PathBuf,
    },
}

impl Fault for DatasetError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// A line of a list of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file's path in the data set.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

impl Line {
    fn wrong(&self, reason: String) -> DatasetError {
        DatasetError::Line { at: self.clone(), reason }
    }
}

fn listed(splits: &[(Split, usize)]) -> String {
    let of = |(split, classes): &(Split, usize)| format!("{classes} in `{split}`");
    splits.iter().map(of).collect::<Vec<_>>().join(" and ")
}

/// Classes of images, and where the images are.
#[derive(Debug)]
pub struct Dataset {
    /// The classes, sorted by the bytes of their names.
    pub classes: Vec<Class>,
    /// What was left out: files that are no images, links, images in no class, classes in no list.
    pub warnings: Vec<Warning>,
    source: Source,
    limits: DatasetLimits,
}

impl Dataset {
    /// Opens a folder, a `.tar` or a `.tar.gz` within the default limits.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        Self::open_within(path, &DatasetLimits::default())
    }

    /// Opens a folder, a `.tar` or a `.tar.gz` within the given limits.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn open_within(path: &Path, limits: &DatasetLimits) -> Result<Self, DatasetError> {
        let mut files = if path.is_dir() {
            Files::of_folder(path, limits)
        } else {
            Files::of_archive(path, limits)
        }?;
        let classes = layout::read(&mut files)?;
        if classes.is_empty() {
            return Err(DatasetError::Empty { path: path.to_owned() });
        }
        Ok(Self { classes, warnings: files.warnings(), source: files.source, limits: *limits })
    }

    /// The classes of a split, sorted by the bytes of their names.
    pub fn split(&self, split: Split) -> Vec<&Class> {
        self.classes.iter().filter(|class| class.split == split).collect()
    }

    /// The same of a split that has some.
    ///
    /// # Errors
    /// [`DatasetError::NoClasses`].
    pub fn filled_split(&self, split: Split) -> Result<Vec<&Class>, DatasetError> {
        let classes = self.split(split);
        if !classes.is_empty() {
            return Ok(classes);
        }
        let others =
            [Split::Base, Split::Val, Split::Novel].map(|other| (other, self.split(other).len()));
        let others = others.into_iter().filter(|(_, classes)| *classes > 0).collect();
        Err(DatasetError::NoClasses { split, others })
    }

    /// Number of images of all classes.
    pub fn n_images(&self) -> usize {
        self.classes.iter().map(|class| class.images.len()).sum()
    }

    /// Reads and decodes an image of this data set.
    ///
    /// # Errors
    /// The disk's refusal, a file that has grown beyond the limit, or [`DatasetError::Image`].
    pub fn image(&self, image: &ImageRef, limits: &ImageLimits) -> Result<Image, DatasetError> {
        let decoded = match &self.source {
            Source::Archive(bytes) => image::decode(image.place.of(bytes), limits),
            Source::Records(bytes) => cifar::decode(image.place.of(bytes), limits),
            Source::Folder(root) => {
                let file = root.join(&image.path);
                image::decode(&disk::read(&file, self.limits.max_image_bytes)?, limits)
            }
        };
        decoded.map_err(|reason| DatasetError::Image { path: image.path.clone(), reason })
    }

    /// SHA-256, in hexadecimal, of the names: every class with its split and synset, every image's
    /// path and number of bytes. Two data sets with the same fingerprint draw the same episodes.
    /// What is in the images is not read.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for class in &self.classes {
            let wnid = class.wnid.as_deref().unwrap_or_default();
            hash.update(format!("{}\0{wnid}\0{}\n", class.name, class.split));
            for image in &class.images {
                hash.update(format!("{}\0{}\n", image.path, image.place.bytes));
            }
        }
        hex::encode(&hash.finalize())
    }
}
