//! How much an image looks like a class, rather than like something else.
//!
//! The cosine to the prototype is lowered by what the image looks like beyond the class, and raised
//! by what both look like. Both are measured with background directions, such as the rows of a
//! classifier of many things.
//!
//! # Examples
//! ```
//! use few_shot::decision::score::novelty;
//! use ndarray::array;
//!
//! // Cosines of an image and of a class to two background directions. Beyond what the class looks
//! // like, the image looks like the second direction.
//! assert_eq!(novelty(array![0.6, 0.8].view(), array![1.0, 0.0].view()), 0.8);
//! ```

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView1, Axis, NdFloat};
use serde::{Deserialize, Serialize};

/// How the parts of a score are weighted.
///
/// With `novelty` and `overlap` 0, the score is the cosine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Of what the image looks like beyond the class.
    pub novelty: f64,
    /// Of what the image and the class both look like.
    pub overlap: f64,
    /// The softmax over background directions is taken of `sharpness` times the cosines.
    pub sharpness: f64,
    /// How both weights fade where the background does not separate the classes of a gallery.
    pub fading: Fading,
}

/// The powers that [`informative`] raises `1 - overlap` to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fading {
    /// For the overlap of a class with the class most like it, on average over classes.
    pub most: f64,
    /// For the overlap of two classes, on average over all pairs.
    pub mean: f64,
}

/// The overlap of one more pair of classes, which counts in the mean over pairs: few classes have
/// not shown yet that the background separates classes like theirs.
const PRIOR_OVERLAP: f64 = 0.3;

/// A share for each background direction, of length 1: `softmax(sharpness * cosines)`, scaled.
///
/// # Shapes
/// `cosines` and the result `[n, b]`.
pub fn profiles<F: NdFloat>(cosines: &Array2<F>, sharpness: f64) -> Array2<F> {
    let sharpness = float::<F>(sharpness);
    let mut profiles = cosines.clone();
    for mut row in profiles.rows_mut() {
        let largest = largest(row.view());
        row.mapv_inplace(|cosine| (sharpness * (cosine - largest)).exp());
    }
    // The sum of a softmax cancels out when the row is scaled to length 1.
    unit_rows(profiles)
}

/// What an image looks like most of all, beyond what the class looks like: the largest difference
/// of their cosines to the background. A direction that points away from the class suppresses
/// nothing. It is 0 without directions.
///
/// # Shapes
/// `image` and `class` `[b]`.
pub fn novelty<F: NdFloat>(image: ArrayView1<'_, F>, class: ArrayView1<'_, F>) -> F {
    let image = contiguous(image);
    let class = contiguous(class);
    let (images, last_of_image) = image.as_chunks::<LANES>();
    let (classes, last_of_class) = class.as_chunks::<LANES>();
    // Several maxima side by side: one would wait for the one before.
    let mut largest = [F::neg_infinity(); LANES];
    for (image, class) in images.iter().zip(classes) {
        for lane in 0..LANES {
            largest[lane] = greater(beyond(image[lane], class[lane]), largest[lane]);
        }
    }
    let last = last_of_image.iter().zip(last_of_class).map(|(&image, &class)| beyond(image, class));
    let largest = last.chain(largest).reduce(greater);
    largest.filter(|largest| *largest > F::neg_infinity()).unwrap_or(F::zero())
}

const LANES: usize = 16;

/// By how much an image looks more like a direction than the class does.
#[inline]
fn beyond<F: NdFloat>(image: F, class: F) -> F {
    image - greater(class, F::zero())
}

// Quicker than the maximum of floats, which is defined for values that are no numbers.
#[inline]
fn greater<F: NdFloat>(a: F, b: F) -> F {
    if a > b { a } else { b }
}

