//! Embeddings, and what every answer to images carries.

use serde::Serialize;
use utoipa::ToSchema;

/// Something unusual that was handled.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// Stable name.
    #[schema(example = "animated")]
    pub code: String,
    /// In words.
    pub detail: String,
}

/// Embeddings without a classification.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Embedded {
    /// One for each image, in the order of the body.
    pub results: Vec<EmbeddedImage>,
    /// What computed it.
    pub model: Model,
    /// Where the time of the whole call went.
    pub timing_ms: Timing,
}

/// The embedding of one image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EmbeddedImage {
    /// The file's name, when the body gave one.
    pub file: Option<String>,
    /// The backbone's raw output.
    pub embedding: Vec<f32>,
    /// What was unusual about the image; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What computed an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Model {
    /// The bundle's name.
    #[schema(example = "efficientnet-lite0")]
    pub bundle: String,
    /// The arithmetic of the network.
    #[schema(example = "fp32")]
    pub precision: String,
    /// The engine.
    #[schema(example = "onnxruntime/cpu")]
    pub provider: String,
}

/// Milliseconds, added up over the images of a call.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Timing {
    /// Files to pixels.
    pub decode: f64,
    /// Pixels to the network's input.
    pub preprocess: f64,
    /// The network.
    pub embed: f64,
    /// The comparison with the classes; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classify: Option<f64>,
}
