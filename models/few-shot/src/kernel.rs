//! Class prototypes from knowledge alone: kernel ridge regression from words and hypernyms to base prototypes.
//!
//! `k(a, b) = exp(3 (cos(h_a, h_b) - 1)) + cos(u_a, u_b)`: `h` is the word vector, `u` marks the synset and all its
//! hypernyms, each weighted by `sqrt(max(0, log(K / max(1, n))))` where `n` of the `K` base classes are at or below
//! it, so that what all classes share says nothing. The answer has a closed form and needs no image.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::embedding_frame::{EmbeddingFrame, NamePrior, normalized};
use super::fusion::ErrorVariances;
use super::name_bias::NameBias;
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;

mod cholesky;
mod file;

pub use file::{KernelError, MAX_BYTES};

/// How fast similarity of words falls with their angle.
const WIDTH: f64 = 3.0;

/// Ridges that [`NameRegressor::fit`] chooses among.
const RIDGES: [f64; 5] = [0.03, 0.1, 0.3, 1.0, 3.0];

/// Kernel ridge regression from knowledge to vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelRidge {
    base: Vec<SemanticDescriptor>,
    /// Squared weight of each synset that a base class is at or below.
    weights: BTreeMap<SynsetId, f64>,
    ridge: f64,
    /// `(G + ridge)^-1 targets`, `[K, s]`.
    dual: Array2<f64>,
}

impl KernelRidge {
    /// Learns `targets` `[K, s]` of the base classes; one row for each of `base`, and at least one.
    pub fn fit(base: Vec<SemanticDescriptor>, targets: ArrayView2<'_, f32>, ridge: f64) -> Self {
        let mut regression = Self::unfitted(base, ridge);
        let factor = cholesky::factor(regularized(regression.gram(), ridge));
        regression.dual = cholesky::solve(&factor, targets.mapv(f64::from));
        regression
    }

    fn unfitted(base: Vec<SemanticDescriptor>, ridge: f64) -> Self {
        let weights = weights(&base);
        Self { base, weights, ridge, dual: Array2::zeros((0, 0)) }
    }

    /// Predicted vectors of other classes, `[n, s]`.
    pub fn predict(&self, classes: &[SemanticDescriptor]) -> Array2<f32> {
        self.similarity(classes, &self.base).dot(&self.dual).mapv(|x| x as f32)
    }

    /// What each base class would be predicted as without itself, `[K, s]`: the closed form, with the weights of
    /// all classes.
    pub fn leave_one_out(&self, targets: ArrayView2<'_, f32>) -> Array2<f32> {
        leave_one_out(regularized(self.gram(), self.ridge), targets)
    }

    /// The kernel between all base classes.
    fn gram(&self) -> Array2<f64> {
        self.similarity(&self.base, &self.base)
    }

    /// The kernel between classes, `[a, b]`.
    fn similarity(&self, a: &[SemanticDescriptor], b: &[SemanticDescriptor]) -> Array2<f64> {
        let lengths = |classes: &[SemanticDescriptor]| -> Vec<f64> {
            classes
                .iter()
                .map(|class| self.shared(&class.hypernyms, &class.hypernyms).sqrt())
                .collect()
        };
        let (of_a, of_b) = (lengths(a), lengths(b));
        Array2::from_shape_fn((a.len(), b.len()), |(i, j)| {
            let words =
                (WIDTH * (cosine(a[i].word_vector.view(), b[j].word_vector.view()) - 1.0)).exp();
            let lengths = of_a[i] * of_b[j];
            let lines = self.shared(&a[i].hypernyms, &b[j].hypernyms);
            words + if lengths > 0.0 { lines / lengths } else { 0.0 }
        })
    }

    /// Sum of the squared weights of what two sorted lines share.
    fn shared(&self, a: &[SynsetId], b: &[SynsetId]) -> f64 {
        // A synset that no base class is below is the rarest there is.
        let unseen = (self.base.len() as f64).ln();
        let weight = |id: &SynsetId| self.weights.get(id).copied().unwrap_or(unseen);
        a.iter().filter(|id| b.binary_search(id).is_ok()).map(weight).sum()
    }
}

