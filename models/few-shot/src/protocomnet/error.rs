//! Why there is no usable completer.

use models::fault::{Blame, Fault};
use models::graph::GraphError;
use models::layout::FormatError;
use models::tensors::TensorsError;

/// Why there is no usable completer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtoComNetError {
    /// The file is not a tensor file, or cut short.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The description inside is missing or has other fields.
    #[error("the completer's description is not usable: {0}")]
    Description(#[from] serde_json::Error),
    /// Another kind of file, another format number or another layout.
    #[error("the file of the completer cannot be read: {0}")]
    Format(#[from] FormatError),
    /// The parameters are not the network's.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The attributes have other sizes than the network.
    #[error(
        "`attribute.mean` and `attribute.word` do not fit: expected a row for each attribute, as long as embeddings and word vectors of the network"
    )]
    Attributes,
    /// A value that is infinite or not a number.
    #[error("`{tensor}` holds {value}, expected finite values")]
    Value {
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
    },
}

impl Fault for ProtoComNetError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
