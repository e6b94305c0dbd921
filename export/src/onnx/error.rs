//! Why a network cannot be written as ONNX.

use models::graph::GraphError;

/// Why a network cannot be written.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum OnnxError {
    /// The graph is not valid, or the tensors are not its own.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A stored value would differ from the tensor's.
    #[error(
        "`{tensor}` holds {value:e}, which storage in {bits} bits would change: narrow the tensors first, or use --weights fp32"
    )]
    Inexact {
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// Bits of a stored value.
        bits: u32,
    },
}
