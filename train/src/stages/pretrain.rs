//! Pre-training: the backbone learns the base classes as a classifier (method of the paper, step 1).
//!
//! Read [`pretrain`] top to bottom. The state after any batch is a [`Checkpoint`]; going on from it gives
//! the numbers that an uninterrupted training gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use models::checkpoint::{Checkpoint, Progress, Provenance, Training};
use models::dataset::{Class, Dataset, Split};
use models::few_shot::episode::EpisodeSpec;
use models::few_shot::evaluate::evaluate;
use models::tensors::Tensors;

use super::embed::embed;
use super::golden::golden;
use crate::classifier::{Classifier, initial_parameters};
use crate::config::Config;
use crate::error::BadInput;
use crate::loader::{Loader, LoaderConfig, Pictures};
use crate::metrics::{EpochMetrics, Metrics, progress_bar};
use crate::net::Compute;
use crate::run::Run;

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are done.
    Finished,
    /// It was asked to stop, and its state is saved.
    Stopped,
}

/// The base and validation pictures of a training, in memory.
struct Data {
    classes: Vec<String>,
    base: Arc<Pictures>,
    val: Pictures,
    val_classes: usize,
}

/// Trains until all epochs are done or `stop` is set, and leaves `last` and `best` checkpoints in the run.
pub fn pretrain(
    config: &Config,
    dataset: &Dataset,
    run: &Run,
    resume: bool,
    compute: Compute,
    stop: &AtomicBool,
) -> Result<Ending> {
    let data = load(config, dataset)?;
    let (parameters, momentum, mut progress) = if resume {
        saved_state(config, run, &data)?
    } else {
        (initial_parameters(config, data.classes.len())?, Tensors::new(), fresh_progress(config)?)
    };
    ensure!(
        data.base.len() >= config.batch_size,
        BadInput(format!(
            "{} base pictures do not fill one batch of {}",
            data.base.len(),
            config.batch_size
        ))
    );
    run.create()?;
    models::disk::write(&run.file("config.toml"), config.to_toml()?.as_bytes())?;
    let mut classifier = Classifier::new(config, &parameters, &momentum, compute)?;
    let mut metrics = Metrics::open(run, progress.epoch)?;

    let loader_config = LoaderConfig {
        seed: progress.seed,
        batch_size: config.batch_size,
        augment: config.augment.clone(),
        preprocess: config.preprocess.clone(),
    };
    let batches = loader_config.batches(data.base.len());

    while progress.epoch < config.epochs {
        let bar = metrics.start_epoch(progress.epoch, config.epochs, batches, config.batch_size);
        bar.set_position(progress.batch * config.batch_size as u64);
        let loader = Loader::start(
            loader_config.clone(),
            Arc::clone(&data.base),
            progress.epoch,
            progress.batch,
        );
        for batch in loader {
            let step = progress.epoch * batches + progress.batch;
            let rate = config.schedule.rate(step, batches, config.epochs);
            classifier.step(&batch, rate)?;
            progress.batch += 1;
            bar.inc(config.batch_size as u64);
            if stop.load(Ordering::Relaxed) {
                bar.finish_and_clear();
                save(config, run, &data, &mut classifier, &mut progress)?;
                return Ok(Ending::Stopped);
            }
        }
        ensure!(
            progress.batch == batches,
            "the loader stopped after batch {} of {batches}",
            progress.batch
        );
        finish_epoch(config, run, &data, &mut classifier, &mut progress, &mut metrics)?;
    }
    Ok(Ending::Finished)
}

fn load(config: &Config, dataset: &Dataset) -> Result<Data> {
    let base = dataset.split(Split::Base);
    let val = dataset.split(Split::Val);
    ensure!(
        base.len() > 1,
        BadInput(format!("the data has {} base class(es), expected at least 2", base.len()))
    );
    let progress = progress_bar("decode", "pictures");
    let pictures =
        |classes: &[&Class]| Pictures::load(dataset, classes, &config.preprocess, &progress);
    let data = Data {
        classes: base.iter().map(|class| class.name.clone()).collect(),
        base: Arc::new(pictures(&base)?),
        val: pictures(&val)?,
        val_classes: val.len(),
    };
    progress.finish_and_clear();
    Ok(data)
}

/// The counters of a training that has not begun.
pub fn fresh_progress(config: &Config) -> Result<Progress> {
    Ok(Progress {
        seed: config.seed,
        epoch: 0,
        batch: 0,
        loss_sum: 0.0,
        correct: 0,
        best_accuracy: None,
        config: config.to_toml()?,
    })
}

