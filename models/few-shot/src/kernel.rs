//! The name regressor: predicts the prototype of a class from its name, by kernel ridge regression.
//!
//! `k(a, b) = exp(3 (cos(h_a, h_b) - 1)) + cos(u_a, u_b)`: `h` is the word vector, `u` marks the
//! synset and all its hypernyms. Each synset is weighted by `sqrt(max(0, log(K / max(1, n))))`,
//! where `n` of the `K` base classes are at or below it, so that a hypernym of all classes has no
//! weight.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView1};

use crate::embedding_frame::{EmbeddingFrame, normalized};
use crate::fusion::ErrorVariances;
use crate::name_bias::NameBias;
use crate::name_prior::NamePrior;
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;

mod file;

pub use file::{KernelError, MAX_BYTES};

/// How fast the similarity of words falls with their angle.
// Widths of 1 to 8 were tried on Caltech-101: 2 to 5 are equally good within the error.
const WIDTH: f64 = 3.0;

/// Kernel ridge regression from descriptors of classes to vectors.
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
    /// A regression of base classes without targets: only its kernel can be used.
    pub(crate) fn unfitted(base: Vec<SemanticDescriptor>, ridge: f64) -> Self {
        let weights = weights(&base);
        Self { base, weights, ridge, dual: Array2::zeros((0, 0)) }
    }

    /// The same with the dual coefficients `[K, s]` of its targets.
    pub(crate) fn with_dual(self, dual: Array2<f64>) -> Self {
        Self { dual, ..self }
    }

    /// Predicted vectors of other classes, `[n, s]`.
    pub fn predict(&self, classes: &[SemanticDescriptor]) -> Array2<f32> {
        self.similarity(classes, &self.base).dot(&self.dual).mapv(|x| x as f32)
    }

    /// The kernel between all base classes, `[K, K]`.
    pub(crate) fn gram(&self) -> Array2<f64> {
        self.similarity(&self.base, &self.base)
    }

    /// The classes that it was fitted to.
    pub(crate) fn base(&self) -> &[SemanticDescriptor] {
        &self.base
    }

    /// The targets that it was fitted to, `[K, s]`: the fit reversed.
    pub(crate) fn targets(&self) -> Array2<f32> {
        let targets = self.gram().dot(&self.dual) + &self.dual * self.ridge;
        targets.mapv(|x| x as f32)
    }

    /// The ridge.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// The kernel between classes, `[a, b]`.
    fn similarity(&self, a: &[SemanticDescriptor], b: &[SemanticDescriptor]) -> Array2<f64> {
        let lengths_a = self.lengths(a);
        let lengths_b = self.lengths(b);
        Array2::from_shape_fn((a.len(), b.len()), |(i, j)| {
            let cosine = cosine(a[i].word_vector.view(), b[j].word_vector.view());
            // 2 - 2 cos is the squared distance of unit vectors: this is a Gaussian kernel of them.
            let words = (WIDTH * (cosine - 1.0)).exp();
            let lengths = lengths_a[i] * lengths_b[j];
            let shared = self.shared(&a[i].hypernyms, &b[j].hypernyms);
            // A class may have no hypernym, or only those of all base classes, which weigh 0.
            words + if lengths > 0.0 { shared / lengths } else { 0.0 }
        })
    }

    /// The length of the vector `u` of each class.
    fn lengths(&self, classes: &[SemanticDescriptor]) -> Vec<f64> {
        classes.iter().map(|class| self.shared(&class.hypernyms, &class.hypernyms).sqrt()).collect()
    }

    /// Sum of the squared weights of the synsets that two sorted lists share.
    fn shared(&self, a: &[SynsetId], b: &[SynsetId]) -> f64 {
        // No base class is at or below such a synset: it has the weight for `n` = 1, the greatest.
        let unseen = (self.base.len() as f64).ln();
        a.iter()
            .filter(|id| b.binary_search(id).is_ok())
            // Both vectors have the root of the weight here, so their product is the weight.
            .map(|id| self.weights.get(id).copied().unwrap_or(unseen))
            .sum()
    }
}

fn weights(base: &[SemanticDescriptor]) -> BTreeMap<SynsetId, f64> {
    let mut counts: BTreeMap<SynsetId, f64> = BTreeMap::new();
    for id in base.iter().flat_map(|class| &class.hypernyms) {
        *counts.entry(*id).or_default() += 1.0;
    }
    let classes = base.len() as f64;
    // A count exceeds the classes only where a file repeats a synset within a class. Its logarithm
    // is negative then, and the length of `u` would have no square root.
    counts.into_iter().map(|(id, count)| (id, (classes / count).ln().max(0.0))).collect()
}

