//! How a gallery answers in its former space and in the new one, on its own images.

use few_shot::metric;
use ndarray::{ArrayView1, ArrayView2};

use crate::gallery::Gallery;
use crate::recognizer::error::RecognizerError;
use crate::similarity::cosine;

/// How the answers of a gallery differ between its embeddings in use and the new ones. Each example
/// of a sample is left out of its class, and compared with the mean of each class by the cosine.
/// Only images are compared, names are not.
#[derive(Debug, Clone, PartialEq)]
pub struct ReembedComparison {
    /// Examples that were left out one by one: at most 2,000, of classes with two or more.
    pub compared: usize,
    /// The share of them whose nearest class is their own, with the embeddings in use; 0 without
    /// any.
    pub accuracy_before: f64,
    /// The same with the new embeddings.
    pub accuracy_after: f64,
    /// How many of them have another nearest class than before.
    pub nearest_changes: usize,
    /// Classes with one example, which cannot be left out.
    pub single_example_classes: usize,
    /// Not all examples were compared.
    pub sampled: bool,
}

/// The most examples that are left out one by one.
const MOST_EXAMPLES: usize = 2_000;
/// The most examples times classes: with embeddings of 1,280 values in both spaces, some seconds of
/// one core.
const MOST_PAIRS: usize = 8_000_000;
/// Examples that are compared with all classes at once, so that their similarities take little
/// memory.
const BLOCK: usize = 128;

impl ReembedComparison {
    /// Of a gallery whose new embeddings lie beside those in use.
    pub(super) fn of(gallery: &Gallery) -> Result<Self, RecognizerError> {
        let several = gallery.iter().map(|class| class.examples.len()).filter(|n| *n > 1);
        let mut sample = Sample::new(several.sum(), gallery.n_classes());
        let mut before = Side::default();
        let mut after = Side::default();
        // The class of each example that is compared.
        let mut own = Vec::new();
        let mut single_example_classes = 0;
        for class in gallery.iter() {
            // Those that have both embeddings, so that the same images are compared.
            let new = gallery.reembedded(&class.examples)?;
            let both = class.examples.iter().filter_map(|one| Some((one, new.get(&one.id)?)));
            let both: Vec<_> = both.map(|(old, new)| (&old.embedding, &new.embedding)).collect();
            if both.is_empty() {
                continue;
            }
            let at = before.add_class(both.iter().map(|(old, _)| *old));
            after.add_class(both.iter().map(|(_, new)| *new));
            if both.len() == 1 {
                single_example_classes += 1;
                continue;
            }
            for (old, new) in both {
                if sample.takes_next() {
                    before.rows.extend(old);
                    after.rows.extend(new);
                    own.push(at);
                }
            }
        }
        let nearest = [before.nearest(&own), after.nearest(&own)];
        let accuracy = nearest.each_ref().map(|nearest| share_of_equal(nearest, &own));
        let [accuracy_before, accuracy_after] = accuracy;
        let [one, other] = nearest;
        Ok(Self {
            compared: own.len(),
            accuracy_before,
            accuracy_after,
            nearest_changes: one.iter().zip(&other).filter(|(one, other)| one != other).count(),
            single_example_classes,
            sampled: sample.is_part(),
        })
    }
}

/// Takes examples evenly, so that the same gallery always has the same sample.
struct Sample {
    all: usize,
    most: usize,
    seen: usize,
}

impl Sample {
    fn new(all: usize, classes: usize) -> Self {
        let most = MOST_EXAMPLES.min(MOST_PAIRS / classes.max(1));
        Self { all, most, seen: 0 }
    }

    fn is_part(&self) -> bool {
        self.all > self.most
    }

    fn takes_next(&mut self) -> bool {
        let before = self.seen;
        self.seen += 1;
        !self.is_part() || before * self.most / self.all != self.seen * self.most / self.all
    }
}

/// The embeddings of one space.
#[derive(Default)]
struct Side {
    /// Their length.
    size: usize,
    /// The sum of each class, which has the direction of its mean; `[classes, size]`.
    sums: Vec<f32>,
    /// Those that are compared; `[examples, size]`.
    rows: Vec<f32>,
}

impl Side {
    /// Adds a class with these examples, at least one; returns its number.
    fn add_class<'a>(&mut self, examples: impl Iterator<Item = &'a Vec<f32>>) -> usize {
        let start = self.sums.len();
        for example in examples {
            if self.sums.len() == start {
                self.size = example.len();
                self.sums.extend(example);
                continue;
            }
            for (sum, value) in self.sums[start..].iter_mut().zip(example) {
                *sum += value;
            }
        }
        start / self.size.max(1)
    }

    /// The class whose mean is most similar to each example; the example is no part of the mean of
    /// its own class.
    fn nearest(&self, own: &[usize]) -> Vec<usize> {
        if own.is_empty() {
            return Vec::new();
        }
        let sums = matrix(&self.sums, self.size);
        let mut nearest = Vec::with_capacity(own.len());
        for (rows, own) in self.rows.chunks(BLOCK * self.size).zip(own.chunks(BLOCK)) {
            let similarities = metric::cosine(matrix(rows, self.size), sums);
            for (at, (row, own)) in rows.chunks(self.size).zip(own).enumerate() {
                let sum = &self.sums[own * self.size..][..self.size];
                let others: Vec<f32> = sum.iter().zip(row).map(|(sum, own)| sum - own).collect();
                let with_own = cosine(row, &others);
                nearest.push(most_similar(similarities.row(at), *own, with_own));
            }
        }
        nearest
    }
}

