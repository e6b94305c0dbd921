//! The three kinds of classes: for training, for tuning, and for final figures; and their halves.

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

/// One half of the classes of a split: fitted on one half, constants can be measured on the other.
///
/// # Examples
/// ```
/// use models::dataset::Half;
///
/// let half: Half = "second-half".parse()?;
/// assert_eq!(half.of(["ant", "bee", "cat"]), ["bee"]);
/// assert_eq!(half.other().of(["ant", "bee", "cat"]), ["ant", "cat"]);
/// # Ok::<(), models::dataset::HalfError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Half {
    /// Every second class, from the first one on.
    #[serde(rename = "first-half")]
    First,
    /// The others.
    #[serde(rename = "second-half")]
    Second,
}

impl Half {
    /// The items of this half, from items of all classes of a split in the order of their names.
    pub fn of<T>(self, classes: impl IntoIterator<Item = T>) -> Vec<T> {
        // Neighbors in the alphabet are as unlike as any: every second one is a fair draw.
        classes.into_iter().skip(usize::from(self == Self::Second)).step_by(2).collect()
    }

    /// The other half.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first-half",
            Self::Second => "second-half",
        })
    }
}

impl FromStr for Half {
    type Err = HalfError;

    fn from_str(text: &str) -> Result<Self, HalfError> {
        match text {
            "first-half" => Ok(Self::First),
            "second-half" => Ok(Self::Second),
            _ => Err(HalfError { got: text.to_owned() }),
        }
    }
}

/// A word that is not the name of a half.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not a half; expected first-half or second-half")]
pub struct HalfError {
    /// The word.
    pub got: String,
}

impl Fault for HalfError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
