//! Who is at fault for each error of this crate, the input or the machine. Every public error has
//! an answer here, so that a program can take its exit code from any of them.

use std::io;

use models::fault::{Blame, Fault};

use crate::attention::AttentionError;
use crate::backbone::EmbedError;
use crate::built::BuildError;
use crate::decision::DecisionFileError;
use crate::decoder::DecodeError;
use crate::device::ThreadsError;
use crate::engine::cache::CacheError;
use crate::engine::{EngineError, Rejection, SelectError, UnknownEngine, UnknownPrecision};
use crate::evaluate::EvaluateError;
use crate::gallery::{
    ArchiveError, GalleryError, LabelError, NotAnId, NotKeepImages, SalvageError, SettingError,
};
use crate::lexicon::{AttributeError, NameKnowledgeError};
use crate::locate::{LibraryError, NotFound};
use crate::recognizer::RecognizerError;

impl Fault for NotFound {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for UnknownEngine {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for UnknownPrecision {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for Rejection {
    fn blame(&self) -> Blame {
        Blame::Machine
    }
}

impl Fault for LibraryError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for BuildError {
    fn blame(&self) -> Blame {
        Blame::Machine
    }
}

impl Fault for CacheError {
    fn blame(&self) -> Blame {
        Blame::Machine
    }
}

impl Fault for EngineError {
    fn blame(&self) -> Blame {
        Blame::Machine
    }
}

impl Fault for SelectError {
    fn blame(&self) -> Blame {
        Blame::Machine
    }
}

impl Fault for DecisionFileError {
    fn blame(&self) -> Blame {
        match self {
            Self::File(error) => error.blame(),
            Self::Mismatch { .. } => Blame::Input,
        }
    }
}

impl Fault for ThreadsError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for DecodeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for EmbedError {
    fn blame(&self) -> Blame {
        match self {
            Self::Decode(error) => error.blame(),
            Self::Engine(_) | Self::Replaced | Self::Output { .. } => Blame::Machine,
        }
    }
}

impl Fault for EvaluateError {
    fn blame(&self) -> Blame {
        match self {
            Self::Dataset(_) | Self::FewShot(_) => Blame::Input,
            Self::Embed { source, .. } => source.blame(),
        }
    }
}

impl Fault for NotAnId {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for NotKeepImages {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for LabelError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for SettingError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for GalleryError {
    fn blame(&self) -> Blame {
        match self {
            Self::UnknownClass(_)
            | Self::UnknownExample(_)
            | Self::UnknownChange(_)
            | Self::AmbiguousId { .. }
            | Self::NothingToUndo
            | Self::NothingToRedo
            | Self::CannotUndo { .. }
            | Self::NotOwn { .. }
            | Self::SameClass(_)
            | Self::UnknownGallery(_)
            | Self::Purged(_)
            | Self::NotDeleted(_)
            | Self::GalleryExists(_)
            | Self::NameInUse(_)
            | Self::DefaultGallery
            | Self::NotAChange { .. }
            | Self::LabelTaken(_)
            | Self::OtherSpace { .. }
            | Self::NotOtherSpace
            | Self::NotReembedded { .. }
            | Self::NeedsImages { .. }
            | Self::OtherLayout { .. }
            | Self::NotAFolder { .. }
            | Self::Setting(_)
            | Self::LimitReached { .. }
            | Self::StoreLimitReached { .. }
            | Self::ReadOnly
            | Self::ReadOnlyStore => Blame::Input,
            // An embedding comes from the engine, never from a person.
            Self::Embedding { .. }
            | Self::InUse { .. }
            | Self::StoreFull { .. }
            | Self::NotCompacted(_)
            | Self::NotExported(_)
            | Self::Broken { .. }
            | Self::Io { .. } => Blame::Machine,
            Self::Archive(error) => error.blame(),
        }
    }
}

impl Fault for SalvageError {
    fn blame(&self) -> Blame {
        match self {
            Self::NothingFound { .. }
            | Self::NotEmpty { .. }
            | Self::Inside { .. }
            | Self::UnknownSpace
            | Self::Io { .. } => Blame::Input,
            Self::Gallery(error) => error.blame(),
        }
    }
}

impl Fault for ArchiveError {
    fn blame(&self) -> Blame {
        match self {
            Self::Io(error) if is_wrong_path(error) => Blame::Input,
            Self::Io(_) => Blame::Machine,
            Self::NoArchive
            | Self::Broken(_)
            | Self::OtherVersion { .. }
            | Self::OtherContent(_)
            | Self::OtherSpace { .. } => Blame::Input,
        }
    }
}

/// Whether another path would help.
fn is_wrong_path(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    matches!(
        error.kind(),
        NotFound | PermissionDenied | IsADirectory | NotADirectory | InvalidFilename
    )
}

impl Fault for NameKnowledgeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for AttributeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for AttentionError {
    fn blame(&self) -> Blame {
        match self {
            Self::Attributes(_) | Self::Mismatch { .. } | Self::Graph(_) => Blame::Input,
            Self::Select(_) | Self::Engine(_) => Blame::Machine,
        }
    }
}

impl Fault for RecognizerError {
    fn blame(&self) -> Blame {
        match self {
            Self::Select(error) => error.blame(),
            Self::Gallery(error) => error.blame(),
            Self::Embed(error) => error.blame(),
            Self::Attention(error) => error.blame(),
            Self::NotFound(_)
            | Self::Library(_)
            | Self::Bundle(_)
            | Self::Label(_)
            | Self::Attributes(_)
            | Self::NoNameKnowledge
            | Self::UnknownSynset(_)
            | Self::StaleRevision { .. }
            | Self::NoSuchClass(_)
            | Self::ClassExists(_)
            | Self::TooFewImages(_)
            | Self::RejectedByQuality { .. } => Blame::Input,
            // A mistake of the program; its user can do nothing about it.
            Self::EmbedderTaken => Blame::Machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The names of the errors in the sources below a folder.
    fn errors_below(folder: &Path) -> Vec<String> {
        let mut errors = Vec::new();
        for path in models::disk::list(folder).unwrap() {
            if path.is_dir() {
                errors.extend(errors_below(&path));
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for item in text.split("thiserror::Error)]\n").skip(1) {
                let (_, declared) = item.split_once("pub ").unwrap();
                let name = declared.split([' ', '(', ';']).nth(1).unwrap();
                errors.push(name.to_owned());
            }
        }
        errors
    }

    #[test]
    fn every_error_says_who_is_at_fault() {
        let errors = errors_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        assert!(errors.contains(&"RecognizerError".to_owned()), "{errors:?}");
        for error in errors {
            let answer = format!("impl Fault for {error} {{");
            assert!(include_str!("fault.rs").contains(&answer), "{error}");
        }
    }
}
