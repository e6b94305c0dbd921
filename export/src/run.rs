//! Reads a training run's folder: the checkpoint, its golden outputs, its name knowledge and its
//! decision.

use std::path::{Path, PathBuf};

use few_shot::decision;
use few_shot::kernel;
use few_shot::protocomnet::{self, ProtoComNetCompleter, ProtoComNetError};
use models::checkpoint::{self, Checkpoint, CheckpointError, Golden};
use models::disk::{self, DiskError};
use models::fault::{Blame, Fault};
use models::graph::Graph;

/// The checkpoint with the best validation accuracy; [`GOLDEN`] holds its outputs.
pub const CHECKPOINT: &str = "best.safetensors";

/// The golden inputs and outputs of [`CHECKPOINT`].
pub const GOLDEN: &str = "golden.safetensors";

/// The name regressor, in a run and in a bundle.
pub const NAME_REGRESSOR: &str = "kernel.safetensors";

/// The decision, in a run and in a bundle.
pub const DECISION: &str = "decision.safetensors";

/// The ProtoComNet completer.
pub const COMPLETER: &str = "completer.safetensors";

/// The golden inputs and outputs of [`COMPLETER`].
pub const COMPLETER_GOLDEN: &str = "golden-completer.safetensors";

// Files are read whole: limits keep a wrong file from exhausting memory.
const MAX_GOLDEN_BYTES: u64 = 256 << 20;

/// The largest number of golden samples; they are run as one batch.
pub const MAX_GOLDEN_SAMPLES: usize = 64;

/// A trained network and the outputs that the training engine computed for it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The network.
    pub checkpoint: Checkpoint,
    /// Inputs `[n, 3, h, w]` and embeddings `[n, s]`.
    pub golden: Golden,
    /// The bytes of the name regressor, if the run has one.
    pub name_regressor: Option<Vec<u8>>,
    /// The ProtoComNet completer, if the run has one that reads attributes.
    pub completer: Option<Completer>,
    /// The bytes of the decision, if the run has one.
    pub decision: Option<Vec<u8>>,
}

/// A ProtoComNet and the outputs that the training engine computed for it.
#[derive(Debug, Clone)]
pub struct Completer {
    /// The embedding space that it was trained in.
    pub space_id: String,
    /// The network and its attributes.
    pub network: ProtoComNetCompleter,
    /// Its golden inputs and outputs.
    pub golden: Golden,
}

/// Why a folder cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file is missing or unreadable.
    #[error(
        "{source}; a run's folder holds {CHECKPOINT} and {GOLDEN}, as `handful-train pretrain` and `handful-train import` write them"
    )]
    Disk {
        /// The system's reason, with the file.
        source: DiskError,
    },
    /// A file is damaged.
    #[error("{}: {source}; the file is damaged or truncated, copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// The golden file belongs to another network.
    #[error("{}: {source}", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// What differs.
        source: CheckpointError,
    },
    /// The golden file has too many samples.
    #[error("{}: {got} samples, expected at most {MAX_GOLDEN_SAMPLES}", path.display())]
    Samples {
        /// The file.
        path: PathBuf,
        /// The number of samples.
        got: usize,
    },
    /// The completer cannot be used.
    #[error("{}: {source}; run `handful-train complete` again, or remove the file", path.display())]
    Completer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ProtoComNetError,
    },
}

impl Fault for RunError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Run {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`RunError`] names the file and what to do.
    pub fn open(dir: &Path) -> Result<Self, RunError> {
        let checkpoint = read_checkpoint(dir.join(CHECKPOINT))?;
        let graph = checkpoint.architecture.graph();
        Ok(Self {
            golden: read_golden(dir.join(GOLDEN), "backbone", &graph)?,
            name_regressor: read_if_present(&dir.join(NAME_REGRESSOR), kernel::MAX_BYTES)?,
            completer: Completer::open(dir)?,
            decision: read_if_present(&dir.join(DECISION), decision::file::MAX_BYTES)?,
            checkpoint,
        })
    }
}

impl Completer {
    fn open(dir: &Path) -> Result<Option<Self>, RunError> {
        let path = dir.join(COMPLETER);
        let Some(bytes) = read_if_present(&path, protocomnet::MAX_BYTES)? else {
            return Ok(None);
        };
        let (space_id, network) = ProtoComNetCompleter::parse(&bytes)
            .map_err(|source| RunError::Completer { path, source })?;
        // Base classes without attributes: the completer has nothing to weight.
        if network.attributes().names.is_empty() {
            return Ok(None);
        }
        let graph = network.network().graph();
        let golden = read_golden(dir.join(COMPLETER_GOLDEN), "completer", &graph)?;
        Ok(Some(Self { space_id, network, golden }))
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, RunError> {
    disk::read(path, limit).map_err(|source| RunError::Disk { source })
}

fn read_if_present(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RunError> {
    // An absent file is a choice of the user, an unreadable one is an error.
    path.exists().then(|| read(path, limit)).transpose()
}

fn read_checkpoint(path: PathBuf) -> Result<Checkpoint, RunError> {
    let bytes = read(&path, checkpoint::MAX_BYTES)?;
    Checkpoint::parse(&bytes).map_err(|source| RunError::Damaged { path, source })
}

/// Reads the golden inputs and outputs of `network`, whose values `graph` names.
fn read_golden(path: PathBuf, network: &str, graph: &Graph) -> Result<Golden, RunError> {
    let bytes = read(&path, MAX_GOLDEN_BYTES)?;
    let golden = match Golden::parse(&bytes, network, graph) {
        Ok(golden) => golden,
        // An intact file of another network is not damaged: copying it again would not help.
        Err(source @ CheckpointError::Golden { .. }) => {
            return Err(RunError::Golden { path, source });
        }
        Err(source) => return Err(RunError::Damaged { path, source }),
    };
    match golden.samples() {
        got if got > MAX_GOLDEN_SAMPLES => Err(RunError::Samples { path, got }),
        _ => Ok(golden),
    }
}
