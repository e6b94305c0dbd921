//! The HTTP service and its page: enroll classes with a few images, classify new ones.
//!
//! This is the only crate that names axum and tokio. The way of a request: [`server`] (connections)
//! → [`front`] (id, origin, log) → [`routes`] → [`receive`] (body within limits) → [`intake`]
//! (images decoded, a few at once) → [`worker`] (one thread, a bounded queue) → [`station`]
//! (embedder and gallery), and back as [`wire`] or as a [`problem`].

pub mod config;
pub mod http;
pub mod jobs;
pub mod metrics;
pub mod openapi;
pub mod routes;
pub mod station;
pub mod wire;

use std::sync::Arc;

use edge::embedder::ImageReader;
use tokio::sync::Semaphore;

use config::Config;
use jobs::decode_queue::DecodeQueue;
use jobs::engine_thread::EngineThread;
use metrics::Metrics;
use station::Station;

pub use routes::app;

/// What all requests share.
pub struct AppState {
    /// The settings, resolved.
    pub config: Config,
    /// What runs here.
    pub version: wire::Version,
    /// Where images wait, and what reads them.
    pub decode_queue: DecodeQueue,
    /// The way to embedder and gallery.
    pub engine: EngineThread<Station>,
    /// Counts and durations.
    pub metrics: Arc<Metrics>,
    /// Room for bodies, in KiB.
    room: Arc<Semaphore>,
    room_kib: usize,
}

impl AppState {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        config: Config,
        version: wire::Version,
        reader: ImageReader,
        engine: EngineThread<Station>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let room_kib = config.limits.max_upload_bytes.div_ceil(1024);
        let room = Arc::new(Semaphore::new(room_kib.min(Semaphore::MAX_PERMITS)));
        let decode_queue = DecodeQueue::new(reader, config.limits.max_queue);
        Self { config, version, decode_queue, engine, metrics, room, room_kib }
    }

    /// Bytes reserved for bodies at this moment.
    #[must_use]
    pub fn upload_bytes(&self) -> usize {
        self.room_kib.saturating_sub(self.room.available_permits()) * 1024
    }
}
