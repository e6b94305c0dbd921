//! The settings of `finetune`.

use few_shot::episode::EpisodeSpec;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Validation};
use crate::augment::Augment;
use crate::optimizer::{Schedule, SgdConfig};

/// All settings of `finetune` (section 3.5 of Zhang et al. 2021).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finetune {
    /// Seed of episodes and augmentation.
    pub seed: u64,
    /// Validations, one after each.
    pub epochs: u64,
    /// Steps of the optimizer in an epoch.
    pub steps_per_epoch: u64,
    /// Episodes whose gradients are added in a step.
    pub episodes_per_step: u64,
    /// Classes in an episode.
    pub n_way: usize,
    /// Labeled images of each.
    pub k_shot: usize,
    /// Images of each to be recognized.
    pub n_query: usize,
    /// What cosines are multiplied by at the start; learned. The published code: 1.
    pub scale: f32,
    /// What is learned.
    pub learned: Learned,
    /// Whether batch normalization uses each episode's own statistics instead of the running ones, which then follow.
    pub batch_statistics: bool,
    /// How training images change, where the backbone is learned.
    pub augment: Augment,
    /// How parameters move.
    pub optimizer: SgdConfig,
    /// The learning rate.
    pub schedule: Schedule,
    /// How the best epoch is chosen: by the fused prototypes' accuracy.
    pub validation: Validation,
}

/// What meta-training changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learned {
    /// Backbone, completer and scale.
    All,
    /// Completer and scale, on cached embeddings: a minute instead of hours.
    Completer,
}

impl Finetune {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Text that is not TOML or has other fields; a value out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)
            .map_err(|e| ConfigError::Toml(e.to_string().trim_end().to_owned()))?;
        for (field, value) in [
            ("epochs", config.epochs),
            ("steps_per_epoch", config.steps_per_epoch),
            ("episodes_per_step", config.episodes_per_step),
        ] {
            if value == 0 {
                let (got, expected) = (value.to_string(), "at least 1");
                return Err(ConfigError::Value { field, got, expected });
            }
        }
        if !(config.scale.is_finite() && config.scale > 0.0) {
            let (got, expected) = (config.scale.to_string(), "a number above 0");
            return Err(ConfigError::Value { field: "scale", got, expected });
        }
        Ok(config)
    }

    /// The settings as TOML, always the same text for the same settings.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Toml(e.to_string()))
    }

    /// The size of its episodes.
    pub fn spec(&self) -> EpisodeSpec {
        EpisodeSpec { n_way: self.n_way, k_shot: self.k_shot, n_query: self.n_query }
    }
}
