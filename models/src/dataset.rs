//! Images in classes: a folder or an archive (zip, tar, tar.gz, tar.xz), in one of seven layouts.
//!
//! * `manifest.csv` with the columns `path,class` and optionally `wnid,split`;
//! * `base/`, `val/`, `novel/`, each with a folder per class. With one such folder this is the
//!   layout, and no image may lie elsewhere. The names may have any case, and be the usual
//!   synonyms: `train` and `test` as in tieredImageNet, `Training`, `validation`, …;
//! * miniImageNet as published: `train.csv`, `val.csv`, `test.csv` with the columns
//!   `filename,label`, and `images/`;
//! * CIFAR-100's binary version: `train.bin`, `test.bin`, `fine_label_names.txt`; classes are base,
//!   or split by lists;
//! * CIFAR-FS as published: a folder per class in `data/`, lists of classes in
//!   `splits/bertinetto/`;
//! * a folder per class (all classes are base);
//! * all images as those of one class ([`Dataset::open_as_class`]).
//!
//! In every layout `wnids.csv` with the columns `class,wnid` may give classes their synsets; a
//! class whose name is a synset has that one. Folders around the whole data set are allowed.
//! Names decide the layout, so a folder and an archive of it are the same data set.
//!
//! What systems and programs leave beside images is no part of a data set. Everything that is left
//! out is listed in [`Dataset::left_out`]. Every program of the project reads images of classes
//! with this module, so that the same folder is the same data set for all of them.
//!
//! Images of a folder are read on demand. An archive is read once, into memory, as are CIFAR-100's
//! records. Links are never followed, and a pickle is never opened.

mod archive;
mod cifar;
mod classes;
mod entry;
mod error;
mod files;
mod folders;
mod junk;
mod layout;
mod left_out;
mod lists;
mod source;
mod splits;
mod table;
mod zip_archive;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::disk;
use crate::hex;
use crate::image::{self, Detail, Image, ImageLimits};
use files::Files;
use source::Source;

pub use crate::split::{Half, HalfError, Split, SplitError};
pub use classes::Class;
pub use error::{DatasetError, Line};
pub use files::DatasetLimits;
pub use left_out::{LeftOut, Reason, summary};
pub use source::ImageRef;

/// Classes of images, and where the images are.
#[derive(Debug)]
pub struct Dataset {
    /// The classes, sorted by the bytes of their names.
    pub classes: Vec<Class>,
    /// What was left out, and why; what a user may miss stands first.
    pub left_out: Vec<LeftOut>,
    /// Folders within the folders of classes. Their images are images of the class.
    pub nested: Vec<String>,
    /// The folder or archive.
    path: PathBuf,
    source: Source,
    limits: DatasetLimits,
}

impl Dataset {
    /// Opens a folder or an archive within the default limits.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        Self::open_within(path, &DatasetLimits::default())
    }

    /// Opens a folder or an archive within the given limits.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn open_within(path: &Path, limits: &DatasetLimits) -> Result<Self, DatasetError> {
        let mut files = files_of(path, limits)?;
        let classes = layout::read(&mut files)?;
        let dataset = Self::new(path, files, classes, limits);
        if dataset.classes.is_empty() {
            let Self { left_out, .. } = dataset;
            return Err(DatasetError::Empty { path: path.to_owned(), left_out });
        }
        Ok(dataset)
    }

    /// Opens a folder or an archive within the default limits, with all images in it, whatever
    /// folders they are in, as those of one base class. Files that assign images to classes are
    /// left out.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn open_as_class(path: &Path, class: &str) -> Result<Self, DatasetError> {
        let limits = DatasetLimits::default();
        let files = files_of(path, &limits)?;
        let classes = folders::of_one_class(&files, class)?;
        let dataset = Self::new(path, files, classes, &limits);
        if dataset.classes.is_empty() {
            let Self { left_out, .. } = dataset;
            return Err(DatasetError::NoImages { path: path.to_owned(), left_out });
        }
        Ok(dataset)
    }

    fn new(path: &Path, mut files: Files, classes: Vec<Class>, limits: &DatasetLimits) -> Self {
        let left_out = files.left_out();
        let Files { nested, source, .. } = files;
        Self { classes, left_out, nested, path: path.to_owned(), source, limits: *limits }
    }

    /// What a user should know about the way the data set was read, in lines: what was left out,
    /// and folders within those of classes. The first five of each are named; `more` is added to
    /// the count of the others, and says where they are listed.
    pub fn notices(&self, more: &str) -> Vec<String> {
        let mut lines = summary(&self.left_out, more);
        if !self.nested.is_empty() {
            let folders = left_out::first_names(&self.nested);
            let n = self.nested.len();
            lines.push(format!(
                "images in folders within the folders of classes are in the class: {n} ({folders})"
            ));
        }
        lines
    }

    /// The classes of a split, sorted by the bytes of their names.
    pub fn split(&self, split: Split) -> Vec<&Class> {
        self.classes.iter().filter(|class| class.split == split).collect()
    }

    /// The classes of a split that must have some, sorted by the bytes of their names.
    ///
    /// # Errors
    /// [`DatasetError::NoClasses`] if the split has none.
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
    /// A file that cannot be read or is now larger than the limit; [`DatasetError::Image`] if it
    /// cannot be decoded.
    pub fn image(
        &self,
        image: &ImageRef,
        limits: &ImageLimits,
        detail: Detail,
    ) -> Result<Image, DatasetError> {
        let decoded = match &self.source {
            Source::Records(bytes) => cifar::decode(image.place.of(bytes), limits),
            Source::Archive(_) | Source::Folder(_) => {
                image::decode(&self.bytes(image)?, limits, detail)
            }
        };
        decoded.map_err(|reason| DatasetError::Image { path: image.path.clone(), reason })
    }

    /// Reads an image of this data set as the bytes of its file; a record of CIFAR-100 as a PNG.
    ///
    /// # Errors
    /// A file that cannot be read or is now larger than the limit.
    pub fn bytes(&self, image: &ImageRef) -> Result<Cow<'_, [u8]>, DatasetError> {
        match &self.source {
            Source::Archive(bytes) => Ok(Cow::Borrowed(image.place.of(bytes))),
            Source::Folder(root) => {
                let file = root.join(&image.path);
                Ok(Cow::Owned(disk::read(&file, self.limits.max_image_bytes)?))
            }
            Source::Records(bytes) => {
                let encoded = cifar::to_png(image.place.of(bytes));
                encoded
                    .map(Cow::Owned)
                    .map_err(|reason| DatasetError::Image { path: image.path.clone(), reason })
            }
        }
    }

    /// Where an image is: the path of its file or, in an archive, that of the archive and the path
    /// within it.
    pub fn place(&self, image: &ImageRef) -> PathBuf {
        match &self.source {
            Source::Folder(root) => root.join(&image.path),
            Source::Archive(_) | Source::Records(_) => self.path.join(&image.path),
        }
    }

    /// SHA-256, in hexadecimal, over every class with its name, synset and split, and over every
    /// image's path and number of bytes. Episodes drawn from two data sets with the same
    /// fingerprint are the same. The images' contents are not read.
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

/// Everything in a folder or an archive.
fn files_of(path: &Path, limits: &DatasetLimits) -> Result<Files, DatasetError> {
    if path.is_dir() { Files::of_folder(path, limits) } else { archive::read(path, limits) }
}
