//! The settings of `complete`.

use few_shot::protocomnet::Complete;
use models::graph::SelfWeight;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Validation, check_training};
use crate::augment::Augment;
use crate::optimizer::{Schedule, SgdConfig};

/// How ProtoComNet is learned: on cached embeddings, in `steps` steps of AdamW, or [`Live`]. Everything has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Completion {
    /// Seed of initialization, draws and noise.
    pub seed: u64,
    /// Batches of cached embeddings.
    pub steps: u64,
    /// Prototypes in a batch.
    pub batch_size: usize,
    /// Numbers of images that a prototype may be the mean of; each batch has one of them.
    pub k_shots: Vec<usize>,
    /// Whether attributes are sampled around their means.
    pub noise: bool,
    /// The share of its attributes that a sample goes without, drawn anew for each.
    pub knowledge_dropout: f64,
    /// How far a completed prototype is from the class mean that it should be.
    pub loss: CompletionLoss,
    /// What is completed in an episode: the mean of a class's images, or every image.
    pub complete: Complete,
    /// The weight of the prototype among its attributes.
    pub self_weight: SelfWeight,
    /// Width of the decoder's hidden layer.
    pub hidden: usize,
    /// The first learning rate of AdamW; it falls to zero along a cosine.
    pub learning_rate: f64,
    /// Share of a parameter that a step takes away, times the learning rate.
    pub weight_decay: f64,
    /// Learns on images instead of cached embeddings.
    pub live: Option<Live>,
}

/// What [`Completion`] minimizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompletionLoss {
    /// The mean squared difference (the paper; the default).
    #[default]
    SquaredError,
    /// One less the cosine: only directions count, as they do in what prototypes are compared by.
    Cosine,
}

/// Learning on augmented images, embedded as they come; an epoch sees every base image once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// How often every base image is seen.
    pub epochs: u64,
    /// How images change.
    pub augment: Augment,
    /// How parameters move.
    pub optimizer: SgdConfig,
    /// The learning rate.
    pub schedule: Schedule,
    /// How the best epoch is chosen: by the fused prototypes' accuracy, after every one and before the first.
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
            knowledge_dropout: 0.0,
            loss: CompletionLoss::SquaredError,
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
        if !(0.0..1.0).contains(&config.knowledge_dropout) {
            let (field, got) = ("knowledge_dropout", config.knowledge_dropout.to_string());
            return Err(ConfigError::Value { field, got, expected: "0 or more and below 1" });
        }
        if let Some(live) = &config.live {
            live.check(text, &config)?;
        }
        Ok(config)
    }
}

impl Live {
    /// Checks these settings beside the others, and that none of `text` is without effect.
    fn check(&self, text: &str, config: &Completion) -> Result<(), ConfigError> {
        let refuse =
            |field, got: String, expected| Err(ConfigError::Value { field, got, expected });
        let table: toml::Table =
            toml::from_str(text).map_err(|e| ConfigError::Toml(e.to_string()))?;
        for field in ["steps", "learning_rate", "weight_decay"] {
            if table.contains_key(field) {
                let got = "set beside [live]".to_owned();
                return refuse(field, got, "to be left out: [live] has its own");
            }
        }
        if config.k_shots.len() != 1 {
            let got = format!("{:?}", config.k_shots);
            return refuse("k_shots", got, "one number beside [live], such as [1]");
        }
        if self.epochs == 0 {
            return refuse("live.epochs", self.epochs.to_string(), "at least 1");
        }
        if self.validation.every != 1 {
            let got = self.validation.every.to_string();
            return refuse("live.validation.every", got, "1: every epoch is validated");
        }
        check_training(&self.augment, &self.schedule, &self.validation)
    }
}
