//! Who is at fault for each error of this crate, the input or the machine.

use models::fault::{Blame, Fault};

use crate::attention::AttentionError;
use crate::embedder::EmbedError;
use crate::engine::{EngineError, SelectError};
use crate::evaluate::EvaluateError;
use crate::gallery::{GalleryError, LabelError};
use crate::knowledge::{AttributeError, KnowledgeError};
use crate::locate::NotFound;

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

impl Fault for EmbedError {
    fn blame(&self) -> Blame {
        match self {
            Self::Image(_) | Self::Preprocess(_) => Blame::Input,
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
            Self::UnknownClass(_) | Self::LabelTaken(_) | Self::OtherSpace { .. } => Blame::Input,
            // An embedding comes from the engine, never from a person.
            Self::Embedding { .. }
            | Self::InUse { .. }
            | Self::StoreFull { .. }
            | Self::Broken { .. }
            | Self::Io { .. } => Blame::Machine,
        }
    }
}

impl Fault for KnowledgeError {
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
