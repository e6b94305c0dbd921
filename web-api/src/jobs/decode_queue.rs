//! Images on their way to embeddings: so many at once, read beside the owner thread, embedded
//! on it.
//!
//! Each image is a step of its own: between two of them the owner thread answers others, and a
//! client that has left is worked for no longer.

use std::sync::Arc;

use edge::decoder::{DecodedImage, ImageDecoder};
use edge::embedder::Embedded;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use crate::http::problem::Problem;
use crate::jobs::engine_thread::EngineThread;
use crate::jobs::uploads::{Upload, Uploads};
use crate::station::Station;

/// Images that are decoded at once: a huge one of one client does not stop those of others. The
/// memory that `--help` promises counts them.
const DECODERS: usize = 2;

/// Where images wait, and what reads them.
pub struct DecodeQueue {
    reader: ImageDecoder,
    decoders: Arc<Semaphore>,
    places: Semaphore,
    max_queue: usize,
}

impl DecodeQueue {
    /// At most `max_queue` images wait or are worked on.
    #[must_use]
    pub fn new(reader: ImageDecoder, max_queue: usize) -> Self {
        let decoders = Arc::new(Semaphore::new(DECODERS));
        Self { reader, decoders, places: Semaphore::new(max_queue), max_queue }
    }

    /// Images waiting or being worked on.
    #[must_use]
    pub fn queued_images(&self) -> usize {
        self.max_queue - self.places.available_permits()
    }

    fn admit(&self, n_images: usize) -> Result<SemaphorePermit<'_>, Problem> {
        let wanted = u32::try_from(n_images).unwrap_or(u32::MAX);
        self.places.try_acquire_many(wanted).map_err(|_| {
            Problem::busy(format!("All {} places in the queue are taken", self.max_queue))
        })
    }

    /// Waits for a decoder, then reads the image on a thread where that stops nobody. The thread
    /// keeps the images, and so the room they take, until it has ended.
    async fn read(&self, images: &Arc<Uploads>, index: usize) -> Result<DecodedImage, Problem> {
        let decoder = Arc::clone(&self.decoders).acquire_owned().await;
        let decoder = decoder.expect("invariant: nobody closes the semaphore");
        let (reader, images) = (self.reader.clone(), Arc::clone(images));
        let reading = spawn_blocking(move || {
            let _decoder = decoder;
            read(&reader, &images.files[index])
        });
        reading.await.map_err(Problem::internal)?
    }
}

fn read(reader: &ImageDecoder, upload: &Upload) -> Result<DecodedImage, Problem> {
    let image = reader.decode(&upload.bytes);
    image.map_err(|error| Problem::from(error).in_file(upload.file.as_deref()))
}

/// The embedding of each image, one after another.
///
/// # Errors
/// `busy` when too many images wait, whatever is wrong with an image, and those of
/// [`EngineThread::call`].
pub async fn embed_all(
    queue: &DecodeQueue,
    engine: &EngineThread<Station>,
    images: &Arc<Uploads>,
) -> Result<Vec<Embedded>, Problem> {
    let n_images = images.files.len();
    let _places = queue.admit(n_images)?;
    let mut all = Vec::with_capacity(n_images);
    for index in 0..n_images {
        let read = queue.read(images, index).await?;
        all.push(engine.call(move |station| station.embed(read)).await?);
    }
    Ok(all)
}
