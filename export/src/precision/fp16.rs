//! Weights rounded to 16-bit floating point, for storage: half the file, and the arithmetic stays 32-bit.
//!
//! Only tensors of two and more dimensions are rounded: biases are few, and an error in one of them is an error
//! in every pixel.

use half::f16;
use models::tensors::Tensors;
use ndarray::ArrayD;

/// A weight that 16 bits cannot hold, even rounded.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
#[error("`{tensor}` holds {value:e}, and 16-bit floats end at 65504: export with --weights fp32")]
pub struct NarrowError {
    /// The tensor.
    pub tensor: String,
    /// Its value.
    pub value: f32,
}

/// The tensors with every value of a matrix or kernel rounded to the nearest 16-bit float.
///
/// # Errors
/// [`NarrowError`] when a value is too large or not a number.
pub fn narrow(tensors: &Tensors) -> Result<Tensors, NarrowError> {
    let round = |(name, tensor): (&String, &ArrayD<f32>)| {
        if tensor.ndim() < 2 {
            return Ok((name.clone(), tensor.clone()));
        }
        let rounded = tensor.mapv(|v| f16::from_f32(v).to_f32());
        match rounded.iter().position(|v| !v.is_finite()) {
            None => Ok((name.clone(), rounded)),
            Some(i) => {
                let value = tensor.iter().nth(i).copied().unwrap_or(f32::NAN);
                Err(NarrowError { tensor: name.clone(), value })
            }
        }
    };
    tensors.iter().map(round).collect()
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
    }

    #[test]
    fn what_16_bits_cannot_hold_is_refused_by_name() {
        let error = narrow(&tensors(&[2, 1], 1e5)).unwrap_err();
        assert_eq!(error, NarrowError { tensor: "w".to_owned(), value: 1e5 });
        assert!(narrow(&tensors(&[2, 1], f32::NAN)).is_err());
        assert!(narrow(&tensors(&[1], 1e5)).is_ok());
    }
}
