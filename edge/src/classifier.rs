//! Names an embedding by the enrolled classes: prototypes and cosine similarity
//! (Snell et al. 2017 with the metric of Gidaris & Komodakis 2018).
//!
//! A class's prototype is the mean of its images' embeddings. Where names can be read it is moved towards what its
//! name tells, as far as the names fit the images ([`Fusion::Trusted`]); a class without images is what its name
//! tells.

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::fusion::Fusion;
use few_shot::{metric, prototype};
use ndarray::{Array2, ArrayView1, Axis};

use crate::gallery::{Class, ClassId, ExampleId, Label};
use crate::knowledge::{Knowledge, Meaning};

/// The least share of a name that is worth a word: below it would be shown as 0 %.
const PLAYS_A_PART: f32 = 0.005;

/// The prototypes of a gallery at one revision.
#[derive(Debug, Clone)]
pub struct Classifier {
    fusion: Fusion,
    known: Vec<Known>,
    prototypes: ClassPrototypes,
}

#[derive(Debug, Clone)]
struct Known {
    class_id: ClassId,
    label: Label,
    examples: usize,
    meaning: Option<Meaning>,
}

/// A class that an image may show.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The class's stable id.
    pub class_id: ClassId,
    /// Its name.
    pub label: Label,
    /// Cosine similarity of the image to the class's prototype, -1 to 1; greater is closer. That of a class without
    /// images is lifted to what it would be with some.
    pub score: f32,
    /// How many images the class was learned from.
    pub examples: usize,
    /// What its name was taken to mean; `None` where it plays no part.
    pub meaning: Option<Meaning>,
    /// The share of knowledge in the prototype, 0 (images alone) to 1 (name alone).
    pub knowledge: f32,
}

/// An image of a class that is like the one asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// The example.
    pub example_id: ExampleId,
    /// Cosine similarity, -1 to 1.
    pub similarity: f32,
}

impl Classifier {
    /// Computes the prototype of every class that has examples or a meaning; the others cannot be recognized.
    #[must_use]
    pub fn new(classes: &[Class], knowledge: Option<&Knowledge>) -> Self {
        let meaning = |class: &Class| knowledge.and_then(|knowledge| knowledge.meaning(class));
        let (classes, meanings): (Vec<&Class>, Vec<_>) = classes
            .iter()
            .map(|class| (class, meaning(class)))
            .filter(|(class, meaning)| meaning.is_some() || !class.examples.is_empty())
            .unzip();
        let size = knowledge.map(|knowledge| knowledge.frame().center().len());
        let (means, images) = (means(&classes, size), classes.iter().map(|c| c.examples.len()));
        let prototypes = match knowledge {
            None => ClassPrototypes::of_means(means, images.collect()),
            Some(knowledge) => {
                let semantic = knowledge.semantic(&meanings);
                let (frame, name_bias) = (knowledge.frame(), knowledge.name_bias());
                ClassPrototypes::trusted(means, images.collect(), semantic.view(), frame, name_bias)
            }
        };
        let known = classes.iter().zip(meanings).map(|(class, meaning)| Known {
            class_id: class.id,
            label: class.label.clone(),
            examples: class.examples.len(),
            meaning,
        });
        let fusion = if knowledge.is_some() { Fusion::Trusted } else { Fusion::Mean };
        Self { fusion, known: known.collect(), prototypes }
    }

    /// How prototypes are made.
    #[must_use]
    pub fn fusion(&self) -> Fusion {
        self.fusion
    }

    /// The classes that can be recognized.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.known.len()
    }

    /// The `top` classes closest to `embedding`, best first; equal scores in the order of labels.
    /// Empty when nothing is enrolled.
    #[must_use]
    pub fn classify(&self, embedding: &[f32], top: usize) -> Vec<Candidate> {
        self.ranked(&self.prototypes, embedding, top)
    }

    /// The same for several images at once, each of which helps to judge the others
    /// ([`Fusion::SoftKMeans`]): prototypes move to where these images lie. Better where most of them show classes of the
    /// gallery.
    #[must_use]
    pub fn classify_together(&self, embeddings: &[Vec<f32>], top: usize) -> Vec<Vec<Candidate>> {
        let size = self.prototypes.size();
        let fits = embeddings.iter().all(|embedding| embedding.len() == size);
        if self.known.is_empty() || !fits {
            return vec![Vec::new(); embeddings.len()];
        }
        let unlabeled: Vec<&[f32]> = embeddings.iter().map(Vec::as_slice).collect();
        let moved = self.prototypes.moved_to(stacked(&unlabeled, size).view());
        embeddings.iter().map(|embedding| self.ranked(&moved, embedding, top)).collect()
    }

    fn ranked(
        &self,
        prototypes: &ClassPrototypes,
        embedding: &[f32],
        top: usize,
    ) -> Vec<Candidate> {
        if self.known.is_empty() || embedding.len() != prototypes.size() {
            return Vec::new();
        }
        let query = ArrayView1::from(embedding).insert_axis(Axis(0));
        let scores = prototypes.ranking_scores(query).mapv(|score| score.min(1.0));
        let shares = prototypes.name_shares();
        let mut ranked: Vec<_> = self.known.iter().zip(scores.row(0)).zip(shares).collect();
        ranked.sort_by(|a, b| b.0.1.total_cmp(a.0.1));
        ranked.truncate(top);
        ranked.into_iter().map(|((known, &score), &share)| known.candidate(score, share)).collect()
    }
}

impl Known {
    fn candidate(&self, score: f32, knowledge: f32) -> Candidate {
        let Self { class_id, ref label, examples, meaning } = *self;
        let meaning = meaning.filter(|_| knowledge >= PLAYS_A_PART);
        Candidate { class_id, label: label.clone(), score, examples, meaning, knowledge }
    }
}

/// The `top` examples of a class that are most like `embedding`, best first.
#[must_use]
pub fn nearest(class: &Class, embedding: &[f32], top: usize) -> Vec<Near> {
    let query = ArrayView1::from(embedding).insert_axis(Axis(0));
    let mut near: Vec<Near> = class
        .examples
        .iter()
        .filter(|example| example.embedding.len() == embedding.len())
        .map(|example| {
            let example_row = ArrayView1::from(&example.embedding).insert_axis(Axis(0));
            let similarity = metric::cosine(query, example_row)[[0, 0]];
            Near { example_id: example.id, similarity }
        })
        .collect();
    near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    near.truncate(top);
    near
}

/// Rows of one length as a matrix, `[rows, columns]`.
fn stacked(rows: &[&[f32]], columns: usize) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), columns), rows.concat())
        .expect("invariant: a gallery holds embeddings of one length")
}

/// Mean prototypes, `[classes, s]`; zeros for a class without images. `size` is `s` where it is known.
fn means(classes: &[&Class], size: Option<usize>) -> Array2<f32> {
    let examples = classes.iter().flat_map(|class| &class.examples);
    let size = size.or_else(|| examples.map(|e| e.embedding.len()).next()).unwrap_or(0);
    let mut means = Array2::zeros((classes.len(), size));
    for (mut row, class) in means.rows_mut().into_iter().zip(classes) {
        if !class.examples.is_empty() {
            let examples: Vec<&[f32]> =
                class.examples.iter().map(|example| example.embedding.as_slice()).collect();
            row.assign(&prototype::mean(stacked(&examples, size).view()));
        }
    }
    means
}
