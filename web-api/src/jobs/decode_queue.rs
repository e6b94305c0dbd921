//! Decodes images on three threads, so that the engine thread does not wait for them.
//!
//! Addresses take turns by the time that their images took. Each thread takes images up to a size:
//! small ones never wait for a large one, whoever sent it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use edge::decoder::{DecodedImage, ImageDecoder};
use edge::gallery::KeepImages;
use tokio::sync::oneshot;

use super::budget::{Budget, Lease};
use super::client::{Caller, ClientAddress, Priority};
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

/// Images of one priority that are decoded and wait for the engine, or are being decoded: at least
/// the first number, and as many as a batch of the engine up to the second one. Beyond them, only
/// what other threads begin in the same moment. More would make nothing faster, and take the memory
/// of a network input each.
const DECODED: [usize; 2] = [6, 16];

/// One part in 256 of the queue is granted to an address whatever the others have.
const SMALL_PARTS: usize = 256;

/// This number of bytes of a file costs as much as a pixel.
const BYTES_PER_PIXEL: u64 = 4;

/// By how much a thread that gives way does so, on the scale of `nice`, up to 19.
const GIVES_WAY: i32 = 10;

/// Decodes images, and limits how many wait.
pub struct DecodeQueue {
    decoder: ImageDecoder,
    work: Arc<Work>,
    places: Arc<Budget>,
}

/// What the threads share.
struct Work {
    jobs: FairQueue<Job>,
    /// The most inputs of a run of the engine.
    batch: usize,
    /// Decoded images that wait for the engine.
    high: AtomicUsize,
    normal: AtomicUsize,
}

impl Work {
    /// The most decoded images of one priority that wait for the engine.
    fn max_decoded(&self) -> usize {
        let [least, most] = DECODED;
        self.batch.clamp(least, most)
    }

    // For each priority its own: images that the engine serves late must not stop those that it
    // serves soon.
    fn decoded(&self, priority: Priority) -> &AtomicUsize {
        match priority {
            Priority::High => &self.high,
            Priority::Normal => &self.normal,
        }
    }
}

/// A decoded image, counted among those that wait for the engine.
pub struct Decoded {
    /// The image.
    pub image: DecodedImage,
    /// Dropped when the engine has taken the image.
    pub waits: Waits,
}

/// One of the decoded images that wait for the engine.
pub struct Waits {
    work: Arc<Work>,
    priority: Priority,
}

impl Waits {
    fn new(work: &Arc<Work>, priority: Priority) -> Self {
        work.decoded(priority).fetch_add(1, Ordering::SeqCst);
        Self { work: Arc::clone(work), priority }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.work.decoded(self.priority).fetch_sub(1, Ordering::SeqCst);
        self.work.jobs.wake();
    }
}

struct Job {
    // Holds the images, and so their reserved memory, until the job has ended.
    images: Arc<Uploads>,
    index: usize,
    keep: Option<KeepImages>,
    cost: u64,
    reply: oneshot::Sender<Result<Decoded, JobError>>,
}

impl DecodeQueue {
    /// A queue of at most `max_queue` images that wait or are being processed, for an engine that
    /// runs up to `batch` of them at once. Its threads end when it is dropped.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(decoder: ImageDecoder, max_queue: usize, batch: usize) -> io::Result<Self> {
        let work = Arc::new(Work {
            jobs: FairQueue::new(),
            batch,
            high: AtomicUsize::new(0),
            normal: AtomicUsize::new(0),
        });
        for (name, max_cost, gives_way) in THREADS {
            let decoder = decoder.clone();
            let thread = Decoder { decoder, work: Arc::clone(&work), max_cost };
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                if gives_way && let Err(error) = rustix::process::nice(GIVES_WAY) {
                    tracing::debug!("the priority of a thread cannot be changed: {error}");
                }
                thread.run();
            })?;
        }
        Ok(Self { decoder, work, places: Budget::new(max_queue, SMALL_PARTS) })
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

    /// Waits for a thread, then decodes one image on it: to enroll it, with what is kept of it, or
    /// without `keep` to classify it. The call may be dropped at any time.
    ///
    /// # Errors
    /// [`JobError::Image`], [`JobError::Panicked`], [`JobError::Stopped`].
    pub async fn decode(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
        index: usize,
        keep: Option<KeepImages>,
    ) -> Result<Decoded, JobError> {
        let file = &images.files[index];
        // From the header only: a file that is refused for it does not wait.
        let kept = keep.unwrap_or(KeepImages::Off);
        let cost = self.decoder.cost_to_keep(&file.bytes, kept, images.crop);
        let cost = cost.map_err(|error| in_file(file, error))?;
        // What is no pixel takes time too.
        let cost = cost + file.bytes.len() as u64 / BYTES_PER_PIXEL;
        let (reply, result) = oneshot::channel();
        let job = Job { images: Arc::clone(images), index, keep, cost, reply };
        // It leaves the queue when this call is dropped.
        let _ticket = self.work.jobs.push(caller, job).map_err(|_| JobError::Stopped)?;
        result.await.unwrap_or(Err(JobError::Stopped))
    }
}

impl Drop for DecodeQueue {
    fn drop(&mut self) {
        self.work.jobs.clear();
    }
}

struct Decoder {
    decoder: ImageDecoder,
    work: Arc<Work>,
    /// Only images of less cost.
    max_cost: u64,
}

impl Decoder {
    fn run(&self) {
        while let Some((caller, job)) = self.work.jobs.pop(|caller, job| self.accepts(caller, job))
        {
            let waits = Waits::new(&self.work, caller.priority);
            let start = Instant::now();
            self.decode(job, waits);
            self.work.jobs.charge(caller, start.elapsed());
        }
    }

    fn accepts(&self, caller: Caller, job: &Job) -> bool {
        let waiting = self.work.decoded(caller.priority).load(Ordering::SeqCst);
        job.cost < self.max_cost && waiting < self.work.max_decoded()
    }

    fn decode(&self, job: Job, waits: Waits) {
        let file = &job.images.files[job.index];
        let crop = job.images.crop;
        let decoded = catch_panic(|| match job.keep {
            Some(keep) => self.decoder.decode_to_keep(&file.bytes, keep, crop),
            None => self.decoder.decode(&file.bytes, crop),
        });
        let decoded = decoded.and_then(|decoded| decoded.map_err(|error| in_file(file, error)));
        // The connection may close meanwhile.
        let _ = job.reply.send(decoded.map(|image| Decoded { image, waits }));
    }
}

fn in_file(upload: &Upload, error: edge::decoder::DecodeError) -> JobError {
    JobError::Image { file: upload.file.clone(), error }
}
