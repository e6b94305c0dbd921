//! Examples of a gallery, one by one.

use edge::recognizer::ExampleInfo;
use models::{hex, utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Examples of a class.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Examples {
    /// In the order of enrollment.
    #[schema(max_items = 1000)]
    pub examples: Vec<Example>,
    /// The value of `after` for the examples that follow; null after the last one.
    #[schema(pattern = "^e_[0-9a-f]{32}$", example = "e_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub next: Option<String>,
    /// The gallery's revision.
    pub revision: u64,
}

/// An example: an enrolled image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Example {
    /// The id of the example.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub id: String,
    /// The id of its class; null in the background set.
    #[schema(example = "c_0193b7a2c4d870008f3a21b4cd56ef78", pattern = "^c_[0-9a-f]{32}$")]
    pub class: Option<String>,
    /// The label of its class; null in the background set.
    #[schema(example = "mug", max_length = 128)]
    pub label: Option<String>,
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
    /// When it was enrolled, by the clock of the device.
    #[schema(format = DateTime, example = "2026-11-30T13:05:09.250Z")]
    pub added_at: String,
    /// The precision of the backbone that made its embedding.
    #[schema(max_length = 32, example = "int8-u8")]
    pub precision: String,
}

/// One example and the gallery's revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OneExample {
    /// The example.
    pub example: Example,
    /// The gallery's revision, also in the header `etag`.
    pub revision: u64,
}

/// The response to a removal or a move of examples.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChangedExamples {
    /// How many examples were removed or moved; one that is there already is not moved.
    pub changed: usize,
    /// The gallery's revision.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone; null if it changed nothing.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// Where an example is moved to: one of the two.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExampleMove {
    /// The id or label of a class.
    #[serde(default)]
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub to: Option<String>,
    /// True: to the background set, which holds images of none of the classes.
    #[serde(default)]
    pub to_background: bool,
}

/// What to do with several examples, all or none: one of `move_to`, `move_to_background` and
/// `delete`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExampleBatch {
    /// The whole ids of the examples.
    #[schema(
        min_items = 1,
        max_items = 1000,
        example = json!(["e_0193b7a2c4d870008a3f21b4cd56ef78"])
    )]
    pub ids: Vec<String>,
    /// Move them to the class with this id or label.
    #[serde(default)]
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub move_to: Option<String>,
    /// True: move them to the background set.
    #[serde(default)]
    pub move_to_background: bool,
    /// True: remove them.
    #[serde(default)]
    pub delete: bool,
}

impl Example {
    /// An example.
    #[must_use]
    pub fn new(example: &ExampleInfo) -> Self {
        Self {
            id: example.id.to_string(),
            class: example.class.map(|class| class.to_string()),
            label: example.label.as_ref().map(|label| label.to_string()),
            sha256: hex::encode(&example.sha256),
            crop: example.crop.map(|crop| crop.to_string()),
            added_at: utc::rfc3339(example.added_at_ms),
            precision: example.precision.clone(),
        }
    }
}

impl Examples {
    /// At most `limit` of `found`, and whether others follow.
    #[must_use]
    pub fn new(found: &[ExampleInfo], limit: usize, revision: u64) -> Self {
        let examples: Vec<_> = found.iter().take(limit).map(Example::new).collect();
        let last = examples.last().map(|example| example.id.clone());
        Self { next: last.filter(|_| found.len() > limit), examples, revision }
    }
}