/// A zero vector has cosine 0 with everything.
fn cosine(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f64 {
    let lengths = (f64::from(a.dot(&a)) * f64::from(b.dot(&b))).sqrt();
    if lengths > 0.0 { f64::from(a.dot(&b)) / lengths } else { 0.0 }
}

/// Predicts semantic prototypes, with the constants that a device needs to use them.
///
/// # Examples
/// ```
/// use few_shot::kernel::NameRegressor;
/// use models::knowledge::descriptor::SemanticDescriptor;
/// use models::knowledge::wordnet::SynsetId;
/// use ndarray::array;
///
/// let cat = SemanticDescriptor { word_vector: array![1.0, 0.0], hypernyms: vec![SynsetId(1)] };
/// let car = SemanticDescriptor { word_vector: array![0.0, 1.0], hypernyms: vec![SynsetId(2)] };
/// let prototypes = array![[4.0, 0.0], [0.0, 4.0]];
/// let regressor = NameRegressor::fit(&[cat.clone(), car], prototypes.view());
/// let semantic = regressor.semantic(&[cat]);
/// assert!(semantic[[0, 0]] > semantic[[0, 1]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NameRegressor {
    frame: EmbeddingFrame,
    regression: KernelRidge,
    /// By the number of shots at which they were measured.
    errors: BTreeMap<usize, ErrorVariances>,
    name_bias: NameBias,
}

impl NameRegressor {
    /// A regressor of directions from the center of `frame`, with no measured errors and no name
    /// bias.
    pub(crate) fn new(frame: EmbeddingFrame, regression: KernelRidge) -> Self {
        Self { frame, regression, errors: BTreeMap::new(), name_bias: NameBias::default() }
    }

    /// The same with the errors of mean and semantic prototypes, by number of shots.
    pub fn with_errors(self, errors: BTreeMap<usize, ErrorVariances>) -> Self {
        Self { errors, ..self }
    }

    /// The same with another name bias.
    pub fn with_name_bias(self, name_bias: NameBias) -> Self {
        Self { name_bias, ..self }
    }

    /// The same with another name prior.
    pub fn with_name_prior(self, name_prior: NamePrior) -> Self {
        Self { frame: self.frame.with_name_prior(name_prior), ..self }
    }

    /// The addend for classes without images.
    pub fn name_bias(&self) -> &NameBias {
        &self.name_bias
    }

    /// The errors of mean and semantic prototypes at `k_shot` shots: those measured at the largest
    /// number of shots up to `k_shot`, or else at the smallest.
    pub fn errors(&self, k_shot: usize) -> Option<&ErrorVariances> {
        let below = self.errors.range(..=k_shot).next_back();
        below.or_else(|| self.errors.first_key_value()).map(|(_, errors)| errors)
    }

    /// The frame of its predictions.
    pub fn frame(&self) -> &EmbeddingFrame {
        &self.frame
    }

    pub(crate) fn regression(&self) -> &KernelRidge {
        &self.regression
    }

    /// The ridge of its regression.
    pub fn ridge(&self) -> f64 {
        self.regression.ridge
    }

    /// Values of a word vector.
    pub fn dimension(&self) -> usize {
        self.regression.base.first().map_or(0, |class| class.word_vector.len())
    }

    /// Semantic prototypes of classes, raw, `[n, s]`; their word vectors have
    /// [`NameRegressor::dimension`] values. The prototype of a class without word vector and
    /// hypernyms is the center of the frame.
    pub fn semantic(&self, classes: &[SemanticDescriptor]) -> Array2<f32> {
        let mut directions = normalized(self.regression.predict(classes));
        for (mut direction, class) in directions.rows_mut().into_iter().zip(classes) {
            // The kernel is not 0 for a zero word vector: its cosine of 0 gives `exp(-WIDTH)` with
            // every base class, and so the same prediction for every unknown class.
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

    fn class(word: [f32; 2], hypernyms: &[u32]) -> SemanticDescriptor {
        SemanticDescriptor {
            word_vector: ndarray::Array1::from(word.to_vec()),
            hypernyms: hypernyms.iter().map(|&i| SynsetId(i)).collect(),
        }
    }

    #[test]
    fn a_hypernym_of_all_base_classes_has_no_weight() {
        let base = vec![class([1.0, 0.0], &[1, 2]), class([0.0, 1.0], &[1, 3])];
        let gram = KernelRidge::unfitted(base, 0.0).gram();
        assert!((gram[[0, 1]] - (-WIDTH).exp()).abs() < 1e-6, "{gram}");
        assert!((gram[[0, 0]] - 2.0).abs() < 1e-6, "{gram}");
    }

    #[test]
    fn an_unknown_class_lies_in_the_center() {
        let base = vec![class([0.0, 0.0], &[]), class([0.0, 1.0], &[3])];
        let regression = KernelRidge::unfitted(base, 1.0).with_dual(array![[1.0, 0.0], [0.0, 1.0]]);
        let frame = EmbeddingFrame::new(array![0.5, 0.5], 1.0);
        let regressor = NameRegressor::new(frame, regression);
        let predicted =
            regressor.semantic(&[SemanticDescriptor::unknown(2), class([0.0, 0.0], &[7])]);
        assert_eq!(predicted.row(0), regressor.frame().center());
        assert!(predicted.iter().all(|x| x.is_finite()), "{predicted}");
    }
}
