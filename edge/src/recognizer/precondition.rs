//! Conditions of a change, so that no caller overwrites what another has changed.

use crate::gallery::{Gallery, Label};

use super::error::RecognizerError;

/// What must hold for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    Anything,
    /// The gallery is at this revision.
    Revision(u64),
    /// The class exists.
    ClassExists,
    /// The class does not exist.
    NoClass,
}

impl Precondition {
    /// Checks the condition for a change that creates the class if it does not exist.
    pub(super) fn check(self, gallery: &Gallery, label: &Label) -> Result<(), RecognizerError> {
        if self == Self::ClassExists && gallery.class(label.as_str()).is_err() {
            return Err(RecognizerError::NoSuchClass(label.clone()));
        }
        self.check_existing(gallery, label.as_str())
    }

    /// Checks the condition for a change of the gallery itself; conditions of classes do not count.
    pub(super) fn check_revision(self, gallery: &Gallery) -> Result<(), RecognizerError> {
        self.check_is(gallery.revision())
    }

    /// Checks the condition for a gallery that is at this revision; conditions of classes do not
    /// count.
    pub(super) fn check_is(self, got: u64) -> Result<(), RecognizerError> {
        match self {
            Self::Revision(expected) if expected != got => {
                Err(RecognizerError::StaleRevision { expected, got })
            }
            _ => Ok(()),
        }
    }

    /// Checks the condition for a change that needs the class.
    pub(super) fn check_existing(
        self,
        gallery: &Gallery,
        id_or_label: &str,
    ) -> Result<(), RecognizerError> {
        self.check_revision(gallery)?;
        match (self, gallery.class(id_or_label)) {
            (Self::NoClass, Ok(class)) => Err(RecognizerError::ClassExists(class.label.clone())),
            // The change itself reports a missing class.
            _ => Ok(()),
        }
    }
}
