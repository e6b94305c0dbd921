//! Who is at fault for each error of this crate, the input or the machine.

use models::fault::{Blame, Fault};

use crate::attention::AttentionError;
use crate::backbone::EmbedError;
use crate::decoder::DecodeError;
use crate::engine::{EngineError, SelectError};
use crate::evaluate::EvaluateError;
use crate::gallery::{GalleryError, LabelError};
use crate::lexicon::{AttributeError, NameKnowledgeError};
use crate::locate::NotFound;
use crate::recognizer::RecognizerError;

impl Fault for NotFound {
    fn blame(&self) -> Blame {
        Blame::Input
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

impl Fault for DecodeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for EmbedError {
    fn blame(&self) -> Blame {
        match self {
            Self::Decode(error) => error.blame(),
            Self::Engine(_) | Self::Output { .. } => Blame::Machine,
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

impl Fault for LabelError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for GalleryError {
    fn blame(&self) -> Blame {
        match self {
            Self::UnknownClass(_)
            | Self::LabelTaken(_)
            | Self::OtherSpace { .. }
            | Self::OtherLayout { .. }
            | Self::ReadOnly => Blame::Input,
            // An embedding comes from the engine, never from a person.
            Self::Embedding { .. }
            | Self::InUse { .. }
            | Self::StoreFull { .. }
            | Self::Broken { .. }
            | Self::Io { .. } => Blame::Machine,
        }
    }
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
            | Self::Bundle(_)
            | Self::Label(_)
            | Self::Attributes(_)
            | Self::NoNameKnowledge
            | Self::UnknownSynset(_)
            | Self::StaleRevision { .. }
            | Self::NoSuchClass(_)
            | Self::ClassExists(_)
            | Self::TooFewImages(_) => Blame::Input,
        }
    }
}
