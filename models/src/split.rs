//! The three kinds of classes: for training, for tuning, and for final figures.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};

/// What a class is used for. The classes of two splits are disjoint (Ravi and Larochelle 2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For training.
    Base,
    /// Validation classes, for tuning.
    Val,
    /// For final figures.
    Novel,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Base => "base",
            Self::Val => "val",
            Self::Novel => "novel",
        })
    }
}

impl FromStr for Split {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Self, SplitError> {
        match text {
            "base" => Ok(Self::Base),
            "val" => Ok(Self::Val),
            "novel" => Ok(Self::Novel),
            _ => Err(SplitError { got: text.to_owned() }),
        }
    }
}

/// A word that is not the name of a split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not a split; expected base, val or novel")]
pub struct SplitError {
    /// The word.
    pub got: String,
}

impl Fault for SplitError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
