//! Version, limits and health of the service.

use std::collections::BTreeMap;

use edge::recognizer::EngineInfo;
use serde::Serialize;
use utoipa::ToSchema;

/// The service's version, bundle, engine and limits.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Version {
    /// The service's version.
    pub version: &'static str,
    /// The bundle in use: network, preprocessing and name knowledge.
    pub bundle: Bundle,
    /// The engine in use.
    pub engine: Engine,
    /// Limits of a request.
    pub limits: Limits,
}

/// The bundle in use: network, preprocessing and name knowledge.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Bundle {
    /// The bundle's name.
    pub name: String,
    /// Identifies the embedding space. Embeddings of two spaces cannot be compared.
    pub space_id: String,
    /// Number of values of an embedding.
    pub embedding_size: usize,
    /// How the weights are stored.
    pub weights: String,
    /// True if the bundle has name knowledge: labels have a meaning, and classes without images are
    /// recognized.
    pub names: bool,
}

/// The engine in use, and why others were rejected.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Engine {
    /// The name of the engine that runs the network.
    #[schema(example = "onnxruntime/cpu")]
    pub provider: String,
    /// The precision of the network.
    #[schema(example = "int8-u8")]
    pub precision: String,
    /// The engines that were tried before it and cannot be used, with the reason.
    pub rejected: Vec<Rejection>,
}

/// An engine that cannot be used on this device.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Rejection {
    /// The name of the engine.
    #[schema(example = "onnxruntime/cuda")]
    pub provider: String,
    /// Why it was rejected.
    pub reason: String,
}

/// Limits of a request.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Limits {
    /// Bytes of one body.
    pub max_body_bytes: usize,
    /// Images in one call.
    pub max_files: usize,
    /// Pixels of one image.
    pub max_pixels: u64,
}

/// Liveness or readiness.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`; a check that fails is a response with status 503.
    pub status: &'static str,
    /// The checks that passed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<&'static str, &'static str>,
}

impl From<&EngineInfo> for Engine {
    fn from(engine: &EngineInfo) -> Self {
        Self {
            provider: engine.provider.to_string(),
            precision: engine.precision.to_string(),
            rejected: engine.rejected.iter().map(Rejection::from).collect(),
        }
    }
}

impl From<&edge::engine::Rejection> for Rejection {
    fn from(rejection: &edge::engine::Rejection) -> Self {
        Self { provider: rejection.provider.to_string(), reason: rejection.reason.clone() }
    }
}
