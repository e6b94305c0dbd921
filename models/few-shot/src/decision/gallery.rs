//! The decision of one gallery: prepared once for its classes, then made for each image.
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//!
//! use few_shot::decision::DecisionModel;
//! use few_shot::decision::gallery::{Classes, Examples, GalleryDecision, Question};
//! use few_shot::decision::images::Images;
//! use ndarray::{ArrayView2, array};
//!
//! # fn example(model: Arc<DecisionModel<f32>>, queries: ArrayView2<'_, f32>) {
//! let prototypes = array![[1.0, 0.1], [0.1, 1.0]];
//! let classes = Classes {
//!     prototypes: prototypes.view(),
//!     image_counts: &[1, 1],
//!     name_bias: &[0.0, 0.0],
//! };
//! let enrolled = Images::new(&model, prototypes.view());
//! let examples = Examples { images: &enrolled, classes: &[0, 1] };
//! let gallery = GalleryDecision::new(Arc::clone(&model), classes, examples);
//! let images = Images::new(&model, queries);
//! for decision in gallery.decide(&images, Question::default()) {
//!     println!("{:?} {}", decision.verdict, decision.scored.winner);
//! }
//! # }
//! ```

mod blocks;
mod evidence;
mod inputs;
mod measured;
mod nearest;
mod negatives;
mod question;
mod replaced;

use std::sync::{Arc, OnceLock};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat};

use super::DecisionModel;
use super::calibration::Calibration;
use super::images::Images;
use super::limits::{LimitRow, Winner};
use super::sampling::sample;
use super::score::{as_f64, float, informative, likeness, novelty, unit_rows};
use crate::metric::products;
use blocks::ClassView;
use measured::Measured;
use nearest::Negatives;

pub use blocks::{Place, PrototypeBlock, Prototypes};
pub use inputs::{Classes, Examples};
pub use question::{Criterion, Question, Verdict};

/// What a gallery knows about unknown images.
#[derive(Debug, Clone)]
pub struct GalleryDecision<F> {
    model: Arc<DecisionModel<F>>,
    prototypes: Prototypes<F>,
    image_counts: Vec<usize>,
    name_bias: Vec<F>,
    informative: F,
    /// The positions of the classes that it is measured with.
    sampled: Arc<[usize]>,
    /// See [`likeness`]; it counts for winners by name only, so it is computed when one needs it.
    /// Shared by clones: one is made for each example that is left out.
    likeness: Arc<OnceLock<f64>>,
    calibration: Option<Calibration>,
    /// For winners with images.
    limits: LimitRow,
    /// For winners by name only.
    limits_by_name: LimitRow,
    /// What the next gallery can use again.
    measured: Arc<Measured<F>>,
    /// Examples of none of the classes.
    negatives: Option<Arc<Negatives<F>>>,
    /// Prototypes of length 1 that choose the winner in the place of `prototypes`, `[n, s]`.
    ranking: Option<Array2<F>>,
    /// A class that has another prototype for a while.
    replaced: Option<Arc<Replaced<F>>>,
}

/// A gallery before a change, and where it had what this one has.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a, F> {
    /// `None`: nothing is taken from it.
    pub gallery: Option<&'a GalleryDecision<F>>,
    /// For each example, its position among the examples of that gallery.
    pub examples: &'a [Option<usize>],
    /// For each example of none of the classes, its position among those of that gallery.
    pub negatives: &'a [Option<usize>],
}

impl<F> Previous<'_, F> {
    /// There is no gallery before.
    pub const NONE: Self = Self { gallery: None, examples: &[], negatives: &[] };
}

