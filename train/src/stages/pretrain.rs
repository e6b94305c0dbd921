//! Pre-training: trains the backbone as a classifier of the base classes (step 1 of the paper).
//!
//! Start at [`pretrain`]. A [`Checkpoint`] can be saved after any batch; a resume from it gives the
//! same numbers as an uninterrupted training.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use few_shot::evaluation::comparison::evaluate;
use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
use few_shot::fit::kernel_fit;
use models::checkpoint::{Checkpoint, Progress, Provenance, Training};
use models::dataset::{Dataset, Split};
use models::hex;
use models::tensors::Tensors;
use ndarray::Array2;

use super::class_source::known_as;
use super::golden::golden;
use crate::augment::epoch_order;
use crate::config::{Config, PreciseBn, Validation};
use crate::embed::{embed, measure_normalizations};
use crate::error::BadInput;
use crate::loader::{Images, Loader, LoaderConfig};
use crate::metrics::{EpochMetrics, Metrics, progress_bar};
use crate::net::{Compute, Net};
use crate::pretrainer::Pretrainer;
use crate::run::Run;
use crate::stop::{SLOW_STEP, Stop};

mod state;

pub use state::fresh_progress;
use state::{Origin, State, saved_state};

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All epochs are done.
    Finished,
    /// Stopped on request, with its state saved.
    Stopped,
}

/// The weights that a training starts with.
#[derive(Debug, Clone)]
pub enum Begin {
    /// Random weights.
    Random,
    /// The backbone of another run and a random classifier.
    From(Box<Checkpoint>),
    /// The last state of the run.
    Resume,
}

/// Trains until all epochs are done or a stop is requested, and writes the `last` and `best`
/// checkpoints of the run.
///
/// # Errors
/// Data or settings that cannot be used, a resume with other inputs, a loss that diverges, a failed
/// write.
pub fn pretrain(
    config: &Config,
    dataset: &Dataset,
    run: &Run,
    begin: Begin,
    compute: Compute,
    stop: &Stop,
) -> Result<Status> {
    let data = load(config, dataset)?;
    let names = (config.loss.semantic > 0.0).then(|| names(run, &data.classes)).transpose()?;
    let fingerprint = fingerprint(&data, names.as_ref());
    let start = fresh_progress(config, &fingerprint, compute)?;
    let is_resumed = matches!(begin, Begin::Resume);
    let State { parameters, momentum, average, progress, origin } = match begin {
        Begin::Resume => saved_state(run, start)?,
        Begin::Random => State::random(config, data.classes.len(), start)?,
        Begin::From(other) => {
            State::random(config, data.classes.len(), start)?.with_backbone(config, &other)?
        }
    };
    let mut network =
        Pretrainer::new(config, &parameters, &momentum, compute)?.with_average(&average)?;
    if let Some(names) = names {
        network = network.with_names(&names)?;
    }
    run.create()?;
    // Written before the first epoch: a resume needs exactly these settings.
    models::disk::write(&run.file("config.toml"), config.to_toml()?.as_bytes())?;
    let metrics = Metrics::open(run, progress.epoch)?;
    let mut pretraining =
        Pretraining { config, run, data, network, progress, origin, metrics, stop };
    match is_resumed {
        true => stop.is_saved(),
        false => pretraining.offer()?,
    }
    pretraining.train()
}

/// Identifies the data of a training. Names are part of it: a resume with other names is refused.
fn fingerprint(data: &Data, names: Option<&Array2<f32>>) -> String {
    let Some(names) = names else { return data.fingerprint.clone() };
    let bytes: Vec<u8> = names.iter().flat_map(|x| x.to_le_bytes()).collect();
    format!("{}{}", data.fingerprint, hex::sha256(&bytes))
}

/// A running training.
struct Pretraining<'a> {
    config: &'a Config,
    run: &'a Run,
    data: Data,
    network: Pretrainer,
    progress: Progress,
    origin: Origin,
    metrics: Metrics,
    stop: &'a Stop,
}

