//! The settings of trainings, as written in `train/configs/*.toml`: [`Config`] is that of `pretrain`.

use models::graph::Architecture;
use models::preprocess::Preprocess;
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::optimizer::{Schedule, SgdConfig};

mod completion;
mod finetune;

pub use completion::{Completion, CompletionLoss, Live};
pub use finetune::{Finetune, Learned};

/// All settings of `pretrain`. Resuming with other settings is refused, so everything that changes the
/// result is here and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seed of initialization, shuffling and augmentation.
    pub seed: u64,
    /// How often training sees every image.
    pub epochs: u64,
    /// Images in a step; the incomplete rest of an epoch is left out.
    pub batch_size: usize,
    /// The network.
    pub backbone: Architecture,
    /// How images become its input.
    pub preprocess: Preprocess,
    /// Random changes of training images.
    pub augment: Augment,
    /// What is minimized.
    pub loss: Loss,
    /// Epochs on smaller images, before those on whole ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<Early>,
    /// What becomes of the weights before they are judged and kept.
    #[serde(default, skip_serializing_if = "Finish::is_nothing")]
    pub finish: Finish,
    /// How parameters move.
    pub optimizer: SgdConfig,
    /// The learning rate.
    pub schedule: Schedule,
    /// How the best epoch is chosen.
    pub validation: Validation,
    /// What the data is: travels with the weights.
    pub data: Data,
}

/// What is minimized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Share of the target that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// How a second head, for half of the loss, learns by how many quarter turns an image was turned.
    pub rotation: Rotation,
    /// How much a third head counts that tells the classes apart by what knowledge says of them: it maps an embedding to
    /// where [names](few_shot::kernel::features) lie, so that classes of like names come to lie alike. Needs
    /// `knowledge.json` in the run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub semantic: f64,
}

/// The first epochs of a training on smaller images (progressive resizing): an epoch at three quarters of the size costs
/// little more than half, and what is learned there is not to be learned again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Early {
    /// Height and width of the images.
    pub size: usize,
    /// How many epochs see these.
    pub epochs: u64,
}

/// What becomes of the weights before they are judged and kept as the best; training itself goes on from what they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// The weights are the mean over all steps of so many last epochs (stochastic weight averaging, Izmailov et al. 2018);
    /// 0 for those of the last step.
    #[serde(default)]
    pub average: u64,
    /// On how many base images, un-augmented as a device sees them, normalizations are measured anew; 0 for the
    /// running statistics of training, which are of turned, cropped and colored images, and not of averaged weights.
    #[serde(default)]
    pub remeasure: usize,
}

impl Finish {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Which images of a batch are turned for the rotation head (Gidaris et al. 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// None: there is no such head.
    Off,
    /// Every image in all four ways: four times the work, as in the paper.
    All,
    /// Half of the images, each in one way: no more work than without.
    Half,
}

/// Episodes on the validation classes, with mean prototypes and cosine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Epochs between validations; the last epoch always has one.
    pub every: u64,
    /// Episodes in one.
    pub episodes: u64,
    /// Classes in an episode.
    pub n_way: usize,
    /// Labeled images of each.
    pub k_shot: usize,
    /// Images of each to be recognized.
    pub n_query: usize,
    /// Seed of the episodes.
    pub seed: u64,
}

/// What the data is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name, authors, year, split.
    pub name: String,
    /// Terms of use.
    pub license: String,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not TOML, or has other fields.
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

