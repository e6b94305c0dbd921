//! Version, limits and health of the service.

use std::collections::BTreeMap;

use edge::engine::EngineStates;
use edge::recognizer::EngineInfo;
use serde::Serialize;
use utoipa::ToSchema;

use super::engine::{EngineCandidate, ReadyEngine};

/// The service's version, bundle, engine and limits.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Version {
    /// The service's version.
    #[schema(max_length = 64, example = "0.1.0")]
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
    #[schema(max_length = 256, example = "efficientnet-lite0")]
    pub name: String,
    /// Identifies the embedding space. Embeddings of two spaces cannot be compared.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub space_id: String,
    /// Number of values of an embedding.
    #[schema(minimum = 1, maximum = 16384)]
    pub embedding_size: usize,
    /// How the weights are stored.
    #[schema(max_length = 16, example = "fp16")]
    pub weights: String,
    /// True if the bundle has name knowledge: labels have a meaning, and classes without images are
    /// recognized.
    pub names: bool,
    /// True if the bundle has a decision: unknown images are rejected.
    pub rejects_unknown: bool,
}

/// The engine in use, why others were rejected, and those that may replace it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Engine {
    /// The name of the engine that runs the network.
    #[schema(example = "onnxruntime/cpu", max_length = 64)]
    pub provider: String,
    /// The precision of the network.
    #[schema(example = "int8-u8", max_length = 16)]
    pub precision: String,
    /// The engines that were tried at the start and cannot be used, with the reason.
    #[schema(max_items = 16)]
    pub rejected: Vec<Rejection>,
    /// The engines that may replace it while the service runs, in the order in which they are
    /// tried.
    #[schema(max_items = 64)]
    pub candidates: Vec<EngineCandidate>,
}

/// An engine that cannot be used on this device.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Rejection {
    /// The name of the engine.
    #[schema(example = "onnxruntime/cuda", max_length = 64)]
    pub provider: String,
    /// Why it was rejected.
    #[schema(max_length = 1000)]
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
    #[schema(max_length = 16, example = "ok")]
    pub status: &'static str,
    /// The checks that passed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<&'static str, &'static str>,
    /// The engine in use, and how far others are; only of readiness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<ReadyEngine>,
}

impl From<&EngineInfo> for Engine {
    fn from(engine: &EngineInfo) -> Self {
        Self {
            provider: engine.provider.to_string(),
            precision: engine.precision.to_string(),
            rejected: engine.rejected.iter().map(Rejection::from).collect(),
            candidates: Vec::new(),
        }
    }
}

impl Engine {
    /// The same with the engine that is in use now, and the candidates to replace it.
    #[must_use]
    pub fn now(&self, states: &EngineStates) -> Self {
        let kind = states.serving.kind;
        Self {
            provider: kind.provider.to_string(),
            precision: kind.precision.to_string(),
            rejected: self.rejected.clone(),
            candidates: EngineCandidate::all(states),
        }
    }
}

impl From<&edge::engine::Rejection> for Rejection {
    fn from(rejection: &edge::engine::Rejection) -> Self {
        Self { provider: rejection.provider.to_string(), reason: rejection.reason.clone() }
    }
}
