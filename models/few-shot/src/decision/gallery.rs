//! The decision of one gallery: prepared once for its classes, then asked for each image.
//!
//! # Examples
//! ```
//! use few_shot::decision::DecisionTable;
//! use few_shot::decision::gallery::{Classes, Examples, GalleryDecision, Question};
//! use few_shot::decision::score::Background;
//! use ndarray::{ArrayView2, array};
//!
//! # fn example(table: &DecisionTable, images: ArrayView2<'_, f32>) {
//! let background = Background::new(array![0.0, 0.0], array![[1.0, 0.0], [0.0, 1.0]]);
//! let prototypes = array![[1.0, 0.1], [0.1, 1.0]];
//! let classes = Classes {
//!     prototypes: prototypes.view(),
//!     image_counts: &[1, 1],
//!     name_bias: &[0.0, 0.0],
//! };
//! let examples = Examples { embeddings: prototypes.view(), classes: &[0, 1] };
//! let gallery = GalleryDecision::new(table, &background, classes, examples);
//! for decision in gallery.decide(images, Question { rate: 0.05, unknown: 0.5 }) {
//!     println!("{} {}", decision.is_accepted(), decision.scored.winner);
//! }
//! # }
//! ```

use ndarray::{Array2, ArrayView2, Axis, NdFloat};

use super::DecisionTable;
use super::limits::Winner;
use super::score::{Background, float, informative, novelty, profiles, unit_rows};

/// Evidence that is this far above its median counts as this far: two classes that look alike must
/// not raise the limits of all others.
const CLIP: f64 = 0.25;

/// The prototypes of a gallery and the number of images of each class.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a, F> {
    /// Raw, `[n, s]`, those that classify.
    pub prototypes: ArrayView2<'a, F>,
    /// `[n]`.
    pub image_counts: &'a [usize],
    /// Added to the similarity of each class to choose the winner, `[n]`.
    pub name_bias: &'a [F],
}

/// Raw embeddings of enrolled images, `[m, s]`, and the class of each.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a, F> {
    /// `[m, s]`.
    pub embeddings: ArrayView2<'a, F>,
    /// `[m]`.
    pub classes: &'a [usize],
}

/// What a gallery knows about unknown images.
#[derive(Debug, Clone)]
pub struct GalleryDecision<'a, F> {
    table: &'a DecisionTable,
    background: &'a Background<F>,
    /// Prototypes of length 1, `[n, s]`.
    prototypes: Array2<F>,
    image_counts: Vec<usize>,
    name_bias: Vec<F>,
    /// Cosines of the prototypes to the background, `[n, b]`.
    cosines: Array2<F>,
    /// `[n, b]`.
    profiles: Array2<F>,
    informative: F,
    calibration: Option<Calibration>,
}

/// How far the scores of unknown images lie from those that are expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// The mean over classes of the mean differences of their examples.
    pub offset: f64,
    /// The number of examples that served as unknown images.
    pub evidence: usize,
}

/// An image against its winner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored<F> {
    /// The class with the greatest similarity plus name bias.
    pub winner: usize,
    /// Cosine to the prototype of the winner.
    pub cosine: F,
    /// See [`novelty`].
    pub novelty: F,
    /// What image and winner both look like, 0 to 1.
    pub overlap: F,
    /// The cosine, lowered by novelty and raised by overlap.
    pub score: F,
}

/// Whether an image is known, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision<F> {
    /// The image against its winner.
    pub scored: Scored<F>,
    /// The score above what unknown images are expected to have in this gallery.
    pub calibrated: f64,
    /// The least calibrated score that is accepted.
    pub limit: f64,
    /// The share of unknown images that score at least as high (an open-set p-value).
    pub false_accept_rate: f64,
    /// The probability that the image shows a class of the gallery.
    pub known: f64,
    /// The probability that the winner is right.
    pub confidence: f64,
}

impl<F> Decision<F> {
    /// Whether the image is accepted as its winner.
    pub fn is_accepted(&self) -> bool {
        self.calibrated >= self.limit
    }
}

/// What a decision is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// The share of unknown images that may be accepted.
    pub rate: f64,
    /// The share of images that are expected to be unknown, for probabilities only.
    pub unknown: f64,
}

impl<'a, F: NdFloat> GalleryDecision<'a, F> {
    /// Prepares a gallery of at least one class and calibrates it with its own examples.
    pub fn new(
        table: &'a DecisionTable,
        background: &'a Background<F>,
        classes: Classes<'_, F>,
        examples: Examples<'_, F>,
    ) -> Self {
        let cosines = background.cosines(classes.prototypes);
        let profiles = profiles(&cosines, table.weights.sharpness);
        let mut decision = Self {
            table,
            background,
            prototypes: unit_rows(classes.prototypes.to_owned()),
            image_counts: classes.image_counts.to_vec(),
            name_bias: classes.name_bias.to_vec(),
            informative: informative(&profiles),
            cosines,
            profiles,
            calibration: None,
        };
        decision.calibration = decision.calibrated(examples);
        decision
    }

    /// How well the background separates the classes, 0 to 1.
    pub fn informative(&self) -> F {
        self.informative
    }

    /// The calibration; `None` for one class, and where no example of a class is most similar to
    /// another class with images.
    pub fn calibration(&self) -> Option<Calibration> {
        self.calibration
    }

