//! Names an embedding by the enrolled classes: prototypes and cosine similarity
//! (Snell et al. 2017 with the metric of Gidaris & Komodakis 2018).
//!
//! A class's prototype is the mean of its pictures' embeddings. Where names can be read it is moved towards what its
//! name tells, as far as the names fit the pictures ([`Fusion::Trusted`]); a class without pictures is what its name
//! tells.

use models::few_shot::fusion::{self, Fusion};
use models::few_shot::space::Space;
use models::few_shot::{metric, mixed, prototype};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::gallery::{Class, ClassId, ExampleId, Label};
use crate::knowledge::{Knowledge, Meaning};

/// The prototypes of a gallery at one revision.
#[derive(Debug, Clone)]
pub struct Classifier {
    fusion: Fusion,
    known: Vec<Known>,
    /// `[classes, embedding_size]`.
    prototypes: Array2<f32>,
}

#[derive(Debug, Clone)]
struct Known {
    class_id: ClassId,
    label: Label,
    examples: usize,
    meaning: Option<Meaning>,
    knowledge: f32,
    lift: f32,
}

/// A class that a picture may show.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The class's stable id.
    pub class_id: ClassId,
    /// Its name.
    pub label: Label,
    /// Cosine similarity of the picture to the class's prototype, -1 to 1; greater is closer. That of a class without
    /// pictures is lifted to what it would be with some.
    pub score: f32,
    /// How many pictures the class was learned from.
    pub examples: usize,
    /// What its name was taken to mean; `None` where it plays no part.
    pub meaning: Option<Meaning>,
    /// The share of knowledge in the prototype, 0 (pictures alone) to 1 (name alone).
    pub knowledge: f32,
}

/// A picture of a class that is like the one asked about.
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
        let (prototypes, shares) = match knowledge {
            Some(knowledge) => completed(&classes, &meanings, knowledge),
            None => (means(&classes), Array1::zeros(classes.len())),
        };
        let lift = knowledge.map_or(0.0, |knowledge| lift(&classes, knowledge.space()));
        let known =
            classes.iter().zip(meanings).zip(shares).map(|((class, meaning), knowledge)| {
                let examples = class.examples.len();
                let lift = if examples == 0 { lift } else { 0.0 };
                let meaning = meaning.filter(|_| knowledge > 0.0);
                let (class_id, label) = (class.id, class.label.clone());
                Known { class_id, label, examples, meaning, knowledge, lift }
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
        self.ranked(self.prototypes.view(), embedding, top)
    }

    /// The same for several pictures at once, each of which helps to judge the others
    /// ([`Fusion::Gaussian`]): prototypes move to where these pictures lie. Better where there are several pictures of
    /// most classes and of nothing else; `classes` are those that the classifier was made of.
    #[must_use]
    pub fn classify_together(
        &self,
        classes: &[Class],
        embeddings: &[Vec<f32>],
        top: usize,
    ) -> Vec<Vec<Candidate>> {
        let columns = self.prototypes.ncols();
        let fits = embeddings.iter().all(|embedding| embedding.len() == columns);
        if self.known.is_empty() || !fits {
            return vec![Vec::new(); embeddings.len()];
        }
        let (mut means, mut support, mut labels) =
            (self.prototypes.clone(), Vec::new(), Vec::new());
        for class in classes.iter().filter(|class| !class.examples.is_empty()) {
            let row = self.known.iter().position(|known| known.class_id == class.id);
            let Some(row) = row else { continue };
            means.row_mut(row).assign(&Array1::from(mean(class)));
            labels.extend(class.examples.iter().map(|_| row));
            support.extend(class.examples.iter().map(|example| example.embedding.as_slice()));
        }
        let unlabelled: Vec<&[f32]> = embeddings.iter().map(Vec::as_slice).collect();
        let (support, unlabelled) = (stacked(&support, columns), stacked(&unlabelled, columns));
        let (means, own) = (means.view(), self.prototypes.view());
        let moved = fusion::gaussian(means, own, support.view(), &labels, unlabelled.view());
        embeddings.iter().map(|embedding| self.ranked(moved.view(), embedding, top)).collect()
    }

    fn ranked(
        &self,
        prototypes: ArrayView2<'_, f32>,
        embedding: &[f32],
        top: usize,
    ) -> Vec<Candidate> {
        if self.known.is_empty() || embedding.len() != prototypes.ncols() {
            return Vec::new();
        }
        let query = ArrayView1::from(embedding).insert_axis(Axis(0));
        let cosines = metric::cosine(query, prototypes);
        let lifted = self.known.iter().zip(cosines.row(0));
        let mut ranked: Vec<_> =
            lifted.map(|(known, cosine)| (known, (cosine + known.lift).min(1.0))).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(top);
        ranked.into_iter().map(|(known, score)| known.candidate(score)).collect()
    }
}

impl Known {
    fn candidate(&self, score: f32) -> Candidate {
        let Self { class_id, ref label, examples, meaning, knowledge, .. } = *self;
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

/// Mean prototypes, `[classes, s]`, of classes that all have examples.
fn means(classes: &[&Class]) -> Array2<f32> {
    let rows: Vec<f32> = classes.iter().flat_map(|class| mean(class)).collect();
    let columns = rows.len().checked_div(classes.len()).unwrap_or(0);
    Array2::from_shape_vec((classes.len(), columns), rows)
        .expect("invariant: a gallery holds embeddings of one length")
}

fn mean(class: &Class) -> Vec<f32> {
    let flat: Vec<f32> = class.examples.iter().flat_map(|e| e.embedding.iter().copied()).collect();
    let shape = (class.examples.len(), flat.len() / class.examples.len());
    let examples = ArrayView2::from_shape(shape, &flat)
        .expect("invariant: a gallery holds embeddings of one length");
    prototype::mean(examples).to_vec()
}

/// Prototypes `[classes, s]` and the share of knowledge in each.
fn completed(
    classes: &[&Class],
    meanings: &[Option<Meaning>],
    knowledge: &Knowledge,
) -> (Array2<f32>, Array1<f32>) {
    let semantic = knowledge.semantic(meanings);
    let pictured: Vec<usize> =
        (0..classes.len()).filter(|&row| !classes[row].examples.is_empty()).collect();
    let with_pictures: Vec<&Class> = pictured.iter().map(|&row| classes[row]).collect();
    let means = means(&with_pictures);
    let (mut prototypes, mut shares) = (semantic.clone(), Array1::ones(classes.len()));
    if pictured.is_empty() {
        return (prototypes, shares);
    }
    let beside = semantic.select(Axis(0), &pictured);
    let trust = fusion::trust(means.view(), beside.view(), knowledge.space());
    let examples = with_pictures.iter().map(|class| fusion::share(class.examples.len()));
    let weights = trust * examples.collect::<Array1<f32>>();
    let fused = fusion::mixed(means.view(), beside.view(), weights.view());
    for (at, &row) in pictured.iter().enumerate() {
        prototypes.row_mut(row).assign(&fused.row(at));
        shares[row] = weights[at];
    }
    (prototypes, shares)
}

/// What the scores of classes without pictures are lifted by.
fn lift(classes: &[&Class], space: &Space) -> f32 {
    let counts = classes.iter().map(|class| class.examples.len()).filter(|&n| n > 0);
    let (classes, examples) = counts.fold((0, 0), |(n, sum), count| (n + 1, sum + count));
    mixed::lift(examples.checked_div(classes).unwrap_or(0), space)
}
