//! What to do about what a gallery refuses.

use edge::gallery::GalleryError;
use edge::recognizer::RecognizerError;
use models::fault::{AnyFault, Message};

/// Adds the command that shows what exists.
pub(super) fn with_hint(error: RecognizerError) -> AnyFault {
    // The library does not know the commands of this program.
    let hint = match &error {
        RecognizerError::Gallery(GalleryError::UnknownClass(_)) => {
            "`handful gallery list` shows the classes"
        }
        RecognizerError::Gallery(GalleryError::UnknownExample(_)) => {
            "`handful gallery show CLASS` lists the examples of a class; nothing was changed"
        }
        RecognizerError::Gallery(GalleryError::UnknownChange(_)) => {
            "`handful gallery history` lists the changes"
        }
        RecognizerError::UnknownSynset(synset) => {
            return Message::input(format!(
                "--synset {synset}: not in the lexicon; list the senses of a noun with \
                 `handful senses NOUN`"
            ))
            .into();
        }
        _ => return error.into(),
    };
    Message::input(format!("{error}; {hint}")).into()
}
