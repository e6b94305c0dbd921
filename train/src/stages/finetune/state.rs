//! `finetune.safetensors`: a meta-training from which it goes on.

use anyhow::{Context, Result, ensure};
use few_shot::protocomnet::ProtoComNetCompleter;
use models::checkpoint::Checkpoint;
use models::disk;
use models::tensors::{TensorFile, Tensors};
use serde::{Deserialize, Serialize};

use crate::config::Finetune;
use crate::error::BadInput;
use crate::meta_learner::MetaLearner;
use crate::net::Compute;
use crate::run::Run;

const KIND: &str = "handful-finetune";
const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 2 << 30;
const MOMENTUM: &str = "momentum.";

/// How far a meta-training is, and what it was made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    kind: String,
    format: u32,
    /// Epochs done.
    pub(super) epoch: u64,
    /// Steps done in the epoch after them.
    pub(super) step: u64,
    /// Sums over the episodes of those steps.
    pub(super) loss_sum: f64,
    pub(super) right_sum: f64,
    pub(super) best_accuracy: Option<f64>,
    config: String,
    /// The space that training began in.
    space_id: String,
    data: String,
    precision: String,
}

impl Progress {
    /// That of a training that has not begun.
    pub(super) fn new(
        config: &Finetune,
        space_id: &str,
        data: &str,
        compute: Compute,
    ) -> Result<Self> {
        Ok(Self {
            kind: KIND.to_owned(),
            format: FORMAT,
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

    /// Counts an epoch as done.
    pub(super) fn next_epoch(&mut self) {
        self.epoch += 1;
        (self.step, self.loss_sum, self.right_sum) = (0, 0.0, 0.0);
    }
}

/// Everything that training goes on from.
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

/// What a run saved, if it was made as one is made that starts with `start`.
pub(super) fn read(run: &Run, start: Progress) -> Result<State> {
    let path = run.finetuning();
    let unusable = || format!("{} is not usable", path.display());
    let file = TensorFile::parse(&disk::read(&path, MAX_BYTES)?)
        .map_err(|e| BadInput(e.to_string()))
        .with_context(unusable)?;
    let progress: Progress = serde_json::from_str(&file.metadata)
        .map_err(|e| BadInput(e.to_string()))
        .with_context(unusable)?;
    let same = |what: &str, is_same: bool| {
        let text = format!(
            "{} was begun with {what}: resume with finetune.toml of the same folder, and the run, images and precision of before",
            path.display()
        );
        if is_same { Ok(()) } else { Err(BadInput(text)) }
    };
    ensure!(
        progress.kind == KIND && progress.format == FORMAT,
        BadInput(format!("{} is no {KIND} of format {FORMAT}", path.display()))
    );
    same("other settings", progress.config == start.config)?;
    same("another run", progress.space_id == start.space_id)?;
    same("other data", progress.data == start.data)?;
    same("another precision", progress.precision == start.precision)?;
    let (mut parameters, mut momentum) = (Tensors::new(), Tensors::new());
    for (name, tensor) in file.floats {
        match name.strip_prefix(MOMENTUM) {
            Some(name) => momentum.insert(name.to_owned(), tensor),
            None => parameters.insert(name, tensor),
        };
    }
    Ok(State { parameters, momentum, progress })
}