/// Vectors of length 1 whose cosines are the kernel's similarities of these classes, as base classes of each other, `[K, K]`.
pub fn features(base: &[SemanticDescriptor]) -> Array2<f32> {
    /// Equal classes must not make the matrix singular.
    const RIDGE: f64 = 1e-6;
    let mut gram = KernelRidge::unfitted(base.to_vec(), 0.0).gram();
    let lengths = gram.diag().mapv(f64::sqrt);
    gram /= &lengths.view().insert_axis(Axis(1));
    gram /= &lengths;
    normalized(cholesky::factor(regularized(gram, RIDGE)).mapv(|x| x as f32))
}

fn regularized(mut gram: Array2<f64>, ridge: f64) -> Array2<f64> {
    gram.diag_mut().mapv_inplace(|x| x + ridge);
    gram
}

/// See [`KernelRidge::leave_one_out`].
fn leave_one_out(regularized: Array2<f64>, targets: ArrayView2<'_, f32>) -> Array2<f32> {
    let factor = cholesky::factor(regularized);
    let targets = targets.mapv(f64::from);
    let dual = cholesky::solve(&factor, targets.clone());
    let inverse = cholesky::solve(&factor, Array2::eye(factor.nrows()));
    let residual = dual / inverse.diag().insert_axis(Axis(1));
    (targets - residual).mapv(|x| x as f32)
}

/// The ridge whose leave-one-out predictions point best to the classes left out.
fn best_ridge(base: &[SemanticDescriptor], directions: ArrayView2<'_, f32>) -> f64 {
    let gram = KernelRidge::unfitted(base.to_vec(), 0.0).gram();
    let fit = |ridge: f64| {
        let predicted = leave_one_out(regularized(gram.clone(), ridge), directions);
        f64::from((normalized(predicted) * directions).sum())
    };
    let best = RIDGES.into_iter().max_by(|a, b| fit(*a).total_cmp(&fit(*b)));
    best.expect("invariant: there are ridges to choose among")
}

fn weights(base: &[SemanticDescriptor]) -> BTreeMap<SynsetId, f64> {
    let mut counts: BTreeMap<SynsetId, f64> = BTreeMap::new();
    for id in base.iter().flat_map(|class| &class.hypernyms) {
        *counts.entry(*id).or_default() += 1.0;
    }
    let weight = |count: f64| (base.len() as f64 / count).ln().max(0.0);
    counts.into_iter().map(|(id, count)| (id, weight(count))).collect()
}

