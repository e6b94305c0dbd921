//! What the export reads of a training run.

use std::path::{Path, PathBuf};

use few_shot::kernel;
use few_shot::protocomnet::{self, ProtoComNetCompleter, ProtoComNetError};
use models::checkpoint::{self, Checkpoint, CheckpointError, Golden};
use models::disk::{self, DiskError};
use models::graph::Graph;

use crate::bundle_writer::KERNEL;

/// The file of the network that was best on the validation classes: the one that [`GOLDEN`] proves.
pub const CHECKPOINT: &str = "best.safetensors";

/// The file of golden inputs and outputs.
pub const GOLDEN: &str = "golden.safetensors";

/// The file of the learned completer.
pub const COMPLETER: &str = "completer.safetensors";

/// The file of its golden inputs and outputs.
pub const COMPLETER_GOLDEN: &str = "golden-completer.safetensors";

const MAX_GOLDEN_BYTES: u64 = 256 << 20;

/// The most golden samples; they are run as one batch.
pub const MAX_GOLDEN_SAMPLES: usize = 64;

/// A trained network and the training engine's own outputs for it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The network.
    pub checkpoint: Checkpoint,
    /// Inputs `[n, 3, h, w]` and embeddings `[n, s]`.
    pub golden: Golden,
    /// The bytes of its kernel completer, if it has one.
    pub kernel: Option<Vec<u8>>,
    /// Its learned completer, if it has one.
    pub completer: Option<Completer>,
}

/// A ProtoComNet and the training engine's own outputs for it.
#[derive(Debug, Clone)]
pub struct Completer {
    /// The space of the embeddings that it was trained on.
    pub space_id: String,
    /// The network and its attributes.
    pub learned: ProtoComNetCompleter,
    /// Its inputs and outputs.
    pub golden: Golden,
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
    #[error("{}: {source}", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// What differs.
        source: CheckpointError,
    },
    /// The golden file holds too much.
    #[error("{}: {got} samples, expected at most {MAX_GOLDEN_SAMPLES}", path.display())]
    Samples {
        /// The file.
        path: PathBuf,
        /// How many it holds.
        got: usize,
    },
    /// The learned completer cannot be used.
    #[error("{}: {source}; run `handful-train complete` again, or remove the file", path.display())]
    Completer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ProtoComNetError,
    },
}

impl Run {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`RunError`] names the file and what to do.
    pub fn open(dir: &Path) -> Result<Self, RunError> {
        let read = |name: &str, limit| read(dir, name, limit);
        let damaged = |name: &str| {
            let path = dir.join(name);
            move |source| RunError::Damaged { path, source }
        };
        let bytes = read(CHECKPOINT, checkpoint::MAX_BYTES)?;
        let checkpoint = Checkpoint::parse(&bytes).map_err(damaged(CHECKPOINT))?;
        let graph = checkpoint.architecture.graph();
        let golden = proof(dir, GOLDEN, "backbone", &graph)?;
        let has_kernel = dir.join(KERNEL).exists();
        let kernel = has_kernel.then(|| read(KERNEL, kernel::MAX_BYTES)).transpose()?;
        let has_completer = dir.join(COMPLETER).exists();
        let completer = if has_completer { Completer::open(dir)? } else { None };
        Ok(Self { checkpoint, golden, kernel, completer })
    }
}

impl Completer {
    /// `None` where base classes had no attributes: there is nothing to weigh.
    fn open(dir: &Path) -> Result<Option<Self>, RunError> {
        let bytes = read(dir, COMPLETER, protocomnet::MAX_BYTES)?;
        let damaged = |source| RunError::Completer { path: dir.join(COMPLETER), source };
        let (space_id, learned) = ProtoComNetCompleter::parse(&bytes).map_err(damaged)?;
        if learned.attributes().names.is_empty() {
            return Ok(None);
        }
        let golden = proof(dir, COMPLETER_GOLDEN, "completer", &learned.network().graph())?;
        Ok(Some(Self { space_id, learned, golden }))
    }
}

fn read(dir: &Path, name: &str, limit: u64) -> Result<Vec<u8>, RunError> {
    disk::read(&dir.join(name), limit).map_err(|source| RunError::Disk { source })
}

/// Reads the proof of a network.
fn proof(dir: &Path, name: &str, network: &str, graph: &Graph) -> Result<Golden, RunError> {
    let path = dir.join(name);
    let golden = match Golden::parse(&read(dir, name, MAX_GOLDEN_BYTES)?, network, graph) {
        Err(source @ CheckpointError::Golden { .. }) => {
            return Err(RunError::Golden { path, source });
        }
        Err(source) => return Err(RunError::Damaged { path, source }),
        Ok(golden) => golden,
    };
    match golden.samples() {
        got if got > MAX_GOLDEN_SAMPLES => Err(RunError::Samples { path, got }),
        _ => Ok(golden),
    }
}
