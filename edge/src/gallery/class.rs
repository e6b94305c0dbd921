//! Classes, examples and what is returned about them.

use std::collections::BTreeSet;

use models::knowledge::wordnet::SynsetId;

use super::id::{ClassId, ExampleId};
use super::label::Label;

/// A class with its examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Stable; not used again after the class is deleted.
    pub id: ClassId,
    /// The class name, unique in the gallery; it may change.
    pub label: Label,
    /// What the user set in place of the defaults that follow from the label.
    pub overrides: ClassOverrides,
    /// In the order of enrollment.
    pub examples: Vec<Example>,
}

impl Class {
    /// A class without examples and overrides.
    pub(in crate::gallery) fn new(id: ClassId, label: Label) -> Self {
        Self { id, label, overrides: ClassOverrides::default(), examples: Vec::new() }
    }
}

/// What a user set for a class in place of the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassOverrides {
    /// The sense of the class; `None`: the default sense of its label.
    pub sense: Option<SenseOverride>,
    /// The attributes of the class; `None`: those of its sense.
    pub attributes: Option<BTreeSet<SynsetId>>,
}

impl From<Option<SenseOverride>> for ClassOverrides {
    fn from(sense: Option<SenseOverride>) -> Self {
        Self { sense, attributes: None }
    }
}

/// The sense that a user set for a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenseOverride {
    /// This WordNet noun.
    Synset(SynsetId),
    /// No sense: the class is learned from its images only.
    ImagesOnly,
}

/// One enrolled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Stable.
    pub id: ExampleId,
    /// SHA-256 of the bytes of the image file.
    pub sha256: [u8; 32],
    /// The raw output of the backbone, `[s]`, never normalized.
    pub embedding: Vec<f32>,
    /// The precision of the backbone, e.g. `fp32`.
    pub precision: String,
}

/// An image to enroll.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExample {
    /// SHA-256 of the bytes of the image file: the same file is enrolled once in a class, and once
    /// in the background set.
    pub sha256: [u8; 32],
    /// The raw output of the backbone, `[s]`.
    pub embedding: Vec<f32>,
    /// The precision of the backbone.
    pub precision: String,
}

/// The result of [`Gallery::enroll`](super::Gallery::enroll).
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// The class after the call.
    pub class: Class,
    /// One for each image given, in order.
    pub outcomes: Vec<Outcome>,
    /// The revision of the gallery after the call.
    pub revision: u64,
}

/// The result of [`Gallery::enroll_background`](super::Gallery::enroll_background).
#[derive(Debug, Clone, PartialEq)]
pub struct BackgroundEnrolled {
    /// One for each image given, in order.
    pub outcomes: Vec<Outcome>,
    /// Number of examples of the background set after the call.
    pub examples: usize,
    /// The revision of the gallery after the call.
    pub revision: u64,
}

/// The result for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The example that holds this image.
    pub example_id: ExampleId,
    /// True if the class or the background set had this image already; no second example was
    /// added.
    pub duplicate: bool,
}
