//! The background set of a gallery: examples of none of its classes.

use std::sync::Arc;

use edge::embedder::Embedded;
use edge::gallery::Example;
use edge::recognizer;
use models::hex;
use serde::Serialize;
use utoipa::ToSchema;

use super::enroll::{EnrolledExample, enrolled_examples};

/// Background examples of a gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BackgroundExamples {
    /// In the order of enrollment.
    #[schema(max_items = 1000)]
    pub examples: Vec<BackgroundExample>,
    /// The value of `after` for the examples that follow; null after the last one.
    #[schema(pattern = "^e_[0-9a-f]{32}$", example = "e_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub next: Option<String>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A background example: an image of none of the classes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BackgroundExample {
    /// The id of the example.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    pub sha256: String,
    /// The part of the image that it was made of: left, top, width and height as fractions of the
    /// upright image; null for the whole image.
    #[schema(pattern = "^[0-9.]+(,[0-9.]+){3}$", example = "0.25,0.1,0.5,0.8")]
    pub crop: Option<String>,
}

/// The response to an enrollment of background examples.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EnrolledBackground {
    /// One for each image, in the order of the body.
    #[schema(max_items = 100000)]
    pub examples: Vec<EnrolledExample>,
    /// Number of background examples after the call.
    pub background_examples: usize,
    /// The gallery's revision.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone; null if it changed nothing.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// The response to a removal of a background example.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RemovedBackground {
    /// The example that was removed.
    pub example: BackgroundExample,
    /// Number of background examples after the call.
    pub background_examples: usize,
    /// The gallery's revision.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone; null if it changed nothing.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

impl BackgroundExamples {
    /// At most `limit` of `found`, and whether others follow.
    pub fn new<'a>(
        mut found: impl Iterator<Item = &'a Arc<Example>>,
        limit: usize,
        revision: u64,
    ) -> Self {
        let part = found.by_ref().take(limit);
        let examples: Vec<_> = part.map(|example| BackgroundExample::from(&**example)).collect();
        let last = examples.last().map(|example| example.id.clone());
        Self { next: found.next().and(last), examples, revision }
    }
}

impl EnrolledBackground {
    /// The response for `images`, in the order of their outcomes.
    #[must_use]
    pub fn new(
        enrolled: &recognizer::EnrolledBackground,
        images: &[Embedded],
        change: Option<String>,
    ) -> Self {
        Self {
            examples: enrolled_examples(&enrolled.outcomes, &enrolled.quality, images),
            background_examples: enrolled.examples,
            revision: enrolled.revision,
            change,
        }
    }
}

impl From<&Example> for BackgroundExample {
    fn from(example: &Example) -> Self {
        Self {
            id: example.id.to_string(),
            sha256: hex::encode(&example.sha256),
            crop: example.crop.map(|crop| crop.to_string()),
        }
    }
}
