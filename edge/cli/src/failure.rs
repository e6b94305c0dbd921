//! How a command ends when it does not end well.

use std::fmt::Display;
use std::process::ExitCode;

use edge::engine::SelectError;
use edge::evaluate::EvaluateError;
use edge::gallery::{GalleryError, LabelError};
use edge::locate::NotFound;
use models::bundle::BundleError;
use models::dataset::DatasetError;
use models::disk::DiskError;

use crate::text::one_line;

/// A reason to stop, one line for a person, and whose fault it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something that was given cannot be used: exit code 2.
    BadInput(String),
    /// Something here did not work: exit code 1.
    Failed(String),
}

impl Failure {
    pub(crate) fn bad(reason: impl Display) -> Self {
        Self::BadInput(reason.to_string())
    }

    pub(crate) fn failed(reason: impl Display) -> Self {
        Self::Failed(reason.to_string())
    }

    /// The same with what it is about in front.
    pub(crate) fn about(self, subject: impl Display) -> Self {
        match self {
            Self::BadInput(reason) => Self::BadInput(format!("{subject}: {reason}")),
            Self::Failed(reason) => Self::Failed(format!("{subject}: {reason}")),
        }
    }

    pub(crate) fn reason(&self) -> &str {
        let (Self::BadInput(reason) | Self::Failed(reason)) = self;
        reason
    }

    pub(crate) fn is_bad_input(&self) -> bool {
        matches!(self, Self::BadInput(_))
    }

    pub(crate) fn tell(&self) {
        eprintln!("error: {}", one_line(self.reason()));
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_bad_input() { 2 } else { 1 })
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        Self::bad(error)
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        Self::bad(error)
    }
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        Self::bad(error)
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        Self::bad(error)
    }
}

impl From<LabelError> for Failure {
    fn from(error: LabelError) -> Self {
        Self::bad(error)
    }
}

impl From<SelectError> for Failure {
    fn from(error: SelectError) -> Self {
        Self::failed(error)
    }
}

impl From<edge::embedder::EmbedError> for Failure {
    fn from(error: edge::embedder::EmbedError) -> Self {
        if error.is_bad_input() { Self::bad(error) } else { Self::failed(error) }
    }
}

impl From<EvaluateError> for Failure {
    fn from(error: EvaluateError) -> Self {
        if error.is_bad_input() { Self::bad(error) } else { Self::failed(error) }
    }
}

impl From<GalleryError> for Failure {
    fn from(error: GalleryError) -> Self {
        match error {
            GalleryError::UnknownClass(_) => {
                Self::bad(format!("{error}; `handful gallery list` shows the classes"))
            }
            GalleryError::LabelTaken(_) | GalleryError::OtherSpace { .. } => Self::bad(error),
            _ => Self::failed(error),
        }
    }
}
