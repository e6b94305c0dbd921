//! Where the changes of a gallery go.

use std::fmt;

use super::change::Change;
use super::error::GalleryError;
use super::facts::Facts;

/// Makes the changes of a gallery durable.
pub(super) trait Journal: Send + fmt::Debug {
    /// Makes a change durable. It is planned on the facts that this journal gave last, with the
    /// changes that it committed since.
    ///
    /// # Errors
    /// The change may or may not be durable; [`Journal::reload`] finds out.
    fn commit(&mut self, change: &Change) -> Result<(), GalleryError>;

    /// The durable facts, after a commit failed or panicked; `None` if the facts in memory still
    /// hold.
    fn reload(&mut self) -> Result<Option<Facts>, GalleryError>;
}

/// Keeps nothing: the gallery lives as long as its process.
#[derive(Debug)]
pub(super) struct Memory;

impl Journal for Memory {
    fn commit(&mut self, _: &Change) -> Result<(), GalleryError> {
        Ok(())
    }

    fn reload(&mut self) -> Result<Option<Facts>, GalleryError> {
        Ok(None)
    }
}

/// Refuses every change.
#[derive(Debug)]
pub(super) struct ReadOnly;

impl Journal for ReadOnly {
    fn commit(&mut self, _: &Change) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn reload(&mut self) -> Result<Option<Facts>, GalleryError> {
        // The refused change was not written anywhere.
        Ok(None)
    }
}
