//! How far an engine's outputs may be from golden outputs.

use models::bundle::WeightStorage;
use serde::Serialize;

/// How far an engine's outputs may be from golden outputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    /// The largest difference of any value, as a share of the largest golden value.
    pub max_relative_difference: f64,
    /// The smallest cosine of an embedding with its golden one.
    pub min_cosine: f64,
}

impl Tolerance {
    /// For int8 arithmetic against the reference with the same rounding: an engine that adds in
    /// another order, or multiplies by a scale before it rounds, sometimes arrives at the next of
    /// 256 steps.
    pub const INT8: Self = Self { max_relative_difference: 0.1, min_cosine: 0.99 };

    /// For fp16 arithmetic against training in fp32: each operation rounds to 11 bits, and a
    /// network has dozens of operations.
    pub const FP16: Self = Self { max_relative_difference: 2e-2, min_cosine: 0.999 };

    /// For fp32 arithmetic with weights in this storage, with a margin of three or more.
    ///
    /// Measured: fp16 weights move embeddings of ResNet-12 by 2e-4 to 6e-4 and those of
    /// EfficientNet-Lite0, on noise, by 4e-3 to 6e-3; fp32 arithmetic in another order by 3e-6.
    pub fn of(storage: WeightStorage) -> Self {
        match storage {
            WeightStorage::Fp32 => Self { max_relative_difference: 1e-4, min_cosine: 1.0 - 1e-6 },
            _ => Self { max_relative_difference: 2e-2, min_cosine: 1.0 - 1e-4 },
        }
    }
}
