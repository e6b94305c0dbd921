//! Errors of an import.

use std::path::PathBuf;

use models::checkpoint::CheckpointError;
use models::disk::DiskError;
use models::fault::{Blame, Fault};
use models::graph::GraphError;
use models::preprocess::PreprocessError;

use super::other_file::OtherFile;
use crate::pth::PthError;

/// Why weights cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A `.pth` file that cannot be used.
    #[error(transparent)]
    Pth(#[from] PthError),
    /// Another file format.
    #[error("neither a .pth file of torch.save nor usable as safetensors: {reason}")]
    Format {
        /// Why it is not usable as safetensors.
        reason: String,
    },
    /// A file of another kind, by its name.
    #[error(transparent)]
    OtherFile(#[from] OtherFile),
    /// The names do not show whether the last block has an activation.
    #[error(
        "the tensor names do not show whether the last block applies its activation after the sum; state it: --last-activation on (as the code of FEAT, RFS, Meta-Baseline, DeepEMD and EASY does) or --last-activation off (as the code of Zhang et al. 2021 and `handful-train pretrain`)"
    )]
    LastActivation,
    /// The option is for another network.
    #[error("--last-activation is an option of --arch resnet12; leave it out for other networks")]
    NoLastActivation,
    /// The network cannot be described.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Missing, unexpected or misshapen tensors. Each of the first differences is a line.
    #[error(
        "the weights do not fit {network}; expected names like `{example}`, and nothing was written:\n  {}",
        first_of(differences)
    )]
    Tensors {
        /// The network with the deduced widths.
        network: String,
        /// An example of a tensor name.
        example: &'static str,
        /// The differences, with shapes.
        differences: Vec<String>,
    },
    /// Weights or outputs that are NaN or infinite.
    #[error(
        "{what} has values that are not finite numbers; the weights are damaged or their training diverged"
    )]
    NotFinite {
        /// Which tensor.
        what: String,
    },
    /// A classifier that does not fit the embedding.
    #[error("the weights' classifier (`head` here) does not fit, and nothing was written: {0}")]
    Classifier(CheckpointError),
    /// The input size is too small for the network, or too large.
    #[error("the input size {size} does not suit {network}: {reason}")]
    InputSize {
        /// The network.
        network: String,
        /// The requested size.
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
        /// The requested size.
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

/// The first differences, and how many others there are: a network of another kind has hundreds.
fn first_of(differences: &[String]) -> String {
    const SHOWN: usize = 10;
    let first = differences.iter().take(SHOWN).map(String::as_str);
    let shown = first.collect::<Vec<_>>().join("\n  ");
    match differences.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}\n  and {more} more"),
    }
}
