//! How far mean and knowledge prototypes are from the class's true mean, measured on base classes.
//!
//! A base class that is asked about takes no part in the completer that answers
//! ([`BaseClasses::left_out`](super::base_classes::BaseClasses::left_out)), but for its ridge, one number that all base
//! classes choose; and its true mean is that of the images that the mean prototype has not seen.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fusion::ErrorVariances;
use models::random::below;

/// Supports drawn of each class.
const DRAWS: usize = 30;

/// The errors of `k_shot` images and of knowledge, per dimension of raw embeddings.
/// `None` when no class has more than `k_shot` images.
///
/// # Shapes
/// Row `c` of `semantic` `[K, s]` is what knowledge says of the class of `embeddings[c]` `[images, s]`; both are raw.
/// The answer is a function of `seed`.
pub fn estimate(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    k_shot: usize,
    seed: u64,
) -> Option<ErrorVariances> {
    let size = embeddings.first()?.ncols();
    let mut sums =
        Sums { count: 0, mean: zeros(size), semantic: zeros(size), product: zeros(size) };
    for (class, (semantic, rows)) in semantic.rows().into_iter().zip(embeddings).enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(class as u64);
        sums.draw(rows, &semantic.mapv(f64::from), k_shot, &mut rng);
    }
    sums.finish()
}

fn zeros(size: usize) -> Array1<f64> {
    Array1::zeros(size)
}

struct Sums {
    count: u64,
    mean: Array1<f64>,
    semantic: Array1<f64>,
    product: Array1<f64>,
}

impl Sums {
    /// Adds the errors of `DRAWS` supports of one class, whose embeddings are `rows` `[images, s]`.
    fn draw(
        &mut self,
        rows: &Array2<f32>,
        semantic: &Array1<f64>,
        k_shot: usize,
        rng: &mut ChaCha8Rng,
    ) {
        let n = rows.nrows();
        if n <= k_shot {
            return;
        }
        let all = rows.mapv(f64::from).sum_axis(Axis(0));
        for _ in 0..DRAWS {
            let mut order: Vec<usize> = (0..n).collect();
            let mut support = zeros(rows.ncols());
            for i in 0..k_shot {
                let chosen = i + below(rng, n - i);
                order.swap(i, chosen);
                support += &rows.row(order[i]).mapv(f64::from);
            }
            let truth = (&all - &support) / (n - k_shot) as f64;
            let mean_error = support / k_shot as f64 - &truth;
            let semantic_error = semantic - &truth;
            self.mean += &(&mean_error * &mean_error);
            self.semantic += &(&semantic_error * &semantic_error);
            self.product += &(mean_error * semantic_error);
            self.count += 1;
        }
    }

    fn finish(self) -> Option<ErrorVariances> {
        let of = |sum: Array1<f64>| sum.mapv(|x| (x / self.count as f64) as f32);
        (self.count > 0).then(|| ErrorVariances {
            mean: of(self.mean),
            other: of(self.semantic),
            product: of(self.product),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand_chacha::rand_core::Rng;

    /// Classes around random centers; the images of the second half of the dimensions are ten times noisier.
    fn problem() -> (Array2<f32>, Vec<Array2<f32>>) {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut uniform = || (generator.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let centers = Array2::from_shape_simple_fn((10, 8), &mut uniform);
        let noise = |i: usize| if i < 4 { 0.1 } else { 1.0 };
        let classes = centers
            .rows()
            .into_iter()
            .map(|center| Array2::from_shape_fn((9, 8), |(_, i)| center[i] + noise(i) * uniform()));
        let embeddings = classes.collect();
        // Knowledge is right about half of the dimensions.
        let known =
            Array2::from_shape_fn((10, 8), |at| if at.1 % 2 == 0 { centers[at] } else { 0.0 });
        (known, embeddings)
    }

    #[test]
    fn noise_is_found_where_it_is_and_falls_with_images() {
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
    fn what_cannot_be_measured_is_none() {
        let (semantic, embeddings) = problem();
        assert_eq!(estimate(semantic.view(), &embeddings, 9, 7), None);
        assert_eq!(estimate(semantic.slice(ndarray::s![..0, ..]), &[], 1, 7), None);
    }
}