impl Pretraining<'_> {
    fn train(&mut self) -> Result<Status> {
        while self.progress.epoch < self.config.epochs {
            let first = self.progress.batch;
            let waited = self.train_epoch()?;
            // Also after the last batch of an epoch: a resume then begins with its validation.
            if self.stop.is_requested() && self.progress.batch > first {
                self.save()?;
                return Ok(Status::Stopped);
            }
            self.finish_epoch(waited)?;
            if self.stop.is_requested() && self.progress.epoch < self.config.epochs {
                return Ok(Status::Stopped);
            }
        }
        Ok(Status::Finished)
    }

    fn loader(&self) -> LoaderConfig {
        LoaderConfig {
            seed: self.progress.seed,
            size: self.config.size_in(self.progress.epoch),
            batch_size: self.config.batch_size,
            augment: self.config.augment.clone(),
            preprocess: self.config.preprocess.clone(),
        }
    }

    /// Batches per epoch.
    fn batches(&self) -> u64 {
        self.loader().batches(self.data.base.len())
    }

    /// Trains until the epoch ends or a stop is requested. Returns the time spent waiting for
    /// images.
    fn train_epoch(&mut self) -> Result<Duration> {
        let batches = self.batches();
        let batch_size = self.config.batch_size as u64;
        let Progress { epoch, batch, .. } = self.progress;
        let bar = self.metrics.start_epoch(epoch, self.config.epochs, batches * batch_size);
        bar.set_position(batch * batch_size);
        // A function of seed and epoch, so that a resume continues within the same order.
        let order = epoch_order(self.progress.seed, epoch, self.data.base.len());
        let images = Arc::clone(&self.data.base);
        let mut loader = Loader::start(self.loader(), images, order, epoch, batch);
        let mut waited = Duration::ZERO;
        while self.progress.batch < batches {
            let asked = Instant::now();
            let batch = loader.next().context("the loader stopped before the epoch's end")?;
            waited += asked.elapsed();
            let step = epoch * batches + self.progress.batch;
            let rate = self.config.schedule.rate(step, batches, self.config.epochs);
            self.network.step(&batch, rate)?;
            if let Some(earlier) = self.config.averaged(epoch, self.progress.batch, batches) {
                self.network.average(earlier)?;
            }
            self.progress.batch += 1;
            bar.inc(batch_size);
            if self.stop.is_requested() {
                break;
            }
            if asked.elapsed() > SLOW_STEP {
                self.offer()?;
            }
        }
        bar.finish_and_clear();
        Ok(waited)
    }

    /// Validates if due, logs, keeps the best and saves.
    fn finish_epoch(&mut self, waited: Duration) -> Result<()> {
        // A validation can take longer than a step, and a resume can repeat it.
        self.offer()?;
        let Progress { loss_sum, correct, .. } = self.progress;
        let epoch = self.progress.epoch + 1;
        let batches = self.progress.batch;
        let images = batches * self.config.batch_size as u64;
        let step = epoch * batches;
        let finished = self.is_judged(epoch).then(|| self.finished()).transpose()?;
        let validation =
            finished.as_ref().map(|(net, _)| self.validate(net)).transpose()?.flatten();
        self.metrics.finish_epoch(EpochMetrics {
            epoch,
            step,
            images,
            loss: loss_sum / batches as f64,
            train_accuracy: correct as f64 / images as f64,
            learning_rate: self.config.schedule.rate(step - 1, batches, self.config.epochs),
            val_accuracy: validation.map(|v| v.0),
            val_ci95: validation.map(|v| v.1),
            waited_share: waited.as_secs_f64() / self.metrics.seconds(),
        })?;
        // The checkpoint must point to the start of the next epoch.
        let done = self.progress.clone();
        self.progress = Progress { epoch, batch: 0, loss_sum: 0.0, correct: 0, ..done };
        // Before the state of the next epoch is saved: a crash between the two repeats this epoch.
        if let Some((net, heads)) = finished {
            self.keep_best(validation.map(|v| v.0), &net, heads)?;
        }
        self.save()
    }

    /// Whether the weights of an epoch are validated and may be kept. Without validation classes
    /// the newest weights count as the best.
    fn is_judged(&self, epoch: u64) -> bool {
        let every = self.config.validation.every;
        epoch.is_multiple_of(every) || epoch == self.config.epochs || self.data.val_classes == 0
    }

    /// The weights that are validated and kept, after weight averaging and precise batch
    /// normalization.
    fn finished(&self) -> Result<(Net, Tensors)> {
        let (net, heads) = self.network.averaged()?;
        if let Some(PreciseBn { images }) = self.config.precise_bn {
            let images = images.min(self.data.base.len());
            // Always the same images, so that a resume gives the same statistics.
            let order = epoch_order(self.progress.seed, 0, self.data.base.len());
            let chosen: Vec<usize> = order[..images].iter().map(|&index| index as usize).collect();
            measure_normalizations(&net, &self.data.base, &self.config.preprocess, &chosen)?;
        }
        Ok((net, heads))
    }

    /// Accuracy of the validation episodes and its 95 % interval, if there are validation classes.
    fn validate(&self, net: &Net) -> Result<Option<(f64, f64)>> {
        let v = &self.config.validation;
        let Data { val, val_classes, .. } = &self.data;
        if *val_classes == 0 {
            return Ok(None);
        }
        let embeddings = embed(net, val, &self.config.preprocess, *val_classes)?;
        let outcome = evaluate(&embeddings, episodes(v)).context("validation")?;
        Ok(Some((outcome.accuracy, outcome.ci95)))
    }

    fn keep_best(&mut self, accuracy: Option<f64>, net: &Net, heads: Tensors) -> Result<()> {
        let is_best = match (accuracy, self.progress.best_accuracy) {
            (Some(accuracy), Some(best)) => accuracy > best,
            _ => true,
        };
        if !is_best {
            return Ok(());
        }
        self.progress.best_accuracy = accuracy;
        let mut parameters = net.tensors()?;
        parameters.extend(heads);
        let best = Checkpoint { parameters, training: None, ..self.checkpoint()? };
        let golden = golden(&best)?;
        self.stop.write(|| self.run.keep_best(&best, &golden))
    }

    fn save(&mut self) -> Result<()> {
        let checkpoint = self.state()?;
        self.stop.save(|| self.run.write(&self.run.last(), &checkpoint))
    }

    /// Offers a copy of the state, for whoever ends the program before the next save.
    fn offer(&mut self) -> Result<()> {
        let checkpoint = self.state()?;
        let run = self.run.clone();
        self.stop.offer(move || run.write(&run.last(), &checkpoint));
        Ok(())
    }

    /// The state for a resume.
    fn state(&mut self) -> Result<Checkpoint> {
        let (loss_sum, correct) = self.network.take_sums(&self.progress)?;
        // The sums move into the checkpoint, so that a resumed epoch reports all of its batches.
        self.progress = Progress { loss_sum, correct, ..self.progress.clone() };
        self.checkpoint()
    }

    fn checkpoint(&self) -> Result<Checkpoint> {
        let batches = self.progress.epoch * self.batches() + self.progress.batch;
        let images_seen = batches * self.config.batch_size as u64;
        Ok(Checkpoint {
            architecture: self.config.backbone.clone(),
            preprocess: self.config.preprocess.clone(),
            classes: self.data.classes.clone(),
            parameters: self.network.parameters()?,
            training: Some(Training {
                momentum: self.network.momentum()?,
                average: self.network.averages()?,
                progress: self.progress.clone(),
            }),
            provenance: Provenance {
                tool: format!("handful-train {}", env!("CARGO_PKG_VERSION")),
                data: self.config.data.name.clone(),
                data_license: self.config.data.license.clone(),
                epochs: images_seen as f64 / self.data.base.len() as f64,
                images_seen,
                notes: self.origin.notes.clone(),
                license: self.origin.license.clone(),
            },
        })
    }
}

