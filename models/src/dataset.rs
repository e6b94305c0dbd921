//! Images in classes: a folder or a tar archive, in one of seven layouts.
//!
//! * `manifest.csv` with the columns `path,class` and optionally `wnid,split`;
//! * `base/`, `val/`, `novel/`, each with a folder per class. With one such folder this is the
//!   layout, and no image may lie elsewhere;
//! * the same with the names of tieredImageNet: `train/`, `val/`, `test/`;
//! * miniImageNet as published: `train.csv`, `val.csv`, `test.csv` with the columns
//!   `filename,label`, and `images/`;
//! * CIFAR-100's binary version: `train.bin`, `test.bin`, `fine_label_names.txt`; classes are base,
//!   or split by lists;
//! * CIFAR-FS as published: a folder per class in `data/`, lists of classes in
//!   `splits/bertinetto/`;
//! * a folder per class (all classes are base).
//!
//! In every layout `wnids.csv` with the columns `class,wnid` may give classes their synsets; a
//! class whose name is a synset has that one. One folder around the whole data set is allowed.
//! Names decide the layout, so a folder and an archive of it are the same data set.
//!
//! Images of a folder are read on demand. An archive is read once, into memory, as are CIFAR-100's
//! records. Links are never followed, and a pickle is never opened.

mod cifar;
mod classes;
mod error;
mod files;
mod layout;
mod lists;
mod source;
mod table;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::disk;
use crate::hex;
use crate::image::{self, Image, ImageLimits, Warning};
use files::Files;
use source::Source;

pub use crate::split::{Half, HalfError, Split, SplitError};
pub use classes::Class;
pub use error::{DatasetError, Line};
pub use files::DatasetLimits;
pub use source::ImageRef;

/// Classes of images, and where the images are.
#[derive(Debug)]
pub struct Dataset {
    /// The classes, sorted by the bytes of their names.
    pub classes: Vec<Class>,
    /// What was left out: files that are not images, links, images in no class, classes in no list.
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
