//! The errors of mean and semantic prototypes against the true mean of a class, measured on base
//! classes.
//!
//! The semantic prototype of a class comes from a name regressor that did not learn from the class
//! ([`BaseClasses::left_out`](super::base_classes::BaseClasses::left_out)), apart from the ridge,
//! which all base classes choose together. The true mean is that of the images that the mean
//! prototype does not contain.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::evaluation::episode::draw;
use crate::fusion::ErrorVariances;

/// Supports drawn of each class.
const DRAWS: usize = 30;

/// The errors of mean prototypes of `k_shot` images and of semantic prototypes, per dimension of
/// raw embeddings. `None` when no class has more than `k_shot` images.
///
/// # Shapes
/// Row `c` of `semantic` `[K, s]` is the semantic prototype of the class of `embeddings[c]`
/// `[images, s]`; both are raw. The answer is a function of `seed`.
///
/// # Examples
/// ```
/// use few_shot::fit::estimator_errors::estimate;
/// use ndarray::array;
///
/// let semantic = array![[0.0, 1.0]];
/// let embeddings = [array![[0.0, 0.0], [0.0, 0.0]]];
/// let errors = estimate(semantic.view(), &embeddings, 1, 7).expect("the class has two images");
/// assert_eq!(errors.other, array![0.0, 1.0]);
/// assert_eq!(errors.weight_of_mean(), array![0.5, 1.0]);
/// ```
pub fn estimate(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    k_shot: usize,
    seed: u64,
) -> Option<ErrorVariances> {
    let mut sums = Sums::new(embeddings.first()?.ncols());
    for (class, (semantic, rows)) in semantic.rows().into_iter().zip(embeddings).enumerate() {
        // A stream for each class: a class draws the same whatever the others are.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(class as u64);
        if rows.nrows() > k_shot {
            sums.add_class(rows, &semantic.mapv(f64::from), k_shot, &mut rng);
        }
    }
    sums.variances()
}

/// Sums of squared errors and of their products, `[s]` each.
struct Sums {
    count: u64,
    mean: Array1<f64>,
    semantic: Array1<f64>,
    product: Array1<f64>,
}

impl Sums {
    fn new(size: usize) -> Self {
        let zeros = Array1::zeros(size);
        Self { count: 0, mean: zeros.clone(), semantic: zeros.clone(), product: zeros }
    }

    /// Adds the errors of `DRAWS` supports of one class with the embeddings `rows` `[images, s]`.
    fn add_class(
        &mut self,
        rows: &Array2<f32>,
        semantic: &Array1<f64>,
        k_shot: usize,
        rng: &mut ChaCha8Rng,
    ) {
        // The truth is a difference of sums, which in f32 would lose the digits that errors are in.
        let all = rows.mapv(f64::from).sum_axis(Axis(0));
        for _ in 0..DRAWS {
            let support = drawn_sum(rows, k_shot, rng);
            let truth = (&all - &support) / (rows.nrows() - k_shot) as f64;
            let mean_error = support / k_shot as f64 - &truth;
            let semantic_error = semantic - &truth;
            self.mean += &(&mean_error * &mean_error);
            self.semantic += &(&semantic_error * &semantic_error);
            self.product += &(mean_error * semantic_error);
            self.count += 1;
        }
    }

    fn variances(self) -> Option<ErrorVariances> {
        if self.count == 0 {
            return None;
        }
        let n = self.count as f64;
        Some(ErrorVariances {
            mean: self.mean.mapv(|x| (x / n) as f32),
            other: self.semantic.mapv(|x| (x / n) as f32),
            product: self.product.mapv(|x| (x / n) as f32),
        })
    }
}

/// The sum of `k_shot` random rows.
fn drawn_sum(rows: &Array2<f32>, k_shot: usize, rng: &mut ChaCha8Rng) -> Array1<f64> {
    let mut sum = Array1::zeros(rows.ncols());
    for row in draw(rows.nrows(), k_shot, rng) {
        sum += &rows.row(row).mapv(f64::from);
    }
    sum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand_chacha::rand_core::Rng;

    /// Classes around random centers; the images of the second half of the dimensions are ten times
    /// noisier.
    fn problem() -> (Array2<f32>, Vec<Array2<f32>>) {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut uniform = || (generator.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let centers = Array2::from_shape_simple_fn((10, 8), &mut uniform);
        let classes = centers.rows().into_iter().map(|center| {
            Array2::from_shape_fn((9, 8), |(_, i)| {
                center[i] + if i < 4 { 0.1 } else { 1.0 } * uniform()
            })
        });
        let embeddings = classes.collect();
        // Semantic prototypes are right in half of the dimensions.
        let semantic =
            Array2::from_shape_fn((10, 8), |at| if at.1 % 2 == 0 { centers[at] } else { 0.0 });
        (semantic, embeddings)
    }

    #[test]
    fn errors_follow_the_noise_of_each_dimension_and_fall_with_shots() {
        let (semantic, embeddings) = problem();
        let one = estimate(semantic.view(), &embeddings, 1, 7).unwrap();
        let quiet = one.mean.iter().take(4).sum::<f32>();
        let noisy = one.mean.iter().skip(4).sum::<f32>();
        assert!(noisy > 3.0 * quiet, "{quiet} {noisy}");
        let five = estimate(semantic.view(), &embeddings, 5, 7).unwrap();
        assert!(five.mean.sum() < 0.6 * one.mean.sum());
        let weights = one.weight_of_mean();
        assert!(weights[1] > weights[6], "{weights}");
        assert!(one.other[0] < one.other[1], "{one:?}");
        assert_eq!(one, estimate(semantic.view(), &embeddings, 1, 7).unwrap());
    }

    #[test]
    fn classes_with_too_few_images_have_no_errors() {
        let (semantic, embeddings) = problem();
        assert_eq!(estimate(semantic.view(), &embeddings, 9, 7), None);
        assert_eq!(estimate(semantic.slice(ndarray::s![..0, ..]), &[], 1, 7), None);
    }
}
