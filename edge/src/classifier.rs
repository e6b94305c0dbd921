//! Classifies an embedding: class prototypes and cosine similarity (Snell et al. 2017 with the
//! metric of Gidaris & Komodakis 2018).
//!
//! A prototype is the mean of the embeddings of a class. With name knowledge it is combined with
//! the semantic prototype of the class name, weighted by how well names fit the images
//! ([`Fusion::Trusted`]). A class without images has its semantic prototype.
//!
//! # Examples
//! ```
//! use edge::classifier::Classifier;
//! use edge::gallery::{Gallery, Label, NewExample};
//!
//! let mut gallery = Gallery::in_memory();
//! for (label, embedding) in [("mug", [1.0, 0.0]), ("key", [0.0, 1.0])] {
//!     let embedding = embedding.to_vec();
//!     let precision = "fp32".to_owned();
//!     let example = NewExample { sha256: [0; 32], crop: None, embedding, precision, image: None };
//!     gallery.enroll(&Label::parse(label)?, vec![example], true)?;
//! }
//! let classifier = Classifier::new(gallery.iter(), None);
//! let best = &classifier.rank(&[0.9, 0.1], 1)[0];
//! assert_eq!(best.label.as_str(), "mug");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
mod candidates;
mod checked;
mod layout;
mod leave_one_out;
mod margins;
mod measured;
mod member;
mod samples;
mod search;
mod shared;

use std::sync::Arc;

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::decision::DecisionModel;
use few_shot::decision::gallery::{GalleryDecision, Prototypes, Question, Verdict};
use few_shot::decision::images::Images;
use few_shot::fusion::Fusion;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::decision::{Decision, Unknown};
use crate::gallery::{Class, ClassId, Example, ExampleId, Label};
use crate::lexicon::{Meaning, NameKnowledge};
use crate::similarity::cosine;

use layout::Layout;
use measured::Measured;
use member::{Member, stacked};

pub(crate) use checked::{CheckedClass, Margin, Shared};
pub use search::SimilarExample;

/// The class prototypes of a gallery at one revision. It shares with that of the revision before
/// what has not changed, so what a change costs does not grow with the gallery; to clone it copies
/// no prototype.
#[derive(Debug, Clone)]
pub struct Classifier {
    fusion: Fusion,
    layout: Layout,
    /// Those of the classes that can be recognized, in the order of labels.
    prototypes: Prototypes<f32>,
    /// Added to the similarity of each for ranking.
    name_bias: Vec<f32>,
    /// What rejects unknown images; without it every image is accepted.
    decision: Option<Measured>,
}

/// A class that an image may show.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The stable id of the class.
    pub class_id: ClassId,
    /// The class name.
    pub label: Label,
    /// Cosine similarity of the image to the class prototype, -1 to 1.
    pub similarity: f32,
    /// Added to the similarity for ranking (calibrated stacking, Chao et al. 2016): images are
    /// farther from semantic prototypes than from means. 0 for a class with images.
    pub name_bias: f32,
    /// The probability that the image shows the class, 0 to 1; `None` if the bundle has no
    /// decision.
    pub probability: Option<f64>,
    /// How many images the class has.
    pub examples: usize,
    /// The meaning of the class name; `None` if it does not contribute to the prototype.
    pub meaning: Option<Meaning>,
    /// The share of the semantic prototype, 0 (images only) to 1 (name only).
    pub knowledge: f32,
}

impl Candidate {
    /// What candidates are ranked by: similarity plus name bias.
    #[must_use]
    pub fn rank(&self) -> f32 {
        self.similarity + self.name_bias
    }
}

/// The classes that an image may show, and what is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// What is decided.
    pub decision: Decision,
    /// The probability of the best candidate; `None` if the bundle has no decision.
    pub confidence: Option<f64>,
    /// The class that cannot be told apart from the best candidate.
    pub ambiguous_with: Option<Label>,
    /// How the image compares with unknown ones; `None` if the bundle has no decision.
    pub unknown: Option<Unknown>,
}

/// An example that was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// Whether its class is the best candidate, and fits better than the background set.
    pub is_right: bool,
    /// The share of unknown images that score at least as high.
    pub false_accept_rate: f64,
}

/// An example of a class and how similar it is to the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// The example.
    pub example_id: ExampleId,
    /// Cosine similarity, -1 to 1.
    pub similarity: f32,
}

