//! The probability that an answer is right.
//!
//! # Examples
//! ```
//! use few_shot::decision::confidence::Logistic;
//!
//! let logistic = Logistic { slope: 10.0, intercept: -1.0 };
//! assert_eq!(logistic.probability(0.1, 0.5), 0.5);
//! // Where unknown images are rare, the same score is more surely known.
//! assert!(logistic.probability(0.1, 0.1) > 0.89);
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::by_shots::at_shots;

/// What turns calibrated scores and similarities into probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confidence {
    /// Whether an image is known, for a winner with images.
    pub with_images: Logistic,
    /// Whether an image is known, for a winner from its name only.
    pub by_name: Logistic,
    /// The inverse temperature of the softmax over classes, by the number of images of the winner.
    pub sharpness: BTreeMap<usize, f64>,
}

/// Logistic regression on one value, at equal shares of known and unknown images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    /// Of the value.
    pub slope: f64,
    /// At the value 0.
    pub intercept: f64,
}

impl Logistic {
    /// The probability at `value`, if the share `unknown` of all images is unknown.
    pub fn probability(self, value: f64, unknown: f64) -> f64 {
        // The prior log-odds are added to those of the fit, which had equal shares (Bayes' rule).
        let odds = self.slope * value + self.intercept + ((1.0 - unknown) / unknown).ln();
        1.0 / (1.0 + (-odds).exp())
    }
}

impl Confidence {
    /// The logistic regression for a winner with this number of images.
    pub fn known(&self, shots: usize) -> Logistic {
        if shots > 0 { self.with_images } else { self.by_name }
    }

    /// The softmax of `similarities`, one for each class, for a winner with this number of images.
    pub fn shares(&self, similarities: &[f64], shots: usize) -> Vec<f64> {
        let sharpness = at_shots(&self.sharpness, shots);
        let largest = similarities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = similarities.iter().map(|&one| (sharpness * (one - largest)).exp());
        let powers: Vec<f64> = powers.collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_unknown_images_make_every_answer_less_sure() {
        let logistic = Logistic { slope: 2.0, intercept: 0.0 };
        assert_eq!(logistic.probability(0.0, 0.5), 0.5);
        assert!((logistic.probability(0.0, 0.1) - 0.9).abs() < 1e-12);
        assert!(logistic.probability(1.0, 0.9) < logistic.probability(1.0, 0.5));
    }
}
