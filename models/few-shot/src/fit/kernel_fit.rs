//! Fits the name regressor to base classes: kernel ridge regression in closed form, with the ridge
//! chosen by leave-one-out.

use ndarray::{Array2, ArrayView2, Axis};

use super::cholesky;
use crate::embedding_frame::{EmbeddingFrame, normalized};
use crate::kernel::{KernelRidge, NameRegressor};
use models::knowledge::descriptor::SemanticDescriptor;

/// The ridges to choose from.
const RIDGES: [f64; 5] = [0.03, 0.1, 0.3, 1.0, 3.0];

impl KernelRidge {
    /// Fits `targets` `[K, s]`, one row for each of `base`, and at least one.
    pub fn fit(base: Vec<SemanticDescriptor>, targets: ArrayView2<'_, f32>, ridge: f64) -> Self {
        let regression = Self::unfitted(base, ridge);
        // (G + ridge I) dual = targets, in f64: rows of classes with nearly equal names are nearly
        // equal, and a small ridge hardly separates them.
        let factor = cholesky::factor(regularized(regression.gram(), ridge));
        regression.with_dual(cholesky::solve(&factor, targets.mapv(f64::from)))
    }

    /// The prediction of each base class by a regression without it, `[K, s]`, in closed form. The
    /// weights of synsets stay those of all classes.
    pub fn leave_one_out(&self, targets: ArrayView2<'_, f32>) -> Array2<f32> {
        leave_one_out(regularized(self.gram(), self.ridge()), targets)
    }
}

impl NameRegressor {
    /// Fits the raw prototypes `[K, s]` of base classes.
    pub fn fit(base: &[SemanticDescriptor], prototypes: ArrayView2<'_, f32>) -> Self {
        let frame = EmbeddingFrame::around(prototypes);
        let directions = frame.directions(prototypes);
        Self::fit_directions(base, directions.view(), frame, None)
    }

    /// Fits the directions `[K, s]`, of length 1, of base classes from the center of `frame`.
    /// Without a `ridge` it takes the one whose leave-one-out predictions have the greatest cosines
    /// to the classes left out.
    pub fn fit_directions(
        base: &[SemanticDescriptor],
        directions: ArrayView2<'_, f32>,
        frame: EmbeddingFrame,
        ridge: Option<f64>,
    ) -> Self {
        let ridge = ridge.unwrap_or_else(|| best_ridge(base, directions));
        Self::new(frame, KernelRidge::fit(base.to_vec(), directions, ridge))
    }
}

/// A vector of length 1 for each class, `[K, K]`. The cosine of two vectors is the kernel between
/// their classes, scaled so that each class has 1 with itself. The weights of synsets are those of
/// a regression on these classes.
///
/// # Examples
/// ```
/// use few_shot::fit::kernel_fit;
/// use models::knowledge::descriptor::SemanticDescriptor;
/// use models::knowledge::wordnet::SynsetId;
/// use ndarray::array;
///
/// let cat = SemanticDescriptor { word_vector: array![1.0, 0.0], hypernyms: vec![SynsetId(1)] };
/// let lion = SemanticDescriptor { word_vector: array![0.9, 0.1], ..cat.clone() };
/// let car = SemanticDescriptor { word_vector: array![0.0, 1.0], hypernyms: vec![SynsetId(2)] };
/// let features = kernel_fit::features(&[cat, lion, car]);
/// let cosines = features.dot(&features.t());
/// assert!(cosines[[0, 1]] > cosines[[0, 2]]);
/// ```
pub fn features(base: &[SemanticDescriptor]) -> Array2<f32> {
    /// Equal classes must not make the matrix singular.
    const RIDGE: f64 = 1e-6;
    let mut gram = KernelRidge::unfitted(base.to_vec(), 0.0).gram();
    let lengths = gram.diag().mapv(f64::sqrt);
    gram /= &lengths.view().insert_axis(Axis(1));
    gram /= &lengths;
    // G = L Lᵀ, so the rows of L have the kernel as their products.
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
    // The residual of a class left out is its coefficient over its diagonal value of the inverse
    // (Rasmussen and Williams 2006, equation 5.12), so that one inverse replaces K fits.
    let residual = dual / inverse.diag().insert_axis(Axis(1));
    (targets - residual).mapv(|x| x as f32)
}

/// See [`NameRegressor::fit_directions`].
fn best_ridge(base: &[SemanticDescriptor], directions: ArrayView2<'_, f32>) -> f64 {
    // The ridge is not part of the kernel: all candidates share the matrix.
    let gram = KernelRidge::unfitted(base.to_vec(), 0.0).gram();
    let candidates = RIDGES.map(|ridge| (agreement(&gram, ridge, directions), ridge));
    let best = candidates.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("invariant: there are ridges to choose from").1
}

/// The sum of the cosines between leave-one-out predictions and directions.
fn agreement(gram: &Array2<f64>, ridge: f64, directions: ArrayView2<'_, f32>) -> f64 {
    let predicted = leave_one_out(regularized(gram.clone(), ridge), directions);
    f64::from((normalized(predicted) * directions).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::knowledge::wordnet::SynsetId;
    use ndarray::array;

    fn class(word: [f32; 2], hypernyms: &[u32]) -> SemanticDescriptor {
        SemanticDescriptor {
            word_vector: ndarray::Array1::from(word.to_vec()),
            hypernyms: hypernyms.iter().map(|&i| SynsetId(i)).collect(),
        }
    }

    #[test]
    fn a_class_like_a_base_class_is_predicted_like_it() {
        let base =
            [class([1.0, 0.0], &[1, 2]), class([0.0, 1.0], &[1, 3]), class([-1.0, 0.0], &[1, 4])];
        let prototypes = array![[5.0, 0.0, 1.0], [0.0, 5.0, 1.0], [0.0, 0.0, 9.0]];
        let regressor = NameRegressor::fit(&base, prototypes.view());
        let predicted = regressor.semantic(&[class([0.9, 0.1], &[1, 2, 7])]);
        let predicted = regressor.frame().directions(predicted.view());
        let expected = regressor.frame().directions(prototypes.view());
        let cosines = predicted.dot(&expected.t());
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
}
