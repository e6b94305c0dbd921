//! ProtoComNet on augmented images, with the schedule of the paper (step 4). An epoch uses every
//! base image once.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use few_shot::evaluation::accuracy::Outcome;
use few_shot::protocomnet::{Described, ProtoComNetCompleter};
use models::dataset::{Dataset, Split};
use models::tensors::Tensors;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use terminal::note;

use super::task::{BaseImages, CompletionTask, means};
use crate::augment::epoch_order;
use crate::completer_learner::CompleterLearner;
use crate::config::{Completion, Live};
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::loader::{Batch, Images, Loader, LoaderConfig};
use crate::metrics::progress_bar;
use crate::net::{Mode, Net, images_to_tensor};
use crate::optimizer::{Optimizer, Sgd};
use crate::stages::validation::{fused_accuracy, validation_classes};

/// Mixed into the seed of the further images of a prototype.
// Without it they would share random numbers with the augmentation of the epoch.
const SEED_MASK: u64 = 0x636f_6d70_616e_7900;

/// Checks that the data suffices for these settings.
pub(super) fn check(dataset: &Dataset, config: &Completion, live: &Live) -> Result<()> {
    validation_classes(dataset, &live.validation)?;
    let n: usize = dataset.split(Split::Base).iter().map(|class| class.images.len()).sum();
    let batch_size = config.batch_size;
    ensure!(
        batch_size <= n,
        BadInput(format!("`batch_size` is {batch_size}, expected at most the {n} base images"))
    );
    Ok(())
}

/// Trains until all epochs are done. It validates before the first epoch and after each, and writes
/// each new best completer into the run. A stopped training keeps the best so far, but cannot
/// resume.
pub(super) fn learn(
    task: &CompletionTask<'_>,
    live: &Live,
    net: Net,
    val: &[Described],
) -> Result<ProtoComNetCompleter> {
    let sgd = Sgd::new(live.optimizer, net.learned(), &Tensors::new())?;
    let learner = CompleterLearner::new(net, Optimizer::Sgd(sgd), task.data, task.config)?;
    let checkpoint = task.checkpoint;
    let rows = embeddings(task.run, checkpoint, task.dataset, Split::Val, task.compute)?;
    let classes = task.dataset.split(Split::Base);
    let bar = progress_bar("decode", "images");
    let images = Images::load(task.dataset, &classes, &checkpoint.preprocess, &bar)?;
    bar.finish_and_clear();
    let graph = checkpoint.architecture.graph();
    let mut training = Training {
        task,
        live,
        backbone: Net::new(graph, &checkpoint.backbone()?, task.compute)?,
        learner,
        base: BaseImages::of(classes.iter().map(|class| class.images.len())),
        images: Arc::new(images),
        best: None,
    };
    let before = training.validate(&rows, val)?;
    note!("before: fused {}", percent(&before));
    for epoch in 0..live.epochs {
        let Epoch { loss, images_per_second } = training.train_epoch(epoch)?;
        let outcome = training.validate(&rows, val)?;
        note!(
            "epoch {}/{}: loss {loss:.5}, fused {}, {images_per_second:.0} images/s",
            epoch + 1,
            live.epochs,
            percent(&outcome)
        );
    }
    let (completer, _) = training.best.expect("invariant: there was a validation before the first");
    Ok(completer)
}

fn percent(outcome: &Outcome) -> String {
    format!("{:.2} ± {:.2} %", 100.0 * outcome.accuracy, 100.0 * outcome.ci95)
}

/// A running training.
struct Training<'a> {
    task: &'a CompletionTask<'a>,
    live: &'a Live,
    /// Not trained.
    backbone: Net,
    learner: CompleterLearner,
    base: BaseImages,
    images: Arc<Images>,
    /// The best completer, and its accuracy.
    best: Option<(ProtoComNetCompleter, f64)>,
}

