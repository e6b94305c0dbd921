//! Embeddings, and what every response to images carries.

use std::time::Duration;

use edge::embedder;
use serde::Serialize;
use utoipa::ToSchema;

/// Something unusual about an image that did not stop the call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// A stable code for programs.
    #[schema(example = "animated", max_length = 64)]
    pub code: String,
    /// The warning in words.
    #[schema(max_length = 1000, example = "the image is animated; its first frame is used")]
    pub detail: String,
}

/// The response to `POST /v1/embed`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Embedded {
    /// One for each image, in the order of the body.
    #[schema(max_items = 100000)]
    pub results: Vec<EmbeddedImage>,
    /// The bundle, engine and precision that computed this response.
    pub model: Model,
    /// Milliseconds of computing, by stage.
    pub timing_ms: Timing,
}

/// The embedding of one image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EmbeddedImage {
    /// The file's name, if the body gave one.
    #[schema(max_length = 128, example = "cup.jpg")]
    pub file: Option<String>,
    /// The output of the network, `embedding_size` values, not normalized.
    #[schema(max_items = 16384)]
    pub embedding: Vec<f32>,
    /// What was unusual about the image; omitted if nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub warnings: Vec<Warning>,
}

/// The bundle, engine and precision that computed a response.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Model {
    /// The bundle's name.
    #[schema(example = "efficientnet-lite0", max_length = 256)]
    pub bundle: String,
    /// The precision of the network.
    #[schema(example = "fp32", max_length = 16)]
    pub precision: String,
    /// The engine that ran the network.
    #[schema(example = "onnxruntime/cpu", max_length = 64)]
    pub provider: String,
}

/// Milliseconds of computing by stage, summed over the images of the call.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Timing {
    /// Decoding the files.
    #[schema(minimum = 0, example = 1.5)]
    pub decode: f64,
    /// Scaling and normalizing the pixels.
    #[schema(minimum = 0, example = 1.5)]
    pub preprocess: f64,
    /// Running the network.
    #[schema(minimum = 0, example = 1.5)]
    pub embed: f64,
    /// Comparing with the classes; only of a classification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 1.5)]
    pub classify: Option<f64>,
    /// Comparing with the examples; only of a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 1.5)]
    pub search: Option<f64>,
}

impl EmbeddedImage {
    /// The result of one image.
    #[must_use]
    pub fn new(file: Option<String>, image: embedder::Embedded) -> Self {
        Self { file, warnings: warnings(&image), embedding: image.embedding }
    }
}

/// The warnings of one image.
pub(super) fn warnings(image: &embedder::Embedded) -> Vec<Warning> {
    image.warnings.iter().map(Warning::from).collect()
}

impl From<&models::image::Warning> for Warning {
    fn from(warning: &models::image::Warning) -> Self {
        Self { code: warning.code.to_owned(), detail: warning.detail.clone() }
    }
}

impl Timing {
    /// The time of `images`, and of their classification.
    #[must_use]
    pub fn new(images: &[embedder::Embedded], classify: Option<Duration>) -> Self {
        Self {
            decode: milliseconds(images.iter().map(|image| image.timing.decode).sum()),
            preprocess: milliseconds(images.iter().map(|image| image.timing.preprocess).sum()),
            embed: milliseconds(images.iter().map(|image| image.timing.embed).sum()),
            classify: classify.map(milliseconds),
            search: None,
        }
    }

    /// The time of `images`, and of their search.
    #[must_use]
    pub fn of_search(images: &[embedder::Embedded], search: Duration) -> Self {
        Self { search: Some(milliseconds(search)), ..Self::new(images, None) }
    }
}

/// Rounded to microseconds; finer digits are noise.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
