//! Why settings cannot be used.

use std::path::PathBuf;

use models::disk::DiskError;
use models::fault::{Blame, Fault};

/// Why settings cannot be used, in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The TOML file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The content of the TOML file.
    #[error("the settings file {} cannot be used: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the key.
        reason: String,
    },
    /// A value out of its range, or settings that cannot be used together.
    #[error("{0}")]
    Contradiction(String),
}

impl Fault for SettingsError {
    fn blame(&self) -> Blame {
        match self {
            Self::Disk(error) => error.blame(),
            Self::File { .. } | Self::Contradiction(_) => Blame::Input,
        }
    }
}
