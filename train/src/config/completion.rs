//! Settings of `complete`.

use few_shot::protocomnet::Complete;
use models::graph::SelfWeight;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Validation, check_training, read, refuse};
use crate::augment::Augment;
use crate::optimizer::{Schedule, SgdConfig};

/// How ProtoComNet is trained: on cached embeddings in `steps` steps of AdamW, or on images with
/// [`Live`]. Every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Completion {
    /// Seed of initialization, sampling and noise.
    pub seed: u64,
    /// Optimizer steps on cached embeddings.
    pub steps: u64,
    /// Prototypes per batch.
    pub batch_size: usize,
    /// Shots of the training prototypes. Each batch uses one of these numbers.
    pub k_shots: Vec<usize>,
    /// Whether attribute embeddings are sampled around their means.
    pub noise: bool,
    /// What is completed in an episode: the mean of a class's images, or each image.
    pub complete: Complete,
    /// The weight of the prototype relative to its attributes.
    pub self_weight: SelfWeight,
    /// Width of the decoder's hidden layer.
    pub hidden: usize,
    /// Initial learning rate of AdamW. A cosine schedule lowers it to zero.
    pub learning_rate: f64,
    /// Decoupled weight decay of AdamW.
    pub weight_decay: f64,
    /// Trains on augmented images instead of cached embeddings.
    pub live: Option<Live>,
}

/// Training on augmented images, embedded on the fly. An epoch uses every base image once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// Number of passes over the base images.
    pub epochs: u64,
    /// Random augmentation.
    pub augment: Augment,
    /// The optimizer.
    pub optimizer: SgdConfig,
    /// The learning rate schedule.
    pub schedule: Schedule,
    /// How the best epoch is selected: by the accuracy of fused prototypes, before the first epoch
    /// and after each.
    pub validation: Validation,
}

impl Default for Completion {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 1000,
            batch_size: 128,
            k_shots: vec![1, 2, 5, 10],
            noise: true,
            complete: Complete::Mean,
            self_weight: SelfWeight::One,
            hidden: 128,
            learning_rate: 1e-3,
            weight_decay: 1e-4,
            live: None,
        }
    }
}

impl Completion {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Text that is not TOML, unknown fields, a value out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = read(text)?;
        let positive = [
            ("steps", config.steps),
            ("batch_size", config.batch_size as u64),
            ("hidden", config.hidden as u64),
            ("k_shots", config.k_shots.iter().copied().min().unwrap_or(0) as u64),
        ];
        for (field, value) in positive {
            if value == 0 {
                return refuse(field, value, "at least 1");
            }
        }
        for (field, value) in
            [("learning_rate", config.learning_rate), ("weight_decay", config.weight_decay)]
        {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(field, value, "a number of at least 0");
            }
        }
        if let Some(live) = &config.live {
            live.check(text, &config)?;
        }
        Ok(config)
    }
}

impl Live {
    /// Checks these settings, and that `text` sets no field that they replace.
    fn check(&self, text: &str, config: &Completion) -> Result<(), ConfigError> {
        // The parsed settings do not show which fields were written and which are defaults.
        let table: toml::Table = read(text)?;
        for field in ["steps", "learning_rate", "weight_decay"] {
            if table.contains_key(field) {
                return refuse(field, "set together with [live]", "only one of the two");
            }
        }
        // A batch of the loader has the same number of images for each prototype.
        if config.k_shots.len() != 1 {
            let got = format!("{:?}", config.k_shots);
            return refuse("k_shots", got, "one number with [live], such as [1]");
        }
        if self.epochs == 0 {
            return refuse("live.epochs", self.epochs, "at least 1");
        }
        if self.validation.every != 1 {
            let expected = "1: every epoch is validated";
            return refuse("live.validation.every", self.validation.every, expected);
        }
        check_training(&self.augment, &self.schedule, &self.validation)
    }
}
