//! The error of an input that cannot be used.

use models::fault::{Blame, Fault};

/// An input that cannot be used. The text says what is wrong, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

impl Fault for BadInput {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
