//! Meta-training: trains backbone and ProtoComNet on episodes of base classes (step 5 of the
//! paper).
//!
//! Start at [`finetune`]. The initial weights are validated too and the best of all validations is
//! kept, so the result is never worse. `finetune.safetensors` holds the state for a resume.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use few_shot::evaluation::accuracy::Outcome;
use few_shot::evaluation::episode::{Episode, Sampler};
use few_shot::kernel;
use few_shot::protocomnet::{Complete, Described, ProtoComNetCompleter};
use models::checkpoint::Checkpoint;
use models::dataset::{Class, Dataset, Split};
use models::disk;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use tch::Tensor;

use super::golden::golden;
use super::pretrain::Status;
use super::protocomnet::{self, described, learned};
use super::validation::{fused_accuracy, validation_classes, with_sizes};
use crate::augment::image_rng;
use crate::config::{Finetune, Learned};
use crate::embed::embed;
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::loader::Images;
use crate::meta_learner::{CompleterInputs, MetaLearner};
use crate::metrics::{EpochMetrics, Metrics, progress_bar};
use crate::net::{Compute, Mode, images_to_tensor, to_tensor};
use crate::run::Run;
use crate::stop::{SLOW_STEP, Stop};

mod state;

use state::{Progress, State};
use terminal::note;

/// Trains the best checkpoint and ProtoComNet of the run `from` until all epochs are done or a stop
/// is requested, and writes the run `out`.
///
/// # Errors
/// Inputs that cannot be used, a resume with other inputs, a loss that diverges, a failed write.
pub fn finetune(
    config: &Finetune,
    dataset: &Dataset,
    from: &Run,
    out: &Run,
    resume: bool,
    compute: Compute,
    stop: &Stop,
) -> Result<Status> {
    let checkpoint = from.read(&from.best())?;
    let completer = learned(from, &checkpoint)?;
    let completer = completer.ok_or_else(|| {
        let path = from.completer();
        BadInput(format!("{} does not exist: run handful-train complete", path.display()))
    })?;
    let data = Data::load(config, dataset, from, &checkpoint, &completer, compute)?;
    let start = Progress::new(config, &checkpoint.space_id()?, &dataset.fingerprint(), compute)?;
    let State { parameters, momentum, progress } = match resume {
        true => state::read(out, start)?,
        false => State::begin(&checkpoint, &completer, config.scale, start)?,
    };
    let learner = MetaLearner::new(
        checkpoint.architecture.graph(),
        completer.network(),
        &parameters,
        &momentum,
        config.optimizer,
        config.learned == Learned::Completer,
        compute,
    )?;
    out.create()?;
    disk::write(&out.file("finetune.toml"), config.to_toml()?.as_bytes())?;
    let metrics = Metrics::open(out, progress.epoch)?;
    let mut training = Training {
        config,
        out,
        checkpoint,
        completer,
        data,
        learner,
        progress,
        metrics,
        waited: Duration::ZERO,
        stop,
    };
    if resume {
        stop.is_saved();
    }
    // The initial weights compete too, so that the result is never worse.
    if training.progress.best_accuracy.is_none() {
        training.begin(from)?;
    }
    training.train()
}

/// A running meta-training.
struct Training<'a> {
    config: &'a Finetune,
    out: &'a Run,
    checkpoint: Checkpoint,
    completer: ProtoComNetCompleter,
    data: Data,
    learner: MetaLearner,
    progress: Progress,
    metrics: Metrics,
    /// Time spent on making images in this epoch.
    waited: Duration,
    stop: &'a Stop,
}