impl Classifier {
    /// Computes the prototype of every class that has examples or a meaning; other classes cannot
    /// be recognized. The classes are in the order of a gallery.
    #[must_use]
    pub fn new<'a>(
        classes: impl IntoIterator<Item = &'a Arc<Class>>,
        names: Option<&NameKnowledge>,
    ) -> Self {
        Self::after(None, classes, names)
    }

    /// The same after a change of the gallery: what the `previous` classifier has computed of other
    /// classes is used again.
    #[must_use]
    pub fn after<'a>(
        previous: Option<&Self>,
        classes: impl IntoIterator<Item = &'a Arc<Class>>,
        names: Option<&NameKnowledge>,
    ) -> Self {
        let classes: Vec<&Arc<Class>> = classes.into_iter().collect();
        let empty = Layout::default();
        let before = previous.map_or(&empty, |previous| &previous.layout);
        match (before.after(&classes, names), previous) {
            (Some(layout), _) => Self::of(layout, names),
            (None, Some(previous)) => previous.clone(),
            (None, None) => Self::of(empty, names),
        }
    }

    /// Without a decision.
    fn of(layout: Layout, names: Option<&NameKnowledge>) -> Self {
        let prototypes = Prototypes::new(layout.prototypes(), layout.recognizable());
        let images = layout.blocks.iter().map(|block| block.images).sum();
        let with_images = layout.blocks.iter().map(|block| block.with_images).sum();
        let addend = names.map_or(0.0, |names| names.name_bias().of_gallery(images, with_images));
        let counts = prototypes.image_counts().into_iter();
        let name_bias = counts.map(|images| if images == 0 { addend } else { 0.0 }).collect();
        Self { fusion: fusion(names), layout, prototypes, name_bias, decision: None }
    }

    /// This classifier with what rejects unknown images, measured on the classes from which it was
    /// made and on examples of none of them. What the `previous` classifier of the gallery has
    /// computed is used again.
    #[must_use]
    pub fn with_decision(
        self,
        model: &Arc<DecisionModel<f32>>,
        background: &[Arc<Example>],
        previous: Option<&Self>,
    ) -> Self {
        if self.prototypes.is_empty() {
            return self;
        }
        let measured = Measured::new(
            model,
            (&self.prototypes, &self.name_bias),
            &self.sample(),
            background,
            previous.and_then(|one| one.decision.as_ref()),
        );
        Self { decision: Some(measured), ..self }
    }

    /// What rejects unknown images.
    #[must_use]
    pub fn decision(&self) -> Option<&GalleryDecision<f32>> {
        self.decision.as_ref().map(|measured| &measured.decision)
    }

    /// How prototypes are made.
    #[must_use]
    pub fn fusion(&self) -> Fusion {
        self.fusion
    }

    /// The number of classes that can be recognized.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.prototypes.len()
    }

    /// Whether a class can be recognized, also one that was not yet so when this was computed.
    pub(crate) fn is_recognizable(&self, class: &Class, names: Option<&NameKnowledge>) -> bool {
        if !class.examples.is_empty() {
            return true;
        }
        // To read a label takes long.
        let known = self.layout.find(class.id).map(|place| self.layout.member(place));
        match known.filter(|member| member.has_name_of(class)) {
            Some(member) => member.meaning.is_some(),
            None => is_recognizable(class, names),
        }
    }

    /// The `top` classes for a raw embedding `[s]`, best first; equal ranks in the order of labels.
    /// Empty when nothing is enrolled.
    #[must_use]
    pub fn rank(&self, embedding: &[f32], top: usize) -> Vec<Candidate> {
        self.classify(embedding, top, Question::default()).candidates
    }

    /// The same, and whether the image shows one of the classes.
    #[must_use]
    pub fn classify(&self, embedding: &[f32], top: usize, question: Question) -> Ranking {
        if self.prototypes.is_empty() || embedding.len() != self.prototypes.size() {
            return Ranking::empty();
        }
        let query = ArrayView1::from(embedding).insert_axis(Axis(0));
        let similarities = self.prototypes.similarities(query);
        self.ranking(query, similarities.view(), self.decision(), top, question)
    }

    /// The same for several images at once: prototypes move towards the unlabeled images
    /// ([`Fusion::SoftKMeans`]). Better where most images show classes of the gallery.
    #[must_use]
    pub fn classify_together(
        &self,
        embeddings: &[impl AsRef<[f32]>],
        top: usize,
        question: Question,
    ) -> Vec<Ranking> {
        let embeddings: Vec<&[f32]> = embeddings.iter().map(AsRef::as_ref).collect();
        let size = self.prototypes.size();
        let fits = embeddings.iter().all(|embedding| embedding.len() == size);
        if self.prototypes.is_empty() || !fits {
            return vec![Ranking::empty(); embeddings.len()];
        }
        let moved = self.side_by_side().moved_to(stacked(&embeddings, size).view());
        let decision = self.decision().map(|decision| decision.moved_to(moved.rows()));
        let rankings = embeddings.into_iter().map(|embedding| {
            let query = ArrayView1::from(embedding).insert_axis(Axis(0));
            let similarities = moved.similarities(query);
            self.ranking(query, similarities.view(), decision.as_ref(), top, question)
        });
        rankings.collect()
    }

    /// All prototypes in one matrix, in the order of labels.
    fn side_by_side(&self) -> ClassPrototypes {
        let mut rows = Array2::zeros((self.prototypes.len(), self.prototypes.size()));
        let mut name_shares = Array1::zeros(self.prototypes.len());
        for (class, place) in self.prototypes.places().iter().enumerate() {
            let row = place.row as usize;
            let block = &self.prototypes.blocks()[place.block as usize];
            rows.row_mut(class).assign(&block.rows().row(row));
            name_shares[class] = self.layout.block(*place).name_shares[row];
        }
        let name_bias = Array1::from(self.name_bias.clone());
        ClassPrototypes::of_rows(rows, self.prototypes.image_counts(), name_shares, name_bias)
    }

    /// For an image `[1, s]` of these similarities `[1, n]`.
    fn ranking(
        &self,
        query: ArrayView2<'_, f32>,
        similarities: ArrayView2<'_, f32>,
        decision: Option<&GalleryDecision<f32>>,
        top: usize,
        question: Question,
    ) -> Ranking {
        let decided = decision.and_then(|decision| {
            let image = Images::new(decision.model(), query);
            decision.decide_similar(&image, similarities, question).pop()
        });
        let mut candidates = self.candidates(similarities.row(0), top);
        let Some(decided) = decided else { return Ranking::accepted(candidates) };
        for (class, candidate) in &mut candidates {
            candidate.probability = Some(decided.known * decided.shares[*class]);
        }
        let rival = match decided.verdict {
            Verdict::Ambiguous(rival) => Some(self.member(rival).class.label.clone()),
            Verdict::Accepted | Verdict::Rejected => None,
        };
        Ranking {
            candidates: candidates.into_iter().map(|(_, candidate)| candidate).collect(),
            decision: Decision::of(decided.verdict),
            confidence: Some(decided.confidence),
            ambiguous_with: rival,
            unknown: Some(Unknown::of(&decided)),
        }
    }

    /// One of the classes that can be recognized.
    fn member(&self, class: usize) -> &Member {
        self.layout.member(self.prototypes.places()[class])
    }
}

