//! The settings of `complete`.

use models::few_shot::protocomnet::Complete;
use models::graph::SelfWeight;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// How ProtoComNet is learned on cached embeddings. Everything has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Completion {
    /// Seed of initialization, draws and noise.
    pub seed: u64,
    /// Batches.
    pub steps: u64,
    /// Prototypes in a batch.
    pub batch_size: usize,
    /// Numbers of pictures that a prototype may be the mean of; each batch has one of them.
    pub k_shots: Vec<usize>,
    /// Whether attributes are sampled around their means.
    pub noise: bool,
    /// What is completed in an episode: the mean of a class's pictures, or every picture.
    pub complete: Complete,
    /// The weight of the prototype among its attributes.
    pub self_weight: SelfWeight,
    /// Width of the decoder's hidden layer.
    pub hidden: usize,
    /// The first learning rate of AdamW; it falls to zero along a cosine.
    pub learning_rate: f64,
    /// Share of a parameter that a step takes away, times the learning rate.
    pub weight_decay: f64,
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
            hidden: 512,
            learning_rate: 1e-3,
            weight_decay: 1e-4,
        }
    }
}

impl Completion {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Text that is not TOML or has other fields; a value out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)
            .map_err(|e| ConfigError::Toml(e.to_string().trim_end().to_owned()))?;
        let positive = [
            ("steps", config.steps),
            ("batch_size", config.batch_size as u64),
            ("hidden", config.hidden as u64),
            ("k_shots", config.k_shots.iter().copied().min().unwrap_or(0) as u64),
        ];
        for (field, value) in positive {
            if value == 0 {
                let (got, expected) = (value.to_string(), "at least 1");
                return Err(ConfigError::Value { field, got, expected });
            }
        }
        for (field, value) in
            [("learning_rate", config.learning_rate), ("weight_decay", config.weight_decay)]
        {
            if !(value.is_finite() && value >= 0.0) {
                let (got, expected) = (value.to_string(), "a number of at least 0");
                return Err(ConfigError::Value { field, got, expected });
            }
        }
        Ok(config)
    }
}
