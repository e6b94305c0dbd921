//! Embeddings that lie beside those in use: of a space that is to be used, or that was used before.

use std::collections::HashMap;
use std::sync::Arc;

use super::class::Example;
use super::error::GalleryError;
use super::id::{ChangeId, ExampleId};

/// What a journal has of the image of an example in a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmbeddingState {
    Embedded,
    /// The image was tried and cannot be read.
    Unreadable,
}

/// The examples of a space by the change that enrolled each, and its position there.
pub(super) type EmbeddingStates = HashMap<(ChangeId, u8), EmbeddingState>;

/// What is put beside the embeddings in use.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    pub(super) id: ExampleId,
    /// The change that enrolled it, and its position there.
    pub(super) change: ChangeId,
    pub(super) index: u8,
    /// How many examples that change has.
    pub(super) of: u8,
    /// With its embedding; `None` if its image cannot be read.
    pub(super) example: Option<Arc<Example>>,
}

impl Beside {
    pub(super) fn state(&self) -> EmbeddingState {
        match self.example {
            Some(_) => EmbeddingState::Embedded,
            None => EmbeddingState::Unreadable,
        }
    }
}

/// Keeps embeddings beside those in use. What is kept outlives the process, but it is no change of
/// the gallery.
pub(super) trait OtherSpaces {
    /// What is there of a space. An example that was purged, or not embedded, is absent.
    fn embedded(&self, space_id: &str) -> Result<EmbeddingStates, GalleryError>;

    /// Adds embeddings of this length, all or none; those of one change follow each other.
    fn put(&mut self, space_id: &str, length: usize, beside: &[Beside])
    -> Result<(), GalleryError>;

    /// Forgets all embeddings of a space.
    fn forget(&mut self, space_id: &str) -> Result<(), GalleryError>;
}
