//! Decodes images on a few threads, so that the engine thread does not wait for them.

use std::sync::Arc;

use edge::decoder::{DecodedImage, ImageDecoder};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use crate::jobs::error::JobError;
use crate::jobs::uploads::{Upload, Uploads};

/// Images that are decoded at once: two, so that a large image of one client does not stop
/// others. The memory use stated in `--help` depends on it.
const DECODERS: usize = 2;

/// Decodes images, a few at once, and limits how many wait.
pub struct DecodeQueue {
    decoder: ImageDecoder,
    decoders: Arc<Semaphore>,
    places: Semaphore,
    max_queue: usize,
}

impl DecodeQueue {
    /// A queue of at most `max_queue` images that wait or are being processed.
    #[must_use]
    pub fn new(decoder: ImageDecoder, max_queue: usize) -> Self {
        let decoders = Arc::new(Semaphore::new(DECODERS));
        Self { decoder, decoders, places: Semaphore::new(max_queue), max_queue }
    }

    /// Images that wait or are being processed.
    #[must_use]
    pub fn queued_images(&self) -> usize {
        self.max_queue - self.places.available_permits()
    }

    /// Takes places for `n_images`, held until the permit is dropped.
    ///
    /// # Errors
    /// [`JobError::QueueFull`].
    pub fn admit(&self, n_images: usize) -> Result<SemaphorePermit<'_>, JobError> {
        let wanted = u32::try_from(n_images).unwrap_or(u32::MAX);
        // Refused and not kept waiting: a waiting request would hold the memory of its body.
        self.places.try_acquire_many(wanted).map_err(|_| JobError::QueueFull(self.max_queue))
    }

    /// Waits for a decoder, then decodes one image on a thread of its own.
    ///
    /// # Errors
    /// [`JobError::Image`], [`JobError::Panicked`].
    pub async fn decode(
        &self,
        images: &Arc<Uploads>,
        index: usize,
    ) -> Result<DecodedImage, JobError> {
        let permit = Arc::clone(&self.decoders).acquire_owned().await;
        let permit = permit.expect("invariant: the semaphore is never closed");
        let decoder = self.decoder.clone();
        // The thread holds the images, and so their reserved memory, until it has ended.
        let images = Arc::clone(images);
        // Decoding computes for milliseconds, in which a thread of the runtime would serve nobody.
        let decoding = spawn_blocking(move || {
            let _permit = permit;
            decode(&decoder, &images.files[index])
        });
        decoding.await.unwrap_or_else(|error| Err(JobError::Panicked(error.to_string())))
    }
}

fn decode(decoder: &ImageDecoder, upload: &Upload) -> Result<DecodedImage, JobError> {
    decoder
        .decode(&upload.bytes)
        .map_err(|error| JobError::Image { file: upload.file.clone(), error })
}
