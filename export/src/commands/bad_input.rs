//! The error of an argument that cannot be used.

/// An argument that cannot be used; the text names it, the reason and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(pub(crate) String);
