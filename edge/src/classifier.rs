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
//!     let example = NewExample { sha256: [0; 32], embedding, precision: "fp32".to_owned() };
//!     gallery.enroll(&Label::parse(label)?, vec![example], true)?;
//! }
//! let classifier = Classifier::new(&gallery.classes(), None);
//! let best = &classifier.rank(&[0.9, 0.1], 1)[0];
//! assert_eq!(best.label.as_str(), "mug");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod leave_one_out;
mod measured;
mod predicted;

use std::collections::BTreeMap;
use std::sync::Arc;

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::decision::DecisionModel;
use few_shot::decision::gallery::{GalleryDecision, Question, Verdict};
use few_shot::decision::images::Images;
use few_shot::fusion::Fusion;
use few_shot::{metric, prototype};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::decision::{Decision, Unknown};
use crate::gallery::{Class, ClassId, Example, ExampleId, Label, SenseOverride};
use crate::lexicon::{Meaning, NameKnowledge};

use measured::Measured;
use predicted::Predicted;

/// The least share of the semantic prototype at which a meaning is reported; less rounds to 0 %.
const MIN_REPORTED_SHARE: f32 = 0.005;

/// The class prototypes of a gallery at one revision.
#[derive(Debug, Clone)]
pub struct Classifier {
    fusion: Fusion,
    classes: Vec<Recognizable>,
    prototypes: ClassPrototypes,
    /// What is predicted from the names; `None` without name knowledge.
    predicted: Option<Predicted>,
    /// What rejects unknown images; without it every image is accepted.
    decision: Option<Measured>,
}