/// What a class has in the place of what is enrolled.
#[derive(Debug)]
struct Replaced<F> {
    class: usize,
    /// Of length 1, `[s]`.
    unit: Array1<F>,
    images: usize,
    view: ClassView<F>,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<F> {
    /// The image against its winner.
    pub scored: Scored<F>,
    /// What is decided.
    pub verdict: Verdict,
    /// Whether an example of none of the classes fits the image better than the winner.
    pub is_negative: bool,
    /// The score above what unknown images are expected to have in this gallery.
    pub calibrated: f64,
    /// The least calibrated score that is accepted.
    pub limit: f64,
    /// The share of unknown images that reach the limit.
    pub rate: f64,
    /// Whether the limit belongs to a rate that this gallery has evidence for.
    pub is_stated: bool,
    /// The share of unknown images that score at least as high (an open-set p-value).
    pub false_accept_rate: f64,
    /// The probability that the image shows a class of the gallery.
    pub known: f64,
    /// The probability of each class, if the image shows one of them, `[n]`; they sum to 1.
    pub shares: Vec<f64>,
    /// The probability that the winner is right.
    pub confidence: f64,
}

impl<F: NdFloat> GalleryDecision<F> {
    /// Prepares a gallery of at least one class and calibrates it with its own examples.
    pub fn new(
        model: Arc<DecisionModel<F>>,
        classes: Classes<'_, F>,
        examples: Examples<'_, F>,
    ) -> Self {
        let sampled = sample(0..classes.image_counts.len() as u64);
        let raw = classes.prototypes.select(Axis(0), &sampled);
        let block = PrototypeBlock::of_units(classes.prototypes, classes.image_counts);
        let prototypes = Prototypes::whole(block);
        let gallery = Self::uncalibrated(model, prototypes, classes.name_bias.to_vec(), &sampled);
        // The block has lost the last bits of what it was made of.
        let likeness = likeness(&gallery.model.background.around(raw.view()));
        Self { likeness: Arc::new(likeness.into()), ..gallery }.calibrated(
            examples,
            &sampled,
            Previous::NONE,
        )
    }

    /// The same for prototypes in blocks, measured with the classes at the positions `sampled` and
    /// with what a gallery before the last change has computed already. Classes with images have
    /// one name bias, and those without have one.
    pub fn measured_with(
        model: Arc<DecisionModel<F>>,
        prototypes: Prototypes<F>,
        name_bias: Vec<F>,
        examples: Examples<'_, F>,
        sampled: &[usize],
        previous: Previous<'_, F>,
    ) -> Self {
        Self::uncalibrated(model, prototypes, name_bias, sampled)
            .calibrated(examples, sampled, previous)
    }

    fn uncalibrated(
        model: Arc<DecisionModel<F>>,
        prototypes: Prototypes<F>,
        name_bias: Vec<F>,
        sampled: &[usize],
    ) -> Self {
        let limits = &model.table.limits;
        Self {
            image_counts: prototypes.image_counts(),
            name_bias,
            informative: F::one(),
            sampled: sampled.into(),
            likeness: Arc::default(),
            calibration: None,
            limits: limits.row(Winner::WithoutEvidence),
            limits_by_name: limits.row(Winner::NameOnly(prototypes.len())),
            measured: Arc::default(),
            negatives: None,
            ranking: None,
            replaced: None,
            prototypes,
            model,
        }
    }

    fn calibrated(
        mut self,
        examples: Examples<'_, F>,
        sampled: &[usize],
        previous: Previous<'_, F>,
    ) -> Self {
        self.informative = self.measured_informative(sampled);
        let before = previous.gallery.map(|gallery| (&*gallery.measured, previous.examples));
        let prototypes = (&self.prototypes, &*self.model);
        let mut measured = Measured::new(prototypes, examples.images, sampled, before);
        let evidence = self.evidence(examples, sampled, &mut measured, before);
        self.measured = Arc::new(measured);
        self.calibrate(&evidence);
        self
    }

    /// The same gallery, where prototypes `[n, s]` that unlabeled images have moved choose the
    /// winner. Its score is that against the enrolled prototype: prototypes move onto unknown
    /// images too, which would score as known ones.
    #[must_use]
    pub fn moved_to(&self, prototypes: ArrayView2<'_, F>) -> Self {
        Self { ranking: Some(unit_rows(prototypes.to_owned())), ..self.clone() }
    }

    /// The constants and the background.
    pub fn model(&self) -> &DecisionModel<F> {
        &self.model
    }

    /// How well the background separates the classes, 0 to 1.
    pub fn informative(&self) -> F {
        self.informative
    }

    /// How alike the classes are, 0 to 1.
    pub fn likeness(&self) -> f64 {
        *self.likeness.get_or_init(|| {
            let raw = self.prototypes.raw(&self.sampled);
            likeness(&self.model.background.around(raw.view()))
        })
    }

    /// The calibration; `None` for one class, and where no example of a class is most similar to
    /// another class with images.
    pub fn calibration(&self) -> Option<Calibration> {
        self.calibration
    }

