//! The metrics of one epoch.

use serde::{Deserialize, Serialize};

/// The metrics of one epoch, a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// Steps since the start of training.
    pub step: u64,
    /// Images in this epoch.
    pub images: u64,
    /// Mean loss.
    pub loss: f64,
    /// Accuracy on training images, in 0..1.
    pub train_accuracy: f64,
    /// The learning rate at the end of the epoch.
    pub learning_rate: f64,
    /// Accuracy of the validation episodes, in 0..1.
    pub val_accuracy: Option<f64>,
    /// Half width of its 95 % confidence interval.
    pub val_ci95: Option<f64>,
    /// Share of the time that training waited for images. Near 0 unless loading is the bottleneck.
    pub waited_share: f64,
}