/// A class that has a prototype.
#[derive(Debug, Clone)]
struct Recognizable {
    class_id: ClassId,
    label: Label,
    /// What the user set for the label.
    sense: Option<SenseOverride>,
    examples: usize,
    meaning: Option<Meaning>,
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
    /// be recognized.
    #[must_use]
    pub fn new<'a>(
        classes: impl IntoIterator<Item = &'a Class>,
        names: Option<&NameKnowledge>,
    ) -> Self {
        Self::after(None, classes, names)
    }

    /// The same after a change of the gallery: what the `previous` classifier has predicted from
    /// names is used again.
    #[must_use]
    pub fn after<'a>(
        previous: Option<&Self>,
        classes: impl IntoIterator<Item = &'a Class>,
        names: Option<&NameKnowledge>,
    ) -> Self {
        let known: BTreeMap<ClassId, &Recognizable> =
            previous.iter().flat_map(|one| &one.classes).map(|one| (one.class_id, one)).collect();
        let classes = classes.into_iter();
        let classes = classes.map(|class| Recognizable::new(class, names, known.get(&class.id)));
        let (members, recognizable): (Vec<&Class>, Vec<Recognizable>) = classes.flatten().unzip();
        let meanings: Vec<_> = recognizable.iter().map(|class| class.meaning).collect();
        let previous = previous.and_then(|one| one.predicted.as_ref());
        let predicted = names.map(|names| Predicted::new(names, &meanings, previous));
        Self {
            fusion: fusion(names),
            prototypes: prototypes(&members, predicted.as_ref(), names),
            classes: recognizable,
            predicted,
            decision: None,
        }
    }

    /// This classifier with what rejects unknown images, measured on the classes from which it was
    /// made and on examples of none of them. What the `previous` classifier of the gallery has
    /// computed is used again.
    #[must_use]
    pub fn with_decision<'a>(
        self,
        model: &Arc<DecisionModel<f32>>,
        classes: impl IntoIterator<Item = &'a Class>,
        background: &[Example],
        previous: Option<&Self>,
    ) -> Self {
        if self.classes.is_empty() {
            return self;
        }
        let members: Vec<&Class> =
            self.members(classes).into_iter().map(|(_, class)| class).collect();
        let previous = previous.and_then(|one| one.decision.as_ref());
        let decision = Measured::new(model, &self.prototypes, &members, background, previous);
        Self { decision: Some(decision), ..self }
    }

    /// Those of `classes` that can be recognized, each with its position.
    fn members<'a>(&self, classes: impl IntoIterator<Item = &'a Class>) -> Vec<(usize, &'a Class)> {
        let positions: BTreeMap<ClassId, usize> =
            self.classes.iter().enumerate().map(|(at, class)| (class.class_id, at)).collect();
        let members = classes.into_iter();
        members.filter_map(|class| Some((*positions.get(&class.id)?, class))).collect()
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
        self.classes.len()
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
        if self.classes.is_empty() || embedding.len() != self.prototypes.size() {
            return Ranking::empty();
        }
        self.ranking(&self.prototypes, self.decision(), embedding, top, question)
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
        if self.classes.is_empty() || !fits {
            return vec![Ranking::empty(); embeddings.len()];
        }
        let moved = self.prototypes.moved_to(stacked(&embeddings, size).view());
        let decision = self.decision().map(|decision| decision.moved_to(moved.rows()));
        let each = embeddings.into_iter();
        each.map(|one| self.ranking(&moved, decision.as_ref(), one, top, question)).collect()
    }

    fn ranking(
        &self,
        prototypes: &ClassPrototypes,
        decision: Option<&GalleryDecision<f32>>,
        embedding: &[f32],
        top: usize,
        question: Question,
    ) -> Ranking {
        let query = ArrayView1::from(embedding).insert_axis(Axis(0));
        let similarities = prototypes.similarities(query);
        let decided = decision.and_then(|decision| {
            let image = Images::new(decision.model(), query);
            decision.decide_similar(&image, similarities.view(), question).pop()
        });
        let mut candidates = self.candidates(prototypes, similarities.view(), top);
        let Some(decided) = decided else { return Ranking::accepted(candidates) };
        for (class, candidate) in &mut candidates {
            candidate.probability = Some(decided.known * decided.shares[*class]);
        }
        let rival = match decided.verdict {
            Verdict::Ambiguous(rival) => Some(self.classes[rival].label.clone()),
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

    /// The `top` classes for similarities `[1, n]`, best first, each with its position.
    fn candidates(
        &self,
        prototypes: &ClassPrototypes,
        similarities: ArrayView2<'_, f32>,
        top: usize,
    ) -> Vec<(usize, Candidate)> {
        let ranks = &similarities.row(0) + &prototypes.name_bias();
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        // The sort is stable: equal ranks stay in the order of the labels.
        order.sort_by(|&a, &b| ranks[b].total_cmp(&ranks[a]));
        order.truncate(top);
        let shares = prototypes.name_shares();
        let bias = prototypes.name_bias();
        let candidates = order.into_iter().map(|class| {
            let recognizable = &self.classes[class];
            let similarity = similarities[[0, class]];
            (class, recognizable.candidate(similarity, bias[class], shares[class]))
        });
        candidates.collect()
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

impl Recognizable {
    /// The class, if it has examples or a meaning; `before` is the same class before a change.
    fn new<'a>(
        class: &'a Class,
        names: Option<&NameKnowledge>,
        before: Option<&&Self>,
    ) -> Option<(&'a Class, Self)> {
        let examples = class.examples.len();
        let label = class.label.clone();
        let sense = class.overrides.sense;
        let meaning = match before {
            // To read a label takes longer than everything else here.
            Some(before) if before.label == label && before.sense == sense => before.meaning,
            _ => names.and_then(|names| names.meaning(class)),
        };
        let recognizable = Self { class_id: class.id, label, sense, examples, meaning };
        (examples > 0 || meaning.is_some()).then_some((class, recognizable))
    }

    fn candidate(&self, similarity: f32, name_bias: f32, knowledge: f32) -> Candidate {
        Candidate {
            class_id: self.class_id,
            label: self.label.clone(),
            similarity,
            name_bias,
            probability: None,
            examples: self.examples,
            // A name that rounds to 0 % explains nothing.
            meaning: self.meaning.filter(|_| knowledge >= MIN_REPORTED_SHARE),
            knowledge,
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
    let query = ArrayView1::from(embedding).insert_axis(Axis(0));
    let mut nearest: Vec<Neighbor> = class
        .examples
        .iter()
        .filter(|example| example.embedding.len() == embedding.len())
        .map(|example| {
            let example_row = ArrayView1::from(&example.embedding).insert_axis(Axis(0));
            let similarity = metric::cosine(query, example_row)[[0, 0]];
            Neighbor { example_id: example.id, similarity }
        })
        .collect();
    nearest.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    nearest.truncate(top);
    nearest
}

/// One prototype for each class, in order.
fn prototypes(
    classes: &[&Class],
    predicted: Option<&Predicted>,
    names: Option<&NameKnowledge>,
) -> ClassPrototypes {
    let images = classes.iter().map(|class| class.examples.len()).collect();
    let (Some(predicted), Some(names)) = (predicted, names) else {
        let examples = classes.iter().flat_map(|class| &class.examples);
        let size = examples.map(|example| example.embedding.len()).next().unwrap_or(0);
        return ClassPrototypes::of_means(means(classes, size), images);
    };
    let means = means(classes, names.frame().center().len());
    ClassPrototypes::trusted(means, images, predicted.rows(), names.frame(), names.name_bias())
}

/// Rows of one length as a matrix, `[rows, columns]`.
fn stacked(rows: &[&[f32]], columns: usize) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), columns), rows.concat())
        .expect("invariant: a gallery holds embeddings of one length")
}

/// Mean prototypes, `[classes, size]`; zeros for a class without images.
fn means(classes: &[&Class], size: usize) -> Array2<f32> {
    let mut means = Array2::zeros((classes.len(), size));
    for (mut row, class) in means.rows_mut().into_iter().zip(classes) {
        if !class.examples.is_empty() {
            let examples: Vec<&[f32]> =
                class.examples.iter().map(|example| example.embedding.as_slice()).collect();
            // Equation 1 of Snell et al. 2017.
            row.assign(&prototype::mean(stacked(&examples, size).view()));
        }
    }
    means
}
