//! Gaussian fusion (section 3.4 of Zhang et al. 2021): the transductive policy of the paper.

use ndarray::{Array2, ArrayView2, Axis, Zip};

use crate::fusion::softmax;
use crate::metric::cosine;

/// How sharply an unlabeled image is shared among classes.
const TEMPERATURE: f32 = 10.0;

/// Mean and variance of the weighted points of each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussians {
    /// Weighted means, `[n, s]`.
    pub mean: Array2<f32>,
    /// Weighted variances, two-pass, `[n, s]`.
    pub variance: Array2<f32>,
}

/// The Gaussian of each class around its prototype, over its support and the unlabeled images near
/// it.
///
/// # Shapes
/// `prototypes` `[n, s]`; `support` `[m, s]`, row `i` of class `labels[i]`; `unlabeled` `[u, s]`.
pub fn gaussians(
    prototypes: ArrayView2<'_, f32>,
    support: ArrayView2<'_, f32>,
    labels: &[usize],
    unlabeled: ArrayView2<'_, f32>,
) -> Gaussians {
    // The weights of section 3.4: one-hot for labeled images, soft for unlabeled ones. Each class
    // has labeled images, so `total` is above 0.
    let soft = softmax(cosine(unlabeled, prototypes) * TEMPERATURE);
    let mut hard = Array2::<f32>::zeros((labels.len(), prototypes.nrows()));
    for (row, &class) in labels.iter().enumerate() {
        hard[[row, class]] = 1.0;
    }
    let total = (hard.sum_axis(Axis(0)) + soft.sum_axis(Axis(0))).insert_axis(Axis(1));
    let mean = (hard.t().dot(&support) + soft.t().dot(&unlabeled)) / &total;
    // A second pass around the mean: `E[x²] - mean²` would cancel, and could be negative.
    let mut variance = Array2::<f32>::zeros(mean.dim());
    add_squares(&mut variance, &mean, support, &hard);
    add_squares(&mut variance, &mean, unlabeled, &soft);
    variance /= &total;
    Gaussians { mean, variance }
}

/// Adds the weighted squared distances of `points` `[m, s]` from the means to `variance` `[n, s]`.
fn add_squares(
    variance: &mut Array2<f32>,
    mean: &Array2<f32>,
    points: ArrayView2<'_, f32>,
    weights: &Array2<f32>,
) {
    for (point, weights) in points.rows().into_iter().zip(weights.rows()) {
        // A labeled image has weight 0 for all classes but its own.
        for (class, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            Zip::from(variance.row_mut(class))
                .and(mean.row(class))
                .and(point)
                .for_each(|variance, &mean, &x| *variance += weight * (x - mean) * (x - mean));
        }
    }
}

/// The product of the Gaussians around mean and completed prototypes,
/// `(m1 v2 + m2 v1) / (v1 + v2)`; the arithmetic mean where both variances are zero.
///
/// # Shapes
/// As for [`gaussians`]; `mean`, `completed` and the result are `[n, s]`.
///
/// # Examples
/// ```
/// use few_shot::evaluation::gaussian;
/// use ndarray::array;
///
/// let support = array![[0.0, 1.0], [0.0, -1.0]];
/// let unlabeled = array![[0.0, 0.9], [0.0, -1.1]];
/// let means = support.view();
/// let fused = gaussian::fused(means, means, support.view(), &[0, 1], unlabeled.view());
/// assert!(fused[[0, 1]] > 0.5 && fused[[1, 1]] < -0.5);
/// ```
pub fn fused(
    mean: ArrayView2<'_, f32>,
    completed: ArrayView2<'_, f32>,
    support: ArrayView2<'_, f32>,
    labels: &[usize],
    unlabeled: ArrayView2<'_, f32>,
) -> Array2<f32> {
    let one = gaussians(mean, support, labels, unlabeled);
    let two = gaussians(completed, support, labels, unlabeled);
    Zip::from(&one.mean).and(&one.variance).and(&two.mean).and(&two.variance).map_collect(
        |&m1, &v1, &m2, &v2| {
            // Each mean by its inverse variance, multiplied by v1 v2: one variance may be 0.
            let both = v1 + v2;
            // Embeddings after a ReLU hold exact zeros, so zero variances are certain to occur.
            if both > 0.0 { (m1 * v2 + m2 * v1) / both } else { 0.5 * (m1 + m2) }
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    #[test]
    fn a_dimension_without_variance_is_finite() {
        let support = array![[0.0, 1.0], [0.0, -1.0]];
        let unlabeled = array![[0.0, 0.9], [0.0, -1.1]];
        let completed = array![[0.0, 0.5], [0.0, -0.5]];
        let fused = super::fused(
            support.view(),
            completed.view(),
            support.view(),
            &[0, 1],
            unlabeled.view(),
        );
        assert!(fused.iter().all(|x| x.is_finite()), "{fused}");
        assert_eq!((fused[[0, 0]], fused[[1, 0]]), (0.0, 0.0));
        assert!(fused[[0, 1]] > 0.5 && fused[[1, 1]] < -0.5, "{fused}");
    }
}
