//! Embeddings, and what every response to images carries.

use std::time::Duration;

use edge::embedder;
use serde::Serialize;
use utoipa::ToSchema;

/// Something unusual about an image that did not stop the call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// A stable code for programs.
    #[schema(example = "animated")]
    pub code: String,
    /// The warning in words.
    pub detail: String,
}

/// The response to `POST /v1/embed`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Embedded {
    /// One for each image, in the order of the body.
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
    pub file: Option<String>,
    /// The output of the network, `embedding_size` values, not normalized.
    pub embedding: Vec<f32>,
    /// What was unusual about the image; omitted if nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// The bundle, engine and precision that computed a response.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Model {
    /// The bundle's name.
    #[schema(example = "efficientnet-lite0")]
    pub bundle: String,
    /// The precision of the network.
    #[schema(example = "fp32")]
    pub precision: String,
    /// The engine that ran the network.
    #[schema(example = "onnxruntime/cpu")]
    pub provider: String,
}

/// Milliseconds of computing by stage, summed over the images of the call.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Timing {
    /// Decoding the files.
    pub decode: f64,
    /// Scaling and normalizing the pixels.
    pub preprocess: f64,
    /// Running the network.
    pub embed: f64,
    /// Comparing with the classes; omitted by `POST /v1/embed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classify: Option<f64>,
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
        }
    }
}

/// Rounded to microseconds; finer digits are noise.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
