//! What travels as JSON. These types are the contract with clients and with nobody else: the
//! domain below never serializes itself to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:handful:problem:bad_picture")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// Stable name of the kind; programs may rely on it.
    #[schema(example = "bad_picture")]
    pub code: String,
    /// What is wrong here, what was expected, what to do.
    pub detail: String,
    /// The file that is at fault, when a call brought several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Every gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Galleries {
    /// At least `default`.
    pub galleries: Vec<Gallery>,
}

/// A gallery: enrolled classes and how they are compared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Gallery {
    /// Its name in paths.
    #[schema(example = "default")]
    pub gallery: String,
    /// How a class's pictures become its prototype.
    #[schema(example = "mean")]
    pub fusion: &'static str,
    /// Number of classes.
    pub classes: usize,
    /// Number of enrolled pictures.
    pub examples: usize,
    /// Grows by one with each change.
    pub revision: u64,
}

/// Every class of a gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Classes {
    /// Sorted by label.
    pub classes: Vec<Class>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A class: something that can be recognized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Class {
    /// Stable; never used again.
    #[schema(example = "@7")]
    pub id: String,
    /// What people call it; may change.
    #[schema(example = "mug")]
    pub label: String,
    /// How many pictures it was learned from.
    pub examples: usize,
}

/// One class and the revision it was read at or changed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OneClass {
    /// As it is now; after a deletion, as it was.
    pub class: Class,
    /// The gallery's revision, also in the header `etag`.
    pub revision: u64,
}

/// A change of a class.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassPatch {
    /// Its new name: 1 to 128 characters, no `/`, no control characters.
    #[schema(example = "blue mug")]
    pub label: String,
}

/// What became of an enrollment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Enrolled {
    /// The class as it is now.
    pub class: Class,
    /// One for each picture, in the order of the body.
    pub examples: Vec<EnrolledExample>,
    /// The gallery's revision.
    pub revision: u64,
}

/// What became of one picture.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EnrolledExample {
    /// The example that holds this picture.
    #[schema(example = "@9.0")]
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The example that held this picture already; null for a new one.
    pub duplicate_of: Option<String>,
    /// What was unusual about the picture.
    pub warnings: Vec<Warning>,
}

/// Something unusual that was handled.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// Stable name.
    #[schema(example = "animated")]
    pub code: String,
    /// In words.
    pub detail: String,
}

/// The answer to a classification.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Classified {
    /// One for each picture, in the order of the body.
    pub results: Vec<ClassifiedPicture>,
    /// How a class's pictures became its prototype.
    #[schema(example = "mean")]
    pub fusion: &'static str,
    /// Each picture was looked at by itself.
    #[schema(example = "inductive")]
    pub setting: &'static str,
    /// Pictures of this call that helped to judge the others.
    pub unlabelled: usize,
    /// What computed it.
    pub model: Model,
    /// Where the time of the whole call went.
    pub timing_ms: Timing,
}

/// The answer for one picture.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClassifiedPicture {
    /// The file's name, when the body gave one.
    pub file: Option<String>,
    /// Whether there is an answer.
    pub decision: Decision,
    /// The best candidate's label; null when nothing is known.
    pub label: Option<String>,
    /// The closest classes, best first.
    pub candidates: Vec<Candidate>,
    /// What was unusual about the picture; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Whether a picture has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The label is the answer.
    Accepted,
    /// The gallery has no classes yet.
    Empty,
}

/// A class that the picture may show.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Candidate {
    /// The class.
    pub label: String,
    /// Raw cosine similarity to the class's prototype, -1 to 1; greater is closer.
    pub score: f32,
    /// How many pictures the class was learned from.
    pub examples: usize,
}

/// Embeddings without a classification.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Embedded {
    /// One for each picture, in the order of the body.
    pub results: Vec<EmbeddedPicture>,
    /// What computed it.
    pub model: Model,
    /// Where the time of the whole call went.
    pub timing_ms: Timing,
}

/// The embedding of one picture.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EmbeddedPicture {
    /// The file's name, when the body gave one.
    pub file: Option<String>,
    /// The backbone's raw output.
    pub embedding: Vec<f32>,
    /// What was unusual about the picture; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What computed an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Model {
    /// The bundle's name.
    #[schema(example = "resnet12-cifar-fs")]
    pub bundle: String,
    /// The arithmetic of the network.
    #[schema(example = "fp32")]
    pub precision: String,
    /// The engine.
    #[schema(example = "onnxruntime/cpu")]
    pub provider: String,
}

/// Milliseconds, added up over the pictures of a call.
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
}

/// The engine in use, and why no other one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Engine {
    /// Who runs the network.
    #[schema(example = "onnxruntime/cpu")]
    pub provider: String,
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
    /// Pictures in one call.
    pub max_files: usize,
    /// Pixels of one picture.
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
