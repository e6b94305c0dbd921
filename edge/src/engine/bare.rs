//! A session of ONNX Runtime with nothing of this crate around it: what the benchmarks compare
//! engines with. A process has one environment of ONNX Runtime, which this crate owns, so a
//! benchmark cannot make a session of its own.
//!
//! # Examples
//! ```no_run
//! use edge::engine::bare::BareSession;
//!
//! let onnx = std::fs::read("backbone.onnx")?;
//! let mut session = BareSession::load(&onnx, "libonnxruntime.so".as_ref(), 1, true)?;
//! let embedding = session.run("image", [1, 3, 32, 32], &[0.0; 3 * 32 * 32])?;
//! assert!(embedding.iter().all(|value| value.is_finite()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::error::EngineError;
use super::onnxruntime::{environment, refused};

/// A session on the processor.
pub struct BareSession(Session);

impl BareSession {
    /// Loads the bytes of an ONNX file. Idle threads of the session spin for a while, as usual, or
    /// sleep at once.
    ///
    /// # Errors
    /// What ONNX Runtime reports.
    pub fn load(
        onnx: &[u8],
        library: &Path,
        threads: usize,
        are_spinning: bool,
    ) -> Result<Self, EngineError> {
        let builder = Session::builder(&environment(library)?).map_err(refused)?;
        let builder = builder.with_intra_threads(threads).map_err(refused)?;
        let mut builder = builder.with_intra_op_spinning(are_spinning).map_err(refused)?;
        Ok(Self(builder.commit_from_memory(onnx).map_err(refused)?))
    }

    /// Runs the network on its only input and returns its first output.
    ///
    /// # Errors
    /// What ONNX Runtime reports.
    pub fn run(
        &mut self,
        input: &str,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        let tensor = TensorRef::from_array_view((shape, values)).map_err(refused)?;
        let outputs = self.0.run(ort::inputs![input => tensor]).map_err(refused)?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>().map_err(refused)?;
        Ok(values.to_vec())
    }
}
