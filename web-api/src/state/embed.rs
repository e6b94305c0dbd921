//! From the images of a call to their embeddings: while one is embedded, the next ones are decoded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge::embedder::Embedded;
use edge::gallery::KeepImages;
use edge::slot::EngineLease;

use super::{AppState, Embeddings};
use crate::jobs::budget::Lease;
use crate::jobs::client::Caller;
use crate::jobs::decode_queue::Decoded;
use crate::jobs::engine_thread::Embedding;
use crate::jobs::error::JobError;
use crate::jobs::in_order::in_order;
use crate::jobs::uploads::Uploads;
use crate::metrics::Stage;

/// Images of a call that are decoded or embedded at once: while one is embedded, the next ones are
/// decoded, and those of a slow engine share its runs.
pub(super) const AT_ONCE: usize = 4;

impl AppState {
    /// Decodes and embeds images to classify them, a few at once; nothing is kept of them.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn embed(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
    ) -> Result<Embeddings, JobError> {
        self.embed_all(caller, images, None).await
    }

    /// Decodes and embeds images to enroll them, a few at once, with what is kept of them and
    /// what may be wrong with them. For files, what is kept is complete only after
    /// [`Embeddings::keep_originals`].
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn embed_to_keep(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
        keep: KeepImages,
    ) -> Result<Embeddings, JobError> {
        self.embed_all(caller, images, Some(keep)).await
    }

    /// All images on one engine: if it fails after the first of them, all are embedded anew.
    async fn embed_all(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
        keep: Option<KeepImages>,
    ) -> Result<Embeddings, JobError> {
        // The limit is on images, not on requests.
        let places = self.decode_queue.admit(caller.client, images.files.len())?;
        let originals = (keep == Some(KeepImages::Original)).then(|| Arc::clone(images));
        // The files are in memory already: a copy now would stay there while the call waits.
        let keep = if originals.is_some() { Some(KeepImages::Off) } else { keep };
        loop {
            match self.embed_on_one(caller, images, keep).await {
                // Each engine is lost once.
                Err(error) if error.is_replaced() => {}
                Err(error) => return Err(error),
                Ok((images, memory)) => {
                    return Ok(Embeddings { images, originals, _memory: memory, _places: places });
                }
            }
        }
    }

    /// Each image is a job of its own: other calls are served between two images, or in the same
    /// run, and work for a closed connection stops. Returns the memory of what is kept too.
    async fn embed_on_one(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
        keep: Option<KeepImages>,
    ) -> Result<(Vec<Embedded>, Lease), JobError> {
        let memory = Mutex::new(self.buffers.lease(caller.client));
        let engine = EngineLease::default();
        let each = (0..images.files.len()).map(|index| {
            let memory = &memory;
            let engine = &engine;
            async move {
                let decoded = self.decode_queue.decode(caller, images, index, keep).await?;
                let kept = decoded.image.kept.as_ref().map_or(0, Vec::len);
                if kept > 0 && !lock(memory).grow(kept) {
                    return Err(JobError::NoMemory);
                }
                self.embed_decoded(caller, engine, decoded).await
            }
        });
        let images = in_order(each, AT_ONCE).await?;
        Ok((images, memory.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn embed_decoded(
        &self,
        caller: Caller,
        lease: &EngineLease,
        decoded: Decoded,
    ) -> Result<Embedded, JobError> {
        let Decoded { mut image, waits } = decoded;
        let input = image.take_input();
        let embedding = self.engine.embed(caller, lease, input, Some(waits)).await?;
        let Embedding { values, engine, took } = embedding;
        let embedded = Embedded::of(image, values, engine, took);
        self.observe(&embedded);
        Ok(embedded)
    }

    fn observe(&self, embedded: &Embedded) {
        self.metrics.stage(Stage::Decode, embedded.timing.decode);
        self.metrics.stage(Stage::Preprocess, embedded.timing.preprocess);
        self.metrics.stage(Stage::Embed, embedded.timing.embed);
    }
}

/// The memory of a call, which its images share. Growing it leaves nothing half done.
fn lock(memory: &Mutex<Lease>) -> MutexGuard<'_, Lease> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
