//! Directions of many things of the world, in which images and classes are compared.
//!
//! # Examples
//! ```
//! use few_shot::decision::background::Background;
//! use ndarray::array;
//!
//! let background = Background::new(array![0.0, 0.0], array![[1.0, 0.0], [0.0, 1.0]]);
//! assert_eq!(background.cosines(array![[3.0, 4.0]].view()), array![[0.6, 0.8]]);
//! ```

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat};
use pulp::Arch;

use super::score::{as_f64, float, unit_rows};
use crate::metric::products;

/// The largest absolute value of a rounded direction.
const LARGEST: f32 = 127.0;

/// The length of a rounded embedding. By the inequality of Cauchy and Schwarz, its product with a
/// direction is at most `LENGTH * LARGEST * sqrt(s)`, which fits into 32 bits up to the 16,384
/// values that an embedding may have.
const LENGTH: f64 = 32767.0;

/// Background directions around a center.
///
/// Those of a bundle are rounded to 8 bits. A cosine is a product of integers then, which is the
/// same on every machine, and four times as fast as one of floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Background<F> {
    center: Array1<F>,
    directions: Directions<F>,
}

#[derive(Debug, Clone, PartialEq)]
enum Directions<F> {
    /// Of length 1, `[b, s]`.
    Exact(Array2<F>),
    /// `[b, s]` with the inverse length of each, `[b]`.
    Rounded { rows: Array2<i8>, inverse_lengths: Array1<f64> },
}

impl<F: NdFloat> Background<F> {
    /// The directions `rows` `[b, s]`, of length 1, around `center` `[s]`.
    pub fn new(center: Array1<F>, rows: Array2<F>) -> Self {
        Self { center, directions: Directions::Exact(rows) }
    }

    /// Rounded directions `rows` `[b, s]`, of any length, around `center` `[s]`.
    pub fn of_bytes(center: Array1<F>, rows: Array2<i8>) -> Self {
        let inverse_lengths = rows.map_axis(Axis(1), inverse_length);
        Self { center, directions: Directions::Rounded { rows, inverse_lengths } }
    }

    /// No directions around a center `[s]`: only cosines to prototypes count.
    pub fn none(center: Array1<F>) -> Self {
        let rows = Array2::zeros((0, center.len()));
        Self::new(center, rows)
    }

    /// The same with its directions rounded to 8 bits.
    #[must_use]
    pub fn rounded(&self) -> Self {
        Self::of_bytes(self.center.clone(), self.to_bytes())
    }

    /// The directions rounded to 8 bits, `[b, s]`.
    pub fn to_bytes(&self) -> Array2<i8> {
        match &self.directions {
            Directions::Rounded { rows, .. } => rows.clone(),
            Directions::Exact(exact) => {
                let mut rows = Array2::zeros(exact.dim());
                for (mut row, exact) in rows.rows_mut().into_iter().zip(exact.rows()) {
                    let step = float::<F>(f64::from(LARGEST)) / largest_absolute(exact);
                    row.zip_mut_with(&exact, |rounded, &value| {
                        *rounded = as_f64((value * step).round()) as i8;
                    });
                }
                rows
            }
        }
    }

    /// The number of directions, `b`.
    pub fn len(&self) -> usize {
        match &self.directions {
            Directions::Exact(rows) => rows.nrows(),
            Directions::Rounded { rows, .. } => rows.nrows(),
        }
    }

    /// Whether there is no direction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `[s]`.
    pub fn center(&self) -> ArrayView1<'_, F> {
        self.center.view()
    }

    /// Raw embeddings `[n, s]` as seen from the center, of length 1; zeros for the center.
    pub fn around(&self, raw: ArrayView2<'_, F>) -> Array2<F> {
        unit_rows(&raw - &self.center)
    }

    /// The cosines of raw embeddings `[n, s]` to the directions, `[n, b]`; zeros for the center.
    pub fn cosines(&self, raw: ArrayView2<'_, F>) -> Array2<F> {
        let around = self.around(raw);
        match &self.directions {
            Directions::Exact(rows) => products(around.view(), rows.view()),
            Directions::Rounded { rows, inverse_lengths } => {
                let mut cosines = Array2::zeros((around.nrows(), rows.nrows()));
                for (mut cosines, row) in cosines.rows_mut().into_iter().zip(around.rows()) {
                    let row: Vec<i16> = row.iter().map(|&value| integer(value)).collect();
                    let products = integer_products(&row, rows.view());
                    for ((cosine, product), inverse) in
                        cosines.iter_mut().zip(products).zip(inverse_lengths)
                    {
                        *cosine = float(f64::from(product) * inverse / LENGTH);
                    }
                }
                cosines
            }
        }
    }
}

/// The products of `row` `[s]` and each direction `[b, s]`, `[b]`.
// The widest vectors of this processor make it three times as fast as those of every x86-64. The
// sums are exact, so they are the same with each width.
fn integer_products(row: &[i16], directions: ArrayView2<'_, i8>) -> Vec<i32> {
    let values = directions.as_slice().expect("invariant: directions are in standard layout");
    let mut products = vec![0; directions.nrows()];
    Arch::new().dispatch(|| {
        for (sum, direction) in products.iter_mut().zip(values.chunks_exact(row.len())) {
            *sum = product(row, direction);
        }
    });
    products
}

/// A value of a row of length 1, in steps of a row of length [`LENGTH`].
fn integer<F: NdFloat>(value: F) -> i16 {
    as_f64((value * float(LENGTH)).round()) as i16
}

/// The sum of the products.
// Inlined, because only then it is compiled for the processor that `dispatch` has found.
#[inline(always)]
fn product(a: &[i16], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

fn inverse_length(row: ArrayView1<'_, i8>) -> f64 {
    let squares: i32 = row.iter().map(|&value| i32::from(value) * i32::from(value)).sum();
    if squares > 0 { f64::from(squares).sqrt().recip() } else { 0.0 }
}

fn largest_absolute<F: NdFloat>(row: ArrayView1<'_, F>) -> F {
    row.iter().fold(F::zero(), |most, value| most.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_center_has_no_direction() {
        let background = Background::new(array![1.0, 2.0], array![[1.0, 0.0]]);
        assert_eq!(background.cosines(array![[1.0, 2.0], [4.0, 2.0]].view()), array![[0.0], [1.0]]);
        let rounded = background.rounded();
        assert_eq!(rounded.cosines(array![[1.0, 2.0]].view()), array![[0.0]]);
    }

    #[test]
    fn rounded_directions_give_the_same_cosines_up_to_8_bits() {
        let value = |(row, column): (usize, usize)| ((7 * row + 13 * column) % 23) as f32 - 11.0;
        let rows = unit_rows(Array2::from_shape_fn((20, 64), value));
        let background = Background::new(Array1::zeros(64), rows.clone());
        let exact = background.cosines(rows.view());
        let difference = background.rounded().cosines(rows.view()) - exact;
        assert!(difference.iter().all(|value| value.abs() < 0.005), "{difference}");
        // A direction is its own, also after rounding twice.
        assert_eq!(background.rounded().rounded(), background.rounded());
    }

    #[test]
    fn the_longest_embedding_fits_into_32_bits() {
        let rows = Array2::from_elem((1, 16_384), i8::MIN);
        let background = Background::of_bytes(Array1::zeros(16_384), rows);
        let cosines = background.cosines(Array2::from_elem((1, 16_384), -3.0_f32).view());
        assert!((cosines[[0, 0]] - 1.0).abs() < 1e-3, "{cosines}");
    }
}