/// Rows of this length.
fn matrix(values: &[f32], size: usize) -> ArrayView2<'_, f32> {
    let shape = (values.len() / size, size);
    ArrayView2::from_shape(shape, values).expect("invariant: all embeddings have one length")
}

/// The class of the greatest similarity, where that of the class `own` is `with_own`.
fn most_similar(similarities: ArrayView1<'_, f32>, own: usize, with_own: f32) -> usize {
    let others = similarities.iter().enumerate().filter(|(at, _)| *at != own);
    let best = others.max_by(|(_, one), (_, other)| one.total_cmp(other));
    match best {
        Some((at, similarity)) if *similarity > with_own => at,
        _ => own,
    }
}

fn share_of_equal(found: &[usize], own: &[usize]) -> f64 {
    let n = found.iter().zip(own).filter(|(found, own)| found == own).count();
    // Without examples there is nothing that is right.
    n as f64 / own.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gallery::{Label, NewExample, Reembedded};

    fn enroll(gallery: &mut Gallery, class: &str, embeddings: &[[f32; 2]]) {
        let mut number = gallery.n_examples();
        let examples = embeddings.iter().map(|embedding| {
            number += 1;
            let mut sha256 = [0; 32];
            sha256[..8].copy_from_slice(&number.to_le_bytes());
            let image = Some(vec![1]);
            let precision = "fp32".to_owned();
            NewExample { sha256, crop: None, embedding: embedding.to_vec(), precision, image }
        });
        let examples = examples.collect();
        gallery.enroll(&Label::parse(class).unwrap(), examples, true).unwrap();
    }

    /// Gives each example the embedding that `made` makes of the one in use.
    fn reembed(gallery: &mut Gallery, made: fn(&[f32]) -> Vec<f32>) {
        gallery.use_space("other");
        let mut embedded = Vec::new();
        for class in gallery.classes() {
            for one in class.examples {
                let embedding = Some(made(&one.embedding));
                embedded.push(Reembedded { example: one.id, embedding });
            }
        }
        let length = embedded[0].embedding.as_ref().unwrap().len();
        gallery.put_reembedded(embedded, "fp32", length).unwrap();
    }

    #[test]
    fn a_model_that_mixes_classes_up_is_less_accurate() {
        let mut gallery = Gallery::in_memory();
        gallery.use_space("former");
        enroll(&mut gallery, "mug", &[[1.0, 0.1], [1.0, 0.0], [1.0, -0.1]]);
        enroll(&mut gallery, "cup", &[[0.1, 1.0], [0.0, 1.0], [-0.1, 1.0]]);
        enroll(&mut gallery, "jar", &[[-1.0, -1.0]]);
        let mut same = gallery;
        reembed(&mut same, |values| vec![2.0 * values[0], 2.0 * values[1], 0.0]);
        let compared = ReembedComparison::of(&same).unwrap();
        let expected = ReembedComparison {
            compared: 6,
            accuracy_before: 1.0,
            accuracy_after: 1.0,
            nearest_changes: 0,
            single_example_classes: 1,
            sampled: false,
        };
        assert_eq!(compared, expected);
        // One image of each class looks as those of the other one.
        reembed(&mut same, |values| match values[0] * values[1] > 0.05 {
            true => vec![values[1], values[0], 0.0],
            false => vec![values[0], values[1], 0.0],
        });
        let compared = ReembedComparison::of(&same).unwrap();
        assert_eq!((compared.compared, compared.nearest_changes), (6, 2));
        assert!((compared.accuracy_after - 4.0 / 6.0).abs() < 1e-9, "{compared:?}");
        assert_eq!(compared.accuracy_before, 1.0);
    }

    #[test]
    fn a_sample_is_even_and_bounded() {
        let mut sample = Sample::new(9_000, 100);
        let taken = (0..9_000).filter(|_| sample.takes_next()).count();
        assert!(sample.is_part() && taken == MOST_EXAMPLES, "{taken}");
        let mut of_many_classes = Sample::new(100_000, 20_000);
        let taken = (0..100_000).filter(|_| of_many_classes.takes_next()).count();
        assert_eq!(taken, 400);
        let mut all = Sample::new(3, 2);
        assert!((0..3).all(|_| all.takes_next()) && !all.is_part());
    }
}