    /// The least calibrated score that is accepted at a rate, and whether the gallery has evidence
    /// for that rate: for winners with images, or for winners by name if no class has images.
    pub fn limit(&self, rate: f64) -> (f64, bool) {
        let shots = self.image_counts.iter().copied().max().unwrap_or(0);
        (self.limits(shots).at(rate), self.is_stated(shots))
    }

    /// Decides about each image.
    pub fn decide(&self, images: &Images<F>, question: Question) -> Vec<Decision<F>> {
        let similarities = match &self.ranking {
            Some(ranking) => products(images.unit.view(), ranking.view()),
            None => self.similarities(images),
        };
        self.decide_similar(images, similarities.view(), question)
    }

    /// Cosines of images to the enrolled prototypes, `[q, n]`.
    pub fn similarities(&self, images: &Images<F>) -> Array2<F> {
        self.prototypes.similarities_of_units(images.unit.view())
    }

    /// The same for images whose cosines to the prototypes that choose the winner are known,
    /// `[q, n]`: the enrolled ones, or those that unlabeled images have moved.
    pub fn decide_similar(
        &self,
        images: &Images<F>,
        similarities: ArrayView2<'_, F>,
        question: Question,
    ) -> Vec<Decision<F>> {
        let rows = similarities.rows().into_iter().enumerate();
        rows.map(|(row, similarities)| self.decision(&Seen { images, row, similarities }, question))
            .collect()
    }

    /// What is decided about the same image at another rate.
    pub fn verdict(&self, decision: &Decision<F>, rate: f64) -> Verdict {
        let Decision { scored, is_negative, calibrated, shares, .. } = decision;
        let limit = self.limits(self.shots(scored.winner)).at(rate);
        let rival = self.model.table.ambiguity.rival(shares, scored.winner, Some(rate));
        Verdict::of(!is_negative && *calibrated >= limit, rival)
    }

    fn decision(&self, seen: &Seen<'_, F>, question: Question) -> Decision<F> {
        let table = &self.model.table;
        let scored = self.scored(seen, self.ranks(seen.similarities));
        let shots = self.shots(scored.winner);
        let limits = self.limits(shots);
        let above = self.above(&scored, self.prototypes.len());
        let ahead = self.negative_ahead(seen, above);
        let calibrated = above - self.offset(shots);
        let rate = match question.criterion {
            Criterion::Rate(rate) => rate,
            Criterion::Threshold(limit) => limits.false_accept_rate(limit),
        };
        let limit = match question.criterion {
            Criterion::Rate(rate) => limits.at(rate),
            Criterion::Threshold(limit) => limit,
        };
        let biased: Vec<f64> = self.biased(seen.similarities).map(as_f64).collect();
        let shares = table.confidence.shares(&biased, shots);
        // An image that a negative fits better is no surer than one at the edge of being unknown.
        let sure = ahead.map_or(calibrated, |ahead| calibrated.min(-ahead));
        let known = table.confidence.known(shots).probability(sure, question.unknown);
        let stated = match question.criterion {
            Criterion::Rate(rate) => Some(rate),
            Criterion::Threshold(_) => None,
        };
        let rival = table.ambiguity.rival(&shares, scored.winner, stated);
        Decision {
            scored,
            verdict: Verdict::of(ahead.is_none() && calibrated >= limit, rival),
            is_negative: ahead.is_some(),
            calibrated,
            limit,
            rate,
            is_stated: self.is_stated(shots),
            false_accept_rate: limits.false_accept_rate(calibrated),
            known,
            confidence: known * shares[scored.winner],
            shares,
        }
    }

    /// Whether the rate of a limit is that of this gallery, for winners with this number of images.
    /// A gallery of one class has no other class whose images could serve as unknown ones.
    fn is_stated(&self, shots: usize) -> bool {
        self.image_counts.len() > 1 && (shots == 0 || self.calibration.is_some())
    }

    /// The score above that of unknown images in a gallery of `classes` classes.
    fn above(&self, scored: &Scored<F>, classes: usize) -> f64 {
        let shots = self.shots(scored.winner);
        let likeness = if shots == 0 { self.likeness() } else { 0.0 };
        as_f64(scored.score) - self.model.table.expected.at(shots, classes, likeness)
    }

    /// The calibration is about classes with images; a winner by name has limits of its own.
    fn offset(&self, shots: usize) -> f64 {
        self.calibration.filter(|_| shots > 0).map_or(0.0, |found| found.offset)
    }

