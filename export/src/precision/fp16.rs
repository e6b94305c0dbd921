//! Rounds weights to fp16, which halves a file.
//!
//! For fp32 arithmetic, only tensors of two and more dimensions are rounded: biases are few, and an
//! error in one of them is an error in every pixel.

use half::f16;
use models::tensors::Tensors;
use ndarray::ArrayD;

/// Why a weight cannot be rounded to fp16.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum NarrowError {
    /// It is larger than the largest fp16 number.
    #[error(
        "`{tensor}` holds {value:e}, expected at most 65504, the largest fp16 number: export with --weights fp32 and without --precision fp16"
    )]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// Its value.
        value: f32,
    },
    /// It is infinite, or not a number.
    #[error(
        "`{tensor}` holds {value}, expected a finite number: the checkpoint is damaged or its training diverged"
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Its value.
        value: f32,
    },
}

/// The tensors with every value of a matrix or kernel rounded to the nearest fp16 number: the
/// weights of fp16 storage.
///
/// # Errors
/// [`NarrowError`] names the first value that cannot be rounded.
pub fn narrow(tensors: &Tensors) -> Result<Tensors, NarrowError> {
    rounded(tensors, |tensor| tensor.ndim() >= 2)
}

/// The tensors with every value rounded, vectors too: the weights of fp16 arithmetic.
///
/// # Errors
/// [`NarrowError`] names the first value that cannot be rounded.
pub fn narrow_all(tensors: &Tensors) -> Result<Tensors, NarrowError> {
    rounded(tensors, |_| true)
}

fn rounded(
    tensors: &Tensors,
    is_chosen: impl Fn(&ArrayD<f32>) -> bool,
) -> Result<Tensors, NarrowError> {
    let mut narrowed = tensors.clone();
    for (name, tensor) in narrowed.iter_mut().filter(|(_, tensor)| is_chosen(tensor)) {
        for value in tensor.iter_mut() {
            *value = round(*value).ok_or_else(|| refuse(name, *value))?;
        }
    }
    Ok(narrowed)
}

/// The nearest finite fp16 number, if there is one.
fn round(value: f32) -> Option<f32> {
    // `from_f32` turns what is too large into infinity.
    Some(f16::from_f32(value).to_f32()).filter(|rounded| rounded.is_finite())
}

fn refuse(tensor: &str, value: f32) -> NarrowError {
    let tensor = tensor.to_owned();
    match value.is_finite() {
        true => NarrowError::TooLarge { tensor, value },
        false => NarrowError::NotFinite { tensor, value },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tensors(shape: &[usize], value: f32) -> Tensors {
        Tensors::from([("w".to_owned(), ArrayD::from_elem(shape, value))])
    }

    #[test]
    fn matrices_are_rounded_and_vectors_are_not() {
        let rounded = narrow(&tensors(&[1, 1], 0.1)).unwrap()["w"][[0, 0]];
        assert_eq!(rounded, f16::from_f32(0.1).to_f32());
        assert!(rounded != 0.1 && (rounded - 0.1).abs() < 0.1 / 2048.0);
        assert_eq!(narrow(&tensors(&[1], 0.1)).unwrap(), tensors(&[1], 0.1));
        assert_eq!(narrow_all(&tensors(&[1], 0.1)).unwrap()["w"][0], rounded);
    }

    #[test]
    fn values_beyond_fp16_are_refused_with_the_tensors_name() {
        let error = narrow(&tensors(&[2, 1], 1e5)).unwrap_err();
        assert_eq!(error, NarrowError::TooLarge { tensor: "w".to_owned(), value: 1e5 });
        let error = narrow(&tensors(&[2, 1], f32::NAN)).unwrap_err();
        assert!(
            error.to_string().starts_with("`w` holds NaN, expected a finite number"),
            "{error}"
        );
        assert!(narrow(&tensors(&[1], 1e5)).is_ok());
        assert!(narrow_all(&tensors(&[1], 1e5)).is_err());
    }
}
