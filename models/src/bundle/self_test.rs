//! The self-test in every bundle: an input and its embedding, with which a device checks its engine
//! before it uses it.
//!
//! The input is not stored but generated: `3 * size * size` values, in the order of
//! `[3, size, size]`. Each is `(w >> 8) / 2^24 * 4 - 2`, where `w` is the next 32-bit word of a
//! ChaCha8 stream seeded with `seed` (`seed_from_u64`). The values are between -2 and 2, the range
//! of normalized images. They are exact in f32, so they are the same on every machine.

use ndarray::{Array4, ArrayView1};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// An input, as a seed, and the embedding that a right engine finds for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// Seed of [`input`].
    pub seed: u64,
    /// The embedding, computed by the reference interpreter from the weights as stored.
    pub embedding: Vec<f32>,
    /// The largest difference allowed for any value.
    pub max_abs_difference: f32,
}

/// How an engine's embedding differs from the bundle's.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum SelfTestError {
    /// The embedding has another size.
    #[error("the self-test's embedding has {got} values, expected {expected}")]
    Size {
        /// Values expected.
        expected: usize,
        /// Values found.
        got: usize,
    },
    /// The embedding is wrong.
    #[error("the self-test's embedding is off by {got:e}, allowed is {allowed:e}")]
    Wrong {
        /// The largest difference allowed.
        allowed: f32,
        /// The largest difference found; NaN when a value is not finite.
        got: f32,
    },
}

/// The input of a self-test: one image `[1, 3, size, size]` of seeded noise (see the module).
pub fn input(seed: u64, size: usize) -> Array4<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let scale = (1u32 << 24) as f32;
    Array4::from_shape_simple_fn((1, 3, size, size), || {
        (rng.next_u32() >> 8) as f32 / scale * 4.0 - 2.0
    })
}

impl SelfTest {
    /// Compares an engine's embedding of [`input`] with the expected one.
    ///
    /// # Errors
    /// The size or the largest difference, when it is more than allowed.
    pub fn verify(&self, embedding: ArrayView1<'_, f32>) -> Result<(), SelfTestError> {
        let expected = self.embedding.len();
        let got = embedding.len();
        if got != expected {
            return Err(SelfTestError::Size { expected, got });
        }
        let differences = embedding.iter().zip(&self.embedding).map(|(a, b)| (a - b).abs());
        // `f32::max` would drop a NaN, which is the worst difference of all.
        let worst = differences
            .fold(0.0f32, |worst, d| if worst.is_nan() || d <= worst { worst } else { d });
        if worst <= self.max_abs_difference {
            return Ok(());
        }
        Err(SelfTestError::Wrong { allowed: self.max_abs_difference, got: worst })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn self_test() -> SelfTest {
        SelfTest { seed: 1, embedding: vec![1.0, -2.0], max_abs_difference: 1e-3 }
    }

    #[test]
    fn the_input_is_the_documented_noise() {
        let image = input(7, 4);
        assert_eq!(image.dim(), (1, 3, 4, 4));
        assert_eq!(image, input(7, 4));
        assert_ne!(image, input(8, 4));
        assert!(image.iter().all(|v| (-2.0..2.0).contains(v)));
        // The first word of the stream, by the formula: a change of generator orphans every shipped
        // bundle.
        let word = ChaCha8Rng::seed_from_u64(7).next_u32();
        assert_eq!(
            f64::from(image[[0, 0, 0, 0]]),
            f64::from(word >> 8) / f64::from(1 << 24) * 4.0 - 2.0
        );
    }

    #[test]
    fn a_right_engine_passes_and_a_wrong_one_does_not() {
        let verify = |values: &[f32]| self_test().verify(ArrayView1::from(values));
        assert_eq!(verify(&[1.0005, -2.0]), Ok(()));
        assert!(matches!(verify(&[1.0, -2.002]), Err(SelfTestError::Wrong { .. })));
        assert!(matches!(verify(&[f32::NAN, -2.0]), Err(SelfTestError::Wrong { .. })));
        assert!(matches!(verify(&[1.0, f32::NAN]), Err(SelfTestError::Wrong { .. })));
        assert_eq!(verify(&[1.0]), Err(SelfTestError::Size { expected: 2, got: 1 }));
    }
}
