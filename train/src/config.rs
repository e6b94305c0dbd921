//! Training settings, as written in `train/configs/`. [`Config`] holds those of `pretrain`.

use models::fault::{Blame, Fault};
use models::graph::Architecture;
use models::preprocess::Preprocess;
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::optimizer::{Schedule, SgdConfig};

mod completion;
mod finetune;

pub use completion::{Completion, Live};
pub use finetune::{Finetune, Learned};

/// All settings of `pretrain`. It holds everything that changes the result and nothing else,
/// because a run resumes only with equal settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seed of initialization, shuffling and augmentation.
    pub seed: u64,
    /// Number of passes over the base images.
    pub epochs: u64,
    /// Images per step. The incomplete last batch of an epoch is dropped.
    pub batch_size: usize,
    /// The network.
    pub backbone: Architecture,
    /// How an image becomes the input of the network.
    pub preprocess: Preprocess,
    /// Random augmentation of training images.
    pub augment: Augment,
    /// The loss.
    pub loss: Loss,
    /// Trains the first epochs on smaller images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progressive_resizing: Option<ProgressiveResizing>,
    /// Validates and keeps averaged weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swa: Option<Swa>,
    /// Recomputes the statistics of batch normalization before a validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precise_bn: Option<PreciseBn>,
    /// The optimizer.
    pub optimizer: SgdConfig,
    /// The learning rate schedule.
    pub schedule: Schedule,
    /// How the best epoch is selected.
    pub validation: Validation,
    /// The training data, recorded with the weights.
    pub data: Data,
}

/// The loss of pre-training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Share of the target distribution that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// Self-supervised rotation head, which contributes half of the loss.
    pub rotation: Rotation,
    /// Weight of the semantic head's loss. The head maps an embedding to the semantic
    /// [features](few_shot::fit::kernel_fit::features) of class names, so that classes with similar
    /// names get similar embeddings. Needs `knowledge.json` in the run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub semantic: f64,
}

/// Progressive resizing: the first epochs use smaller images. An epoch at three quarters of the
/// size costs little more than half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgressiveResizing {
    /// Height and width of the smaller images.
    pub size: usize,
    /// Number of epochs on smaller images.
    pub epochs: u64,
}

/// Stochastic weight averaging (Izmailov et al. 2018). Only the weights that are validated and kept
/// are averaged; training continues from the weights of the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swa {
    /// Number of last epochs whose steps are averaged.
    pub epochs: u64,
}

/// Precise batch normalization (Wu and Johnson 2021). The running statistics of training come from
/// augmented images and do not match averaged weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreciseBn {
    /// Number of base images, without augmentation, from which the statistics are computed.
    pub images: usize,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Which images of a batch are rotated for the rotation head (Gidaris et al. 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// No rotation head.
    Off,
    /// Every image in all four rotations, as in the paper: four times the work.
    All,
    /// Half of the images, each in one rotation: no extra work.
    Half,
}

/// Validation by few-shot episodes, with mean prototypes and cosine similarity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Epochs between validations. The last epoch is always validated.
    pub every: u64,
    /// Episodes in a validation.
    pub episodes: u64,
    /// Classes per episode.
    pub n_way: usize,
    /// Labeled images per class.
    pub k_shot: usize,
    /// Query images per class.
    pub n_query: usize,
    /// Seed of the episodes.
    pub seed: u64,
}

/// The training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name, authors, year and split.
    pub name: String,
    /// Terms of use.
    pub license: String,
}

