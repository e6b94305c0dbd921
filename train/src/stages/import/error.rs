//! Errors of an import.

use std::path::PathBuf;

use models::checkpoint::CheckpointError;
use models::disk::DiskError;
use models::fault::{Blame, Fault};
use models::graph::GraphError;
use models::preprocess::PreprocessError;

use crate::pth::PthError;

/// Why weights cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file begins like PyTorch's, but is not usable.
    #[error(transparent)]
    Pth(#[from] PthError),
    /// The file is nothing that is read.
    #[error("neither a .pth file of torch.save nor usable as safetensors: {reason}")]
    Format {
        /// Why it is not usable as safetensors.
        reason: String,
    },
    /// The network itself cannot be described.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Tensors are missing, unexpected or misshapen; every difference is a line.
    #[error(
        "the weights do not fit {network}; expected names like `{example}`, and nothing was written:\n  {}",
        differences.join("\n  ")
    )]
    Names {
        /// The network with the widths that the shapes tell, and published ones where they do not.
        network: String,
        /// A name that files have.
        example: &'static str,
        /// The differences, with shapes.
        differences: Vec<String>,
    },
    /// Some weights, or what the network makes of them, are NaN or infinite.
    #[error(
        "{what} has values that are not finite numbers; the weights are damaged or their training diverged"
    )]
    NotFinite {
        /// Which tensor.
        what: String,
    },
    /// The classifier has another shape than the embedding asks for.
    #[error("the weights' classifier (`head` here) does not fit, and nothing was written: {0}")]
    Classifier(CheckpointError),
    /// The input size is too small for the network, or too large.
    #[error("the input size {size} does not suit {network}: {reason}")]
    InputSize {
        /// The network.
        network: String,
        /// The size asked for.
        size: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The recipe and the input size differ.
    #[error(
        "the recipe makes images of {recipe} pixels and --input-size is {asked}; leave --input-size out, or make them equal"
    )]
    Sizes {
        /// The recipe's size.
        recipe: usize,
        /// The size asked for.
        asked: usize,
    },
    /// The recipe is not readable.
    #[error("{} is not a preprocessing recipe (size, geometry, filter, mean, std as TOML): {reason}", path.display())]
    Recipe {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The recipe cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
}

impl Fault for ImportError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
