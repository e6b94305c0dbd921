//! The constants of a decision that rejects unknown images, for the tests of the command and of the
//! service.
//!
//! The tiny bundle has random weights, to which all images look alike: cosines are above 0.8. The
//! limits are made for that.

use std::collections::BTreeMap;

use few_shot::decision::ambiguity::Ambiguity;
use few_shot::decision::confidence::{Confidence, Logistic};
use few_shot::decision::limits::Limits;
use few_shot::decision::score::{Fading, Weights};
use few_shot::decision::{DecisionTable, ExpectedScore};

/// `largest_share`: the largest share of the second class at which an answer is not ambiguous.
pub(crate) fn table(largest_share: f64) -> DecisionTable {
    let logistic = Logistic { slope: 100.0, intercept: -2.0 };
    let one_class = vec![0.999, 0.995, 0.985, 0.975, 0.9];
    let several = vec![0.04, 0.032, 0.022, 0.01, -0.02];
    let fading = Fading { most: 0.0, mean: 0.0 };
    DecisionTable {
        weights: Weights { novelty: 0.0, overlap: 0.0, sharpness: 1.0, fading },
        expected: ExpectedScore {
            by_shots: BTreeMap::from([(0, 0.0)]),
            growth: 0.0,
            likeness: 0.0,
        },
        limits: Limits {
            rates: vec![0.001, 0.01, 0.05, 0.2, 0.5],
            by_classes: BTreeMap::from([(1, one_class.clone()), (2, several)]),
            by_name: BTreeMap::from([(1, one_class)]),
            // Only the table counts.
            table_classes: 1e9,
        },
        confidence: Confidence {
            with_images: logistic,
            by_name: logistic,
            sharpness: BTreeMap::from([(0, 150.0)]),
        },
        ambiguity: Ambiguity { largest_share, share_per_rate: 1e9 },
    }
}