impl Config {
    /// Reads and checks settings.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)
            .map_err(|e| ConfigError::Toml(e.to_string().trim_end().to_owned()))?;
        config.check()?;
        Ok(config)
    }

    /// Height and width of the images that an epoch, counted from 0, learns from.
    pub fn size_in(&self, epoch: u64) -> usize {
        match &self.early {
            Some(early) if epoch < early.epochs => early.size,
            _ => self.preprocess.size,
        }
    }

    /// How many steps the averaged weights are a mean of, before the next one of this epoch and batch; `None` where it is none of
    /// the epochs that are averaged.
    pub fn averaged(&self, epoch: u64, batch: u64, batches: u64) -> Option<u64> {
        let first = self.epochs - self.finish.average;
        (epoch >= first).then(|| (epoch - first) * batches + batch)
    }

    /// The settings as TOML, always the same text for the same settings.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Toml(e.to_string()))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |field, got: &dyn ToString, expected| {
            Err(ConfigError::Value { field, got: got.to_string(), expected })
        };
        if self.epochs == 0 {
            return refuse("epochs", &self.epochs, "at least 1");
        }
        if self.batch_size < 2 {
            return refuse(
                "batch_size",
                &self.batch_size,
                "at least 2 (batch normalization needs a batch)",
            );
        }
        if self.preprocess.size != self.backbone.input_size() {
            return refuse("preprocess.size", &self.preprocess.size, "the backbone's input_size");
        }
        if let Err(error) = self.backbone.graph().shapes() {
            return refuse("backbone", &error, "sizes that fit together");
        }
        if !(0.0..1.0).contains(&self.loss.label_smoothing) {
            return refuse(
                "loss.label_smoothing",
                &self.loss.label_smoothing,
                "0 or more and below 1",
            );
        }
        if !(self.loss.semantic.is_finite() && self.loss.semantic >= 0.0) {
            return refuse("loss.semantic", &self.loss.semantic, "a number of at least 0");
        }
        self.check_early()?;
        if self.finish.average > self.epochs {
            return refuse("finish.average", &self.finish.average, "at most epochs");
        }
        let least = if self.finish.average > 0 { 2 } else { 0 };
        if self.finish.remeasure < least || self.finish.remeasure == 1 {
            let expected = "at least 2, or 0 without finish.average (averaged weights need it)";
            return refuse("finish.remeasure", &self.finish.remeasure, expected);
        }
        check_training(&self.augment, &self.schedule, &self.validation)?;
        if let Err(error) = self.preprocess.check() {
            return refuse("preprocess", &error, "a recipe that can be carried out");
        }
        if self.validation.every == 0 {
            return refuse("validation.every", &self.validation.every, "at least 1");
        }
        Ok(())
    }

    fn check_early(&self) -> Result<(), ConfigError> {
        let Some(Early { size, epochs }) = self.early else { return Ok(()) };
        let refuse = |field, got: u64, expected| {
            Err(ConfigError::Value { field, got: got.to_string(), expected })
        };
        // What a network pads may depend on its size: it must be the very network that is trained.
        let small = self.backbone.resized(size).graph();
        let fits = small.shapes().is_ok() && small.nodes == self.backbone.graph().nodes;
        if size >= self.preprocess.size || !fits {
            let expected = "a size below preprocess.size that the backbone can take";
            return refuse("early.size", size as u64, expected);
        }
        if !(1..self.epochs).contains(&epochs) {
            return refuse("early.epochs", epochs, "at least 1 and fewer than epochs");
        }
        Ok(())
    }
}

/// Checks what trainings on images have in common.
fn check_training(
    augment: &Augment,
    schedule: &Schedule,
    validation: &Validation,
) -> Result<(), ConfigError> {
    let refuse = |field, got: &dyn ToString, expected| {
        Err(ConfigError::Value { field, got: got.to_string(), expected })
    };
    if augment.jitter.iter().any(|a| !(0.0..=1.0).contains(a)) {
        return refuse("augment.jitter", &format!("{:?}", augment.jitter), "three numbers in 0..1");
    }
    if !(augment.crop_area > 0.0 && augment.crop_area <= 1.0) {
        return refuse("augment.crop_area", &augment.crop_area, "above 0 and at most 1");
    }
    if let Schedule::OneCycle { warmup, .. } = *schedule
        && !(0.0..1.0).contains(&warmup)
    {
        return refuse("schedule.warmup", &warmup, "0 or more and below 1");
    }
    if validation.episodes < 2 {
        return refuse("validation.episodes", &validation.episodes, "at least 2");
    }
    Ok(())
}
