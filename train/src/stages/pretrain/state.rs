//! The state that a pre-training starts from: random, of another run, or saved.

use anyhow::{Result, bail, ensure};
use models::checkpoint::{Checkpoint, Progress, Provenance, Training};
use models::tensors::Tensors;

use crate::config::Config;
use crate::error::BadInput;
use crate::net::Compute;
use crate::pretrainer::initial_parameters;
use crate::run::Run;

/// The progress of a training that has not begun.
pub fn fresh_progress(config: &Config, data: &str, compute: Compute) -> Result<Progress> {
    Ok(Progress {
        seed: config.seed,
        epoch: 0,
        batch: 0,
        loss_sum: 0.0,
        correct: 0,
        best_accuracy: None,
        config: config.to_toml()?,
        data: data.to_owned(),
        precision: compute.precision().to_owned(),
    })
}

/// The state that training starts from.
pub(super) struct State {
    pub(super) parameters: Tensors,
    pub(super) momentum: Tensors,
    pub(super) average: Tensors,
    pub(super) progress: Progress,
    pub(super) origin: Origin,
}

/// Where the first weights are from, for the provenance.
#[derive(Default)]
pub(super) struct Origin {
    pub(super) notes: String,
    /// The license of weights that were made elsewhere, which holds for what is made from them.
    pub(super) license: Option<String>,
}

impl State {
    pub(super) fn random(config: &Config, classes: usize, progress: Progress) -> Result<Self> {
        let parameters = initial_parameters(config, classes)?;
        Ok(Self {
            parameters,
            momentum: Tensors::new(),
            average: Tensors::new(),
            progress,
            origin: Origin::default(),
        })
    }

    /// Replaces the backbone by that of another run.
    pub(super) fn with_backbone(mut self, config: &Config, other: &Checkpoint) -> Result<Self> {
        ensure!(
            other.architecture == config.backbone,
            BadInput(format!(
                "the run of --from holds {:?}, expected {:?} as in the settings",
                other.architecture, config.backbone
            ))
        );
        // The heads stay random: the other run may have other base classes.
        self.parameters.extend(other.backbone()?);
        let Provenance { data, epochs, notes, license, .. } = &other.provenance;
        let begun = format!("begun from weights trained for {epochs:.1} epochs on {data}");
        let notes = [begun.as_str(), notes].join("; ").trim_end_matches("; ").to_owned();
        self.origin = Origin { notes, license: license.clone() };
        Ok(self)
    }
}

/// Reads the saved state. Settings, data and precision must equal those of `start`.
pub(super) fn saved_state(run: &Run, start: Progress) -> Result<State> {
    let path = run.last();
    let checkpoint = run.read(&path)?;
    let Provenance { notes, license, .. } = checkpoint.provenance;
    let Some(Training { momentum, average, progress }) = checkpoint.training else {
        bail!(BadInput(format!("{} has no training state to resume", path.display())));
    };
    check_resume(run, &progress, &start)?;
    Ok(State {
        parameters: checkpoint.parameters,
        momentum,
        average,
        progress,
        origin: Origin { notes, license },
    })
}

/// Refuses a resume with other inputs than those of the saved training.
fn check_resume(run: &Run, saved: &Progress, start: &Progress) -> Result<(), BadInput> {
    // A resume must give the numbers of an uninterrupted training, so everything that they depend
    // on must be equal.
    let folder = run.folder().display();
    if saved.config != start.config {
        let settings = run.file("config.toml");
        return Err(BadInput(format!(
            "{folder} was trained with other settings: resume with --config {}",
            settings.display()
        )));
    }
    if saved.data != start.data {
        return Err(BadInput(format!(
            "{folder} was trained on other data: resume with the same images and knowledge"
        )));
    }
    if saved.precision != start.precision {
        return Err(BadInput(format!(
            "{folder} was trained in another precision: resume with --precision {}",
            saved.precision
        )));
    }
    Ok(())
}
