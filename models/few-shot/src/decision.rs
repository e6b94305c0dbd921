//! Known or unknown: whether an image shows one of the classes of a gallery, and how sure that is.
//!
//! An image is scored against the class that the classifier chose ([`score`]). The gallery
//! calibrates itself: each of its examples is an unknown image to its other classes
//! ([`gallery`]). A table that was fitted on base classes turns the calibrated score into the share
//! of unknown images that score at least as high ([`limits`]), which is an open-set p-value, and
//! into the probability that the image is known ([`confidence`]).
//!
//! All functions are generic over the type of floats, because devices compute in `f32` and golden
//! numbers are in `f64`. In shapes, `n` is the number of classes, `s` the number of values of an
//! embedding, `b` the number of background directions, `q` the number of images.
//!
//! # Examples
//! ```
//! use std::collections::BTreeMap;
//!
//! use few_shot::decision::ExpectedScore;
//!
//! let by_shots = BTreeMap::from([(1, 0.2), (5, 0.3)]);
//! let expected = ExpectedScore { by_shots, growth: 0.06 };
//! assert_eq!(expected.at(4, 1), 0.2);
//! assert!(expected.at(4, 20) > expected.at(4, 2));
//! ```

mod by_shots;
pub mod confidence;
pub mod gallery;
pub mod limits;
pub mod score;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use by_shots::at_shots;
use confidence::Confidence;
use limits::Limits;
use score::Weights;

/// The constants of the decision, fitted on base classes for one backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionTable {
    /// How the parts of a score are weighted.
    pub weights: Weights,
    /// What unknown images score, by the number of images of the winner.
    pub expected: ExpectedScore,
    /// The limits of the calibrated score.
    pub limits: Limits,
    /// The probability that an image is known.
    pub confidence: Confidence,
}

/// The score that unknown images are expected to have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedScore {
    /// For a gallery of one class, by the number of images of the winner.
    pub by_shots: BTreeMap<usize, f64>,
    /// What is added for each unit of `ln n`: more classes have a more similar one among them.
    pub growth: f64,
}

impl ExpectedScore {
    /// For a gallery of `classes` classes whose winner has `shots` images.
    pub fn at(&self, shots: usize, classes: usize) -> f64 {
        at_shots(&self.by_shots, shots) + self.growth * (classes.max(1) as f64).ln()
    }
}
