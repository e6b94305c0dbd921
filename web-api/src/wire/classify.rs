//! The answer to a classification, with explanations.

use serde::Serialize;
use utoipa::ToSchema;

use super::class::Meaning;
use super::image::{Model, Timing, Warning};

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
