//! The state of a meta-training, `finetune.safetensors`, for a resume.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use few_shot::protocomnet::ProtoComNetCompleter;
use models::checkpoint::Checkpoint;
use models::disk;
use models::layout;
use models::tensors::{TensorFile, Tensors};
use serde::{Deserialize, Serialize};

use crate::config::Finetune;
use crate::error::BadInput;
use crate::meta_learner::MetaLearner;
use crate::net::Compute;
use crate::run::Run;

const KIND: &str = "handful-finetune";
const FORMAT: u32 = 1;
/// Fields of the metadata, and tensors.
const SCHEMA: &str = "
    kind text, format u32, layout text, epoch u64, step u64, loss_sum f64, right_sum f64,
    best_accuracy f64?, config text, space_id text, data text, precision text
    backbone.* f32, completer.* f32, scale f32[1], momentum.* f32
";
const MAX_BYTES: u64 = 2 << 30;
const MOMENTUM: &str = "momentum.";

/// The position of a meta-training, and the inputs that a resume must repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    kind: String,
    format: u32,
    layout: String,
    /// Finished epochs.
    pub(super) epoch: u64,
    /// Finished steps of the current epoch.
    pub(super) step: u64,
    /// Sums over the episodes of those steps.
    pub(super) loss_sum: f64,
    pub(super) right_sum: f64,
    pub(super) best_accuracy: Option<f64>,
    config: String,
    /// The embedding space of the initial backbone.
    space_id: String,
    data: String,
    precision: String,
}

/// The part of the metadata that every layout has.
#[derive(Deserialize)]
struct Head {
    kind: String,
    format: u32,
    #[serde(default)]
    layout: String,
}

impl Progress {
    /// The progress of a training that has not begun.
    pub(super) fn new(
        config: &Finetune,
        space_id: &str,
        data: &str,
        compute: Compute,
    ) -> Result<Self> {
        Ok(Self {
            kind: KIND.to_owned(),
            format: FORMAT,
            layout: layout::of(SCHEMA),
            epoch: 0,
            step: 0,
            loss_sum: 0.0,
            right_sum: 0.0,
            best_accuracy: None,
            config: config.to_toml()?,
            space_id: space_id.to_owned(),
            data: data.to_owned(),
            precision: compute.precision().to_owned(),
        })
    }

    /// Refuses a resume with other inputs than those of the saved training.
    fn check(&self, start: &Self, path: &Path) -> Result<(), BadInput> {
        let other = if self.config != start.config {
            "other settings"
        } else if self.space_id != start.space_id {
            "another run"
        } else if self.data != start.data {
            "other data"
        } else if self.precision != start.precision {
            "another precision"
        } else {
            return Ok(());
        };
        Err(BadInput(format!(
            "{} was begun with {other}: resume with finetune.toml of the same folder, and with the \
             same run, images and precision",
            path.display()
        )))
    }

    /// Starts the next epoch.
    pub(super) fn next_epoch(&mut self) {
        self.epoch += 1;
        self.step = 0;
        self.loss_sum = 0.0;
        self.right_sum = 0.0;
    }
}

/// Everything that a resume needs.
pub(super) struct State {
    pub(super) parameters: Tensors,
    pub(super) momentum: Tensors,
    pub(super) progress: Progress,
}

impl State {
    pub(super) fn begin(
        checkpoint: &Checkpoint,
        completer: &ProtoComNetCompleter,
        scale: f32,
        progress: Progress,
    ) -> Result<Self> {
        let parameters = MetaLearner::begin(&checkpoint.backbone()?, completer.parameters(), scale);
        Ok(Self { parameters, momentum: Tensors::new(), progress })
    }
}

pub(super) fn write(run: &Run, state: &State) -> Result<()> {
    let metadata = serde_json::to_string(&state.progress)?;
    let mut file = TensorFile { metadata, ..TensorFile::default() };
    file.floats.extend(state.parameters.clone());
    let momentum = state.momentum.iter().map(|(n, t)| (format!("{MOMENTUM}{n}"), t.clone()));
    file.floats.extend(momentum);
    Ok(disk::write(&run.finetuning(), &file.to_bytes()?)?)
}

/// Reads the saved state. Settings, run, data and precision must equal those of `start`.
pub(super) fn read(run: &Run, start: Progress) -> Result<State> {
    let path = run.finetuning();
    let bytes = disk::read(&path, MAX_BYTES)?;
    let (file, progress) =
        parse(&bytes).with_context(|| format!("{} is not usable", path.display()))?;
    progress.check(&start, &path)?;
    let mut parameters = Tensors::new();
    let mut momentum = Tensors::new();
    for (name, tensor) in file.floats {
        match name.strip_prefix(MOMENTUM) {
            Some(name) => momentum.insert(name.to_owned(), tensor),
            None => parameters.insert(name, tensor),
        };
    }
    Ok(State { parameters, momentum, progress })
}

fn parse(bytes: &[u8]) -> Result<(TensorFile, Progress)> {
    let file = TensorFile::parse(bytes).map_err(|e| BadInput(e.to_string()))?;
    let head: Head = serde_json::from_str(&file.metadata).map_err(|e| BadInput(e.to_string()))?;
    ensure!(
        head.kind == KIND && head.format == FORMAT,
        BadInput(format!("it is not a {KIND} of format {FORMAT}"))
    );
    layout::check(SCHEMA, &head.layout).map_err(|e| BadInput(e.to_string()))?;
    let progress = serde_json::from_str(&file.metadata).map_err(|e| BadInput(e.to_string()))?;
    Ok((file, progress))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_schema_names_every_field_of_the_progress() {
        let progress = Progress {
            kind: KIND.to_owned(),
            format: FORMAT,
            layout: layout::of(SCHEMA),
            epoch: 1,
            step: 2,
            loss_sum: 3.0,
            right_sum: 4.0,
            best_accuracy: Some(0.5),
            config: String::new(),
            space_id: String::new(),
            data: String::new(),
            precision: "fp32".to_owned(),
        };
        let value = serde_json::to_value(&progress).unwrap();
        let words: Vec<&str> = SCHEMA.split_whitespace().collect();
        for name in value.as_object().unwrap().keys() {
            assert!(words.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn a_state_of_another_layout_is_refused() {
        let metadata = format!(r#"{{"kind":"{KIND}","format":{FORMAT},"layout":"0"}}"#);
        let file = TensorFile { metadata, ..TensorFile::default() };
        let error = parse(&file.to_bytes().unwrap()).err().unwrap().to_string();
        assert!(error.contains("its layout is `0`"), "{error}");
    }
}
