//! Images for training: decoded once, kept in memory, augmented ahead of the trainer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use models::dataset::{Class, Dataset};
use models::image::ImageLimits;
use models::preprocess::Preprocess;
use rayon::prelude::*;

use crate::augment::{Augment, image_rng};

/// Batches that wait for the trainer.
const AHEAD: usize = 8;

/// Decoded images of some classes: RGB bytes, rows of pixels, one image after the other.
#[derive(Debug)]
pub struct Images {
    /// Height and width.
    pub size: usize,
    /// `len * size * size * 3` bytes.
    pub rgb: Vec<u8>,
    /// Index of each image's class.
    pub labels: Vec<usize>,
}

impl Images {
    /// Decodes and resizes all images of `classes` on all cores. The first bad image is named.
    pub fn load(
        dataset: &Dataset,
        classes: &[&Class],
        preprocess: &Preprocess,
        progress: &ProgressBar,
    ) -> Result<Self> {
        let items: Vec<_> = classes
            .iter()
            .enumerate()
            .flat_map(|(label, class)| class.images.iter().map(move |p| (label, p)))
            .collect();
        let bytes_each = preprocess.size * preprocess.size * 3;
        let mut rgb = vec![0; items.len() * bytes_each];
        progress.set_length(items.len() as u64);
        rgb.par_chunks_exact_mut(bytes_each).zip(&items).try_for_each(
            |(out, (_, item))| -> Result<()> {
                let image = dataset.image(item, &ImageLimits::default())?;
                let name = || format!("image {}", item.path());
                out.copy_from_slice(&preprocess.resize(&image).with_context(name)?);
                progress.inc(1);
                Ok(())
            },
        )?;
        Ok(Self {
            size: preprocess.size,
            rgb,
            labels: items.iter().map(|(label, _)| *label).collect(),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of one image.
    pub fn rgb(&self, index: usize) -> &[u8] {
        let bytes_each = self.size * self.size * 3;
        &self.rgb[index * bytes_each..][..bytes_each]
    }
}

/// Images of one step.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// Normalized values `[batch, size, size, 3]`: channels last, as the fastest layout wants them.
    pub image: Vec<f32>,
    /// Height and width of its images.
    pub size: usize,
    /// Their classes.
    pub label: Vec<i64>,
}

/// How an epoch's images become batches.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Seed of order and augmentation.
    pub seed: u64,
    /// Images in a batch.
    pub batch_size: usize,
    /// Height and width that images come to have.
    pub size: usize,
    /// Random changes.
    pub augment: Augment,
    /// How pixels become the network's input.
    pub preprocess: Preprocess,
}

impl LoaderConfig {
    /// Batches in an epoch of `n` images.
    pub fn batches(&self, n: usize) -> u64 {
        (n / self.batch_size) as u64
    }

    /// Batch `batch` of epoch `epoch`, whose order is `order`.
    pub fn batch(&self, images: &Images, order: &[u32], epoch: u64, batch: u64) -> Batch {
        let first = batch as usize * self.batch_size;
        let chosen = &order[first..first + self.batch_size];
        let values_each = self.size * self.size * 3;
        let mut image = vec![0.0; chosen.len() * values_each];
        image.par_chunks_exact_mut(values_each).zip(chosen).enumerate().for_each(
            |(i, (out, &index))| {
                let mut rng = image_rng(self.seed, epoch, (first + i) as u64);
                self.augment.apply(images.rgb(index as usize), &mut rng, out);
                self.preprocess.normalize_pixels(out);
            },
        );
        let label = chosen.iter().map(|&i| images.labels[i as usize] as i64).collect();
        Batch { image, size: self.size, label }
    }
}

/// One epoch's batches from `first_batch` on, in order, made by threads of their own.
#[derive(Debug)]
pub struct Loader {
    ready: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts to make the batches of an epoch in which images have this order; at most a few wait in memory.
    pub fn start(
        config: LoaderConfig,
        images: Arc<Images>,
        order: Vec<u32>,
        epoch: u64,
        first_batch: u64,
    ) -> Self {
        let (send, ready) = sync_channel(AHEAD);
        let thread = std::thread::spawn(move || {
            for batch in first_batch..config.batches(order.len()) {
                if send.send(config.batch(&images, &order, epoch, batch)).is_err() {
                    return; // The trainer stopped.
                }
            }
        });
        Self { ready: Some(ready), thread: Some(thread) }
    }
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.ready.as_ref()?.recv().ok()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        drop(self.ready.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the epoch early, which the trainer notices.
            let _ = thread.join();
        }
    }
}
