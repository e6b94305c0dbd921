//! Settings of `finetune`.

use few_shot::evaluation::episode::EpisodeSpec;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Validation, read, refuse};
use crate::augment::Augment;
use crate::optimizer::{Schedule, SgdConfig};

/// All settings of `finetune` (section 3.5 of Zhang et al. 2021).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finetune {
    /// Seed of episodes and augmentation.
    pub seed: u64,
    /// Number of epochs. A validation follows each.
    pub epochs: u64,
    /// Optimizer steps per epoch.
    pub steps_per_epoch: u64,
    /// Episodes per step; their gradients are added.
    pub episodes_per_step: u64,
    /// Classes per episode.
    pub n_way: usize,
    /// Labeled images per class.
    pub k_shot: usize,
    /// Query images per class.
    pub n_query: usize,
    /// Initial factor of the cosine similarities, which is learned. The published code uses 1.
    pub scale: f32,
    /// Which parts are trained.
    pub learned: Learned,
    /// Whether batch normalization uses the statistics of each episode and updates the running
    /// ones.
    pub batch_statistics: bool,
    /// Random augmentation of training images. Used only when the backbone is trained.
    pub augment: Augment,
    /// The optimizer.
    pub optimizer: SgdConfig,
    /// The learning rate schedule.
    pub schedule: Schedule,
    /// How the best epoch is selected: by the accuracy of fused prototypes.
    pub validation: Validation,
}

/// The parts that meta-training trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learned {
    /// Backbone, ProtoComNet and scale.
    All,
    /// ProtoComNet and scale, on cached embeddings: minutes instead of hours.
    Completer,
}

impl Finetune {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Text that is not TOML, unknown or missing fields, a value out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = read(text)?;
        for (field, value) in [
            ("epochs", config.epochs),
            ("steps_per_epoch", config.steps_per_epoch),
            ("episodes_per_step", config.episodes_per_step),
        ] {
            if value == 0 {
                return refuse(field, value, "at least 1");
            }
        }
        if !(config.scale.is_finite() && config.scale > 0.0) {
            return refuse("scale", config.scale, "a number above 0");
        }
        Ok(config)
    }

    /// The settings as TOML. Equal settings give equal text.
    ///
    /// # Errors
    /// A value that TOML cannot represent.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Toml(e.to_string()))
    }

    /// The shape of an episode.
    pub fn spec(&self) -> EpisodeSpec {
        EpisodeSpec { n_way: self.n_way, k_shot: self.k_shot, n_query: self.n_query }
    }
}
