//! The difference between two sets of outputs, computed in f64.

use models::bundle::Verification;
use ndarray::{ArrayD, ArrayViewD, Axis};
use serde::Serialize;

/// How far an engine's outputs are from golden outputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The largest absolute difference of any value.
    pub max_abs_difference: f64,
    /// The smallest cosine of an embedding with its golden one.
    pub min_cosine: f64,
}

impl Difference {
    /// Equal outputs.
    pub(super) const NONE: Self = Self { max_abs_difference: 0.0, min_cosine: 1.0 };

    /// Outputs that cannot be compared.
    const LARGEST: Self = Self { max_abs_difference: f64::INFINITY, min_cosine: -1.0 };

    pub(super) fn worse(self, other: Self) -> Self {
        Self {
            max_abs_difference: self.max_abs_difference.max(other.max_abs_difference),
            min_cosine: self.min_cosine.min(other.min_cosine),
        }
    }

    /// The manifest's entry: bounds, rounded outwards to a power of ten, because the exact figures
    /// depend on the machine and a bundle's bytes must not.
    pub(super) fn bounds(self, engine: String) -> Verification {
        Verification {
            engine,
            max_abs_difference: power_of_ten_above(self.max_abs_difference),
            min_cosine: 1.0 - power_of_ten_above(1.0 - self.min_cosine),
        }
    }
}

/// Compares outputs `[n, s]`. Another shape, or a value that is not a number, gives the largest
/// difference.
pub fn difference(got: &ArrayD<f32>, golden: &ArrayD<f32>) -> Difference {
    if got.shape() != golden.shape() {
        return Difference::LARGEST;
    }
    let max_abs_difference = got
        .iter()
        .zip(golden)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
        // `f64::max` drops NaN.
        .fold(0.0, |max: f64, d| if d.is_nan() { f64::INFINITY } else { max.max(d) });
    let min_cosine = got
        .axis_iter(Axis(0))
        .zip(golden.axis_iter(Axis(0)))
        .map(|(a, b)| cosine(a, b))
        .fold(1.0, f64::min);
    Difference { max_abs_difference, min_cosine }
}

fn cosine(a: ArrayViewD<'_, f32>, b: ArrayViewD<'_, f32>) -> f64 {
    // Rows of zeros have no cosine, and a correct output may be zero.
    if a == b {
        return 1.0;
    }
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    if cosine.is_nan() { -1.0 } else { cosine }
}

fn dot(a: &ArrayViewD<'_, f32>, b: &ArrayViewD<'_, f32>) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// At least 1e-9: smaller differences are below the precision of 32-bit values.
fn power_of_ten_above(value: f64) -> f64 {
    let exponent = (-9..10).find(|&e| value <= 10f64.powi(e)).unwrap_or(10);
    // Parsed rather than computed, so that the written digits are `1e-6` and not its neighbor.
    format!("1e{exponent}").parse().expect("invariant: a power of ten is a number")
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    fn against_golden(got: &[[f32; 2]; 2]) -> Difference {
        difference(&arr2(got).into_dyn(), &arr2(&[[1.0, 0.0], [0.0, 2.0]]).into_dyn())
    }

    #[test]
    fn difference_is_the_largest_of_all_rows() {
        assert_eq!(
            against_golden(&[[1.0, 0.0], [0.0, 2.0]]),
            Difference { max_abs_difference: 0.0, min_cosine: 1.0 }
        );
        assert_eq!(
            against_golden(&[[1.0, 0.0], [0.0, 1.0]]),
            Difference { max_abs_difference: 1.0, min_cosine: 1.0 }
        );
        assert_eq!(
            against_golden(&[[0.0, 1.0], [0.0, 2.0]]),
            Difference { max_abs_difference: 1.0, min_cosine: 0.0 }
        );
    }

    #[test]
    fn nan_and_another_shape_give_the_largest_difference() {
        assert_eq!(against_golden(&[[f32::NAN, 0.0], [0.0, 2.0]]), Difference::LARGEST);
        assert_eq!(against_golden(&[[0.0, 0.0], [0.0, 2.0]]).min_cosine, -1.0);
        let zeros = arr2(&[[0.0, 0.0]]).into_dyn();
        assert_eq!(difference(&zeros, &zeros), Difference::NONE);
        let shape = difference(&arr2(&[[1.0]]).into_dyn(), &arr2(&[[1.0, 1.0]]).into_dyn());
        assert_eq!(shape, Difference::LARGEST);
    }

    #[test]
    fn manifest_bounds_are_powers_of_ten() {
        let bounds =
            Difference { max_abs_difference: 1.7e-6, min_cosine: 1.0 - 3e-8 }.bounds(String::new());
        assert_eq!((bounds.max_abs_difference, bounds.min_cosine), (1e-5, 1.0 - 1e-7));
        assert_eq!(power_of_ten_above(0.0), 1e-9);
        assert_eq!(power_of_ten_above(-1e-17), 1e-9);
        assert_eq!(power_of_ten_above(0.01), 0.01);
    }
}
