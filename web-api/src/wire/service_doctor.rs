//! The state of the service that is known without work.

use serde::Serialize;
use utoipa::ToSchema;

use super::service::{Bundle, Engine};

/// The state of the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceDoctor {
    /// The service's version.
    #[schema(max_length = 64, example = "0.1.0")]
    pub version: &'static str,
    /// The bundle in use.
    pub bundle: Bundle,
    /// The engine in use, and why others were rejected.
    pub engine: Engine,
    /// The store, which has all galleries.
    pub store: StoreState,
    /// Who may call the service.
    pub access: AccessState,
    /// The limits of the service.
    pub limits: ServiceLimits,
    /// Seconds since the service became ready.
    pub uptime_seconds: u64,
    /// What is to be mended; empty if nothing is.
    #[schema(max_items = 16)]
    pub problems: Vec<String>,
}

/// The store.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct StoreState {
    /// The number of its format.
    pub format: u64,
    /// Bytes that it takes on the disk, up to `limits.max_store_bytes`; null if it cannot be read.
    #[schema(minimum = 0)]
    pub bytes: Option<u64>,
    /// Number of galleries, without deleted ones.
    pub galleries: usize,
    /// True if the service was started with `--read-only`: changes are refused.
    pub read_only: bool,
}

/// Who may call the service.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct AccessState {
    /// True if every call needs a key, except for the health and the page.
    pub keys_required: bool,
    /// True if the service encrypts connections itself.
    pub tls: bool,
}

/// The limits of the service, by the names of their settings.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ServiceLimits {
    /// Bytes of one body.
    pub max_body_bytes: usize,
    /// Images in one call.
    pub max_files: usize,
    /// Pixels of one image.
    pub max_pixels: u64,
    /// Images that wait or are being processed.
    pub max_queue: usize,
    /// Bytes of all bodies and answers in memory.
    pub max_buffer_bytes: usize,
    /// Classes of a gallery.
    pub max_classes: usize,
    /// Examples of a gallery.
    pub max_examples: usize,
    /// Bytes that the store takes on the disk.
    pub max_store_bytes: u64,
    /// Bytes of a gallery's file that is imported.
    pub max_import_bytes: usize,
    /// Open connections.
    pub max_connections: usize,
    /// Seconds until a request must have arrived and its response must be read.
    pub receive_seconds: u64,
    /// Seconds until a request must be answered.
    pub deadline_seconds: u64,
    /// Seconds until a gallery must be exported or imported.
    pub transfer_seconds: u64,
    /// Seconds that running requests have to finish when the service stops.
    pub drain_seconds: u64,
}
