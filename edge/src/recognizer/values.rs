//! What a recognizer takes and returns.

use std::time::Duration;

use few_shot::decision::gallery::{Criterion, Question};
use few_shot::fusion::{Fusion, Setting};
use models::knowledge::wordnet::SynsetId;

use crate::classifier::{self, Candidate, Classifier, Ranking};
use crate::decision::{Decision, Unknown};
use crate::explain::Explanation;
use crate::gallery::{Class, ClassId, Gallery, GallerySettings, Label, Outcome, SenseOverride};
use crate::lexicon::{Attribute, MeaningInfo, NameKnowledge, Sense};
use crate::quality::Finding;

/// What a user sets for a class in place of the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassDefinition {
    /// The sense of the class; `None`: the default sense of its label.
    pub sense: Option<SenseOverride>,
    /// The attributes of the class, as nouns or synsets; `None`: those of its sense.
    pub attributes: Option<Vec<String>>,
    /// Keep the overrides of the class that are `None` here; otherwise they are removed.
    pub keep_others: bool,
}

/// How images are classified.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassifyOptions {
    /// The most candidates of each image.
    pub top: usize,
    /// Explain the best candidate of each image.
    pub explain: bool,
    /// Classify the images together: prototypes move towards them. Needs two images or more.
    pub transductive: bool,
    /// The share of unknown images that may be accepted, in place of the gallery's rate or
    /// threshold.
    pub rate: Option<f64>,
}

impl Default for ClassifyOptions {
    fn default() -> Self {
        Self { top: 5, explain: false, transductive: false, rate: None }
    }
}

impl ClassifyOptions {
    /// What a decision is asked for; a rate of the call replaces the gallery's rate and threshold.
    pub(super) fn question(&self, settings: &GallerySettings) -> Question {
        let criterion = match (self.rate, settings.threshold) {
            (Some(rate), _) => Criterion::Rate(rate),
            (None, Some(threshold)) => Criterion::Threshold(threshold),
            (None, None) => Criterion::Rate(settings.rate),
        };
        Question { criterion, unknown: settings.expected_unknown_share }
    }
}

/// The result of a classification.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// One for each image, in order.
    pub answers: Vec<Answer>,
    /// How prototypes were made.
    pub fusion: Fusion,
    /// Whether the images were classified one by one or together.
    pub setting: Setting,
    /// How many unlabeled images moved the prototypes.
    pub unlabeled: usize,
    /// The time of the comparison, without explanations.
    pub elapsed: Duration,
}

/// The result for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Best first; empty if no class can be recognized.
    pub candidates: Vec<Candidate>,
    /// Whether the image shows the first candidate.
    pub decision: Decision,
    /// The probability of the first candidate, 0 to 1; `None` if the bundle has no decision.
    pub confidence: Option<f64>,
    /// The class that cannot be told apart from the first candidate.
    pub ambiguous_with: Option<Label>,
    /// How the image compares with unknown ones; `None` if the bundle has no decision.
    pub unknown: Option<Unknown>,
    /// Why the first candidate, if asked for.
    pub explanation: Option<Explanation>,
}

impl Answer {
    /// Without an explanation.
    pub(super) fn new(ranking: Ranking) -> Self {
        let Ranking { candidates, decision, confidence, ambiguous_with, unknown } = ranking;
        Self { candidates, decision, confidence, ambiguous_with, unknown, explanation: None }
    }

    /// The label that is answered; `None` if the image is rejected or nothing is enrolled.
    #[must_use]
    pub fn label(&self) -> Option<&Label> {
        match self.decision {
            Decision::Accepted | Decision::Ambiguous => {
                self.candidates.first().map(|best| &best.label)
            }
            Decision::Rejected | Decision::Empty => None,
        }
    }
}

/// A class for display.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassInfo {
    /// Stable.
    pub id: ClassId,
    /// The class name.
    pub label: Label,
    /// How many images it has.
    pub examples: usize,
    /// The user set that the class is learned from its images only.
    pub images_only: bool,
    /// What the class name means; `None` without name knowledge, or if no noun is found.
    pub meaning: Option<MeaningInfo>,
    /// What explanations weigh; at most [`MAX_ATTRIBUTES`](crate::lexicon::MAX_ATTRIBUTES).
    pub attributes: Vec<Attribute>,
    /// The user set the attributes.
    pub attributes_overridden: bool,
}

impl ClassInfo {
    pub(super) fn new(class: &Class, names: Option<&NameKnowledge>) -> Self {
        let meaning = names.and_then(|names| names.describe(names.meaning(class)?));
        let attributes = names.map(|names| names.listed_attributes(class));
        Self {
            id: class.id,
            label: class.label.clone(),
            examples: class.examples.len(),
            images_only: class.overrides.sense == Some(SenseOverride::ImagesOnly),
            meaning,
            attributes: attributes.unwrap_or_default(),
            attributes_overridden: class.overrides.attributes.is_some(),
        }
    }
}

/// The result of an enrollment.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// The class after the call.
    pub class: ClassInfo,
    /// One for each image given, in order.
    pub outcomes: Vec<Outcome>,
    /// What may be wrong with each image, in the same order; nothing for one that the class had.
    pub quality: Vec<Vec<Finding>>,
    /// The revision of the gallery after the call.
    pub revision: u64,
}

/// The result of an enrollment in the background set.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolledBackground {
    /// One for each image given, in order.
    pub outcomes: Vec<Outcome>,
    /// What may be wrong with each image, in the same order; nothing for one that the set had.
    pub quality: Vec<Vec<Finding>>,
    /// Number of examples of the background set after the call.
    pub examples: usize,
    /// The revision of the gallery after the call.
    pub revision: u64,
}

/// The senses of a noun.
#[derive(Debug, Clone, PartialEq)]
pub struct Senses {
    /// The noun that was looked up.
    pub noun: String,
    /// The sense of a class of this name; `None` if no sense is something that an image can show.
    pub default_sense: Option<SynsetId>,
    /// Most frequent first; empty if the lexicon does not have the noun.
    pub senses: Vec<Sense>,
}

/// The size and state of a gallery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GallerySummary {
    /// How prototypes are made.
    pub fusion: Fusion,
    /// All classes, also those that cannot be recognized yet.
    pub classes: usize,
    /// The classes that can be recognized: those with images, and those whose name has a meaning.
    pub recognizable: usize,
    /// The images of all classes.
    pub examples: usize,
    /// The examples of none of the classes.
    pub background: usize,
    /// What is accepted.
    pub settings: GallerySettings,
    /// The revision.
    pub revision: u64,
}

impl GallerySummary {
    /// Computed from the facts, since counting classes needs no prototypes. What the `latest`
    /// classifier knows about names is used.
    pub(super) fn of(
        gallery: &Gallery,
        names: Option<&NameKnowledge>,
        latest: Option<&Classifier>,
    ) -> Self {
        let recognizable = gallery.iter().filter(|class| match latest {
            Some(latest) => latest.is_recognizable(class, names),
            None => classifier::is_recognizable(class, names),
        });
        Self {
            fusion: classifier::fusion(names),
            classes: gallery.n_classes(),
            recognizable: recognizable.count(),
            examples: gallery.n_examples() - gallery.background().len(),
            background: gallery.background().len(),
            settings: *gallery.settings(),
            revision: gallery.revision(),
        }
    }
}
