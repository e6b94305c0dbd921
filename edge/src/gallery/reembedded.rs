//! What a re-embedding takes and returns.

use models::image::Crop;

use super::id::{ExampleId, GroupId};

/// How far the re-embedding of a gallery is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReembedStatus {
    /// Identifies the backbone of the embeddings in use.
    pub from_space: String,
    /// Identifies the backbone of the bundle in use.
    pub to_space: String,
    /// Examples of the classes and of the background set.
    pub examples: usize,
    /// Those of them that have an embedding in the new space.
    pub embedded: usize,
    /// Images that are to be embedded yet, also of examples that were removed and can be restored.
    pub to_embed: usize,
    /// Examples without a kept image and without an embedding in the new space: they would be left
    /// out.
    pub without_image: usize,
    /// Examples whose kept image cannot be read: they would be left out.
    pub unreadable: usize,
    /// Examples whose kept image is the file that was enrolled.
    pub originals: usize,
    /// Examples whose kept image is a thumbnail, which shows the new model less than the file did.
    pub thumbnails: usize,
}

/// The kept image of an example that is to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptImage {
    /// Whose image it is.
    pub example: ExampleId,
    /// The bytes of an image file.
    pub bytes: Vec<u8>,
    /// The part of it that the example shows; a thumbnail is of that part already.
    pub crop: Option<Crop>,
}

/// What a kept image became.
#[derive(Debug, Clone, PartialEq)]
pub struct Reembedded {
    /// Whose image it is.
    pub example: ExampleId,
    /// The raw output of the backbone, `[s]`; `None` if the image cannot be read, or if that output
    /// is no embedding.
    pub embedding: Option<Vec<f32>>,
}

/// The result of [`Gallery::cancel_reembed`](super::Gallery::cancel_reembed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CanceledReembed {
    /// Examples whose new embeddings were forgotten.
    pub forgotten: usize,
    /// Examples whose new embeddings are kept, since the gallery was once of their space: an undo
    /// or a redo needs them. Nothing is forgotten then.
    pub kept: usize,
}

/// The result of [`Gallery::finish_reembed`](super::Gallery::finish_reembed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reembedding {
    /// The revision of the gallery after the call.
    pub revision: u64,
    /// The id of the change, by which it is undone.
    pub change: Option<GroupId>,
    /// Examples of the classes and of the background set, which have embeddings of the new space.
    pub examples: usize,
    /// Examples that were removed, since they have none.
    pub left_out: usize,
}