/// A zero vector has cosine 0 with everything.
fn cosine(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f64 {
    let lengths = (f64::from(a.dot(&a)) * f64::from(b.dot(&b))).sqrt();
    if lengths > 0.0 { f64::from(a.dot(&b)) / lengths } else { 0.0 }
}

/// Prototypes from knowledge, with the images of the base classes as measure.
#[derive(Debug, Clone, PartialEq)]
pub struct NameRegressor {
    frame: EmbeddingFrame,
    regression: KernelRidge,
    /// By the number of images beside which it was measured.
    errors: BTreeMap<usize, ErrorVariances>,
    name_bias: NameBias,
}

impl NameRegressor {
    /// Learns from the raw prototypes `[K, s]` of base classes.
    pub fn fit(base: &[SemanticDescriptor], prototypes: ArrayView2<'_, f32>) -> Self {
        let frame = EmbeddingFrame::around(prototypes);
        let directions = frame.directions(prototypes);
        Self::fit_directions(base, directions.view(), frame, None)
    }

    /// Learns the directions `[K, s]`, of length 1, in which base classes lie from the center of `frame`. Without a
    /// `ridge` it is the one whose leave-one-out predictions point best to the classes left out.
    pub fn fit_directions(
        base: &[SemanticDescriptor],
        directions: ArrayView2<'_, f32>,
        frame: EmbeddingFrame,
        ridge: Option<f64>,
    ) -> Self {
        let ridge = ridge.unwrap_or_else(|| best_ridge(base, directions));
        let regression = KernelRidge::fit(base.to_vec(), directions, ridge);
        Self { frame, regression, errors: BTreeMap::new(), name_bias: NameBias::default() }
    }

    /// The same, with its [errors](super::errors) measured beside so many images.
    pub fn with_errors(self, errors: BTreeMap<usize, ErrorVariances>) -> Self {
        Self { errors, ..self }
    }

    /// The same, with what classes without images are to be lifted by.
    pub fn with_name_bias(self, name_bias: NameBias) -> Self {
        Self { name_bias, ..self }
    }

    /// The same where a name counts as so many images.
    pub fn with_name_prior(self, name_prior: NamePrior) -> Self {
        Self { frame: self.frame.with_name_prior(name_prior), ..self }
    }

    /// What classes without images are lifted by, beside others with some.
    pub fn name_bias(&self) -> &NameBias {
        &self.name_bias
    }

    /// What mean and knowledge prototypes are off by at `k_shot` images: as measured at the largest number that is
    /// not above it, or else at the smallest.
    pub fn errors(&self, k_shot: usize) -> Option<&ErrorVariances> {
        let below = self.errors.range(..=k_shot).next_back();
        below.or_else(|| self.errors.first_key_value()).map(|(_, errors)| errors)
    }

    /// The center and the radius of what it predicts.
    pub fn frame(&self) -> &EmbeddingFrame {
        &self.frame
    }

    /// The ridge that was chosen.
    pub fn ridge(&self) -> f64 {
        self.regression.ridge
    }

    /// Values of a word vector that it was fitted to.
    pub fn dimension(&self) -> usize {
        self.regression.base.first().map_or(0, |class| class.word_vector.len())
    }

    /// Raw prototypes of classes by knowledge alone, `[n, s]`; their word vectors have [`NameRegressor::dimension`]
    /// values. A class of which nothing is known lies in the space's center, from where no direction leads: the kernel
    /// itself would answer with what base classes have in common.
    pub fn semantic(&self, classes: &[SemanticDescriptor]) -> Array2<f32> {
        let mut directions = normalized(self.regression.predict(classes));
        for (mut direction, class) in directions.rows_mut().into_iter().zip(classes) {
            if class.is_unknown() {
                direction.fill(0.0);
            }
        }
        self.frame.to_embedding(directions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn class(word: [f32; 2], line: &[u32]) -> SemanticDescriptor {
        SemanticDescriptor {
            word_vector: ndarray::Array1::from(word.to_vec()),
            hypernyms: line.iter().map(|&i| SynsetId(i)).collect(),
        }
    }

    #[test]
    fn a_class_like_a_base_class_is_predicted_like_it() {
        let base =
            [class([1.0, 0.0], &[1, 2]), class([0.0, 1.0], &[1, 3]), class([-1.0, 0.0], &[1, 4])];
        let prototypes = array![[5.0, 0.0, 1.0], [0.0, 5.0, 1.0], [0.0, 0.0, 9.0]];
        let completer = NameRegressor::fit(&base, prototypes.view());
        let predicted = completer.semantic(&[class([0.9, 0.1], &[1, 2, 7])]);
        let directions = |raw: &Array2<f32>| completer.frame().directions(raw.view());
        let cosines = directions(&predicted).dot(&directions(&prototypes).t());
        assert!(cosines[[0, 0]] > 0.9 && cosines[[0, 1]] < 0.5, "{cosines}");
    }

    #[test]
    fn features_have_the_cosines_of_the_kernel() {
        let base = [
            class([1.0, 0.0], &[1, 2]),
            class([0.0, 1.0], &[1, 3]),
            class([1.0, 0.1], &[1, 2]),
            class([0.0, 0.0], &[]),
        ];
        let features = features(&base);
        let cosines = features.dot(&features.t());
        let gram = KernelRidge::unfitted(base.to_vec(), 0.0).gram();
        for ((i, j), cosine) in cosines.indexed_iter() {
            let expected = gram[[i, j]] / (gram[[i, i]] * gram[[j, j]]).sqrt();
            assert!((f64::from(*cosine) - expected).abs() < 1e-4, "{i} {j}: {cosine} {expected}");
        }
    }

    #[test]
    fn a_class_of_which_nothing_is_known_lies_in_the_center() {
        let base = [class([0.0, 0.0], &[]), class([0.0, 1.0], &[3])];
        let completer = NameRegressor::fit(&base, array![[1.0, 0.0], [0.0, 1.0]].view());
        let predicted =
            completer.semantic(&[SemanticDescriptor::unknown(2), class([0.0, 0.0], &[7])]);
        assert_eq!(predicted.row(0), completer.frame().center());
        assert!(predicted.iter().all(|x| x.is_finite()), "{predicted}");
    }
}
