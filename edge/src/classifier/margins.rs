//! How the examples of a classifier compare with its classes when each of them is left out.

use few_shot::metric;
use ndarray::{Array2, ArrayView1};

use super::checked::{CheckedClass, Duplicate, Margin};
use super::member::{Member, stacked};
use super::{Classifier, Neighbor};
use crate::gallery::Class;
use crate::similarity::{NEAR_DUPLICATE, cosine};

/// The most comparisons of an example with a prototype. Of 1280 values each, they are 26 billion
/// products: some seconds of one core, also of a small processor well within a request's deadline.
const MAX_COMPARISONS: usize = 20_000_000;

/// Examples that are compared with all prototypes at once: a matrix product copies the prototypes,
/// which takes as long as this many comparisons.
const BATCH: usize = 256;

/// The examples of a class that are checked.
struct Sampled<'a> {
    /// The position of the class among those that can be recognized.
    at: usize,
    class: &'a Class,
    /// Their positions in the class, ascending.
    positions: Vec<usize>,
    /// Cosines among them, `[m, m]`.
    similarities: Array2<f32>,
}

impl Classifier {
    /// Leaves out the different examples of the classes that have two or more, each with its
    /// near-duplicates: the other frames of a burst would find the class for it. At most 256
    /// examples of a class are checked, drawn from all, and no more classes than
    /// [`MAX_COMPARISONS`] allow. (Enrollment compares an image with the last 512, where the other
    /// frames of its burst are.) The share of the name in a prototype is that of the whole class.
    /// The classes are in the order of labels.
    pub(crate) fn checked(&self) -> Vec<CheckedClass> {
        let mut checked = Vec::new();
        let mut batch = Vec::new();
        let mut rows = 0;
        for at in self.classes_to_check() {
            batch.push(Sampled::new(at, self.member(at)));
            rows += self.member(at).sample.len();
            if rows >= BATCH {
                checked.extend(self.check(&batch));
                batch.clear();
                rows = 0;
            }
        }
        checked.extend(self.check(&batch));
        checked
    }

    /// Every class in the order of labels, and its position among those that can be recognized.
    pub(crate) fn all_classes(&self) -> Vec<(&Class, Option<usize>)> {
        let mut all = Vec::new();
        let mut next = 0;
        for place in self.layout.places() {
            let is_recognizable = self.layout.block(place).prototypes.is_some();
            let class = &*self.layout.member(place).class;
            all.push((class, is_recognizable.then_some(next)));
            next += usize::from(is_recognizable);
        }
        all
    }

    /// The class at a position among those that can be recognized.
    pub(crate) fn class_at(&self, at: usize) -> &Class {
        &self.member(at).class
    }

    /// The example of a class that is the most similar to an embedding `[s]`, of 256 at most.
    pub(crate) fn nearest_of(&self, at: usize, embedding: &[f32]) -> Option<Neighbor> {
        let Member { class, .. } = self.member(at);
        let mut nearest: Option<Neighbor> = None;
        for position in positions(self.member(at)) {
            let example = &class.examples[position];
            let similarity = cosine(&example.embedding, embedding);
            if nearest.is_none_or(|nearest| similarity > nearest.similarity) {
                nearest = Some(Neighbor { example_id: example.id, similarity });
            }
        }
        nearest
    }

    /// Of a large gallery a part, as if drawn at random but always the same.
    fn classes_to_check(&self) -> Vec<usize> {
        let classes = 0..self.classes();
        let mut classes: Vec<usize> =
            classes.filter(|&at| self.member(at).sample.len() > 1).collect();
        classes.sort_unstable_by_key(|&at| self.member(at).hash);
        let mut left = Some(MAX_COMPARISONS);
        classes.retain(|&at| {
            let comparisons = self.member(at).sample.len() * self.classes();
            // After the first class that is too large none is taken: the small ones among the rest
            // would be no fair sample.
            left = left.and_then(|left| left.checked_sub(comparisons));
            left.is_some()
        });
        classes.sort_unstable();
        classes
    }

