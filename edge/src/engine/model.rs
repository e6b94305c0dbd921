//! What every engine takes and does.

use std::path::PathBuf;

use models::bundle::Precision;
use models::graph::Shape;
use ndarray::{ArrayD, ArrayViewD};

use super::choice::{PrecisionChoice, Provider};
use super::error::EngineError;

/// A network loaded by one engine. It is owned by one thread at a time.
pub trait Engine: Send {
    /// Who runs the network.
    fn provider(&self) -> Provider;

    /// Runs the network on inputs found by name, all with the same leading batch dimension
    /// (`1..=max_batch`), and returns the outputs in the model's order.
    ///
    /// # Errors
    /// An input that is missing, unknown or of another shape, and whatever the engine reports.
    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError>;
}

/// A network as an engine needs it.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// The ONNX file's bytes.
    pub onnx: &'a [u8],
    /// Each input's name and its shape after the batch dimension.
    pub inputs: &'a [(String, Shape)],
    /// The largest batch that one run may have.
    pub max_batch: usize,
    /// The file's arithmetic: TensorRT has to be told.
    pub precision: Precision,
}

/// What an engine may be told by a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// ONNX Runtime's shared library, as [`crate::locate::onnxruntime`] found it; without one only
    /// tract can start.
    pub onnxruntime: Option<PathBuf>,
    /// Threads for one run; `None` leaves it to the engine. tract always uses one.
    pub threads: Option<usize>,
    /// In which arithmetic a backbone runs.
    pub precision: PrecisionChoice,
}
