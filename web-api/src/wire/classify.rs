//! The response to a classification, with explanations.

use edge::embedder::Embedded;
use edge::recognizer::{Answer, Classification};
use edge::{classifier, decision, explain};
use serde::Serialize;
use utoipa::ToSchema;

use super::class::Meaning;
use super::image::{Model, Timing, Warning, warnings};

/// The response to a classification.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Classified {
    /// One for each image, in the order of the body.
    #[schema(max_items = 100000)]
    pub results: Vec<ClassifiedImage>,
    /// How the prototypes of the classes were made: `mean`, `trusted` (see `Gallery.fusion`) or
    /// `soft-k-means` (moved towards the images of a transductive call).
    #[schema(example = "trusted", max_length = 32)]
    pub fusion: String,
    /// `inductive`: each image was classified by itself; `transductive`: all images together.
    #[schema(example = "inductive", max_length = 32)]
    pub setting: String,
    /// Number of images that were classified together; 0 if inductive.
    pub unlabeled: usize,
    /// The bundle, engine and precision that computed this response.
    pub model: Model,
    /// Milliseconds of computing, by stage.
    pub timing_ms: Timing,
}

/// The result of one image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClassifiedImage {
    /// The file's name, if the body gave one.
    #[schema(max_length = 128, example = "cup.jpg")]
    pub file: Option<String>,
    /// Whether the image shows one of the classes.
    pub decision: Decision,
    /// The label of the best candidate; null if `decision` is `rejected` or `empty`.
    #[schema(min_length = 1, max_length = 128, example = "mug")]
    pub label: Option<String>,
    /// The probability of the best candidate, 0 to 1; null without candidates, and if the bundle
    /// has no decision.
    #[schema(example = 0.93, minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// The label of the class that cannot be told apart from `label`; null unless `decision` is
    /// `ambiguous`.
    #[schema(min_length = 1, max_length = 128)]
    pub ambiguous_with: Option<String>,
    /// The best classes, in the order of `similarity` + `name_bias`.
    #[schema(max_items = 1000)]
    pub candidates: Vec<Candidate>,
    /// How the image compares with unknown ones; null without candidates, and if the bundle has no
    /// decision: then every image is accepted.
    pub unknown: Option<Unknown>,
    /// Explains the best candidate; only with `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// What was unusual about the image; omitted if nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub warnings: Vec<Warning>,
}

/// Whether an image shows one of the classes. A service whose bundle has no decision accepts every
/// image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The image shows `label`, the best candidate.
    Accepted,
    /// The image shows none of the classes. `candidates` has the most similar ones.
    Rejected,
    /// The image shows `label` or one other class, which cannot be told apart at the stated rate.
    Ambiguous,
    /// No class of the gallery can be recognized yet.
    Empty,
}

/// How the image compares with unknown images: images that show none of the classes.
///
/// A rate is a share of unknown images, 0 to 1. It is an average over galleries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Unknown {
    /// The calibrated score: how far the image scores above unknown images of this gallery.
    #[schema(example = 0.41, minimum = -10, maximum = 10)]
    pub score: f64,
    /// The least calibrated score that is not rejected.
    #[schema(example = 0.21, minimum = -10, maximum = 10)]
    pub threshold: f64,
    /// The share of unknown images that score at least as high as this one, 0.001 to 0.5.
    #[schema(example = 0.008, minimum = 0, maximum = 1)]
    pub false_accept_rate: f64,
    /// The share of unknown images that `threshold` accepts.
    #[schema(example = 0.05, minimum = 0, maximum = 1)]
    pub stated_false_accept_rate: f64,
    /// True if the gallery has evidence for the rates. A gallery with examples of one class only
    /// has none: its rates are those of other galleries of one class.
    pub stated: bool,
    /// The probability that the image shows none of the classes, 0 to 1. It and the `probability`
    /// of all classes sum to 1.
    #[schema(example = 0.055, minimum = 0, maximum = 1)]
    pub probability: f64,
    /// True if the image is rejected because a background example fits it better than the best
    /// candidate.
    pub background: bool,
}

/// A class that the image may show. Candidates are ranked by `similarity` + `name_bias`.
///
/// The image is compared with the prototype of the class: the one embedding that stands for the
/// class, made from its examples and its name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Candidate {
    /// The class's id.
    #[schema(
        example = "c_0193b7a2c4d870008f3a21b4cd56ef78",
        max_length = 64,
        pattern = "^c_[0-9a-f]{32}$"
    )]
    pub class: String,
    /// The class's label.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// Cosine similarity of the image to the class prototype, -1 to 1.
    #[schema(minimum = -1.001, maximum = 1.001, example = 0.58)]
    pub similarity: f32,
    /// Added to the similarity for ranking, because images are less similar to a prototype that is
    /// predicted from a name; 0 for a class with examples.
    #[schema(minimum = -2, maximum = 2, example = 0.0)]
    pub name_bias: f32,
    /// The probability that the image shows the class, 0 to 1; null if the bundle has no decision.
    #[schema(example = 0.93, minimum = 0, maximum = 1)]
    pub probability: Option<f64>,
    /// Number of examples of the class.
    pub examples: usize,
    /// How much of the prototype comes from the name, 0 (images only) to 1 (name only).
    #[schema(minimum = 0, maximum = 1, example = 0.3)]
    pub knowledge: f32,
}