    /// Decides about raw embeddings `[q, s]`.
    pub fn decide(&self, queries: ArrayView2<'_, F>, question: Question) -> Vec<Decision<F>> {
        let images = self.images(queries);
        (0..queries.nrows()).map(|row| self.decision(&images, row, question)).collect()
    }

    fn decision(&self, images: &Images<F>, row: usize, question: Question) -> Decision<F> {
        let scored = self.scored(images, row, None);
        let shots = self.image_counts[scored.winner];
        let above = as_f64(scored.score) - self.table.expected.at(shots, self.prototypes.nrows());
        // The calibration is about classes with images; a winner by name has limits of its own.
        let offset = self.calibration.filter(|_| shots > 0).map_or(0.0, |found| found.offset);
        let calibrated = above - offset;
        let winner = self.winner(shots);
        let known = self.table.confidence.known(shots).probability(calibrated, question.unknown);
        let similarities: Vec<f64> = self.biased(images, row).map(as_f64).collect();
        let share = self.table.confidence.share(&similarities, scored.winner, shots);
        Decision {
            scored,
            calibrated,
            limit: self.table.limits.at(question.rate, winner),
            false_accept_rate: self.table.limits.false_accept_rate(calibrated, winner),
            known,
            confidence: known * share,
        }
    }

    fn winner(&self, shots: usize) -> Winner {
        match (shots, self.calibration) {
            (0, _) => Winner::NameOnly,
            (_, None) => Winner::WithoutEvidence,
            (_, Some(_)) => Winner::WithImages(self.prototypes.nrows()),
        }
    }

    /// Each example is an unknown image to the gallery without its class.
    fn calibrated(&self, examples: Examples<'_, F>) -> Option<Calibration> {
        let n = self.prototypes.nrows();
        if n < 2 {
            return None;
        }
        let images = self.images(examples.embeddings);
        let mut evidence: Vec<(usize, f64)> = Vec::new();
        for (row, &class) in examples.classes.iter().enumerate() {
            let scored = self.scored(&images, row, Some(class));
            let shots = self.image_counts[scored.winner];
            if shots > 0 {
                let expected = self.table.expected.at(shots, n - 1);
                evidence.push((class, as_f64(scored.score) - expected));
            }
        }
        let most = median(evidence.iter().map(|(_, above)| *above).collect())? + CLIP;
        let mut sums = vec![(0.0, 0_u32); n];
        for &(class, above) in &evidence {
            sums[class].0 += above.min(most);
            sums[class].1 += 1;
        }
        // A mean of means, so that a class with many examples does not outweigh the others.
        let means = sums.iter().filter(|(_, count)| *count > 0);
        let means: Vec<f64> = means.map(|&(sum, count)| sum / f64::from(count)).collect();
        let offset = means.iter().sum::<f64>() / means.len() as f64;
        Some(Calibration { offset, evidence: evidence.len() })
    }

    fn images(&self, raw: ArrayView2<'_, F>) -> Images<F> {
        let cosines = self.background.cosines(raw);
        Images {
            similarities: unit_rows(raw.to_owned()).dot(&self.prototypes.t()),
            profiles: profiles(&cosines, self.table.weights.sharpness),
            cosines,
        }
    }

    /// The score against the winner; the class `without` cannot win.
    fn scored(&self, images: &Images<F>, row: usize, without: Option<usize>) -> Scored<F> {
        let mut winner = None;
        for (class, similarity) in self.biased(images, row).enumerate() {
            // The first of equal classes wins, as in an evaluation.
            let wins = winner.is_none_or(|(_, most)| similarity > most);
            if Some(class) != without && wins {
                winner = Some((class, similarity));
            }
        }
        let (winner, _) = winner.expect("invariant: a gallery has a class that can win");
        let cosine = images.similarities[[row, winner]];
        let novelty = novelty(images.cosines.row(row), self.cosines.row(winner));
        let overlap = images.profiles.row(row).dot(&self.profiles.row(winner));
        let weights = &self.table.weights;
        let lowered = float::<F>(weights.novelty) * novelty - float::<F>(weights.overlap) * overlap;
        Scored { winner, cosine, novelty, overlap, score: cosine - self.informative * lowered }
    }

    /// Similarities plus name bias, at most 1: an image is never more than identical to a class.
    fn biased<'b>(&'b self, images: &'b Images<F>, row: usize) -> impl Iterator<Item = F> + 'b {
        let similarities = images.similarities.index_axis(Axis(0), row);
        let pairs = similarities.into_iter().zip(&self.name_bias);
        pairs.map(|(&similarity, &bias)| (similarity + bias).min(F::one()))
    }
}

/// What is computed of several images at once.
struct Images<F> {
    /// Cosines to the prototypes, `[q, n]`.
    similarities: Array2<F>,
    /// Cosines to the background, `[q, b]`.
    cosines: Array2<F>,
    /// `[q, b]`.
    profiles: Array2<F>,
}

/// The middle value, or the mean of the two in the middle; `None` without any.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = if values.len().is_multiple_of(2) { values[middle - 1] } else { upper };
    Some((lower + upper) / 2.0)
}

fn as_f64<F: NdFloat>(value: F) -> f64 {
    value.to_f64().expect("invariant: both types of floats are no wider than f64")
}
