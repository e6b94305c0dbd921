//! Why a file of another program is no network for a bundle.

use std::fmt;
use std::ops::RangeInclusive;

use models::fault::{Blame, Fault};

/// The operator sets that every engine reads: tract is tested from 9 on, and ONNX Runtime 1.17, the
/// oldest that a device may have, reads up to 20.
pub const OPSETS: RangeInclusive<i64> = 9..=20;

/// An export that gives what is expected.
const EXPORT: &str = "torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), \"model.onnx\", input_names=[\"image\"], output_names=[\"embedding\"], dynamic_axes={\"image\": {0: \"n\"}, \"embedding\": {0: \"n\"}}, opset_version=17, dynamo=False)";

/// Why a file is no network that can be wrapped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// Not a file of ONNX.
    #[error("not an ONNX network ({reason}): export one with {EXPORT}")]
    NotOnnx {
        /// What is wrong with it.
        reason: String,
    },
    /// An operator set that an engine does not read.
    #[error(
        "it needs the operator set {got}, expected {} to {}: export it with opset_version=17, or convert it with `onnx.version_converter.convert_version(model, 17)`",
        OPSETS.start(), OPSETS.end()
    )]
    Opset {
        /// That of the file; 0 if it names none.
        got: i64,
    },
    /// Weights beside the file.
    #[error(
        "its weights are in another file (`{tensor}`), expected all in one: save it again with `onnx.save(onnx.load(\"model.onnx\"), \"one-file.onnx\")`"
    )]
    ExternalData {
        /// One of them.
        tensor: String,
    },
    /// Not exactly one input.
    #[error(
        "it has {} inputs ({}), expected one, the image: make the others constants, or export the part that reads the image",
        got.len(), got.join(", ")
    )]
    Inputs {
        /// Their names.
        got: Vec<String>,
    },
    /// Not exactly one output.
    #[error(
        "it has {} outputs ({}), expected one, the embedding: keep one with `onnx.utils.extract_model(\"model.onnx\", \"one-output.onnx\", [\"{input}\"], [\"NAME\"])`",
        got.len(), got.join(", ")
    )]
    Outputs {
        /// The name of the input.
        input: String,
        /// Their names.
        got: Vec<String>,
    },
    /// Values that are not 32-bit floating point.
    #[error(
        "its {what} `{name}` has values of {got}, expected float32: export the network in 32 bits, or keep them at its ends (`keep_io_types=True` of `onnxconverter_common.float16`)"
    )]
    Type {
        /// `input` or `output`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The type.
        got: String,
    },
    /// An input that is no image.
    #[error(
        "its input `{name}` is {got}, expected [n, 3, size, size]: {remedy}; PyTorch exports such a network with {EXPORT}"
    )]
    InputShape {
        /// The input.
        name: String,
        /// Its shape.
        got: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An output that is no embedding.
    #[error(
        "its output `{name}` is {got}, expected one row of values for each image, [n, s]: end the network with `x.flatten(1)` (of tokens, take one with `x[:, 0]` or their mean `x.mean(1)`) and export it again"
    )]
    OutputShape {
        /// The output.
        name: String,
        /// Its shape.
        got: String,
    },
}

impl NetworkError {
    pub(super) fn not_onnx(reason: impl fmt::Display) -> Self {
        Self::NotOnnx { reason: reason.to_string() }
    }

    pub(super) fn input_shape(name: &str, got: String, remedy: &'static str) -> Self {
        Self::InputShape { name: name.to_owned(), got, remedy }
    }

    pub(in crate::wrap) fn output_shape(name: &str, got: String) -> Self {
        Self::OutputShape { name: name.to_owned(), got }
    }
}

impl Fault for NetworkError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
