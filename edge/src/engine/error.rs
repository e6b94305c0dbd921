//! Why an engine could not load or run a network.

use std::path::PathBuf;

/// Why an engine could not load or run a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No ONNX Runtime library is known.
    #[error("no ONNX Runtime library was found; name one with --onnxruntime or ORT_DYLIB_PATH")]
    NoLibrary,
    /// One process can hold one ONNX Runtime.
    #[error("this process already uses ONNX Runtime from {loaded}, so {asked} cannot be loaded")]
    OtherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        asked: PathBuf,
    },
    /// The engine refused, in its own words cut to one line.
    #[error("{0}")]
    Refused(String),
    /// The inputs do not fit the network.
    #[error("the network's inputs are {expected}, but got {got}")]
    Inputs {
        /// Names and shapes, `n` being the batch.
        expected: String,
        /// Names and shapes that were given.
        got: String,
    },
    /// The batch is empty or too large.
    #[error("a batch of {got} was asked for, but this network takes 1 to {max}")]
    Batch {
        /// Images in the batch.
        got: usize,
        /// Most images in a batch.
        max: usize,
    },
    /// The engine gave an output that is not a tensor of 32-bit floats with this batch.
    #[error("output {name}: expected {expected}, got {got}")]
    Output {
        /// The output's name.
        name: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
}
