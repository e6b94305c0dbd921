//! The galleries of a recognizer beside the selected one.

use super::snapshot::Snapshots;
use crate::gallery::{Galleries, Gallery, GalleryId};

/// The galleries of a store, and those that are open.
pub(super) struct OpenGalleries {
    pub(super) all: Galleries,
    pub(super) selected: GalleryId,
    /// Open, and not the selected one.
    pub(super) others: Vec<(GalleryId, Gallery, Snapshots)>,
}
