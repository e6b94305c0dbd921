//! A file that a command could not use; it goes on with the others.

use std::path::Path;

use models::fault::{AnyFault, Blame, Fault, Message};
use serde::Serialize;

/// A file that could not be used.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FileError {
    pub(super) file: String,
    pub(super) error: String,
    #[serde(skip)]
    // For the exit code.
    pub(super) blame: Blame,
}

impl FileError {
    pub(super) fn input(path: &Path, error: &str) -> Self {
        Self { file: path.display().to_string(), error: error.to_owned(), blame: Blame::Input }
    }

    pub(super) fn of(path: &Path, fault: &impl Fault) -> Self {
        let [file, error] = [path.display().to_string(), fault.to_string()];
        Self { file, error, blame: fault.blame() }
    }

    pub(super) fn fault(&self) -> AnyFault {
        self.fault_with("")
    }

    /// The same with what follows from it, which begins with `; `.
    pub(super) fn fault_with(&self, consequence: &str) -> AnyFault {
        let text = format!("{}: {}{consequence}", self.file, self.error);
        match self.blame {
            Blame::Input => Message::input(text).into(),
            Blame::Machine => Message::machine(text).into(),
        }
    }
}
