//! Decodes images on three threads, so that the engine thread does not wait for them.
//!
//! Addresses take turns by the time that their images took. Each thread takes images up to a size:
//! small ones never wait for a large one, whoever sent it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use edge::decoder::{DecodedImage, ImageDecoder};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::budget::{Budget, Lease};
use super::client::{Caller, ClientAddress};
use super::error::{JobError, catch_panic};
use super::fair_queue::FairQueue;
use super::uploads::{Upload, Uploads};

/// The threads: the cost of an image, in pixels, below which each takes it, and whether it gives
/// way to the other threads of the service. The memory use stated in `--help` depends on the costs.
const THREADS: [(&str, u64, bool); 3] = [
    // Most photos of a camera, and all that a client has scaled to the network.
    ("decode-small", 500_000, false),
    ("decode-medium", 2_000_000, false),
    // It has work for seconds when many clients send such images.
    ("decode-large", u64::MAX, true),
];

/// Decoded images that wait for the engine, beside those that are being decoded. More would make
/// nothing faster, and take the memory of a network input each.
const MAX_DECODED: usize = 4;

/// By how much a thread that gives way does so, on the scale of `nice`, up to 19.
const GIVES_WAY: i32 = 10;

/// Decodes images, and limits how many wait.
pub struct DecodeQueue {
    decoder: ImageDecoder,
    jobs: Arc<FairQueue<Job>>,
    places: Arc<Budget>,
}

/// A decoded image and its place among those that wait for the engine.
pub struct Decoded {
    /// The image.
    pub image: DecodedImage,
    _place: OwnedSemaphorePermit,
}

struct Job {
    // Holds the images, and so their reserved memory, until the job has ended.
    images: Arc<Uploads>,
    index: usize,
    cost: u64,
    reply: oneshot::Sender<Result<Decoded, JobError>>,
}

impl DecodeQueue {
    /// A queue of at most `max_queue` images that wait or are being processed. Its threads end
    /// when it is dropped.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(decoder: ImageDecoder, max_queue: usize, runtime: &Handle) -> io::Result<Self> {
        let jobs = Arc::new(FairQueue::new());
        let places = Arc::new(Semaphore::new(MAX_DECODED + THREADS.len()));
        for (name, max_cost, gives_way) in THREADS {
            let worker = Worker {
                decoder: decoder.clone(),
                jobs: Arc::clone(&jobs),
                places: Arc::clone(&places),
                max_cost,
            };
            let runtime = runtime.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                if gives_way && let Err(error) = rustix::process::nice(GIVES_WAY) {
                    tracing::debug!("the priority of a thread cannot be changed: {error}");
                }
                worker.run(&runtime);
            })?;
        }
        Ok(Self { decoder, jobs, places: Budget::new(max_queue) })
    }

    /// Images that wait or are being processed.
    #[must_use]
    pub fn queued_images(&self) -> usize {
        self.places.used()
    }

    /// Takes places for `n_images`, held until the lease is dropped.
    ///
    /// # Errors
    /// [`JobError::QueueFull`].
    pub fn admit(&self, client: ClientAddress, n_images: usize) -> Result<Lease, JobError> {
        // Refused and not kept waiting: a waiting request would hold the memory of its body.
        self.places.take(client, n_images).ok_or(JobError::QueueFull(self.places.total()))
    }

    /// Waits for a thread, then decodes one image on it.
    ///
    /// # Errors
    /// [`JobError::Image`], [`JobError::Panicked`], [`JobError::Stopped`].
    pub async fn decode(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
        index: usize,
    ) -> Result<Decoded, JobError> {
        let file = &images.files[index];
        // From the header only: a file that is refused for it does not wait.
        let cost = self.decoder.cost(&file.bytes).map_err(|error| in_file(file, error))?;
        let (reply, result) = oneshot::channel();
        let job = Job { images: Arc::clone(images), index, cost, reply };
        self.jobs.push(caller, job).map_err(|_| JobError::Stopped)?;
        result.await.unwrap_or(Err(JobError::Stopped))
    }
}

impl Drop for DecodeQueue {
    fn drop(&mut self) {
        self.jobs.clear();
    }
}

struct Worker {
    decoder: ImageDecoder,
    jobs: Arc<FairQueue<Job>>,
    places: Arc<Semaphore>,
    /// Only images of less cost.
    max_cost: u64,
}

impl Worker {
    fn run(&self, runtime: &Handle) {
        // The place first: an address must not be chosen before its turn can begin.
        while let Ok(place) = runtime.block_on(Arc::clone(&self.places).acquire_owned()) {
            let Some((caller, job)) = self.jobs.pop(|job| job.cost < self.max_cost) else {
                return;
            };
            let start = Instant::now();
            self.decode(job, place);
            self.jobs.charge(caller, start.elapsed());
        }
    }

    fn decode(&self, job: Job, place: OwnedSemaphorePermit) {
        // A closed channel means that the connection is gone, or the time of the request over.
        if job.reply.is_closed() {
            return;
        }
        let file = &job.images.files[job.index];
        let decoded = catch_panic(|| self.decoder.decode(&file.bytes));
        let decoded = decoded.and_then(|decoded| decoded.map_err(|error| in_file(file, error)));
        // The connection may close meanwhile.
        let _ = job.reply.send(decoded.map(|image| Decoded { image, _place: place }));
    }
}

fn in_file(upload: &Upload, error: edge::decoder::DecodeError) -> JobError {
    JobError::Image { file: upload.file.clone(), error }
}
