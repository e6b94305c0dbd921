//! Weights rounded to 16-bit floating point: half the file.
//!
//! Where the arithmetic stays in 32 bits, only tensors of two and more dimensions are rounded: biases are few, and an error
//! in one of them is an error in every pixel.

use half::f16;
use models::tensors::Tensors;
use ndarray::ArrayD;

/// A weight that 16 bits cannot hold, even rounded.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum NarrowError {
    /// Larger than the largest 16-bit float.
    #[error(
        "`{tensor}` holds {value:e}, and 16-bit floats end at 65504: export with --weights fp32 and without --precision fp16"
    )]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// Its value.
        value: f32,
    },
    /// Infinite, or not a number.
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

/// The tensors with every value of a matrix or kernel rounded to the nearest 16-bit float.
///
/// # Errors
/// [`NarrowError`] names the first value that cannot be rounded.
pub fn narrow(tensors: &Tensors) -> Result<Tensors, NarrowError> {
    rounded(tensors, |tensor| tensor.ndim() >= 2)
}

/// The tensors with every value rounded, those of vectors too: what 16-bit arithmetic takes.
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

/// The nearest 16-bit float, unless there is none.
fn round(value: f32) -> Option<f32> {
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
    fn what_16_bits_cannot_hold_is_refused_by_name() {
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
