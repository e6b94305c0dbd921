//! The classes that were enrolled on this device, kept as facts: for every image its hash, its
//! raw embedding and the precision that made it. Prototypes are computed from them, never stored.
//!
//! **The promise:** when a call of [`Gallery`] returns `Ok`, the change is on the disk and survives
//! a crash or a power cut; when it returns an error, nothing has changed. (The gallery in memory
//! keeps the second half only. What the disk must do for its part is in `docs/durability.md`.)
//!
//! A gallery is bound to the `space_id` of the backbone that made its embeddings: embeddings of two
//! backbones cannot be compared, so a store of another space is refused.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

mod facts;
mod label;
mod lock;
mod memory;
mod record;
mod store;

use models::knowledge::wordnet::SynsetId;

pub use label::{Label, LabelError};
pub use memory::MemoryGallery;
pub use store::RedbGallery;

/// A class's stable name for machines, shown as `@7`: the revision that made it. A label cannot
/// have this form, so `{id or label}` is never ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassId(pub(crate) u64);

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("@{}", self.0))
    }
}

impl FromStr for ClassId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.strip_prefix('@').filter(|d| !d.starts_with('+'));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| NotAnId(text.to_owned()))
    }
}

/// A text that is not a class's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class id: expected `@` and a number")]
pub struct NotAnId(String);

/// An example's stable name, shown as `@9.0`: the revision that enrolled it and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExampleId {
    pub(crate) revision: u64,
    pub(crate) index: u32,
}

impl fmt::Display for ExampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("@{}.{}", self.revision, self.index))
    }
}

/// A class and everything known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Stable; never used again after the class is deleted.
    pub id: ClassId,
    /// What people call it; unique in the gallery; may change.
    pub label: Label,
    /// What people said of it.
    pub said: Definition,
    /// In the order of enrollment.
    pub examples: Vec<Example>,
}

/// What people said of a class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// What it means; `None`: as its label is read.
    pub meaning: Option<Said>,
    /// What it has; `None`: as its meaning has.
    pub attributes: Option<BTreeSet<SynsetId>>,
}

impl From<Option<Said>> for Definition {
    fn from(meaning: Option<Said>) -> Self {
        Self { meaning, attributes: None }
    }
}

/// What people said that a class means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// This WordNet noun.
    Synset(SynsetId),
    /// No noun: only its images count.
    Nothing,
}

/// One enrolled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Stable.
    pub id: ExampleId,
    /// SHA-256 of the image file's bytes.
    pub sha256: [u8; 32],
    /// The backbone's raw output, never normalized.
    pub embedding: Vec<f32>,
    /// The precision the backbone ran in, e.g. `fp32`.
    pub precision: String,
}

/// An image to enroll.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExample {
    /// SHA-256 of the image file's bytes: the same one twice in a class counts once.
    pub sha256: [u8; 32],
    /// The backbone's raw output.
    pub embedding: Vec<f32>,
    /// The precision the backbone ran in.
    pub precision: String,
}

/// What became of a call to [`Gallery::enroll`].
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// The class as it is now.
    pub class: Class,
    /// One for each image given, in order.
    pub outcomes: Vec<Outcome>,
    /// The gallery's revision now.
    pub revision: u64,
}

/// What became of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The example that holds this image.
    pub example_id: ExampleId,
    /// True if the class had it already: no second example was made.
    pub duplicate: bool,
}

/// Enrolled classes. See the module for the promise that every call keeps.
pub trait Gallery: Send {
    /// Grows by one with each call that changed something; 0 when new.
    fn revision(&self) -> u64;

    /// Every class, sorted by the bytes of its label.
    ///
    /// # Errors
    /// When the facts cannot be read.
    fn classes(&self) -> Result<Vec<Class>, GalleryError>;

    /// The class with this id or label.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`].
    fn class(&self, id_or_label: &str) -> Result<Class, GalleryError>;

    /// Adds images to the class `label`, all or none. A class that does not exist is made if
    /// `create`. An image that the class holds already is reported as a duplicate; a call that
    /// brings nothing new leaves the revision as it is, so retries are safe.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`] without `create`; [`GalleryError::Embedding`];
    /// [`GalleryError::StoreFull`].
    fn enroll(
        &mut self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrolled, GalleryError>;

    /// Makes the class `label`, without images, if it does not exist, and keeps what is `said` of it in place of what was
    /// said before. Returns the class, and whether it is new.
    ///
    /// # Errors
    /// [`GalleryError::StoreFull`].
    fn define(&mut self, label: &Label, said: Definition) -> Result<(Class, bool), GalleryError>;

    /// Gives a class another label and returns it.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`]; [`GalleryError::LabelTaken`] if another class has the label.
    fn rename(&mut self, id_or_label: &str, label: &Label) -> Result<Class, GalleryError>;

    /// Deletes a class with its examples and returns what it was.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`].
    fn delete(&mut self, id_or_label: &str) -> Result<Class, GalleryError>;
}

/// Why a gallery refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// No class has this id or label.
    #[error("there is no class `{0}` in this gallery")]
    UnknownClass(String),
    /// Another class has the label already.
    #[error(
        "a class called `{0}` exists already; delete or rename it first, or choose another name"
    )]
    LabelTaken(Label),
    /// The store was made with another backbone.
    #[error(
        "the store {path} holds embeddings of another model (space {got:.12}…, this model's is \
         {expected:.12}…); use that model's bundle, or another store folder"
    )]
    OtherSpace {
        /// The store's folder.
        path: PathBuf,
        /// The space asked for.
        expected: String,
        /// The space the store is bound to.
        got: String,
    },
    /// An embedding cannot belong here.
    #[error("an embedding must be {expected}, got {got}")]
    Embedding {
        /// Length and content.
        expected: String,
        /// What came.
        got: String,
    },
    /// Another process has the store open.
    #[error("the store {path} is in use by {holder}; stop that first, or use another store folder")]
    InUse {
        /// The store's folder.
        path: PathBuf,
        /// Its process id and program.
        holder: String,
    },
    /// The disk, the quota or the file-size limit is exhausted; nothing was changed.
    #[error(
        "no space is left for the store {path}: nothing was changed; free some space and retry"
    )]
    StoreFull {
        /// The store's folder.
        path: PathBuf,
    },
    /// The store's file is damaged, or is not one of ours.
    #[error("the store {path} cannot be used: {reason}; restore it from a copy, or move it away")]
    Broken {
        /// The store's folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused.
    #[error("the store {path} cannot be read or written: {reason}")]
    Io {
        /// The store's folder.
        path: PathBuf,
        /// Its reason.
        reason: String,
    },
}
