//! Errors of jobs, the recognizer and images as problems.

use std::fmt::Display;

use edge::decoder::DecodeError;
use edge::embedder::EmbedError;
use edge::gallery::{ArchiveError, GalleryError, LabelError};
use edge::lexicon::AttributeError;
use edge::recognizer::RecognizerError;
use models::image::ImageError;

use super::{Cause, Code, Problem};
use crate::jobs::error::JobError;
use crate::metrics::Refusal;

impl From<ImageError> for Problem {
    fn from(error: ImageError) -> Self {
        let code = match &error {
            ImageError::TooManyPixels { .. } => Code::TooManyPixels,
            ImageError::TooLarge { .. } => Code::TooLarge,
            ImageError::Unsupported { .. } => Code::UnsupportedImage,
            _ => Code::BadImage,
        };
        Self::new(code, sentence(&error))
    }
}

impl From<EmbedError> for Problem {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Decode(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::QueueFull(_) => Self::refused(Refusal::Queue, sentence(&error)),
            JobError::NoMemory => Self::refused(Refusal::Memory, sentence(&error)),
            JobError::Stopped => Self::new(Code::NotReady, sentence(&error)),
            JobError::Image { file, error } => Self::from(error).in_file(file.as_deref()),
            JobError::Recognizer(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<RecognizerError> for Problem {
    fn from(error: RecognizerError) -> Self {
        match error {
            RecognizerError::Embed(error) => error.into(),
            RecognizerError::Label(error) => error.into(),
            RecognizerError::Gallery(error) => error.into(),
            RecognizerError::Attributes(error) => error.into(),
            RecognizerError::NoNameKnowledge => Self::new(Code::NoLexicon, sentence(&error)),
            RecognizerError::UnknownSynset(_) => Self::new(Code::UnknownSynset, sentence(&error)),
            // Conditions of the request that do not hold; a class that is just unknown is a
            // `GalleryError`.
            RecognizerError::StaleRevision { .. }
            | RecognizerError::NoSuchClass(_)
            | RecognizerError::ClassExists(_) => {
                Self::new(Code::PreconditionFailed, sentence(&error))
            }
            RecognizerError::TooFewImages(_) => Self::new(Code::NeedsMoreImages, sentence(&error)),
            RecognizerError::RejectedByQuality { .. } => {
                Self::new(Code::RejectedByQuality, sentence(&error))
            }
            other => Self::internal(other),
        }
    }
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Image(error) => error.into(),
            other => Self::new(Code::BadImage, sentence(&other)),
        }
    }
}

impl From<AttributeError> for Problem {
    fn from(error: AttributeError) -> Self {
        let code = match error {
            AttributeError::Unknown(_) => Code::UnknownSynset,
            _ => Code::BadRequest,
        };
        Self::new(code, format!("attributes: {error}."))
    }
}

impl From<LabelError> for Problem {
    fn from(error: LabelError) -> Self {
        Self::new(Code::BadName, sentence(&error))
    }
}

impl From<GalleryError> for Problem {
    fn from(error: GalleryError) -> Self {
        match &error {
            GalleryError::UnknownClass(_) => Self::new(Code::UnknownClass, sentence(&error)),
            GalleryError::UnknownExample(_) => Self::new(Code::UnknownExample, sentence(&error)),
            GalleryError::UnknownGallery(_) => Self::new(Code::UnknownGallery, sentence(&error)),
            GalleryError::UnknownChange(_) => Self::new(Code::UnknownChange, sentence(&error)),
            GalleryError::Setting(_) | GalleryError::AmbiguousId { .. } => {
                Self::new(Code::BadRequest, sentence(&error))
            }
            GalleryError::LabelTaken(_)
            | GalleryError::SameClass(_)
            | GalleryError::GalleryExists(_)
            | GalleryError::NameInUse(_)
            | GalleryError::NotDeleted(_)
            | GalleryError::DefaultGallery
            | GalleryError::NotOtherSpace
            | GalleryError::NotReembedded { .. } => Self::new(Code::Conflict, sentence(&error)),
            GalleryError::NeedsImages { .. } => {
                let detail = format!("{} `\"leave_out\": true` leaves them out.", sentence(&error));
                Self::new(Code::Conflict, detail)
            }
            GalleryError::OtherSpace { examples, with_image, .. } => {
                Self::new(Code::OtherSpace, other_space(*examples, *with_image))
            }
            GalleryError::CannotUndo { .. }
            | GalleryError::NothingToUndo
            | GalleryError::NothingToRedo => Self::new(Code::CannotUndo, sentence(&error)),
            GalleryError::NotOwn { change, summary, made_by, .. } => {
                Self::new(Code::Forbidden, not_own(&change.short(), summary, made_by))
            }
            GalleryError::LimitReached { .. } | GalleryError::StoreLimitReached { .. } => {
                Self::new(Code::LimitReached, sentence(&error))
            }
            GalleryError::Purged(_) => Self::new(Code::Purged, sentence(&error)),
            GalleryError::ReadOnlyStore => Self::new(Code::ReadOnly, sentence(&error)),
            GalleryError::Archive(error) => archive(error),
            // Changes of other devices come in archives.
            GalleryError::NotAChange { .. } => Self::new(Code::BadArchive, sentence(&error)),
            GalleryError::NotExported(_) => Self::new(Code::NotReady, sentence(&error)),
            // The error text names a folder of the device, which clients must not see.
            GalleryError::StoreFull { .. } => {
                Self::new(Code::StoreFull, "No space is left for the gallery. Nothing was changed.")
            }
            GalleryError::Broken { .. } => {
                let detail = "The store of this service cannot be used. Its log has the reason \
                              under the x-request-id of this response.";
                let cause = Some(Cause(error.to_string()));
                Self { cause, ..Self::new(Code::DamagedStore, detail) }
            }
            _ => Self::internal(error),
        }
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        archive(&error)
    }
}

/// What can be done with a gallery of another model, by the calls of this service.
fn other_space(examples: usize, with_image: usize) -> String {
    let kept = match with_image {
        0 => String::new(),
        kept => format!("`POST …/reembed` embeds the {kept} that are kept anew. Or "),
    };
    let use_other = if with_image == 0 { "Use" } else { "use" };
    format!(
        "The {examples} images of this gallery were embedded with another model and cannot be \
         compared with those of this one. {kept}{use_other} the bundle of that model, or enroll \
         the images in another gallery."
    )
}

/// What can be done instead of taking back a change of another key.
fn not_own(change: &str, summary: &str, made_by: &str) -> String {
    format!(
        "`{change}` ({summary}) was made by {made_by}, and this key takes back only its own \
         changes. Name one of those in `change` (`GET …/history` lists them), or use a key with \
         the role `admin`."
    )
}

fn archive(error: &ArchiveError) -> Problem {
    match error {
        ArchiveError::NoArchive
        | ArchiveError::Broken(_)
        | ArchiveError::OtherVersion { .. }
        | ArchiveError::OtherContent(_) => Problem::new(Code::BadArchive, sentence(error)),
        ArchiveError::OtherSpace { .. } => Problem::new(Code::OtherSpace, sentence(error)),
        _ => Problem::internal(error),
    }
}

/// An error's text as a sentence.
fn sentence(error: &impl Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gallery_of_another_model_has_ways_out() {
        let none = other_space(3, 0);
        assert!(none.contains("this one. Use the bundle") && !none.contains("reembed"), "{none}");
        let some = other_space(3, 2);
        assert!(
            some.contains("`POST …/reembed` embeds the 2 that are kept anew. Or use"),
            "{some}"
        );
    }

    #[test]
    fn sentences_start_with_a_capital_and_end_with_a_period() {
        assert_eq!(sentence(&"the end"), "The end.");
        assert_eq!(sentence(&""), ".");
    }
}
