//! The metrics of one epoch.

use serde::{Deserialize, Serialize};

/// The figures of one epoch: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u64,
    /// Steps since the training began.
    pub step: u64,
    /// Images of this epoch.
    pub images: u64,
    /// Mean loss.
    pub loss: f64,
    /// Share of training images that were classified rightly.
    pub train_accuracy: f64,
    /// The learning rate at its end.
    pub learning_rate: f64,
    /// Accuracy of the validation episodes, in 0..1.
    pub val_accuracy: Option<f64>,
    /// Half of that figure's 95 % interval.
    pub val_ci95: Option<f64>,
    /// Share of the epoch's time in which training waited for images: near 0, or loading is too slow.
    pub waited_share: f64,
}