impl Training<'_> {
    fn train(&mut self) -> Result<Status> {
        while self.progress.epoch < self.config.epochs {
            let first = self.progress.step;
            self.train_epoch()?;
            // Also after the last step of an epoch: a resume then begins with its validation.
            if self.stop.is_requested() && self.progress.step > first {
                self.save()?;
                return Ok(Status::Stopped);
            }
            self.finish_epoch()?;
            if self.stop.is_requested() && self.progress.epoch < self.config.epochs {
                return Ok(Status::Stopped);
            }
        }
        Ok(Status::Finished)
    }

    /// Trains until the epoch ends or a stop is requested.
    fn train_epoch(&mut self) -> Result<()> {
        let Finetune { epochs, steps_per_epoch, episodes_per_step, .. } = *self.config;
        let images = self.images_per_step();
        let epoch = self.progress.epoch;
        let bar = self.metrics.start_epoch(epoch, epochs, steps_per_epoch * images);
        bar.set_position(self.progress.step * images);
        self.waited = Duration::ZERO;
        while self.progress.step < steps_per_epoch {
            let begun = Instant::now();
            let step = epoch * steps_per_epoch + self.progress.step;
            for of_step in 0..episodes_per_step {
                // Numbered over the whole training, so that a resume draws the same episodes.
                self.learn(step * episodes_per_step + of_step)?;
            }
            let rate = self.config.schedule.rate(step, steps_per_epoch, epochs);
            self.learner.step(rate)?;
            self.progress.step += 1;
            bar.inc(images);
            // Only between steps: the saved state has no gradients of half a step.
            if self.stop.is_requested() {
                break;
            }
            if begun.elapsed() > SLOW_STEP {
                self.offer()?;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn images_per_step(&self) -> u64 {
        let of_episode = self.config.n_way * (self.config.k_shot + self.config.n_query);
        self.config.episodes_per_step * of_episode as u64
    }

    /// Adds the gradient of one episode.
    fn learn(&mut self, index: u64) -> Result<()> {
        let Finetune { n_way, k_shot, n_query, episodes_per_step, .. } = *self.config;
        let episode = self.data.sampler.episode(index);
        // One row for each prototype that is completed.
        let rows_each = match self.completer.completes() {
            Complete::Mean => 1,
            Complete::PerImage => k_shot,
        };
        let classes: Vec<Described> = episode
            .classes
            .iter()
            .flat_map(|&class| vec![self.data.base[class].clone(); rows_each])
            .collect();
        let inputs = CompleterInputs::of(&classes, self.completer.attributes())?;
        let embedded = self.embed(&episode, index)?;
        let n_support = (n_way * k_shot) as i64;
        let support = embedded.f_narrow(0, 0, n_support)?;
        let support = support.f_view([n_way as i64, k_shot as i64, -1])?;
        let query = embedded.f_narrow(0, n_support, (n_way * n_query) as i64)?;
        // The step follows the mean gradient of its episodes.
        let share = 1.0 / episodes_per_step as f64;
        let (loss, right) = self.learner.learn(&support, &query, &inputs, share)?;
        ensure!(
            loss.is_finite(),
            "the loss is not finite: lower the learning rate (schedule.peak)"
        );
        self.progress.loss_sum += loss;
        self.progress.right_sum += right;
        Ok(())
    }

    /// Embeddings of the images of an episode, `[images, s]`: support, then queries, each by class.
    fn embed(&mut self, episode: &Episode, index: u64) -> Result<Tensor> {
        let chosen =
            [by_class(episode, &episode.support), by_class(episode, &episode.query)].concat();
        match &self.data.images {
            Source::Embeddings(rows) => {
                let rows: Vec<_> =
                    chosen.iter().map(|&(class, row)| rows[class].row(row)).collect();
                let rows = ndarray::stack(Axis(0), &rows).context("embeddings differ in size")?;
                Ok(to_tensor(&rows.into_dyn())?
                    .f_to_device(self.learner.backbone().compute().device)?)
            }
            Source::Images { images, first } => {
                let chosen: Vec<usize> =
                    chosen.iter().map(|&(class, image)| first[class] + image).collect();
                let begun = Instant::now();
                let image = self.image(images, &chosen, index)?;
                self.waited += begun.elapsed();
                // An episode has few classes, so its statistics differ from the running ones, which
                // validation and devices use. The published code trains with them all the same.
                let mode = if self.config.batch_statistics { Mode::Train } else { Mode::Eval };
                Ok(self.learner.backbone().forward(&[("image", &image)], mode)?.swap_remove(0))
            }
        }
    }

    /// Augmented and normalized images, `[n, 3, h, w]`.
    fn image(&self, images: &Images, chosen: &[usize], index: u64) -> Result<Tensor> {
        let size = images.size;
        let mut image = vec![0.0; chosen.len() * 3 * size * size];
        let config = self.config;
        let preprocess = &self.checkpoint.preprocess;
        image.par_chunks_exact_mut(3 * size * size).zip(chosen).enumerate().for_each(
            |(i, (out, &image))| {
                // The episode takes the place of the epoch: no two images of the training share
                // random numbers.
                let mut rng = image_rng(config.seed, index, i as u64);
                config.augment.apply(images.rgb(image), &mut rng, out);
                preprocess.normalize_pixels(out);
            },
        );
        Ok(images_to_tensor(&image, size)?)
    }

    /// Validates, logs, keeps the best and saves.
    fn finish_epoch(&mut self) -> Result<()> {
        let Finetune { epochs, steps_per_epoch, episodes_per_step, .. } = *self.config;
        let epoch = self.progress.epoch + 1;
        // A validation can take longer than a step, and a resume can repeat it.
        self.offer()?;
        let outcome = self.validate()?;
        let episodes = (steps_per_epoch * episodes_per_step) as f64;
        let step = epoch * steps_per_epoch;
        self.metrics.finish_epoch(EpochMetrics {
            epoch,
            step,
            images: steps_per_epoch * self.images_per_step(),
            loss: self.progress.loss_sum / episodes,
            train_accuracy: self.progress.right_sum / episodes,
            learning_rate: self.config.schedule.rate(step - 1, steps_per_epoch, epochs),
            val_accuracy: Some(outcome.accuracy),
            val_ci95: Some(outcome.ci95),
            waited_share: self.waited.as_secs_f64() / self.metrics.seconds(),
        })?;
        self.keep_best(&outcome)?;
        // The state is saved last: a crash before it repeats the epoch, with the same result.
        self.progress.next_epoch();
        self.save()
    }

    /// Copies what training does not change, and keeps the initial weights as the first best.
    fn begin(&mut self, from: &Run) -> Result<()> {
        // A resume of this state begins here again.
        self.offer()?;
        self.stop.write(|| self.out.copy_knowledge(from))?;
        if self.config.learned == Learned::Completer && from.kernel().exists() {
            // The embeddings do not change, so the name regressor stays valid.
            let kernel = disk::read(&from.kernel(), kernel::MAX_BYTES)?;
            disk::write(&self.out.kernel(), &kernel)?;
        }
        let outcome = self.validate()?;
        note!("before: {:.2} ± {:.2} %", 100.0 * outcome.accuracy, 100.0 * outcome.ci95);
        self.keep_best(&outcome)?;
        self.save()
    }

    /// The accuracy of fused prototypes on the validation classes.
    fn validate(&self) -> Result<Outcome> {
        let Data { val, val_images, .. } = &self.data;
        let rows = match val_images {
            Source::Embeddings(rows) => rows.clone(),
            Source::Images { images, .. } => {
                embed(self.learner.backbone(), images, &self.checkpoint.preprocess, val.len())?
            }
        };
        fused_accuracy(&rows, self.completer()?, val, &self.config.validation)
    }

    fn completer(&self) -> Result<ProtoComNetCompleter> {
        let network = self.completer.network().clone();
        let attributes = self.completer.attributes().clone();
        let parameters = protocomnet::as_shipped(self.learner.completer().tensors()?);
        let completer = ProtoComNetCompleter::new(network, parameters, attributes)?;
        Ok(completer.completing(self.completer.completes()))
    }

    fn keep_best(&mut self, outcome: &Outcome) -> Result<()> {
        if self.progress.best_accuracy.is_some_and(|best| outcome.accuracy <= best) {
            return Ok(());
        }
        self.progress.best_accuracy = Some(outcome.accuracy);
        let mut provenance = self.checkpoint.provenance.clone();
        // The initial weights are not meta-trained, so they get no note.
        if self.progress.epoch > 0 || self.progress.step > 0 {
            let done = self.progress.epoch + 1;
            let text = format!("meta-trained for {done} epochs of episodes");
            provenance.notes = [provenance.notes.as_str(), &text].join("; ");
            provenance.notes = provenance.notes.trim_start_matches("; ").to_owned();
        }
        // The classifier belongs to the initial backbone and is dropped.
        let best = Checkpoint {
            classes: Vec::new(),
            parameters: self.learner.backbone().tensors()?,
            training: None,
            provenance,
            ..self.checkpoint.clone()
        };
        let golden = golden(&best)?;
        let completer = self.completer()?;
        let space_id = best.space_id()?;
        self.stop.write(|| {
            self.out.keep_best(&best, &golden)?;
            protocomnet::write(self.out, &completer, &space_id)
        })
    }

    fn save(&self) -> Result<()> {
        let state = self.state()?;
        self.stop.save(|| state::write(self.out, &state))
    }

    /// Offers a copy of the state, for whoever ends the program before the next save.
    fn offer(&self) -> Result<()> {
        let state = self.state()?;
        let out = self.out.clone();
        self.stop.offer(move || state::write(&out, &state));
        Ok(())
    }

    /// The state for a resume.
    fn state(&self) -> Result<State> {
        Ok(State {
            parameters: self.learner.parameters()?,
            momentum: self.learner.momentum()?,
            progress: self.progress.clone(),
        })
    }
}

/// The chosen images of an episode as pairs of a class and an image.
fn by_class(episode: &Episode, images: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let classes = episode.classes.iter().zip(images);
    classes.flat_map(|(&class, own)| own.iter().map(move |&image| (class, image))).collect()
}

/// What episodes are made of.
enum Source {
    /// The embeddings of each class, for a frozen backbone.
    Embeddings(Vec<Array2<f32>>),
    /// The images, and the position of the first one of each class.
    Images { images: Images, first: Vec<usize> },
}

/// Base and validation classes.
struct Data {
    sampler: Sampler,
    base: Vec<Described>,
    images: Source,
    val: Vec<Described>,
    val_images: Source,
}

impl Data {
    /// Checks everything that can be checked, then loads the images.
    fn load(
        config: &Finetune,
        dataset: &Dataset,
        from: &Run,
        checkpoint: &Checkpoint,
        completer: &ProtoComNetCompleter,
        compute: Compute,
    ) -> Result<Self> {
        let base = dataset.split(Split::Base);
        let val = validation_classes(dataset, &config.validation)?;
        config.spec().check(with_sizes(&base)).context("episodes do not fit the base classes")?;
        let (knowledge, words) = from.knowledge()?;
        let attributes = &completer.attributes().names;
        let described =
            |classes: &[&Class]| described(&knowledge, &words, attributes, &names(classes));
        let (images, val_images) = match config.learned {
            Learned::Completer => (
                Source::Embeddings(embeddings(from, checkpoint, dataset, Split::Base, compute)?),
                Source::Embeddings(embeddings(from, checkpoint, dataset, Split::Val, compute)?),
            ),
            Learned::All => (
                Source::load(dataset, &base, checkpoint)?,
                Source::load(dataset, &val, checkpoint)?,
            ),
        };
        Ok(Self {
            sampler: Sampler::new(sizes(&base), config.spec(), config.seed)?,
            base: described(&base)?,
            images,
            val: described(&val)?,
            val_images,
        })
    }
}

impl Source {
    fn load(dataset: &Dataset, classes: &[&Class], checkpoint: &Checkpoint) -> Result<Self> {
        let progress = progress_bar("decode", "images");
        let images = Images::load(dataset, classes, &checkpoint.preprocess, &progress)?;
        progress.finish_and_clear();
        let mut first = Vec::new();
        let mut next = 0;
        for size in sizes(classes) {
            first.push(next);
            next += size;
        }
        Ok(Self::Images { images, first })
    }
}

fn sizes(classes: &[&Class]) -> Vec<usize> {
    classes.iter().map(|class| class.images.len()).collect()
}

fn names(classes: &[&Class]) -> Vec<String> {
    classes.iter().map(|class| class.name.clone()).collect()
}
