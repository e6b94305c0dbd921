//! The conditions under which policies are compared: label noise and unlabeled images.

use crate::evaluation::accuracy::EvaluateError;
use crate::evaluation::episode::EpisodeSpec;
use crate::evaluation::label_noise::LabelNoise;
use crate::evaluation::unlabeled::Unlabeled;

/// The conditions of a comparison.
///
/// # Examples
/// ```
/// use few_shot::evaluation::conditions::Conditions;
/// use few_shot::evaluation::label_noise::LabelNoise;
///
/// let conditions = Conditions { label_noise: LabelNoise::Swapped, ..Conditions::PLAIN };
/// assert!(conditions.has_unlabeled());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// How the names of the classes of an episode are made wrong.
    pub label_noise: LabelNoise,
    /// The unlabeled images of transductive policies; `None` for all queries.
    pub unlabeled: Option<Unlabeled>,
}

impl Conditions {
    /// Right names, and all queries as unlabeled images.
    pub const PLAIN: Self = Self { label_noise: LabelNoise::None, unlabeled: None };

    /// Whether there are unlabeled images.
    pub fn has_unlabeled(&self) -> bool {
        !self.unlabeled.is_some_and(Unlabeled::is_none)
    }

    /// Checks that episodes of this size can have them, drawn from `classes` classes.
    pub(crate) fn check(self, spec: EpisodeSpec, classes: usize) -> Result<(), EvaluateError> {
        let EpisodeSpec { n_way, n_query, .. } = spec;
        match self.unlabeled {
            Some(Unlabeled { distractors, .. }) if distractors > 0 && classes <= n_way => {
                Err(EvaluateError::NoDistractors { n_way })
            }
            Some(Unlabeled { per_class: got, .. }) if got > n_query => {
                Err(EvaluateError::Unlabeled { got, n_query })
            }
            _ => Ok(()),
        }
    }
}
