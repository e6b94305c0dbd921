//! Pictures on their way to embeddings: so many at once, read beside the owner thread, embedded
//! on it.
//!
//! Each picture is a step of its own: between two of them the owner thread answers others, and a
//! client that has left is worked for no longer.

use std::sync::Arc;

use edge::embedder::{Embedded, PictureReader, ReadPicture};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use crate::AppState;
use crate::problem::Problem;
use crate::receive::Pictures;
use crate::station::Upload;

/// Pictures that are decoded at once: a huge one of one client does not stop those of others. The
/// memory that `--help` promises counts them.
const DECODERS: usize = 2;

/// Where pictures wait, and what reads them.
pub struct Intake {
    reader: PictureReader,
    decoders: Arc<Semaphore>,
    places: Semaphore,
    max_queue: usize,
}

/// A picture that only lacks its embedding.
#[derive(Debug)]
pub struct Unembedded {
    /// The network's input.
    pub picture: ReadPicture,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
}

impl Intake {
    /// At most `max_queue` pictures wait or are worked on.
    #[must_use]
    pub fn new(reader: PictureReader, max_queue: usize) -> Self {
        let decoders = Arc::new(Semaphore::new(DECODERS));
        Self { reader, decoders, places: Semaphore::new(max_queue), max_queue }
    }

    /// Pictures waiting or being worked on.
    #[must_use]
    pub fn queued_pictures(&self) -> usize {
        self.max_queue - self.places.available_permits()
    }

    fn admit(&self, n_pictures: usize) -> Result<SemaphorePermit<'_>, Problem> {
        let wanted = u32::try_from(n_pictures).unwrap_or(u32::MAX);
        self.places.try_acquire_many(wanted).map_err(|_| {
            Problem::busy(format!("All {} places in the queue are taken", self.max_queue))
        })
    }

    /// Waits for a decoder, then reads the picture on a thread where that stops nobody. The thread
    /// keeps the pictures, and so the room they take, until it has ended.
    async fn read(&self, pictures: &Arc<Pictures>, index: usize) -> Result<Unembedded, Problem> {
        let decoder = Arc::clone(&self.decoders).acquire_owned().await;
        let decoder = decoder.expect("invariant: nobody closes the semaphore");
        let (reader, pictures) = (self.reader.clone(), Arc::clone(pictures));
        let reading = spawn_blocking(move || {
            let _decoder = decoder;
            read(&reader, &pictures.uploads[index])
        });
        reading.await.map_err(Problem::internal)?
    }
}

fn read(reader: &PictureReader, upload: &Upload) -> Result<Unembedded, Problem> {
    let picture = reader.read(&upload.bytes);
    let picture = picture.map_err(|error| Problem::from(error).in_file(upload.file.as_deref()))?;
    Ok(Unembedded { picture, sha256: Sha256::digest(&upload.bytes).into() })
}

/// The embedding of each picture, one after another.
///
/// # Errors
/// `busy` when too many pictures wait, whatever is wrong with a picture, and those of
/// [`Worker::call`](crate::worker::Worker::call).
pub async fn embed_all(
    state: &AppState,
    pictures: &Arc<Pictures>,
) -> Result<Vec<Embedded>, Problem> {
    let n_pictures = pictures.uploads.len();
    let _places = state.intake.admit(n_pictures)?;
    let mut all = Vec::with_capacity(n_pictures);
    for index in 0..n_pictures {
        let read = state.intake.read(pictures, index).await?;
        all.push(state.worker.call(move |station| station.embed(read)).await?);
    }
    Ok(all)
}
