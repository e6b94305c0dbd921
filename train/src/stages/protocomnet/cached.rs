//! ProtoComNet on cached embeddings: AdamW with a cosine schedule and random batches.

use anyhow::{Context, Result};
use few_shot::protocomnet::ProtoComNetCompleter;
use models::random::below;
use ndarray::{Array2, Axis, concatenate};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::task::{BaseImages, CompletionTask, means};
use crate::completer_learner::CompleterLearner;
use crate::config::Completion;
use crate::metrics::progress_bar;
use crate::net::{Net, to_tensor};
use crate::optimizer::{AdamW, Optimizer, Schedule};

/// Trains a network and writes the completer.
pub(super) fn learn(
    task: &CompletionTask<'_>,
    net: Net,
    rows: &[Array2<f32>],
    rng: &mut ChaCha8Rng,
) -> Result<ProtoComNetCompleter> {
    let CompletionTask { config, compute, .. } = *task;
    let optimizer = Optimizer::AdamW(AdamW::new(config.weight_decay, net.learned())?);
    let mut learner = CompleterLearner::new(net, optimizer, task.data, config)?;
    let base = BaseImages::of(rows.iter().map(Array2::nrows));
    let views: Vec<_> = rows.iter().map(|rows| rows.view()).collect();
    let embedding = concatenate(Axis(0), &views).context("embeddings differ in size")?;
    let embedding = to_tensor(&embedding.into_dyn())?.f_to_device(compute.device)?;
    let schedule = Schedule::Cosine { peak: config.learning_rate };
    let progress = progress_bar("complete", "steps");
    progress.set_length(config.steps);
    for step in 0..config.steps {
        let (images, classes) = draw(config, &base, rng);
        let images = Tensor::f_from_slice(&images)?.f_to_device(compute.device)?;
        let prototype = means(&embedding.f_index_select(0, &images)?, classes.len())?;
        learner.step(&prototype, &classes, schedule.rate(step, config.steps, 1))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    let completer = task.completer(learner.net())?;
    task.write(&completer)?;
    Ok(completer)
}

/// The images of a batch, `k_shot` per sample, and the classes of the samples. Each batch has one
/// random `k_shot`.
fn draw(config: &Completion, base: &BaseImages, rng: &mut ChaCha8Rng) -> (Vec<i64>, Vec<i64>) {
    let k_shot = config.k_shots[below(rng, config.k_shots.len())];
    let mut images = Vec::new();
    let mut classes = Vec::new();
    for _ in 0..config.batch_size {
        // By image and not by class: a class counts as often as it has images, as in an epoch of
        // the paper.
        let class = base.labels[below(rng, base.labels.len())];
        classes.push(class as i64);
        // With replacement: classes have hundreds of images, so repetitions are rare.
        images.extend((0..k_shot).map(|_| base.any(class, rng) as i64));
    }
    (images, classes)
}