impl Ranking {
    /// Nothing is enrolled.
    fn empty() -> Self {
        Self { decision: Decision::Empty, ..Self::accepted(Vec::new()) }
    }

    /// Without a decision, the best candidate is the answer.
    fn accepted(candidates: Vec<(usize, Candidate)>) -> Self {
        Self {
            candidates: candidates.into_iter().map(|(_, candidate)| candidate).collect(),
            decision: Decision::Accepted,
            confidence: None,
            ambiguous_with: None,
            unknown: None,
        }
    }
}

/// How a classifier makes prototypes.
pub(crate) fn fusion(names: Option<&NameKnowledge>) -> Fusion {
    // Without names there is nothing to trust.
    if names.is_some() { Fusion::Trusted } else { Fusion::Mean }
}

/// Whether a class has a prototype: from its examples, its name or both.
pub(crate) fn is_recognizable(class: &Class, names: Option<&NameKnowledge>) -> bool {
    !class.examples.is_empty() || names.and_then(|names| names.meaning(class)).is_some()
}

/// The `top` examples of a class that are most similar to `embedding`, best first.
#[must_use]
pub fn nearest(class: &Class, embedding: &[f32], top: usize) -> Vec<Neighbor> {
    let mut nearest: Vec<Neighbor> = class
        .examples
        .iter()
        .filter(|example| example.embedding.len() == embedding.len())
        .map(|example| Neighbor {
            example_id: example.id,
            similarity: cosine(embedding, &example.embedding),
        })
        .collect();
    nearest.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    nearest.truncate(top);
    nearest
}