    /// The limits of winners with this number of images.
    fn limits(&self, shots: usize) -> &LimitRow {
        if shots > 0 { &self.limits } else { &self.limits_by_name }
    }

    fn measured_informative(&self, sampled: &[usize]) -> F {
        let profiles = sampled.iter().map(|&class| self.view(class).profile.view());
        let profiles: Vec<ArrayView1<'_, F>> = profiles.collect();
        informative(&profiles, self.model.table.weights.fading)
    }

    /// The score against the class with the greatest of `ranks`.
    fn scored(&self, seen: &Seen<'_, F>, ranks: impl Iterator<Item = F>) -> Scored<F> {
        let mut best = (0, F::neg_infinity());
        for (class, rank) in ranks.enumerate() {
            // The first of equal classes wins, as in an evaluation.
            if rank > best.1 {
                best = (class, rank);
            }
        }
        let cosine = match self.ranking {
            None => seen.similarities[best.0],
            Some(_) => seen.images.unit.row(seen.row).dot(&self.prototypes.unit(best.0)),
        };
        self.scored_against(best.0, cosine, seen.images, seen.row)
    }

    /// The score of an image against a class, to which it has this cosine.
    fn scored_against(
        &self,
        winner: usize,
        cosine: F,
        images: &Images<F>,
        row: usize,
    ) -> Scored<F> {
        let view = self.view(winner);
        let novelty = novelty(images.cosines.row(row), view.cosines.view());
        let overlap = images.profiles.row(row).dot(&view.profile);
        Scored { winner, cosine, novelty, overlap, score: self.score(cosine, novelty, overlap) }
    }

    fn score(&self, cosine: F, novelty: F, overlap: F) -> F {
        let weights = &self.model.table.weights;
        let lowered = float::<F>(weights.novelty) * novelty - float::<F>(weights.overlap) * overlap;
        cosine - self.informative * lowered
    }

    fn view(&self, class: usize) -> &ClassView<F> {
        match self.replaced_class(class) {
            Some(replaced) => &replaced.view,
            None => self.prototypes.view(class, &self.model).as_ref(),
        }
    }

    /// The number of images of a class.
    fn shots(&self, class: usize) -> usize {
        self.replaced_class(class).map_or(self.image_counts[class], |replaced| replaced.images)
    }

    /// What classes are ranked by.
    fn ranks<'b>(&'b self, similarities: ArrayView1<'b, F>) -> impl Iterator<Item = F> + 'b {
        similarities.into_iter().zip(&self.name_bias).map(|(&similarity, &bias)| similarity + bias)
    }

    /// The same, at most 1: an image is never more than identical to a class.
    fn biased<'b>(&'b self, similarities: ArrayView1<'b, F>) -> impl Iterator<Item = F> + 'b {
        self.ranks(similarities).map(|rank| rank.min(F::one()))
    }
}

/// One of several images, and its cosines to the prototypes, `[n]`.
struct Seen<'a, F> {
    images: &'a Images<F>,
    row: usize,
    similarities: ArrayView1<'a, F>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::background::Background;
    use crate::decision::tests::table;
    use ndarray::array;

    #[test]
    fn prototypes_that_moved_onto_an_unknown_image_do_not_make_it_known() {
        let background = Background::none(array![0.0, 0.0, 0.0]);
        let model = Arc::new(DecisionModel { table: table(), background });
        let prototypes = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let enrolled = Images::new(&model, prototypes.view());
        let classes = Classes {
            prototypes: prototypes.view(),
            image_counts: &[1, 1],
            name_bias: &[0.0, 0.0],
        };
        let examples = Examples { images: &enrolled, classes: &[0, 1] };
        let gallery = GalleryDecision::new(Arc::clone(&model), classes, examples);
        let unknown = array![[0.2, 0.1, 1.0]];
        let images = Images::new(&model, unknown.view());
        let moved = gallery.moved_to(array![[1.0, 0.0, 0.0], [0.2, 0.4, 1.0]].view());
        let before = &gallery.decide(&images, Question::default())[0];
        let after = &moved.decide(&images, Question::default())[0];
        assert_eq!((before.scored.winner, after.scored.winner), (0, 1), "the moved ones rank");
        assert_eq!((before.verdict, after.verdict), (Verdict::Rejected, Verdict::Rejected));
        assert!(after.calibrated <= before.calibrated, "{before:?} {after:?}");
    }
}
