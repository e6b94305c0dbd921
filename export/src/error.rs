//! Why a run was not exported.

use edge::decision::DecisionFileError;
use few_shot::decision::file::DecisionError;
use few_shot::kernel::KernelError;
use few_shot::protocomnet::ProtoComNetError;
use models::bundle::{BundleError, ManifestError};
use models::checkpoint::CheckpointError;
use models::disk::DiskError;
use models::fault::{Blame, Fault};
use models::graph::GraphError;
use models::knowledge::lexicon::LexiconError;
use models::reference::ReferenceError;

use crate::calibrate::CalibrateError;
use crate::fold::FoldError;
use crate::onnx::OnnxError;
use crate::precision::fp16::NarrowError;
use crate::precision::int8::QuantizeError;
use crate::run::{DECISION, NAME_REGRESSOR};
use crate::verify::NetworkVerification;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The destination is taken, or the disk refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle's name, or another field of its manifest, is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The checkpoint is not consistent.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The network is not valid.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The network reduces images of this size to zero pixels.
    #[error("the input size {size} is too small for this network, use a larger one: {source}")]
    Size {
        /// The requested size, in pixels.
        size: usize,
        /// The layer without output.
        source: GraphError,
    },
    /// The network cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The weights do not fit the storage.
    #[error(transparent)]
    Narrow(#[from] NarrowError),
    /// The network cannot be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The ranges of values could not be measured.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The network cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The reference cannot run the network.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A lexicon was given and the run cannot use it.
    #[error(
        "a lexicon was given, but the run has no {NAME_REGRESSOR}: make it with `handful-train complete`, or leave the lexicon out"
    )]
    NoNameRegressor,
    /// The name regressor cannot be used.
    #[error("the run's {NAME_REGRESSOR} is not usable: {0}")]
    NameRegressor(#[from] KernelError),
    /// The decision cannot be used.
    #[error(
        "the run's {DECISION} is not usable: {0}; run `handful-train complete` again, or remove the file"
    )]
    Decision(#[from] DecisionError),
    /// The decision of a bundle cannot be used.
    #[error(transparent)]
    DecisionFile(#[from] DecisionFileError),
    /// The completer cannot be written.
    #[error(transparent)]
    Completer(#[from] ProtoComNetError),
    /// The lexicon cannot be used.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
    /// Two files do not belong together: backbone, name knowledge, lexicon, or bundle and run.
    #[error("{what} is {got}, expected {expected}: {remedy}")]
    Mismatch {
        /// What does not match.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The lexicon cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An engine computes something else than the training engine.
    #[error(
        "the exported network does not compute what was trained (see the table): no bundle was written. golden.safetensors verifies the best.safetensors it was written with, and no other checkpoint"
    )]
    Rejected(NetworkVerification),
}

impl Fault for ExportError {
    fn blame(&self) -> Blame {
        match self {
            Self::Bundle(error) => error.blame(),
            Self::Disk(error) => error.blame(),
            Self::Calibrate(error) => error.blame(),
            Self::Manifest(_)
            | Self::Checkpoint(_)
            | Self::Graph(_)
            | Self::Size { .. }
            | Self::Fold(_)
            | Self::Narrow(_)
            | Self::Quantize(_)
            | Self::NoNameRegressor
            | Self::NameRegressor(_)
            | Self::Decision(_)
            | Self::DecisionFile(_)
            | Self::Completer(_)
            | Self::Lexicon(_)
            | Self::Mismatch { .. } => Blame::Input,
            // A defect of the export, or an engine that computes something else.
            Self::Onnx(_) | Self::Reference(_) | Self::Rejected(_) => Blame::Machine,
        }
    }
}
