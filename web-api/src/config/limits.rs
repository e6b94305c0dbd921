//! Limits of requests: their defaults, and which of them contradict each other.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::settings::Settings;

/// Limits of requests. They bound memory and time.
///
/// Bodies take at most twice `max_upload_bytes`: a multipart body and copies of its parts. Two
/// images are decoded at once; each takes at most 12 bytes per pixel (16 bits, with alpha).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one request body.
    pub max_body_bytes: usize,
    /// Images in one request.
    pub max_files: usize,
    /// Pixels of one image.
    pub max_pixels: u64,
    /// Images waiting for the engine.
    pub max_queue: usize,
    /// Bytes of all request bodies in memory.
    pub max_upload_bytes: usize,
    /// Open connections.
    pub max_connections: usize,
    /// Seconds until a request must have arrived and its response must be read.
    pub receive_seconds: u64,
    /// Seconds that running requests have to finish at shutdown.
    pub drain_seconds: u64,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            max_body_bytes: settings.max_body_bytes.unwrap_or(16 << 20),
            max_files: settings.max_files.unwrap_or(64),
            // Two images are decoded at once, with 12 bytes per pixel: 0.96 GB at most.
            max_pixels: settings.max_pixels.unwrap_or(40_000_000),
            max_queue: settings.max_queue.unwrap_or(256),
            max_upload_bytes: settings.max_upload_bytes.unwrap_or(128 << 20),
            max_connections: settings.max_connections.unwrap_or(256),
            receive_seconds: settings.receive_seconds.unwrap_or(30),
            drain_seconds: settings.drain_seconds.unwrap_or(20),
        }
    }
}

impl Limits {
    /// Time until a request must have arrived and its response must be read.
    #[must_use]
    pub fn receive_time(&self) -> Duration {
        Duration::from_secs(self.receive_seconds)
    }

    /// Time that running requests have to finish at shutdown.
    #[must_use]
    pub fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// The limits that contradict each other, in one sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { max_files, max_queue, max_body_bytes, max_upload_bytes, .. } = *self;
        // With 0 the service would run and take nothing.
        if max_files == 0 || self.max_connections == 0 {
            return Err("--max-files and --max-connections must be at least 1".to_owned());
        }
        // tokio panics where a semaphore or a channel is larger.
        if max_queue.max(self.max_connections) > Semaphore::MAX_PERMITS {
            let most = Semaphore::MAX_PERMITS;
            return Err(format!("--max-queue and --max-connections must be at most {most}"));
        }
        // A request that fills one limit must fit into the other.
        if max_queue < max_files {
            return Err(format!(
                "--max-queue {max_queue} must be at least --max-files {max_files}"
            ));
        }
        if max_upload_bytes < max_body_bytes {
            return Err(format!(
                "--max-upload-bytes {max_upload_bytes} must be at least --max-body-bytes \
                 {max_body_bytes}"
            ));
        }
        Ok(())
    }
}
