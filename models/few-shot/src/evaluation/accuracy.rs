//! Accuracy over episodes with its 95 % interval, and what prevents an evaluation.

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::evaluation::episode::{EpisodeError, Episodes};
use crate::evaluation::policies::{Input, Policy};
use crate::evaluation::rejection::{JunkFigures, UnknownFigures};
use crate::fusion::Setting;
use models::dataset::Split;
use models::fault::{Blame, Fault};

/// The accuracy of a policy, and what it rejects.
///
/// # Examples
/// ```
/// use few_shot::evaluation::accuracy::Outcome;
///
/// let json = r#"{"fusion":"mean","setting":"inductive","accuracy":0.5,"ci95":0.25}"#;
/// let outcome: Outcome = serde_json::from_str(json)?;
/// assert_eq!(outcome.gain, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// How prototypes were made.
    pub fusion: Policy,
    /// Whether queries were answered together.
    pub setting: Setting,
    /// Mean over episodes of the share of right queries, 0..=1.
    pub accuracy: f64,
    /// Half width of the 95 % interval of `accuracy`: `1.96 * std / sqrt(episodes)`, `std` with
    /// `episodes - 1`.
    pub ci95: f64,
    /// The paired difference to mean prototypes on the same episodes; absent for the mean itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
    /// How well known images are told from those of unknown classes, if it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownFigures>,
    /// How much junk is accepted, if it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junk: Option<JunkFigures>,
}

/// A paired difference to mean prototypes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gain {
    /// Mean over episodes of the difference of the shares of right queries, -1..=1.
    pub accuracy: f64,
    /// Half width of its 95 % interval.
    pub ci95: f64,
}

/// Why an evaluation cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Distractors are wanted, and all classes are in the episode.
    #[error(
        "distractors come from classes outside of an episode, but all {n_way} classes are in it; lower \
         n_way or leave distractors out"
    )]
    NoDistractors {
        /// Classes of an episode.
        n_way: usize,
    },
    /// More unlabeled images than there are queries.
    #[error(
        "{got} unlabeled images of a class: expected at most its {n_query} queries; raise n_query"
    )]
    Unlabeled {
        /// The number that was requested.
        got: usize,
        /// Queries of a class.
        n_query: usize,
    },
    /// No class would be left with images, or none without.
    #[error("{got} of {n_way} classes by name only: expected 1 to {}", n_way - 1)]
    NameOnly {
        /// The number that was requested.
        got: usize,
        /// Classes of an episode.
        n_way: usize,
    },
    /// There are no classes for unknown images.
    #[error(
        "--unknown {n_unknown}: {classes} has {n_classes} classes, {} beside the {n_way} of an episode; \
         expected 1 to {}",
        n_classes.saturating_sub(*n_way), n_classes.saturating_sub(*n_way)
    )]
    UnknownClasses {
        /// The number that was requested.
        n_unknown: usize,
        /// Classes of an episode.
        n_way: usize,
        /// Which classes there are, such as `the val split`.
        classes: String,
        /// Their number.
        n_classes: usize,
    },
    /// A policy lacks an input.
    #[error("the policy {policy} needs {input}")]
    Input {
        /// The policy.
        policy: Policy,
        /// What it lacks.
        input: Input,
    },
    /// No episode can be drawn.
    #[error(transparent)]
    Episode(#[from] EpisodeError),
    /// The split cannot serve the protocol.
    #[error("the {split} split does not fit the protocol: {reason}")]
    Split {
        /// The split.
        split: Split,
        /// What is missing.
        reason: EpisodeError,
    },
    /// An interval needs two episodes.
    #[error("an evaluation needs at least 2 episodes, got {got}")]
    TooFewEpisodes {
        /// The number that was requested.
        got: u64,
    },
    /// Classes have embeddings of different sizes.
    #[error(
        "embeddings of class number {class} have {got} values, those of the first class {expected}"
    )]
    Size {
        /// Position of the class, from 0.
        class: usize,
        /// Values of an embedding of the first class.
        expected: usize,
        /// Values of an embedding of this class.
        got: usize,
    },
    /// An embedding is infinite or not a number.
    #[error("embedding {image} of class number {class} holds a value that is not finite")]
    NotFinite {
        /// Position of the class, from 0.
        class: usize,
        /// Position of the image within its class, from 0.
        image: usize,
    },
}

impl Fault for EvaluateError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// Checks that episodes can be evaluated on these embeddings, `[images, s]` of each class.
pub(crate) fn check(embeddings: &[Array2<f32>], episodes: &Episodes) -> Result<(), EvaluateError> {
    check_count(episodes.count)?;
    check_embeddings(embeddings)
}

/// Checks that embeddings, `[images, s]` of each class, have one size and are finite.
pub(crate) fn check_embeddings(embeddings: &[Array2<f32>]) -> Result<(), EvaluateError> {
    let expected = embeddings.first().map_or(0, Array2::ncols);
    for (class, rows) in embeddings.iter().enumerate() {
        if rows.ncols() != expected {
            return Err(EvaluateError::Size { class, expected, got: rows.ncols() });
        }
        let broken = rows.axis_iter(Axis(0)).position(|row| row.iter().any(|x| !x.is_finite()));
        if let Some(image) = broken {
            return Err(EvaluateError::NotFinite { class, image });
        }
    }
    Ok(())
}

/// Checks that there are enough episodes for an interval.
pub(crate) fn check_count(episodes: u64) -> Result<(), EvaluateError> {
    if episodes < 2 {
        return Err(EvaluateError::TooFewEpisodes { got: episodes });
    }
    Ok(())
}

/// For each query, whether its own class has the greatest score `[q, n_way]`; the first of equal
/// scores wins. Classes have equally many queries, one class after the other.
pub(crate) fn answers(scores: &Array2<f32>) -> Vec<bool> {
    let n_query = scores.nrows() / scores.ncols();
    let rows = scores.rows().into_iter().enumerate();
    rows.map(|(query, row)| first_greatest(row.iter()) == query / n_query).collect()
}

/// The number of right answers; see [`answers`].
pub(crate) fn n_right(scores: &Array2<f32>) -> usize {
    answers(scores).into_iter().filter(|&right| right).count()
}

/// Position of the greatest value, the first one of equals.
fn first_greatest<'a>(values: impl Iterator<Item = &'a f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &value) in values.enumerate() {
        // NaN is never greater, so it is never the answer.
        if value > best.1 {
            best = (i, value);
        }
    }
    best.0
}

/// The mean of values with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// Half width of the interval.
    pub(crate) ci95: f64,
}

impl Estimate {
    /// Sums run in the order of the values, so that the result is the same for any number of
    /// threads.
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        // 1.96 is the 97.5 % quantile of the normal distribution; n - 1 gives an unbiased variance.
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, ci95: 1.96 * (squares / (n - 1.0)).sqrt() / n.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_interval_follows_its_definition() {
        // Shares 1, 0.5, 0.5, 0: mean 0.5, variance 0.5 / 3.
        let estimate = Estimate::of(&[1.0, 0.5, 0.5, 0.0]);
        assert!((estimate.mean - 0.5).abs() < 1e-12);
        assert!((estimate.ci95 - 1.96 * (0.5_f64 / 3.0).sqrt() / 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_first_of_equal_scores_wins() {
        let scores = array![[0.5, 0.5], [0.1, 0.2], [0.7, 0.7], [0.1, 0.2]];
        assert_eq!(answers(&scores), [true, false, false, true]);
        assert_eq!(n_right(&scores), 2);
    }
}
