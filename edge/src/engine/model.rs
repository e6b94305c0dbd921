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

    /// Runs the network on named inputs and returns its outputs in the order of the ONNX file. The
    /// first dimension of every input is the batch, `1..=max_batch`.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] or [`EngineError::Batch`] if the inputs do not fit the network;
    /// otherwise what the engine reports.
    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError>;
}

/// A network as an engine needs it.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// The bytes of the ONNX file.
    pub onnx: &'a [u8],
    /// The name of each input, and its shape without the batch dimension.
    pub inputs: &'a [(String, Shape)],
    /// The largest batch that one run may have.
    pub max_batch: usize,
    /// The arithmetic of the file. TensorRT has to be told.
    pub precision: Precision,
}

/// What a configuration sets for an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// The shared library of ONNX Runtime, as [`crate::locate::onnxruntime`] finds it. Without it
    /// only tract can start.
    pub onnxruntime: Option<PathBuf>,
    /// The most threads of one run; `None` leaves the number to the engine, which is one for tract.
    /// tract runs one image on one thread, and the images of a batch at the same time.
    pub threads: Option<usize>,
    /// The arithmetic in which a backbone runs.
    pub precision: PrecisionChoice,
    /// How TensorRT and CUDA are used.
    pub gpu: GpuOptions,
}

/// What a configuration and the machine set for TensorRT and CUDA.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// The batch for which TensorRT chooses the fastest kernels; default: 1.
    pub batch: Option<usize>,
    /// The deep learning accelerator (DLA) of a Jetson that runs the network in place of its GPU;
    /// `None` for the GPU. It computes fp16 and int8 only.
    pub dla_core: Option<u32>,
    /// The bytes of memory that are free, of which an engine takes a share; `None` for no limit.
    pub free_memory: Option<u64>,
    /// Where the built engine is.
    pub files: EngineFiles,
}

/// Where TensorRT keeps the engine that it builds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineFiles {
    /// Nowhere: it is built again at each start.
    #[default]
    Nowhere,
    /// Loading the network builds its engine and writes it into this folder.
    Build(PathBuf),
    /// It was built into this folder, and is read from there.
    Built(PathBuf),
}

/// The file of a built engine: an ONNX file whose only node has it embedded.
pub const CONTEXT_FILE: &str = "context.onnx";
