//! Why a network is not wrapped.

use std::path::PathBuf;

use models::bundle::{BundleError, ManifestError};
use models::disk::DiskError;
use models::fault::{Blame, Fault};
use models::image::ImageError;
use models::preprocess::PreprocessError;

use super::network::NetworkError;
use crate::verify::NetworkVerification;

/// Why there is no bundle of a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The network is not one from an image to an embedding.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Recipe and network are for images of different sizes.
    #[error(
        "the network takes images of {network}x{network} pixels and the recipe makes some of {recipe}x{recipe}: write `size = {network}` in the recipe, or export the network for the other size"
    )]
    Size {
        /// The side that the network states.
        network: usize,
        /// The side of the recipe.
        recipe: usize,
    },
    /// The engine that every device has cannot run it.
    #[error(
        "tract, the engine that every device has, cannot run the network: {0}; export it with opset_version=17 and without control flow, and simplify it with `onnxsim model.onnx simple.onnx`"
    )]
    Engine(String),
    /// Values that are infinite or no numbers.
    #[error(
        "the network gives values that are not finite: check its weights, and mean and std of the recipe"
    )]
    NotFinite,
    /// The same for every image.
    #[error(
        "the network gives the same embedding for different images: check that its input reaches its output and that its weights are loaded"
    )]
    Constant,
    /// An engine computes something else than tract.
    #[error(
        "the engines do not agree on the network (see the table): no bundle was written. A network that computes in 16 bits or in integers has to be exported in float32; one that fails on several images has a batch of one inside, export it with dynamic_axes"
    )]
    Disagree(NetworkVerification),
    /// The bundle's name, or another field of its manifest, is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The destination is taken, or the disk refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The folder of images, or one of them, cannot be read.
    #[error("--verify-images: {0}")]
    Disk(#[from] DiskError),
    /// A file is no image.
    #[error("--verify-images: {}: {source}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ImageError,
    },
    /// The recipe cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// Nothing to compare.
    #[error("--verify-images: {} has {got} images, expected 2 or more: name a folder with different images directly in it", path.display())]
    TooFewImages {
        /// The folder.
        path: PathBuf,
        /// The images in it.
        got: usize,
    },
}

impl Fault for WrapError {
    fn blame(&self) -> Blame {
        match self {
            Self::Bundle(error) => error.blame(),
            Self::Disk(error) => error.blame(),
            // As in an export: an engine may be at fault as well.
            Self::Disagree(_) => Blame::Machine,
            Self::Network(_)
            | Self::Size { .. }
            | Self::Engine(_)
            | Self::NotFinite
            | Self::Constant
            | Self::Manifest(_)
            | Self::Image { .. }
            | Self::Preprocess(_)
            | Self::TooFewImages { .. } => Blame::Input,
        }
    }
}
