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

use ndarray::{Array2, ArrayView1, Axis, NdFloat};
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
}

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
    let beyond = image.iter().zip(class).map(|(&image, &class)| image - class.max(F::zero()));
    beyond.reduce(F::max).unwrap_or(F::zero())
}

/// How well the background separates the classes of a gallery, 0 to 1: 1 for one class, near 0 for
/// classes that look alike in it, as fine-grained classes do.
///
/// # Shapes
/// `profiles` `[n, b]`.
pub fn informative<F: NdFloat>(profiles: &Array2<F>) -> F {
    let n = profiles.nrows();
    if n < 2 {
        return F::one();
    }
    let overlaps = profiles.dot(&profiles.t());
    let mut sum = F::zero();
    for (class, row) in overlaps.axis_iter(Axis(0)).enumerate() {
        let others = row.iter().enumerate().filter(|(other, _)| *other != class);
        sum += others.map(|(_, &overlap)| overlap).fold(F::neg_infinity(), F::max);
    }
    (F::one() - sum / float(n as f64)).powi(2)
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
        let apart = array![[1.0, 0.0], [0.0, 1.0]];
        assert_eq!(informative(&apart), 1.0);
        assert_eq!(informative(&array![[1.0, 0.0], [1.0, 0.0]]), 0.0);
        assert_eq!(informative(&array![[1.0, 0.0]]), 1.0, "one class");
    }
}
