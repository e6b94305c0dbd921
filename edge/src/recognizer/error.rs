//! Why a recognizer refuses a call.

use models::bundle::BundleError;
use models::knowledge::wordnet::SynsetId;

use crate::attention::AttentionError;
use crate::backbone::EmbedError;
use crate::decoder::DecodeError;
use crate::engine::SelectError;
use crate::gallery::{GalleryError, Label, LabelError};
use crate::lexicon::AttributeError;
use crate::locate::{LibraryError, NotFound};
use crate::quality::Finding;

/// Why a recognizer refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecognizerError {
    /// The bundle, the library or a folder for the store was not found.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The library that the user names cannot be used.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No engine runs the backbone.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A text cannot be a class name.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// The gallery refused.
    #[error(transparent)]
    Gallery(#[from] GalleryError),
    /// An image has no embedding.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The engine that weighs attributes failed.
    #[error(transparent)]
    Attention(#[from] AttentionError),
    /// The attributes of a class cannot be set.
    #[error("attributes: {0}")]
    Attributes(#[from] AttributeError),
    /// The call needs name knowledge.
    #[error(
        "this bundle has no name knowledge: senses and attributes cannot be looked up or set; \
         use a bundle with a lexicon"
    )]
    NoNameKnowledge,
    /// The lexicon has no such synset.
    #[error("`{0}` is not a noun of this bundle's lexicon; look up the senses of a word first")]
    UnknownSynset(SynsetId),
    /// [`Precondition::Revision`](super::Precondition::Revision) does not hold.
    #[error("the gallery is at revision {got}, expected {expected}; read it again and retry")]
    StaleRevision {
        /// The revision of the precondition.
        expected: u64,
        /// The revision of the gallery.
        got: u64,
    },
    /// [`Precondition::ClassExists`](super::Precondition::ClassExists) does not hold.
    #[error("there is no class `{0}`; nothing was changed")]
    NoSuchClass(Label),
    /// [`Precondition::NoClass`](super::Precondition::NoClass) does not hold.
    #[error("there is a class `{0}` already; nothing was changed")]
    ClassExists(Label),
    /// Transductive classification needs several images.
    #[error("transductive classification needs two images or more, got {0}")]
    TooFewImages(usize),
    /// A strict enrollment has an image with a finding.
    #[error("{finding}; nothing was enrolled, because the call is strict")]
    RejectedByQuality {
        /// The position of the image among those of the call.
        image: usize,
        /// Its first finding.
        finding: Finding,
    },
    /// [`Recognizer::take_embedder`](super::Recognizer::take_embedder) was called before.
    #[error(
        "the embedder of this recognizer was taken; embed images with that embedder, or open \
         another recognizer"
    )]
    EmbedderTaken,
}

// `?` converts once, but the error of an image passes through `EmbedError`.
impl From<DecodeError> for RecognizerError {
    fn from(error: DecodeError) -> Self {
        Self::Embed(error.into())
    }
}
