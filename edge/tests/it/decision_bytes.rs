//! A decision for the tests of `edge`, of its command and of `train`.

use std::collections::BTreeMap;

use few_shot::decision::ambiguity::Ambiguity;
use few_shot::decision::background::Background;
use few_shot::decision::confidence::{Confidence, Logistic};
use few_shot::decision::limits::Limits;
use few_shot::decision::score::{Fading, Weights};
use few_shot::decision::{DecisionModel, DecisionTable, ExpectedScore};
use ndarray::Array1;

/// The file of a decision about embeddings of this size.
pub(crate) fn decision_bytes(size: usize, space_id: &str) -> Vec<u8> {
    let background = Background::none(Array1::zeros(size));
    let model = DecisionModel { table: table(), background };
    model.to_bytes(space_id).unwrap()
}

/// The plain cosine with limits that some images reach.
fn table() -> DecisionTable {
    let logistic = Logistic { slope: 10.0, intercept: 0.0 };
    let limits = vec![0.2, 0.1, 0.0, -0.1];
    DecisionTable {
        weights: Weights {
            novelty: 0.0,
            overlap: 0.0,
            sharpness: 30.0,
            fading: Fading { most: 2.0, mean: 0.0 },
        },
        expected: ExpectedScore {
            by_shots: BTreeMap::from([(0, 0.5)]),
            growth: 0.0,
            likeness: 0.0,
        },
        limits: Limits {
            rates: vec![0.01, 0.05, 0.1, 0.5],
            by_classes: BTreeMap::from([(1, limits.clone()), (2, limits.clone())]),
            by_name: BTreeMap::from([(1, limits)]),
            table_classes: 1000.0,
        },
        confidence: Confidence {
            with_images: logistic,
            by_name: logistic,
            sharpness: BTreeMap::from([(0, 20.0)]),
        },
        ambiguity: Ambiguity { largest_share: 0.3, share_per_rate: 500.0 },
    }
}
