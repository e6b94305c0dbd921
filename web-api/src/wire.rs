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
    #[schema(example = "urn:handful:problem:bad_image")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// Stable name of the kind; programs may rely on it.
    #[schema(example = "bad_image")]
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
    /// How a class becomes its prototype: `mean` of its images, or `trusted`, with what its name tells as far as the
    /// names fit the images.
    #[schema(example = "trusted")]
    pub fusion: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of enrolled images.
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
    /// How many images it was learned from.
    pub examples: usize,
    /// True while it has no image: it is known by its name alone, or not at all.
    pub provisional: bool,
    /// What its name is taken to mean; null where nothing is known of it.
    pub meaning: Option<Meaning>,
    /// People said that its name means nothing: only its images count.
    pub images_only: bool,
    /// What it has: as people said, or else as WordNet says of its meaning; at most 128. Explanations weigh these.
    pub attributes: Vec<Part>,
    /// Whether people said what it has.
    pub attributes_said: bool,
}

/// What a class's name is taken to mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meaning {
    /// The WordNet 3.0 noun.
    #[schema(example = "n03797390")]
    pub synset: String,
    /// Why this one: `label` (the whole label is its name), `head-noun` (the label's last words are), `said` (by people).
    #[schema(example = "label")]
    pub rule: &'static str,
    /// Its words.
    pub lemmas: Vec<String>,
    /// Its definition.
    pub gloss: String,
}

/// The meanings of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Senses {
    /// The noun asked for.
    pub q: String,
    /// The synset that a class of this name is taken to mean unless people say otherwise.
    pub read_as: Option<String>,
    /// Most frequent first; none when the lexicon does not have the noun.
    pub senses: Vec<Sense>,
}

/// One meaning of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sense {
    /// The WordNet 3.0 noun.
    #[schema(example = "n03797390")]
    pub synset: String,
    /// Its words.
    pub lemmas: Vec<String>,
    /// Its definition.
    pub gloss: String,
    /// What it is a kind of, directly.
    pub kind_of: Vec<String>,
    /// Parts of it and of what it is a kind of; at most 128.
    pub attributes: Vec<Part>,
    /// Whether a word vector is known, without which a name tells little.
    pub vector: bool,
}

/// An attribute of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// The WordNet 3.0 noun.
    #[schema(example = "n03485997")]
    pub synset: String,
    /// In a word.
    #[schema(example = "handle")]
    pub name: String,
}

/// What a class means. An empty object: what its label says.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDefinition {
    /// This WordNet noun, of those that `GET /v1/lexicon` lists.
    #[serde(default)]
    #[schema(example = "n03793489")]
    pub synset: Option<String>,
    /// Nothing: only its images count.
    #[serde(default)]
    pub images_only: bool,
    /// What it has: nouns that the lexicon has, or their synsets; at most 128. Left out: what its meaning has.
    #[serde(default)]
    #[schema(example = json!(["spout", "lid"]))]
    pub attributes: Option<Vec<String>>,
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
    /// One for each image, in the order of the body.
    pub examples: Vec<EnrolledExample>,
    /// The gallery's revision.
    pub revision: u64,
}

/// What became of one image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EnrolledExample {
    /// The example that holds this image.
    #[schema(example = "@9.0")]
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The example that held this image already; null for a new one.
    pub duplicate_of: Option<String>,
    /// What was unusual about the image.
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
    /// One for each image, in the order of the body.
    pub results: Vec<ClassifiedImage>,
    /// How classes became prototypes.
    #[schema(example = "trusted")]
    pub fusion: String,
    /// `inductive`: each image was looked at by itself; `transductive`: they helped to judge one another.
    #[schema(example = "inductive")]
    pub setting: String,
    /// Images of this call that helped to judge the others.
    pub unlabeled: usize,
    /// What computed it.
    pub model: Model,
    /// Where the time of the whole call went.
    pub timing_ms: Timing,
}

/// The answer for one image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClassifiedImage {
    /// The file's name, when the body gave one.
    pub file: Option<String>,
    /// Whether there is an answer.
    pub decision: Decision,
    /// The best candidate's label; null when nothing is known.
    pub label: Option<String>,
    /// The closest classes, best first.
    pub candidates: Vec<Candidate>,
    /// Why the best candidate; only when `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// What was unusual about the image; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Whether an image has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The label is the answer.
    Accepted,
    /// The gallery has no classes that could be the answer yet.
    Empty,
}

/// A class that the image may show.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Candidate {
    /// The class.
    pub label: String,
    /// Raw cosine similarity to the class's prototype, -1 to 1; greater is closer. That of a class without images is
    /// lifted to what it would be with some.
    pub score: f32,
    /// How many images the class was learned from.
    pub examples: usize,
    /// The share of what its name tells in the prototype, 0 (images alone) to 1 (name alone).
    pub knowledge: f32,
}

/// Why an image was named so.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// What the answer rests on.
    pub share: Shares,
    /// What the name was taken to mean; null when it played no part.
    pub meaning: Option<Meaning>,
    /// What such a thing has, as people or WordNet say; empty when people said nothing and the name played no part.
    pub attributes: Vec<Attribute>,
    /// The images of the class that are most alike, best first.
    pub nearest: Vec<Near>,
}

/// What an answer rests on; the two add up to 1.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Shares {
    /// The class's images.
    pub images: f32,
    /// What its name tells.
    pub knowledge: f32,
}

/// Something that a thing has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attribute {
    /// In a word.
    #[schema(example = "handle")]
    pub name: String,
    /// How much it counts for the class's prototype, greater is more; null where that is not known. Weighed ones come
    /// first, best first.
    #[schema(example = 0.31)]
    pub weight: Option<f32>,
}

/// An image of the class that is like the one asked about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Near {
    /// The example.
    #[schema(example = "@9.0")]
    pub example: String,
    /// Cosine similarity, -1 to 1.
    pub similarity: f32,
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
