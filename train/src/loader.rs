//! Loads training images: decodes them once and augments batches on threads ahead of the training.

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

/// Batches that are prepared ahead.
// A batch of 128 images of 84x84 pixels has 11 MB, so only a few may wait.
const AHEAD: usize = 8;

/// Decoded images of some classes: RGB bytes by rows, one image after another.
#[derive(Debug)]
pub struct Images {
    /// Height and width.
    pub size: usize,
    /// `len * size * size * 3` bytes.
    pub rgb: Vec<u8>,
    /// Class index of each image.
    pub labels: Vec<usize>,
}

impl Images {
    /// Decodes and resizes all images of `classes` on all cores.
    ///
    /// # Errors
    /// An image that cannot be decoded, by name.
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
        // As bytes, a quarter of the memory of floats, and decoded once: only augmentation differs
        // between epochs.
        let mut rgb = vec![0; items.len() * bytes_each];
        progress.set_length(items.len() as u64);
        rgb.par_chunks_exact_mut(bytes_each).zip(&items).try_for_each(
            |(out, (_, item))| -> Result<()> {
                let image = dataset.image(item, &ImageLimits::default(), preprocess.detail())?;
                let resized =
                    preprocess.resize(&image).with_context(|| format!("image {}", item.path()))?;
                out.copy_from_slice(&resized);
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

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of one image.
    pub fn rgb(&self, index: usize) -> &[u8] {
        let bytes_each = self.size * self.size * 3;
        &self.rgb[index * bytes_each..][..bytes_each]
    }
}

/// The images of one step.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// Normalized values, `[batch, size, size, 3]`. Channels last is the fastest layout.
    pub image: Vec<f32>,
    /// Height and width.
    pub size: usize,
    /// Class index of each image.
    pub label: Vec<i64>,
}

/// How batches are made from the images of an epoch.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Seed of order and augmentation.
    pub seed: u64,
    /// Images per batch.
    pub batch_size: usize,
    /// Height and width of the augmented images.
    pub size: usize,
    /// Random augmentation.
    pub augment: Augment,
    /// Normalization of pixels.
    pub preprocess: Preprocess,
}

impl LoaderConfig {
    /// Number of batches in an epoch of `n` images.
    pub fn batches(&self, n: usize) -> u64 {
        (n / self.batch_size) as u64
    }

    /// The batch number `batch` of an epoch with this order of images.
    pub fn batch(&self, images: &Images, order: &[u32], epoch: u64, batch: u64) -> Batch {
        let first = batch as usize * self.batch_size;
        let chosen = &order[first..first + self.batch_size];
        let values_each = self.size * self.size * 3;
        let mut image = vec![0.0; chosen.len() * values_each];
        image.par_chunks_exact_mut(values_each).zip(chosen).enumerate().for_each(
            |(i, (out, &index))| {
                // The generator depends only on the position, so threads may run in any order.
                let mut rng = image_rng(self.seed, epoch, (first + i) as u64);
                self.augment.apply(images.rgb(index as usize), &mut rng, out);
                self.preprocess.normalize_pixels(out);
            },
        );
        let label = chosen.iter().map(|&i| images.labels[i as usize] as i64).collect();
        Batch { image, size: self.size, label }
    }
}

/// The batches of an epoch in order, made on threads of its own.
#[derive(Debug)]
pub struct Loader {
    ready: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts to make the batches of an epoch from `first_batch` on. At most 8 wait in memory.
    pub fn start(
        config: LoaderConfig,
        images: Arc<Images>,
        order: Vec<u32>,
        epoch: u64,
        first_batch: u64,
    ) -> Self {
        let (send, ready) = sync_channel(AHEAD);
        // One thread keeps the batches in order; `batch` spreads the images of each over all cores.
        let thread = std::thread::spawn(move || {
            for batch in first_batch..config.batches(order.len()) {
                if send.send(config.batch(&images, &order, epoch, batch)).is_err() {
                    return; // The receiver is gone: training stopped.
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
        // Without a receiver the thread ends at its next send.
        drop(self.ready.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread ends the epoch early, which the training detects.
            let _ = thread.join();
        }
    }
}