/// The values of a row, which lie side by side in all but columns of a matrix.
fn contiguous<F: NdFloat>(row: ArrayView1<'_, F>) -> Cow<'_, [F]> {
    match row.to_slice() {
        Some(values) => values.into(),
        None => row.to_vec().into(),
    }
}

/// How well the background separates the classes of a gallery, 0 to 1: 1 for one class, near 0 for
/// classes that look alike in it, as fine-grained classes do.
///
/// # Shapes
/// `profiles` `n` times `[b]`.
pub fn informative<F: NdFloat>(profiles: &[ArrayView1<'_, F>], fading: Fading) -> F {
    let n = profiles.len();
    if n < 2 {
        return F::one();
    }
    let pairs = float::<F>((n * (n - 1) / 2) as f64);
    let sum = sum_of_pairs(profiles[0].len(), profiles.iter().copied());
    let mean = (sum + float(PRIOR_OVERLAP)) / (pairs + F::one());
    // The products of all pairs take long, and most bundles do not use them.
    let most = if fading.most > 0.0 { most_overlap(profiles) } else { F::zero() };
    faded(most, fading.most) * faded(mean, fading.mean)
}

fn faded<F: NdFloat>(overlap: F, power: f64) -> F {
    (F::one() - overlap).max(F::zero()).powf(float(power))
}

/// The sum of the products of all pairs of these rows `[size]`.
fn sum_of_pairs<'a, F: NdFloat>(size: usize, rows: impl Iterator<Item = ArrayView1<'a, F>>) -> F {
    let mut sum = Array1::<F>::zeros(size);
    let mut squares = F::zero();
    for row in rows {
        sum += &row;
        // Summed side by side: each of 256,000 values would wait for the one before.
        squares += row.dot(&row);
    }
    // The square of a sum has the products of all pairs twice, and the squares.
    (sum.dot(&sum) - squares) / float(2.0)
}

/// The mean over rows of the largest product with another row.
fn most_overlap<F: NdFloat>(rows: &[ArrayView1<'_, F>]) -> F {
    let mut all = Array2::<F>::zeros((rows.len(), rows[0].len()));
    for (mut to, row) in all.rows_mut().into_iter().zip(rows) {
        to.assign(row);
    }
    let mut sum = F::zero();
    for (class, row) in all.dot(&all.t()).axis_iter(Axis(0)).enumerate() {
        let others = row.iter().enumerate().filter(|(other, _)| *other != class);
        sum += others.map(|(_, &overlap)| overlap).fold(F::neg_infinity(), F::max);
    }
    sum / float(rows.len() as f64)
}

/// How alike the classes of a gallery are: the mean cosine of two of their prototypes, at least 0.
/// It is 0 for one class.
///
/// # Shapes
/// `directions` `[n, s]`, of length 1 or 0.
pub fn likeness<F: NdFloat>(directions: &Array2<F>) -> f64 {
    let n = directions.nrows();
    if n < 2 {
        return 0.0;
    }
    let sum = sum_of_pairs(directions.ncols(), directions.rows().into_iter());
    (2.0 * as_f64(sum) / (n * (n - 1)) as f64).max(0.0)
}

/// Rows scaled to length 1; a zero row stays zero.
pub(crate) fn unit_rows<F: NdFloat>(mut rows: Array2<F>) -> Array2<F> {
    for mut row in rows.rows_mut() {
        let length = row.dot(&row).sqrt();
        if length > F::zero() {
            row.mapv_inplace(|value| value / length);
        }
    }
    rows
}

fn largest<F: NdFloat>(row: ArrayView1<'_, F>) -> F {
    row.iter().copied().fold(F::neg_infinity(), F::max)
}

pub(super) fn as_f64<F: NdFloat>(value: F) -> f64 {
    value.to_f64().expect("invariant: both types of floats are no wider than f64")
}

/// A constant in the type of floats of the embeddings.
pub(crate) fn float<F: NdFloat>(value: f64) -> F {
    F::from(value).expect("invariant: both types of floats represent any f64, rounded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_class_suppresses_what_it_looks_like_itself() {
        let image = array![0.75, 0.125];
        assert_eq!(novelty(image.view(), array![0.5, 0.0].view()), 0.25);
        assert_eq!(novelty(image.view(), array![-0.8, -0.5].view()), 0.75, "suppresses nothing");
    }

    #[test]
    fn the_background_is_informative_where_it_separates_classes() {
        let [one, other] = [array![1.0, 0.0], array![0.0, 1.0]];
        let apart = [one.view(), other.view()];
        let alike = [one.view(), one.view()];
        let most = Fading { most: 2.0, mean: 0.0 };
        assert_eq!((informative(&apart, most), informative(&alike, most)), (1.0, 0.0));
        // With the pair that is always counted, the mean overlap is 0.15 and 0.65.
        let mean = Fading { most: 0.0, mean: 2.0 };
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got}");
        close(informative(&apart, mean), 0.85_f64.powi(2));
        close(informative(&alike, mean), 0.35_f64.powi(2));
        for fading in [most, mean] {
            assert_eq!(informative(&apart[..1], fading), 1.0, "one class");
        }
    }

    #[test]
    fn likeness_is_the_mean_cosine_of_two_classes() {
        let directions = array![[1.0, 0.0], [0.6, 0.8], [0.0, 0.0]];
        assert!(
            (likeness(&directions) - 0.2).abs() < 1e-12,
            "one of three pairs has a cosine of 0.6"
        );
        assert_eq!(likeness(&array![[1.0, 0.0], [-1.0, 0.0]]), 0.0, "not below 0");
        assert_eq!(likeness(&array![[1.0, 0.0]]), 0.0, "one class");
    }
}