/// Invalid settings.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not TOML, or a field is unknown or missing.
    #[error("{0}")]
    Toml(String),
    /// A value is out of range.
    #[error("`{field}` is {got}, expected {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it is.
        got: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl Fault for ConfigError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Config {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Text that is not TOML, unknown or missing fields, a value out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = read(text)?;
        config.check()?;
        Ok(config)
    }

    /// Height and width of the training images in an epoch, counted from 0.
    pub fn size_in(&self, epoch: u64) -> usize {
        match &self.progressive_resizing {
            Some(resizing) if epoch < resizing.epochs => resizing.size,
            _ => self.preprocess.size,
        }
    }

    /// The number of steps already in the weight average before the given batch, or `None` in
    /// epochs that are not averaged.
    pub fn averaged(&self, epoch: u64, batch: u64, batches: u64) -> Option<u64> {
        // No underflow: `check_averaging` holds `swa.epochs` to at most `epochs`.
        let first = self.epochs - self.swa?.epochs;
        (epoch >= first).then(|| (epoch - first) * batches + batch)
    }

    /// The settings as TOML. Equal settings give equal text.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Toml(e.to_string()))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.epochs == 0 {
            return refuse("epochs", self.epochs, "at least 1");
        }
        if self.batch_size < 2 {
            let expected = "at least 2 (batch normalization needs a batch)";
            return refuse("batch_size", self.batch_size, expected);
        }
        if self.preprocess.size != self.backbone.input_size() {
            return refuse("preprocess.size", self.preprocess.size, "the backbone's input_size");
        }
        if let Err(error) = self.backbone.graph().shapes() {
            return refuse("backbone", error, "sizes that fit together");
        }
        self.loss.check()?;
        self.check_resizing()?;
        self.check_averaging()?;
        check_training(&self.augment, &self.schedule, &self.validation)?;
        if let Err(error) = self.preprocess.check() {
            return refuse("preprocess", error, "a valid preprocessing recipe");
        }
        if self.validation.every == 0 {
            return refuse("validation.every", self.validation.every, "at least 1");
        }
        Ok(())
    }

    fn check_resizing(&self) -> Result<(), ConfigError> {
        let Some(ProgressiveResizing { size, epochs }) = self.progressive_resizing else {
            return Ok(());
        };
        // Padding may depend on the input size; both sizes must give the same network.
        let small = self.backbone.resized(size).graph();
        let fits = small.shapes().is_ok() && small.nodes == self.backbone.graph().nodes;
        if size >= self.preprocess.size || !fits {
            let expected = "a size below preprocess.size that the backbone accepts";
            return refuse("progressive_resizing.size", size, expected);
        }
        if !(1..self.epochs).contains(&epochs) {
            let expected = "at least 1 and fewer than epochs";
            return refuse("progressive_resizing.epochs", epochs, expected);
        }
        Ok(())
    }

    fn check_averaging(&self) -> Result<(), ConfigError> {
        if let Some(swa) = self.swa
            && !(1..=self.epochs).contains(&swa.epochs)
        {
            return refuse("swa.epochs", swa.epochs, "at least 1 and at most epochs");
        }
        match self.precise_bn {
            None if self.swa.is_some() => {
                refuse("precise_bn", "missing", "present: [swa] needs new normalization statistics")
            }
            Some(PreciseBn { images }) if images < 2 => {
                refuse("precise_bn.images", images, "at least 2")
            }
            _ => Ok(()),
        }
    }
}

impl Loss {
    fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return refuse("loss.label_smoothing", self.label_smoothing, "0 or more and below 1");
        }
        if !(self.semantic.is_finite() && self.semantic >= 0.0) {
            return refuse("loss.semantic", self.semantic, "a number of at least 0");
        }
        Ok(())
    }
}

/// Refuses a value.
fn refuse<T>(
    field: &'static str,
    got: impl ToString,
    expected: &'static str,
) -> Result<T, ConfigError> {
    Err(ConfigError::Value { field, got: got.to_string(), expected })
}

/// Reads settings without checking their values.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|e| ConfigError::Toml(e.to_string().trim_end().to_owned()))
}

/// Checks the settings that all training on images has.
fn check_training(
    augment: &Augment,
    schedule: &Schedule,
    validation: &Validation,
) -> Result<(), ConfigError> {
    if augment.jitter.iter().any(|a| !(0.0..=1.0).contains(a)) {
        return refuse("augment.jitter", format!("{:?}", augment.jitter), "three numbers in 0..1");
    }
    if !(augment.crop_area > 0.0 && augment.crop_area <= 1.0) {
        return refuse("augment.crop_area", augment.crop_area, "above 0 and at most 1");
    }
    if let Schedule::OneCycle { warmup, .. } = *schedule
        && !(0.0..1.0).contains(&warmup)
    {
        return refuse("schedule.warmup", warmup, "0 or more and below 1");
    }
    if validation.episodes < 2 {
        return refuse("validation.episodes", validation.episodes, "at least 2");
    }
    Ok(())
}
