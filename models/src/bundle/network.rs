//! The networks of a bundle: their files, their arithmetic, and how exact engines were with them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::self_test::SelfTest;
use crate::graph::Architecture;

/// A network of a bundle: one ONNX file and what an engine must know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The ONNX file.
    pub file: String,
    /// Its input's name, `[n, 3, size, size]`.
    pub input: String,
    /// Its output's name, `[n, embedding_size]`.
    pub output: String,
    /// The architecture and its sizes; `None` for a network of another program, which only its
    /// ONNX file describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Dimensions of an embedding.
    pub embedding_size: usize,
    /// Floating-point operations for one image, as shipped; 0 for a network without architecture,
    /// of which they are not known.
    pub flops: u64,
    /// The ONNX operator set.
    pub opset: u32,
    /// The ONNX file format.
    pub ir_version: u32,
    /// The arithmetic that the file asks of an engine.
    pub precision: Precision,
    /// How the weights are stored.
    pub weights: WeightStorage,
    /// The most images of one run.
    pub max_batch: usize,
    /// The same network in other arithmetic, for engines that are faster with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

/// The same network in other arithmetic. Its embeddings belong to the same space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The ONNX file. Its inputs and outputs are those of [`Network::file`].
    pub file: String,
    /// The arithmetic that it asks of an engine.
    pub precision: Precision,
    /// The engines that it is for, by their names on the command line (`cpu`, `tensorrt`). Other
    /// engines get it only if the user asks for the precision.
    pub engines: Vec<String>,
    /// How far each engine was from the reference of the same arithmetic when the bundle was
    /// written.
    pub verification: Vec<Verification>,
    /// An input and its embedding in this arithmetic.
    pub self_test: SelfTest,
}

/// The arithmetic of a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    Fp32,
    /// 16-bit floating point, also between operations.
    Fp16,
    /// 8-bit integers, unsigned between operations.
    #[serde(rename = "int8-u8")]
    Int8U8,
    /// 8-bit integers, signed and symmetric around 0 between operations.
    #[serde(rename = "int8-s8")]
    Int8S8,
}

impl Precision {
    /// Every precision, the widest first.
    pub const ALL: [Self; 4] = [Self::Fp32, Self::Fp16, Self::Int8U8, Self::Int8S8];

    /// Whether it computes in 8-bit integers, of either kind.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int8U8 | Self::Int8S8)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_fp32(&self) -> bool {
        *self == Self::Fp32
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8U8 => "int8-u8",
            Self::Int8S8 => "int8-s8",
        })
    }
}

/// How weights are stored in the file. The arithmetic is a matter of [`Precision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WeightStorage {
    /// 16-bit floating point, half the size; engines widen it when they load the file.
    Fp16,
    /// As trained.
    Fp32,
}

impl fmt::Display for WeightStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
        })
    }
}

/// A measured accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The engine that made the embeddings.
    pub engine: String,
    /// Its arithmetic.
    #[serde(default, skip_serializing_if = "Precision::is_fp32")]
    pub precision: Precision,
    /// The figures and their protocol, as the evaluation wrote them. This crate does not read them.
    pub report: serde_json::Value,
}

/// How far an engine was from the training engine's golden outputs when the bundle was written.
///
/// Both figures are bounds, rounded outwards to a power of ten: the last bits of an engine's
/// results depend on the machine, and a bundle's bytes must not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The engine.
    pub engine: String,
    /// No value differed by more than this.
    pub max_abs_difference: f64,
    /// No embedding had a smaller cosine similarity to its golden one than this.
    pub min_cosine: f64,
}