/// The metrics of an epoch.
struct Epoch {
    /// Mean loss.
    loss: f64,
    images_per_second: f64,
}

impl Training<'_> {
    fn train_epoch(&mut self, epoch: u64) -> Result<Epoch> {
        let config = self.task.config;
        let k_shot = config.k_shots[0];
        let order = order(config.seed, epoch, &self.base, k_shot);
        let loader = LoaderConfig {
            seed: config.seed,
            size: self.images.size,
            batch_size: config.batch_size * k_shot,
            augment: self.live.augment.clone(),
            preprocess: self.task.checkpoint.preprocess.clone(),
        };
        let steps = loader.batches(order.len());
        let begun = Instant::now();
        let n_images = steps * loader.batch_size as u64;
        let bar = progress_bar("complete", "images");
        bar.set_length(n_images);
        let mut loader = Loader::start(loader, Arc::clone(&self.images), order, epoch, 0);
        let mut loss_sum = 0.0;
        for step in 0..steps {
            let batch = loader.next().context("the loader stopped before the end of the epoch")?;
            let rate = self.live.schedule.rate(epoch * steps + step, steps, self.live.epochs);
            loss_sum += self.step(&batch, k_shot, rate)?;
            bar.inc(batch.label.len() as u64);
        }
        bar.finish_and_clear();
        Ok(Epoch {
            loss: loss_sum / steps as f64,
            images_per_second: n_images as f64 / begun.elapsed().as_secs_f64(),
        })
    }

    fn step(&mut self, batch: &Batch, k_shot: usize, rate: f64) -> Result<f64> {
        let image = images_to_tensor(&batch.image, batch.size)?;
        let embedded = tch::no_grad(|| self.backbone.forward(&[("image", &image)], Mode::Eval))?
            .swap_remove(0);
        let classes: Vec<i64> = batch.label.iter().step_by(k_shot).copied().collect();
        let loss = self.learner.step(&means(&embedded, classes.len())?, &classes, rate)?;
        // A diverged network would still validate, with chance accuracy.
        ensure!(
            loss.is_finite(),
            "the loss is not finite: lower the learning rate (live.schedule.peak)"
        );
        Ok(loss)
    }

    fn validate(&mut self, rows: &[Array2<f32>], val: &[Described]) -> Result<Outcome> {
        let completer = self.task.completer(self.learner.net())?;
        let outcome = fused_accuracy(rows, completer.clone(), val, &self.live.validation)?;
        self.keep_best(completer, outcome.accuracy)?;
        Ok(outcome)
    }

    fn keep_best(&mut self, completer: ProtoComNetCompleter, accuracy: f64) -> Result<()> {
        if self.best.as_ref().is_some_and(|(_, best)| accuracy <= *best) {
            return Ok(());
        }
        self.task.write(&completer)?;
        self.best = Some((completer, accuracy));
        Ok(())
    }
}

/// Every image once in random order, each followed by `k_shot - 1` random images of its class.
fn order(seed: u64, epoch: u64, base: &BaseImages, k_shot: usize) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ SEED_MASK);
    rng.set_stream(epoch);
    let mut order = Vec::new();
    for image in epoch_order(seed, epoch, base.labels.len()) {
        let class = base.labels[image as usize];
        order.push(image);
        order.extend((1..k_shot).map(|_| base.any(class, &mut rng) as u32));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_uses_every_image_once_with_others_of_its_class() {
        let base = BaseImages::of([3, 5].into_iter());
        let order_of = |epoch| order(1, epoch, &base, 3);
        let order = order_of(0);
        let mut first: Vec<u32> = order.iter().step_by(3).copied().collect();
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2, 3, 4, 5, 6, 7]);
        let class = |image: &u32| base.labels[*image as usize];
        assert!(order.chunks(3).all(|sample| sample.iter().all(|p| class(p) == class(&sample[0]))));
        assert_eq!(order_of(0), order);
        assert_ne!(order_of(1), order);
    }
}
