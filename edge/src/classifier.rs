//! Names an embedding by the enrolled classes: mean prototypes and cosine similarity
//! (Snell et al. 2017 with the metric of Gidaris & Komodakis 2018).

use models::few_shot::{metric, prototype};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::gallery::{Class, ClassId, Label};

/// The prototypes of a gallery at one revision.
#[derive(Debug, Clone)]
pub struct Classifier {
    known: Vec<Known>,
    /// `[classes, embedding_size]`.
    prototypes: Array2<f32>,
}

#[derive(Debug, Clone)]
struct Known {
    class_id: ClassId,
    label: Label,
    examples: usize,
}

/// A class that a picture may show.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The class's stable id.
    pub class_id: ClassId,
    /// Its name.
    pub label: Label,
    /// Cosine similarity of the picture to the class's prototype, -1 to 1; greater is closer.
    pub score: f32,
    /// How many pictures the class was learned from.
    pub examples: usize,
}

impl Classifier {
    /// Computes the prototype of every class that has examples; the others cannot be recognized.
    #[must_use]
    pub fn new(classes: &[Class]) -> Self {
        let with_examples = || classes.iter().filter(|class| !class.examples.is_empty());
        let known = with_examples().map(|class| Known {
            class_id: class.id,
            label: class.label.clone(),
            examples: class.examples.len(),
        });
        let rows: Vec<f32> = with_examples().flat_map(mean).collect();
        let known: Vec<_> = known.collect();
        let columns = rows.len().checked_div(known.len()).unwrap_or(0);
        let prototypes = Array2::from_shape_vec((known.len(), columns), rows)
            .expect("invariant: a gallery holds embeddings of one length");
        Self { known, prototypes }
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
        if self.known.is_empty() || embedding.len() != self.prototypes.ncols() {
            return Vec::new();
        }
        let query = ArrayView1::from(embedding).insert_axis(Axis(0));
        let scores = metric::cosine(query, self.prototypes.view());
        let mut ranked: Vec<_> = self.known.iter().zip(scores.row(0)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(a.1));
        ranked.truncate(top);
        ranked.into_iter().map(|(known, &score)| known.candidate(score)).collect()
    }
}

impl Known {
    fn candidate(&self, score: f32) -> Candidate {
        let Self { class_id, ref label, examples } = *self;
        Candidate { class_id, label: label.clone(), score, examples }
    }
}

fn mean(class: &Class) -> Vec<f32> {
    let flat: Vec<f32> = class.examples.iter().flat_map(|e| e.embedding.iter().copied()).collect();
    let shape = (class.examples.len(), flat.len() / class.examples.len());
    let examples = ArrayView2::from_shape(shape, &flat)
        .expect("invariant: a gallery holds embeddings of one length");
    prototype::mean(examples).to_vec()
}
