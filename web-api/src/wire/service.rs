//! Version, limits and health of the service.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// What runs here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Version {
    /// The service's version.
    pub version: &'static str,
    /// The bundle in use.
    pub bundle: Bundle,
    /// The engine in use.
    pub engine: Engine,
    /// What a client may ask for.
    pub limits: Limits,
}

/// The bundle in use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Bundle {
    /// Its name.
    pub name: String,
    /// The embedding space: embeddings of two spaces cannot be compared.
    pub space_id: String,
    /// Length of an embedding.
    pub embedding_size: usize,
    /// How the weights are stored.
    pub weights: String,
    /// Whether it knows what names mean.
    pub names: bool,
}

/// The engine in use, and why no other one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Engine {
    /// Who runs the network.
    #[schema(example = "onnxruntime/cpu")]
    pub provider: String,
    /// The arithmetic of the network.
    #[schema(example = "int8-u8")]
    pub precision: String,
    /// Those tried before it.
    pub rejected: Vec<Rejection>,
}

/// An engine that cannot be used here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Rejection {
    /// Who.
    #[schema(example = "onnxruntime/cuda")]
    pub provider: String,
    /// Why not.
    pub reason: String,
}

/// What a client may ask for.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Limits {
    /// Bytes of one body.
    pub max_body_bytes: usize,
    /// Images in one call.
    pub max_files: usize,
    /// Pixels of one image.
    pub max_pixels: u64,
}

/// Whether the service lives or is ready.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: &'static str,
    /// What was looked at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<&'static str, &'static str>,
}
