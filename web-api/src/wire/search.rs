//! The response to a search for similar examples.

use std::time::Duration;

use edge::classifier;
use edge::embedder::Embedded;
use serde::Serialize;
use utoipa::ToSchema;

use super::image::{Model, Timing, Warning, warnings};

/// The response to a search.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Searched {
    /// One for each image, in the order of the body.
    #[schema(max_items = 100000)]
    pub results: Vec<SearchedImage>,
    /// The bundle, engine and precision that computed this response.
    pub model: Model,
    /// Milliseconds of computing, by stage.
    pub timing_ms: Timing,
}

/// What one image is similar to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchedImage {
    /// The file's name, if the body gave one.
    #[schema(max_length = 128, example = "cup.jpg")]
    pub file: Option<String>,
    /// The most similar examples of all classes, best first.
    #[schema(max_items = 1000)]
    pub neighbors: Vec<SimilarExample>,
    /// What was unusual about the image; omitted if nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub warnings: Vec<Warning>,
}

/// An example that is similar to the image, and its class.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SimilarExample {
    /// The example's id.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub example: String,
    /// The id of its class.
    #[schema(
        example = "c_0193b7a2c4d870008f3a21b4cd56ef78",
        max_length = 64,
        pattern = "^c_[0-9a-f]{32}$"
    )]
    pub class: String,
    /// The label of its class.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// Cosine similarity to the image, -1 to 1.
    #[schema(minimum = -1.001, maximum = 1.001, example = 0.71)]
    pub similarity: f32,
}

impl Searched {
    /// The JSON before the results. They are written one by one, because they may be large.
    pub const BEGIN: &'static [u8] = b"{\"results\":[";

    /// The response for `images` without the results; `time` is that of all comparisons.
    #[must_use]
    pub fn new(images: &[Embedded], time: Duration, model: Model) -> Self {
        Self { results: Vec::new(), model, timing_ms: Timing::of_search(images, time) }
    }

    /// The JSON after the results.
    #[must_use]
    pub fn end(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("invariant: a response is JSON");
        json.strip_prefix(Self::BEGIN).expect("invariant: the results are first").to_vec()
    }
}

impl SearchedImage {
    /// The result of an image that came as `file`.
    #[must_use]
    pub fn new(
        found: Vec<classifier::SimilarExample>,
        file: Option<String>,
        image: &Embedded,
    ) -> Self {
        let neighbors = found.into_iter().map(SimilarExample::from).collect();
        Self { file, neighbors, warnings: warnings(image) }
    }

    /// The result as JSON, behind a comma unless it is the first one.
    #[must_use]
    pub fn to_json(&self, is_first: bool) -> Vec<u8> {
        let mut json = if is_first { Vec::new() } else { vec![b','] };
        serde_json::to_writer(&mut json, self).expect("invariant: a result is JSON");
        json
    }
}

impl From<classifier::SimilarExample> for SimilarExample {
    fn from(found: classifier::SimilarExample) -> Self {
        Self {
            example: found.neighbor.example_id.to_string(),
            class: found.class_id.to_string(),
            label: found.label.to_string(),
            similarity: found.neighbor.similarity,
        }
    }
}
