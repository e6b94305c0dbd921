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
//! let by_shots = BTreeMap::from([(0, 0.1), (1, 0.2), (5, 0.3)]);
//! let expected = ExpectedScore { by_shots, growth: 0.06, likeness: 0.2 };
//! assert_eq!(expected.at(4, 1, 0.0), 0.2);
//! assert!(expected.at(4, 20, 0.0) > expected.at(4, 2, 0.0));
//! // Unknown images are more similar to the name of one of several classes that are alike.
//! assert!(expected.at(0, 2, 0.7) > expected.at(0, 2, 0.1));
//! ```

pub mod ambiguity;
pub mod background;
mod by_shots;
pub mod calibration;
pub mod confidence;
pub mod file;
pub mod gallery;
pub mod images;
pub mod limits;
pub(crate) mod quantile;
pub mod sampling;
pub mod score;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use ambiguity::Ambiguity;
use background::Background;
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
    /// Whether the two best classes can be told apart.
    pub ambiguity: Ambiguity,
}

/// What a bundle has for decisions: the constants and the background directions.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionModel<F> {
    /// The constants.
    pub table: DecisionTable,
    /// The directions in which images and classes are compared.
    pub background: Background<F>,
}

/// The score that unknown images are expected to have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedScore {
    /// For a gallery of one class, by the number of images of the winner.
    pub by_shots: BTreeMap<usize, f64>,
    /// What is added for each unit of `ln n`: more classes have a more similar one among them.
    pub growth: f64,
    /// What is added for each unit of [likeness](score::likeness) of the classes, where the winner
    /// has a name only: no images can show that classes are alike.
    pub likeness: f64,
}

impl ExpectedScore {
    /// For a gallery of `classes` classes of this likeness whose winner has `shots` images.
    pub fn at(&self, shots: usize, classes: usize, likeness: f64) -> f64 {
        let expected = at_shots(&self.by_shots, shots) + self.growth * (classes.max(1) as f64).ln();
        if shots == 0 { expected + self.likeness * likeness } else { expected }
    }
}

/// A constant of a table that no decision can be made with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{field}`: expected {expected}")]
pub struct TableError {
    /// The field.
    pub field: &'static str,
    /// What it may be.
    pub expected: &'static str,
}

impl DecisionTable {
    /// Checks what the types do not: finite numbers, ascending rates, rows of one length.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), TableError> {
        let Weights { novelty, overlap, sharpness, fading } = self.weights;
        let weights = [novelty, overlap, sharpness, fading.most, fading.mean];
        require(
            weights.iter().all(|weight| (0.0..=1000.0).contains(weight)),
            "weights",
            "0 to 1000",
        )?;
        let expected = &self.expected;
        let scores = expected.by_shots.values().chain([&expected.growth, &expected.likeness]);
        require(are_finite(scores), "expected", "finite numbers")?;
        require(!expected.by_shots.is_empty(), "expected.by_shots", "one number of shots or more")?;
        self.check_limits()?;
        let Confidence { with_images, by_name, sharpness } = &self.confidence;
        let logistic = [with_images.slope, with_images.intercept, by_name.slope, by_name.intercept];
        require(
            are_finite(logistic.iter().chain(sharpness.values())),
            "confidence",
            "finite numbers",
        )?;
        let Ambiguity { largest_share, share_per_rate } = self.ambiguity;
        let fits = are_finite(&[largest_share, share_per_rate]);
        require(fits && largest_share > 0.0 && share_per_rate > 0.0, "ambiguity", "above 0")
    }

    fn check_limits(&self) -> Result<(), TableError> {
        let Limits { rates, by_classes, by_name, table_classes } = &self.limits;
        require(are_rates(rates), "limits.rates", "ascending, above 0 and below 1")?;
        let has_rows = by_classes.contains_key(&1) && by_classes.range(2..).next().is_some();
        require(has_rows, "limits.by_classes", "a row for 1 class and one for more")?;
        let field = "limits.by_name";
        require(by_name.range(1..).next().is_some(), field, "a row for one class or more")?;
        let field = "limits.table_classes";
        require(*table_classes > 0.0 && table_classes.is_finite(), field, "above 0")?;
        for row in by_classes.values().chain(by_name.values()) {
            // Read backwards, limits give rates: a row that rises has no inverse.
            let falls = row.is_sorted_by(|a, b| a >= b);
            let fits = row.len() == rates.len() && are_finite(row) && falls;
            require(fits, "limits", "a finite limit for each rate, none above the one before")?;
        }
        Ok(())
    }
}

fn require(holds: bool, field: &'static str, expected: &'static str) -> Result<(), TableError> {
    if holds { Ok(()) } else { Err(TableError { field, expected }) }
}

fn are_finite<'a>(values: impl IntoIterator<Item = &'a f64>) -> bool {
    values.into_iter().all(|value| value.is_finite())
}

fn are_rates(rates: &[f64]) -> bool {
    let ascend = rates.is_sorted_by(|a, b| a < b);
    ascend && !rates.is_empty() && rates.iter().all(|rate| 0.0 < *rate && *rate < 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use confidence::Logistic;
    use score::Fading;

    /// A usable table.
    pub(super) fn table() -> DecisionTable {
        let logistic = Logistic { slope: 10.0, intercept: -1.0 };
        let fading = Fading { most: 0.0, mean: 16.0 };
        let by_shots = BTreeMap::from([(1, 0.2)]);
        DecisionTable {
            weights: Weights { novelty: 0.5, overlap: 0.3, sharpness: 30.0, fading },
            expected: ExpectedScore { by_shots, growth: 0.06, likeness: 0.2 },
            limits: Limits {
                rates: vec![0.01, 0.1],
                by_classes: BTreeMap::from([(1, vec![0.4, 0.2]), (5, vec![0.3, 0.1])]),
                by_name: BTreeMap::from([(1, vec![0.3, 0.1])]),
                table_classes: 20.0,
            },
            confidence: Confidence {
                with_images: logistic,
                by_name: logistic,
                sharpness: BTreeMap::from([(1, 30.0)]),
            },
            ambiguity: Ambiguity { largest_share: 0.3, share_per_rate: 5.0 },
        }
    }

    fn refused(change: impl FnOnce(&mut DecisionTable)) -> &'static str {
        let mut table = table();
        change(&mut table);
        table.check().map_or_else(|error| error.field, |()| "nothing")
    }

    #[test]
    fn a_table_that_no_decision_can_be_made_with_is_refused() {
        assert_eq!(refused(|_| ()), "nothing");
        assert_eq!(refused(|table| table.weights.novelty = f64::NAN), "weights");
        assert_eq!(refused(|table| table.expected.by_shots.clear()), "expected.by_shots");
        assert_eq!(refused(|table| table.expected.growth = f64::INFINITY), "expected");
        assert_eq!(refused(|table| table.limits.rates = vec![0.1, 0.01]), "limits.rates");
        let by_name = |row: &[f64]| {
            let by_name = BTreeMap::from([(1, row.to_vec())]);
            refused(|table| table.limits.by_name = by_name)
        };
        assert_eq!((by_name(&[0.1, 0.3]), by_name(&[0.3])), ("limits", "limits"));
        assert_eq!(refused(|table| table.limits.by_name.clear()), "limits.by_name");
        assert_eq!(refused(|table| table.limits.table_classes = 0.0), "limits.table_classes");
        let without_one_class = |table: &mut DecisionTable| {
            table.limits.by_classes.remove(&1);
        };
        assert_eq!(refused(without_one_class), "limits.by_classes");
        assert_eq!(refused(|table| table.ambiguity.largest_share = 0.0), "ambiguity");
    }
}