/// The base and validation images of a training, in memory.
struct Data {
    classes: Vec<String>,
    base: Arc<Images>,
    val: Images,
    val_classes: usize,
    fingerprint: String,
}

/// Checks everything that can be checked without images, then decodes them.
fn load(config: &Config, dataset: &Dataset) -> Result<Data> {
    let base = dataset.split(Split::Base);
    let val = dataset.split(Split::Val);
    ensure!(
        base.len() > 1,
        BadInput(format!("the data has {} base class(es), expected at least 2", base.len()))
    );
    let n_base: usize = base.iter().map(|class| class.images.len()).sum();
    ensure!(
        // The incomplete last batch is dropped, so an epoch would have no step.
        n_base >= config.batch_size,
        BadInput(format!("{n_base} base images do not fill a batch of {}", config.batch_size))
    );
    if !val.is_empty() {
        let sizes = val.iter().map(|class| (class.name.as_str(), class.images.len()));
        spec(&config.validation)
            .check(sizes)
            .context("[validation] does not fit the validation classes")?;
    }
    let progress = progress_bar("decode", "images");
    let data = Data {
        classes: base.iter().map(|class| class.name.clone()).collect(),
        base: Arc::new(Images::load(dataset, &base, &config.preprocess, &progress)?),
        val: Images::load(dataset, &val, &config.preprocess, &progress)?,
        val_classes: val.len(),
        fingerprint: dataset.fingerprint(),
    };
    progress.finish_and_clear();
    Ok(data)
}

/// The semantic features of the class names, `[K, K]`.
fn names(run: &Run, classes: &[String]) -> Result<Array2<f32>> {
    let (knowledge, words) = run.knowledge()?;
    let known = known_as(&knowledge, &words, classes.iter().map(String::as_str))?;
    Ok(kernel_fit::features(&known))
}

pub(super) fn spec(validation: &Validation) -> EpisodeSpec {
    let &Validation { n_way, k_shot, n_query, .. } = validation;
    EpisodeSpec { n_way, k_shot, n_query }
}

/// The episodes of validation.
pub(super) fn episodes(validation: &Validation) -> Episodes {
    let &Validation { episodes, seed, .. } = validation;
    Episodes { spec: spec(validation), count: episodes, seed }
}
