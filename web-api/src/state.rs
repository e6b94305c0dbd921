//! What all requests share.

use std::sync::Arc;

use edge::Recognizer;
use edge::decoder::ImageDecoder;
use edge::embedder::Embedded;

use crate::config::Config;
use crate::jobs::decode_queue::DecodeQueue;
use crate::jobs::engine_thread::EngineThread;
use crate::jobs::error::JobError;
use crate::jobs::uploads::{UploadBudget, Uploads};
use crate::metrics::{Metrics, Stage};
use crate::wire;

/// What all requests share.
pub struct AppState {
    /// The resolved settings.
    pub config: Config,
    /// The response of `GET /version`.
    pub version: wire::Version,
    /// Decodes images.
    pub decode_queue: DecodeQueue,
    /// The thread that owns the recognizer.
    pub engine: EngineThread,
    /// Counters and durations.
    pub metrics: Metrics,
    /// Memory for request bodies.
    pub uploads: UploadBudget,
}

impl AppState {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        config: Config,
        version: wire::Version,
        decoder: ImageDecoder,
        engine: EngineThread,
    ) -> Self {
        let decode_queue = DecodeQueue::new(decoder, config.limits.max_queue);
        let uploads = UploadBudget::new(config.limits.max_upload_bytes);
        let metrics = Metrics::default();
        Self { config, version, decode_queue, engine, metrics, uploads }
    }

    /// Decodes and embeds images, one after another.
    ///
    /// Each image is a job of its own: the engine thread serves other calls between two images, and
    /// work for a closed connection stops.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn embed(&self, images: &Arc<Uploads>) -> Result<Vec<Embedded>, JobError> {
        let n_images = images.files.len();
        // Held until the last image is embedded: the limit is on images, not on requests.
        let _places = self.decode_queue.admit(n_images)?;
        let mut all = Vec::with_capacity(n_images);
        for index in 0..n_images {
            let decoded = self.decode_queue.decode(images, index).await?;
            let work = move |recognizer: &mut Recognizer| recognizer.embed_decoded(decoded);
            let embedded = self.engine.call(work).await??;
            self.observe(&embedded);
            all.push(embedded);
        }
        Ok(all)
    }

    fn observe(&self, embedded: &Embedded) {
        self.metrics.stage(Stage::Decode, embedded.timing.decode);
        self.metrics.stage(Stage::Preprocess, embedded.timing.preprocess);
        self.metrics.stage(Stage::Embed, embedded.timing.embed);
    }

    /// The model in use, as part of a response.
    #[must_use]
    pub fn model(&self) -> wire::Model {
        let wire::Version { bundle, engine, .. } = &self.version;
        wire::Model {
            bundle: bundle.name.clone(),
            precision: engine.precision.clone(),
            provider: engine.provider.clone(),
        }
    }
}
