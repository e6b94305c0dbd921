//! Galleries in one file.

use edge::gallery;
use serde::Serialize;
use utoipa::ToSchema;

use super::history::MAX_DEVICES;

/// The file of a gallery: a zip with its journal, embeddings and images.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct GalleryFile(Vec<u8>);

/// What an import took over.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Imported {
    /// The gallery.
    #[schema(example = "default", min_length = 1, max_length = 128)]
    pub gallery: String,
    /// Number of changes in the file.
    pub changes: usize,
    /// Those that the gallery did not have. An import is not one change: each of them is in the
    /// history, and each but a purge can be undone; see `devices`.
    pub new: usize,
    /// Those that were left out, since their time is more than 24 hours ahead of the clock of this
    /// device. Set the clock and import the file again.
    pub ahead: usize,
    /// Number of examples of this gallery, in use or removed, that the file has purged: they are
    /// forgotten for good.
    pub purged: usize,
    /// Number of examples that were taken over, also of removed ones.
    pub examples: usize,
    /// Those of them that count; the others were removed, or another example has the same image.
    pub in_use: usize,
    /// Number of images that were taken over.
    pub images: usize,
    /// The devices that made the new changes, if the gallery had no change of any of them: `undo`
    /// of these `devices` undoes the import as a whole. Empty otherwise, and if they are more than
    /// 100.
    #[schema(max_items = 100)]
    pub devices: Vec<String>,
    /// The gallery's revision after the call.
    pub revision: u64,
}

impl Imported {
    /// An answer about the gallery of this name.
    #[must_use]
    pub fn new(gallery: String, imported: gallery::Imported, revision: u64) -> Self {
        let gallery::Imported { changes, new, ahead, purged, embeddings, in_use, images, devices } =
            imported;
        let devices = match devices.len() {
            0..=MAX_DEVICES => devices.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let examples = embeddings;
        Self { gallery, changes, new, ahead, purged, examples, in_use, images, devices, revision }
    }
}
