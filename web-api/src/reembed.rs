//! Embeds the kept images of a gallery anew with the bundle in use, beside all other calls.
//!
//! Images are read and embeddings kept on the gallery thread, a few at a time; in between each
//! image is decoded and embedded as those of clients are, in the name of an address that none of
//! them has. So clients share the time with the job by the rules of the fair queues.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use edge::Recognizer;
use edge::embedder::EmbedError;
use edge::gallery::{GalleryError, GalleryId};
use edge::recognizer::{KeptImage, RecognizerError, ReembedComparison, Reembedded, Reembedding};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::http::problem::{Code, Problem};
use crate::jobs::client::{Caller, ClientAddress, Writer};
use crate::jobs::error::JobError;
use crate::jobs::reembed::{AtEnd, Phase};
use crate::jobs::uploads::{Upload, Uploads};
use crate::state::AppState;

/// The images that are read, and whose embeddings are kept, at once.
const BATCH: usize = 8;

/// The same where whole files are kept: each may be as large as a body.
const BATCH_OF_FILES: usize = 1;

/// How long the job waits before it asks again for what clients have taken.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts the job of a gallery, which goes on where an earlier one was stopped; `actor` makes its
/// changes. One that runs for this gallery goes on, with `at_end` in place of what it was started
/// with. False, and nothing is started, if one runs for another gallery.
#[must_use]
pub fn start(state: &Arc<AppState>, gallery: GalleryId, actor: Arc<str>, at_end: AtEnd) -> bool {
    let job = Job { state: Arc::clone(state), gallery, writer: Writer { client: client(), actor } };
    state.reembed.start(gallery, at_end, || tokio::spawn(job.run()))
}

/// Stops the job of a gallery. What it embedded stays in the store.
pub async fn stop(state: &AppState, gallery: GalleryId) {
    if let Some(task) = state.reembed.forget(gallery) {
        task.abort();
        // Afterwards it starts nothing any more. It was aborted, so it has no result.
        let _ = task.await;
    }
}

/// Stops the job, whatever gallery it is about. Its handles of the threads are gone then.
pub async fn stop_any(state: &AppState) {
    if let Some(task) = state.reembed.forget_any() {
        task.abort();
        let _ = task.await;
    }
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The gallery has the new embeddings.
    Made(Reembedding),
    /// The gallery has changed: some of its images are not embedded yet.
    NotYet,
}

/// Gives the selected gallery its new embeddings.
///
/// # Errors
/// [`RecognizerError::Gallery`] if examples would be lost without `leave_out`, if the gallery is of
/// the model in use, or if the store cannot be written.
pub fn swap(recognizer: &mut Recognizer, leave_out: bool) -> Result<Swap, RecognizerError> {
    match recognizer.finish_reembed(leave_out) {
        Ok(made) => Ok(Swap::Made(made)),
        Err(RecognizerError::Gallery(GalleryError::NotReembedded { .. })) => Ok(Swap::NotYet),
        Err(error) => Err(error),
    }
}

/// The service itself: no client has this address, so that the work is charged to none of them.
fn client() -> ClientAddress {
    IpAddr::from(Ipv4Addr::UNSPECIFIED).into()
}

struct Job {
    state: Arc<AppState>,
    gallery: GalleryId,
    writer: Writer,
}

impl Job {
    async fn run(self) {
        let Err(error) = self.work().await else { return };
        warn!("the images of the gallery {} are not embedded anew: {error}", self.gallery);
        // In the words for clients, which name no folder of the device.
        let problem = Problem::from(error);
        let error = match problem.code() {
            Code::Internal | Code::DamagedStore => {
                "The service failed; its log has the cause.".into()
            }
            _ => problem.to_string(),
        };
        self.state.reembed.set(self.gallery, Phase::Failed(error));
    }

    async fn work(&self) -> Result<(), JobError> {
        loop {
            self.embed_all().await?;
            let comparison = self.call(|recognizer| recognizer.compare_reembedded()).await?;
            let Some(at_end) = self.state.reembed.compared(self.gallery, &comparison) else {
                return Ok(());
            };
            let swapped = self.call(move |recognizer| swap(recognizer, at_end.leave_out)).await;
            match swapped {
                Ok(Swap::NotYet) => continue,
                Ok(Swap::Made(made)) => self.made(&made),
                Err(JobError::Recognizer(RecognizerError::Gallery(
                    error @ GalleryError::NeedsImages { .. },
                ))) => self.needs_images(comparison, error),
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    fn made(&self, made: &Reembedding) {
        let Reembedding { examples, left_out, .. } = made;
        let gallery = self.gallery;
        info!("the gallery {gallery} has {examples} new embeddings; {left_out} were left out");
        self.state.reembed.set(gallery, Phase::after(made));
    }

    /// Images that cannot be read are found when they are decoded: the user decides about them.
    fn needs_images(&self, comparison: ReembedComparison, error: GalleryError) {
        let error = Some(Problem::from(error).to_string());
        self.state.reembed.set(self.gallery, Phase::Ready { comparison, error });
    }

    /// Embeds what is not embedded yet. Each batch is kept before the next one is read.
    async fn embed_all(&self) -> Result<(), JobError> {
        let status = self.call(|recognizer| recognizer.reembed_status()).await?;
        let most = if status.originals > 0 { BATCH_OF_FILES } else { BATCH };
        let mut embedded = Vec::new();
        loop {
            // One job for both: a large gallery may have been closed since the last one.
            let kept = self.call(move |recognizer| {
                recognizer.put_reembedded(embedded)?;
                recognizer.next_to_reembed(most)
            });
            let kept = kept.await?;
            if kept.is_empty() {
                return Ok(());
            }
            embedded = Vec::with_capacity(kept.len());
            for image in kept {
                let example = image.example;
                let embedding = self.embed(image).await?;
                self.state.metrics.reembedded();
                embedded.push(Reembedded { example, embedding });
            }
        }
    }

    /// The embedding of one image; `None` if it cannot be read, or if the network makes none of it.
    async fn embed(&self, image: KeptImage) -> Result<Option<Vec<f32>>, JobError> {
        let client = self.writer.client;
        let mut memory = self.state.buffers.lease(client);
        // The decoder refuses what is larger than a body, and a body fits the budget.
        let size = image.bytes.len().min(self.state.config.limits.max_body_bytes);
        while !memory.grow_within(size, PAUSE).await {}
        let file = Upload { file: None, bytes: image.bytes.into() };
        let mut images = Uploads::new(vec![file], memory);
        images.crop = image.crop;
        let images = Arc::new(images);
        loop {
            match self.state.embed(Caller::from(client), &images).await {
                Ok(embedded) => {
                    return Ok(embedded.images.into_iter().next().map(|image| image.embedding));
                }
                // One image must not stop the others: the engine has passed its self-test.
                Err(
                    JobError::Image { .. }
                    | JobError::Recognizer(RecognizerError::Embed(EmbedError::Output { .. })),
                ) => return Ok(None),
                Err(JobError::QueueFull(_)) => sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs `work` on the gallery, in a job of its own on the gallery thread.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Recognizer) -> Result<T, RecognizerError> + Send + 'static,
    ) -> Result<T, JobError> {
        Ok(self.state.change(self.writer.clone(), &self.gallery.to_string(), work).await??)
    }
}
