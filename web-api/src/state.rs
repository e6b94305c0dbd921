//! What all requests share.

use std::sync::Arc;

use edge::decoder::ImageDecoder;

use crate::config::Config;
use crate::jobs::decode_queue::DecodeQueue;
use crate::jobs::engine_thread::EngineThread;
use crate::jobs::uploads::UploadBudget;
use crate::metrics::Metrics;
use crate::station::Station;
use crate::wire;

/// What all requests share.
pub struct AppState {
    /// The resolved settings.
    pub config: Config,
    /// The answer of `GET /version`.
    pub version: wire::Version,
    /// Decodes images.
    pub decode_queue: DecodeQueue,
    /// The thread that owns engine and gallery.
    pub engine: EngineThread<Station>,
    /// Counters and durations.
    pub metrics: Arc<Metrics>,
    /// Memory for request bodies.
    pub uploads: UploadBudget,
}

impl AppState {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        config: Config,
        version: wire::Version,
        reader: ImageDecoder,
        engine: EngineThread<Station>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let decode_queue = DecodeQueue::new(reader, config.limits.max_queue);
        let uploads = UploadBudget::new(config.limits.max_upload_bytes);
        Self { config, version, decode_queue, engine, metrics, uploads }
    }
}
