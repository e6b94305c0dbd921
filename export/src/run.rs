//! What the export reads of a training run.

use std::path::{Path, PathBuf};

use models::checkpoint::{self, Checkpoint, CheckpointError, Golden};
use models::disk::{self, DiskError};
use models::few_shot::kernel;

use crate::bundle_writer::KERNEL;

/// The file of the network that was best on the validation classes: the one that [`GOLDEN`] proves.
pub const CHECKPOINT: &str = "best.safetensors";

/// The file of golden inputs and outputs.
pub const GOLDEN: &str = "golden.safetensors";

const MAX_GOLDEN_BYTES: u64 = 256 << 20;

/// The most golden pictures; they are run as one batch.
pub const MAX_GOLDEN_PICTURES: usize = 64;

/// A trained network and the training engine's own outputs for it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The network.
    pub checkpoint: Checkpoint,
    /// Inputs `[n, 3, h, w]` and embeddings `[n, s]`.
    pub golden: Golden,
    /// The bytes of its kernel completer, if it has one.
    pub kernel: Option<Vec<u8>>,
}

/// Why a folder is not a run that can be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file is missing or cannot be read.
    #[error(
        "{source}; a run's folder holds {CHECKPOINT} and {GOLDEN}, as `handful-train pretrain` and `handful-train import` write them"
    )]
    Disk {
        /// The system's reason, with the file.
        source: DiskError,
    },
    /// A file is damaged.
    #[error("{}: {source}; the file is damaged or cut short, copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// The golden file is not for this network.
    #[error("{}: `{tensor}` has shape {got:?}, but the checkpoint needs {expected}: it belongs to another run", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// Its tensor.
        tensor: &'static str,
        /// The shape that fits the network.
        expected: String,
        /// The shape found.
        got: Vec<usize>,
    },
}

impl Run {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`RunError`] names the file and what to do.
    pub fn open(dir: &Path) -> Result<Self, RunError> {
        let read = |name: &str, limit| {
            disk::read(&dir.join(name), limit).map_err(|source| RunError::Disk { source })
        };
        let damaged = |name: &str| {
            let path = dir.join(name);
            move |source| RunError::Damaged { path, source }
        };
        let bytes = read(CHECKPOINT, checkpoint::MAX_BYTES)?;
        let checkpoint = Checkpoint::parse(&bytes).map_err(damaged(CHECKPOINT))?;
        let golden = Golden::parse(&read(GOLDEN, MAX_GOLDEN_BYTES)?).map_err(damaged(GOLDEN))?;
        let has_kernel = dir.join(KERNEL).exists();
        let kernel = has_kernel.then(|| read(KERNEL, kernel::MAX_BYTES)).transpose()?;
        let run = Self { checkpoint, golden, kernel };
        run.check_golden(&dir.join(GOLDEN))?;
        Ok(run)
    }

    fn check_golden(&self, path: &Path) -> Result<(), RunError> {
        let (image, embedding) = (self.golden.image.shape(), self.golden.embedding.shape());
        let size = self.checkpoint.architecture.input_size();
        let dimensions = self.checkpoint.architecture.embedding_size();
        let wrong = |tensor, expected, got: &[usize]| {
            Err(RunError::Golden { path: path.to_owned(), tensor, expected, got: got.to_vec() })
        };
        let pictures = image.first().copied().unwrap_or(0);
        if !(1..=MAX_GOLDEN_PICTURES).contains(&pictures) || image[1..] != [3, size, size] {
            let expected = format!("[1 to {MAX_GOLDEN_PICTURES}, 3, {size}, {size}]");
            return wrong("backbone.image", expected, image);
        }
        if *embedding != [pictures, dimensions] {
            return wrong("backbone.embedding", format!("[{pictures}, {dimensions}]"), embedding);
        }
        Ok(())
    }
}
