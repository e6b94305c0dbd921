//! What all requests share.

use std::io;
use std::sync::Arc;

use edge::Recognizer;
use edge::decoder::ImageDecoder;
use edge::embedder::Embedded;

use crate::config::Config;
use crate::connections::Connections;
use crate::jobs::budget::{Budget, Lease};
use crate::jobs::client::Caller;
use crate::jobs::decode_queue::{DecodeQueue, Decoded};
use crate::jobs::engine_thread::EngineThread;
use crate::jobs::error::JobError;
use crate::jobs::uploads::Uploads;
use crate::metrics::{Metrics, Stage};
use crate::wire;

/// One part in 256 of the memory is granted to an address whatever the others hold.
const SMALL_PARTS: usize = 256;

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
    /// Memory for the bodies and answers of all requests.
    pub buffers: Arc<Budget>,
    /// The open connections.
    pub connections: Arc<Connections>,
}

/// The embeddings of the images of a call. They keep the call's places in the queue until this is
/// dropped.
pub struct Embeddings {
    /// In the order of the body.
    pub images: Vec<Embedded>,
    _places: Lease,
}

impl AppState {
    /// Joins the parts.
    ///
    /// # Errors
    /// When the system cannot start the threads that decode.
    pub fn new(
        config: Config,
        version: wire::Version,
        decoder: ImageDecoder,
        engine: EngineThread,
    ) -> io::Result<Self> {
        let decode_queue = DecodeQueue::start(decoder, config.limits.max_queue)?;
        let buffers = Budget::new(config.limits.max_buffer_bytes, SMALL_PARTS);
        let connections = Connections::new(config.limits.max_connections);
        let metrics = Metrics::new(vec![
            ("version", version.version.to_owned()),
            ("bundle", version.bundle.name.clone()),
            ("provider", version.engine.provider.clone()),
        ]);
        Ok(Self { config, version, decode_queue, engine, metrics, buffers, connections })
    }

    /// Decodes and embeds images, one after another.
    ///
    /// Each image is a job of its own: other calls are served between two images, and work for a
    /// closed connection stops.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn embed(
        &self,
        caller: Caller,
        images: &Arc<Uploads>,
    ) -> Result<Embeddings, JobError> {
        let n_images = images.files.len();
        // The limit is on images, not on requests.
        let places = self.decode_queue.admit(caller.client, n_images)?;
        let mut all = Vec::with_capacity(n_images);
        for index in 0..n_images {
            let decoded = self.decode_queue.decode(caller, images, index).await?;
            let work = move |recognizer: &mut Recognizer| {
                // All of it, so that a job that waits counts as one.
                let Decoded { image, waits } = decoded;
                let embedded = recognizer.embed_decoded(image);
                drop(waits);
                embedded
            };
            let embedded = self.engine.call(caller, work).await??;
            self.observe(&embedded);
            all.push(embedded);
        }
        Ok(Embeddings { images: all, _places: places })
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
