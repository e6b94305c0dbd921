//! Classes, examples and what is returned about them.

use std::collections::BTreeSet;
use std::sync::Arc;

use models::image::Region;
use models::knowledge::wordnet::{NotASynset, SynsetId};
use serde::{Deserialize, Serialize};

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
    pub examples: Vec<Arc<Example>>,
}

/// What a user set for a class in place of the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassOverrides {
    /// The sense of the class; `None`: the default sense of its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sense: Option<SenseOverride>,
    /// The attributes of the class; `None`: those of its sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeSet<SynsetId>>,
}

impl From<Option<SenseOverride>> for ClassOverrides {
    fn from(sense: Option<SenseOverride>) -> Self {
        Self { sense, attributes: None }
    }
}

/// The sense that a user set for a class; as text, a synset or `images only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SenseOverride {
    /// This WordNet noun.
    Synset(SynsetId),
    /// No sense: the class is learned from its images only.
    ImagesOnly,
}

/// How a store writes [`SenseOverride::ImagesOnly`].
const IMAGES_ONLY: &str = "images only";

impl From<SenseOverride> for String {
    fn from(sense: SenseOverride) -> Self {
        match sense {
            SenseOverride::Synset(synset) => synset.to_string(),
            SenseOverride::ImagesOnly => IMAGES_ONLY.to_owned(),
        }
    }
}

impl TryFrom<String> for SenseOverride {
    type Error = NotASynset;

    fn try_from(text: String) -> Result<Self, NotASynset> {
        match text.as_str() {
            IMAGES_ONLY => Ok(Self::ImagesOnly),
            synset => synset.parse().map(Self::Synset),
        }
    }
}

/// What an example shows: a file and the part of it. A class has each once, and so has the
/// background set: two parts of one photograph are two examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageKey {
    /// SHA-256 of the bytes of the image file.
    pub sha256: [u8; 32],
    /// The part of the image; `None` for all of it.
    pub crop: Option<Region>,
}

/// One enrolled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Stable.
    pub id: ExampleId,
    /// SHA-256 of the bytes of the image file.
    pub sha256: [u8; 32],
    /// The part of the image that it shows; `None` for all of it.
    pub crop: Option<Region>,
    /// The raw output of the backbone, `[s]`, never normalized.
    pub embedding: Vec<f32>,
    /// The precision of the backbone, e.g. `fp32`.
    pub precision: String,
}

/// An image to enroll.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExample {
    /// SHA-256 of the bytes of the image file: the same part of a file is enrolled once in a class,
    /// and once in the background set.
    pub sha256: [u8; 32],
    /// The part of the image that the embedding is of; `None` for all of it.
    pub crop: Option<Region>,
    /// The raw output of the backbone, `[s]`.
    pub embedding: Vec<f32>,
    /// The precision of the backbone.
    pub precision: String,
    /// The bytes of the image to keep: a thumbnail, or the file itself.
    pub image: Option<Vec<u8>>,
}

/// The result of [`Gallery::enroll`](super::Gallery::enroll).
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// The class after the call.
    pub class: Arc<Class>,
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
