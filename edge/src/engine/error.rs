//! Why an engine could not load or run a network.

use std::path::PathBuf;

/// Why an engine could not load or run a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No library of ONNX Runtime is known.
    #[error("no ONNX Runtime library was found; name one with --onnxruntime or ORT_DYLIB_PATH")]
    NoLibrary,
    /// A process can load one library of ONNX Runtime only.
    #[error("this process already uses ONNX Runtime from {loaded}, so {asked} cannot be loaded")]
    OtherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        asked: PathBuf,
    },
    /// The engine refused, in its own words.
    #[error("{0}")]
    Refused(String),
    /// The inputs do not fit the network.
    #[error("the network's inputs are {expected}, but got {got}")]
    Inputs {
        /// Names and shapes; `n` is the batch.
        expected: String,
        /// Names and shapes that were given.
        got: String,
    },
    /// The batch is empty or too large.
    #[error("the batch has {got} images, but this network takes 1 to {max}")]
    Batch {
        /// Images in the batch.
        got: usize,
        /// The most images in a batch.
        max: usize,
    },
    /// An output of the engine is not the tensor of 32-bit floats that was expected.
    #[error("output {name}: expected {expected}, got {got}")]
    Output {
        /// The name of the output.
        name: String,
        /// What it should be.
        expected: String,
        /// What the engine gave.
        got: String,
    },
}