/// Explains the best candidate: the shares of images and name, the most similar examples and, for
/// information only, attributes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The shares of images and name in the prototype.
    pub share: Shares,
    /// The sense of the class; null if the name has no share in the prototype.
    pub meaning: Option<Meaning>,
    /// The attributes (parts) of the class, largest weight first. Empty if the name has no share in
    /// the prototype and no attributes were set for the class.
    #[schema(max_items = 128)]
    pub attributes: Vec<AttributeWeight>,
    /// The examples of the class most similar to the image, best first.
    #[schema(max_items = 100)]
    pub nearest: Vec<Neighbor>,
}

/// The shares of images and name in a prototype; they sum to 1.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Shares {
    /// The share of the example images.
    #[schema(minimum = 0, maximum = 1, example = 0.7)]
    pub images: f32,
    /// The share of the name.
    #[schema(minimum = 0, maximum = 1, example = 0.3)]
    pub knowledge: f32,
}

/// An attribute of the class and its weight.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttributeWeight {
    /// The attribute, such as `handle`.
    #[schema(example = "handle", max_length = 256)]
    pub name: String,
    /// The weight of the attribute in ProtoComNet, an optional network of the bundle; null without
    /// it. Classification does not use it.
    #[schema(example = 0.31, minimum = 0, maximum = 1)]
    pub weight: Option<f32>,
}

/// An example of the class that is similar to the image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Neighbor {
    /// The example's id.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub example: String,
    /// Cosine similarity to the image, -1 to 1.
    #[schema(minimum = -1.001, maximum = 1.001, example = 0.71)]
    pub similarity: f32,
}

impl Classified {
    /// The JSON before the results. They are written one by one, because they may be large.
    pub const BEGIN: &'static [u8] = b"{\"results\":[";

    /// The response for `images` without the results.
    #[must_use]
    pub fn new(classification: &Classification, images: &[Embedded], model: Model) -> Self {
        Self {
            results: Vec::new(),
            fusion: classification.fusion.to_string(),
            setting: classification.setting.to_string(),
            unlabeled: classification.unlabeled,
            model,
            timing_ms: Timing::new(images, Some(classification.elapsed)),
        }
    }

    /// The JSON after the results.
    #[must_use]
    pub fn end(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("invariant: a response is JSON");
        json.strip_prefix(Self::BEGIN).expect("invariant: the results are first").to_vec()
    }
}

impl From<decision::Decision> for Decision {
    fn from(decision: decision::Decision) -> Self {
        match decision {
            decision::Decision::Accepted => Self::Accepted,
            decision::Decision::Rejected => Self::Rejected,
            decision::Decision::Ambiguous => Self::Ambiguous,
            decision::Decision::Empty => Self::Empty,
        }
    }
}

impl ClassifiedImage {
    /// The result of an image that came as `file`.
    #[must_use]
    pub fn new(answer: Answer, file: Option<String>, image: &Embedded) -> Self {
        let label = answer.label().map(ToString::to_string);
        Self {
            file,
            decision: answer.decision.into(),
            label,
            confidence: answer.confidence,
            ambiguous_with: answer.ambiguous_with.as_ref().map(ToString::to_string),
            candidates: answer.candidates.into_iter().map(Candidate::from).collect(),
            unknown: answer.unknown.map(Unknown::from),
            explanation: answer.explanation.map(Explanation::from),
            warnings: warnings(image),
        }
    }

    /// The result as JSON, behind a comma unless it is the first one.
    #[must_use]
    pub fn to_json(&self, is_first: bool) -> Vec<u8> {
        let mut json = if is_first { Vec::new() } else { vec![b','] };
        serde_json::to_writer(&mut json, self).expect("invariant: a result is JSON");
        json
    }
}

impl From<decision::Unknown> for Unknown {
    fn from(unknown: decision::Unknown) -> Self {
        Self {
            score: unknown.score,
            threshold: unknown.threshold,
            false_accept_rate: unknown.false_accept_rate,
            stated_false_accept_rate: unknown.stated_false_accept_rate,
            stated: unknown.stated,
            probability: unknown.probability,
            background: unknown.background,
        }
    }
}

impl From<classifier::Candidate> for Candidate {
    fn from(candidate: classifier::Candidate) -> Self {
        Self {
            class: candidate.class_id.to_string(),
            label: candidate.label.to_string(),
            similarity: candidate.similarity,
            name_bias: candidate.name_bias,
            probability: candidate.probability,
            examples: candidate.examples,
            knowledge: candidate.knowledge,
        }
    }
}

impl From<explain::Explanation> for Explanation {
    fn from(explanation: explain::Explanation) -> Self {
        let knowledge = explanation.knowledge;
        Self {
            share: Shares { images: 1.0 - knowledge, knowledge },
            meaning: explanation.meaning.as_ref().map(Meaning::from),
            attributes: explanation.attributes.into_iter().map(AttributeWeight::from).collect(),
            nearest: explanation.nearest.into_iter().map(Neighbor::from).collect(),
        }
    }
}

impl From<explain::AttributeWeight> for AttributeWeight {
    fn from(attribute: explain::AttributeWeight) -> Self {
        Self { name: attribute.name, weight: attribute.weight }
    }
}

impl From<classifier::Neighbor> for Neighbor {
    fn from(neighbor: classifier::Neighbor) -> Self {
        Self { example: neighbor.example_id.to_string(), similarity: neighbor.similarity }
    }
}