fn saved_state(config: &Config, run: &Run, data: &Data) -> Result<(Tensors, Tensors, Progress)> {
    let path = run.last();
    let checkpoint = run.read(&path)?;
    let folder = run.folder().display();
    let Some(Training { momentum, progress }) = checkpoint.training else {
        bail!(BadInput(format!(
            "{} holds no training state: nothing can be resumed",
            path.display()
        )));
    };
    let settings = run.file("config.toml");
    let other_settings =
        || format!("{folder} was trained with other settings: resume with {}", settings.display());
    ensure!(progress.config == config.to_toml()?, BadInput(other_settings()));
    let other_classes =
        || format!("{folder} was trained on other base classes: resume with the same data");
    ensure!(checkpoint.classes == data.classes, BadInput(other_classes()));
    Ok((checkpoint.parameters, momentum, progress))
}

/// Validates where it is due, logs, keeps the best, and saves.
fn finish_epoch(
    config: &Config,
    run: &Run,
    data: &Data,
    classifier: &mut Classifier,
    progress: &mut Progress,
    metrics: &mut Metrics,
) -> Result<()> {
    let (loss_sum, correct) = classifier.take_sums(progress)?;
    let pictures = progress.batch * config.batch_size as u64;
    let step = (progress.epoch + 1) * progress.batch;
    let is_due = (progress.epoch + 1).is_multiple_of(config.validation.every)
        || progress.epoch + 1 == config.epochs;
    let validation = if is_due && data.val_classes > 0 {
        Some(validate(config, data, classifier)?)
    } else {
        None
    };
    metrics.finish_epoch(EpochMetrics {
        epoch: progress.epoch + 1,
        step,
        pictures,
        loss: loss_sum / progress.batch as f64,
        train_accuracy: correct as f64 / pictures as f64,
        learning_rate: config.schedule.rate(step - 1, progress.batch, config.epochs),
        val_accuracy: validation.map(|v| v.0),
        val_ci95: validation.map(|v| v.1),
    })?;
    *progress = Progress {
        epoch: progress.epoch + 1,
        batch: 0,
        loss_sum: 0.0,
        correct: 0,
        ..progress.clone()
    };
    // Without validation classes the newest is the best that is known.
    let is_best = match (validation, progress.best_accuracy) {
        (Some((accuracy, _)), Some(best)) => accuracy > best,
        (Some(_), None) => true,
        (None, _) => data.val_classes == 0,
    };
    if is_best {
        progress.best_accuracy = validation.map(|v| v.0);
        let best = Checkpoint { training: None, ..checkpoint(config, data, classifier, progress)? };
        run.write(&run.best(), &best)?;
        run.write_golden(&golden(&best)?)?;
    }
    save(config, run, data, classifier, progress)
}

/// Accuracy and CI95 of the validation episodes.
fn validate(config: &Config, data: &Data, classifier: &Classifier) -> Result<(f64, f64)> {
    let v = &config.validation;
    let embeddings = embed(classifier.net(), &data.val, &config.preprocess, data.val_classes)?;
    let spec = EpisodeSpec { n_way: v.n_way, k_shot: v.k_shot, n_query: v.n_query };
    let outcome = evaluate(&embeddings, spec, v.episodes, v.seed).context("validation")?;
    Ok((outcome.accuracy, outcome.ci95))
}

fn save(
    config: &Config,
    run: &Run,
    data: &Data,
    classifier: &mut Classifier,
    progress: &mut Progress,
) -> Result<()> {
    (progress.loss_sum, progress.correct) = classifier.take_sums(progress)?;
    run.write(&run.last(), &checkpoint(config, data, classifier, progress)?)
}

fn checkpoint(
    config: &Config,
    data: &Data,
    classifier: &Classifier,
    progress: &Progress,
) -> Result<Checkpoint> {
    let batches = (data.base.len() / config.batch_size) as u64;
    let pictures_seen = (progress.epoch * batches + progress.batch) * config.batch_size as u64;
    Ok(Checkpoint {
        architecture: config.backbone.clone(),
        preprocess: config.preprocess.clone(),
        classes: data.classes.clone(),
        parameters: classifier.parameters()?,
        training: Some(Training { momentum: classifier.momentum()?, progress: progress.clone() }),
        provenance: Provenance {
            tool: format!("handful-train {}", env!("CARGO_PKG_VERSION")),
            data: config.data.name.clone(),
            data_licence: config.data.licence.clone(),
            epochs: pictures_seen as f64 / data.base.len() as f64,
            pictures_seen,
            notes: String::new(),
        },
    })
}