    fn check(&self, batch: &[Sampled<'_>]) -> Vec<CheckedClass> {
        if batch.is_empty() {
            return Vec::new();
        }
        let rows: Vec<&[f32]> = batch.iter().flat_map(Sampled::rows).collect();
        let queries = stacked(&rows, self.prototypes.size());
        let similarities = self.prototypes.similarities(queries.view());
        let mut similarities = similarities.rows().into_iter();
        let mut checked = Vec::new();
        for sampled in batch {
            let rows: Vec<ArrayView1<'_, f32>> =
                similarities.by_ref().take(sampled.positions.len()).collect();
            checked.push(self.check_class(sampled, &rows));
        }
        checked
    }

    /// The rows have the similarities of each example of the sample to the classes.
    fn check_class(&self, sampled: &Sampled<'_>, rows: &[ArrayView1<'_, f32>]) -> CheckedClass {
        let mut checked = CheckedClass {
            at: sampled.at,
            sampled: sampled.positions.len(),
            margins: Vec::new(),
            duplicates: sampled.duplicates(),
            rivals: Vec::new(),
        };
        for (one, row) in rows.iter().enumerate() {
            let example = sampled.positions[one];
            // A burst counts once, not once for each frame.
            if checked.is_duplicate(example) {
                continue;
            }
            let Some((rival, best)) = self.best_other(sampled.at, *row) else { continue };
            checked.rivals.push((example, rival));
            checked.margins.extend(self.margin(sampled, one, (rival, best)));
        }
        checked
    }

    /// Of the example at the position `one` of a sample, with the best other class and its rank.
    fn margin(
        &self,
        sampled: &Sampled<'_>,
        one: usize,
        (rival, best): (usize, f32),
    ) -> Option<Margin> {
        let left_out = sampled.left_out(one);
        if left_out.len() == sampled.positions.len() {
            return None;
        }
        let example = sampled.positions[one];
        let without = self.prototype_without(sampled.at, &left_out);
        let own = cosine(&sampled.class.examples[example].embedding, &without.to_vec());
        let value = own + self.name_bias[sampled.at] - best;
        Some(Margin { example, value, rival, nearest: sampled.nearest(one) })
    }

    /// The class that ranks highest among all but one, and its rank.
    fn best_other(&self, at: usize, similarities: ArrayView1<'_, f32>) -> Option<(usize, f32)> {
        let ranks = similarities.iter().zip(&self.name_bias).map(|(one, bias)| one + bias);
        let others = ranks.enumerate().filter(|(class, _)| *class != at);
        others.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }
}

impl<'a> Sampled<'a> {
    fn new(at: usize, member: &'a Member) -> Self {
        let class: &'a Class = &member.class;
        let mut sampled =
            Self { at, class, positions: positions(member), similarities: Array2::zeros((0, 0)) };
        let rows = sampled.rows();
        let rows = stacked(&rows, rows[0].len());
        sampled.similarities = metric::cosine(rows.view(), rows.view());
        sampled
    }

    /// The embeddings.
    fn rows(&self) -> Vec<&'a [f32]> {
        self.positions.iter().map(|&one| &self.class.examples[one].embedding[..]).collect()
    }

    /// Whether two examples, at these positions of the sample, are the same or nearly the same.
    fn is_same(&self, one: usize, other: usize) -> bool {
        one == other || self.similarities[[one, other]] >= NEAR_DUPLICATE
    }

    /// The positions in the class of an example and its near-duplicates.
    fn left_out(&self, one: usize) -> Vec<usize> {
        let all = self.positions.iter().enumerate();
        all.filter(|(other, _)| self.is_same(one, *other)).map(|(_, position)| *position).collect()
    }

    /// The greatest cosine of an example to one that is no near-duplicate.
    fn nearest(&self, one: usize) -> Option<f32> {
        let others = (0..self.positions.len()).filter(|other| !self.is_same(one, *other));
        others.map(|other| self.similarities[[one, other]]).max_by(f32::total_cmp)
    }

    /// Each is compared with the different ones before it only. In a slow turn every frame is near
    /// the one before, but the last one shows another side than the first.
    fn duplicates(&self) -> Vec<Duplicate> {
        let mut different: Vec<usize> = Vec::new();
        let mut duplicates = Vec::new();
        for (one, &example) in self.positions.iter().enumerate() {
            let earlier = different.iter().copied().find(|&earlier| self.is_same(one, earlier));
            let Some(earlier) = earlier else {
                different.push(one);
                continue;
            };
            let similarity = self.similarities[[one, earlier]];
            duplicates.push(Duplicate { example, of: self.positions[earlier], similarity });
        }
        duplicates
    }
}

/// The positions in a class of at most 256 of its examples, ascending.
pub(super) fn positions(member: &Member) -> Vec<usize> {
    let mut positions: Vec<usize> =
        member.sample.iter().map(|(_, position)| *position as usize).collect();
    positions.sort_unstable();
    positions
}
