//! Limits of requests: their ranges, and which of them contradict each other.

use std::time::Duration;

use settings::Service;

use crate::jobs::budget::Budget;

/// The longest time that a limit may be, in seconds.
const DAY: u64 = 24 * 60 * 60;

/// Limits of requests. They bound memory and time.
///
/// Three images are decoded at once, two of them small ones; each takes at most 12 bytes per pixel
/// (16 bits, with alpha) and a decoder's own memory. Bodies and answers share `max_buffer_bytes`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one request body.
    pub max_body_bytes: usize,
    /// Images in one request.
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
    /// Seconds that running requests have to finish at shutdown.
    pub drain_seconds: u64,
}

impl Limits {
    pub(super) fn new(service: &Service, max_pixels: u64) -> Self {
        Self {
            max_body_bytes: service.max_body_bytes,
            max_files: service.max_files,
            max_pixels,
            max_queue: service.max_queue,
            max_buffer_bytes: service.max_buffer_bytes,
            max_classes: service.max_classes,
            max_examples: service.max_examples,
            max_store_bytes: service.max_store_bytes,
            max_import_bytes: service.max_import_bytes,
            max_connections: service.max_connections,
            receive_seconds: service.receive_seconds,
            deadline_seconds: service.deadline_seconds,
            transfer_seconds: service.transfer_seconds,
            drain_seconds: service.drain_seconds,
        }
    }

    /// Time until a request must have arrived and its response must be read.
    #[must_use]
    pub fn receive_time(&self) -> Duration {
        Duration::from_secs(self.receive_seconds)
    }

    /// Time until a request must be answered.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }

    /// Time until a gallery must be exported or imported.
    #[must_use]
    pub fn transfer_time(&self) -> Duration {
        Duration::from_secs(self.transfer_seconds)
    }

    /// Time that running requests have to finish at shutdown.
    #[must_use]
    pub fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// The first limit that is out of its range, or that contradicts another, in one sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { max_files, max_queue, max_body_bytes, max_buffer_bytes, .. } = *self;
        self.check_counts()?;
        self.check_times()?;
        // A request that fills one limit must fit into the other, though clients share it.
        let least = Budget::least_for(max_files);
        if max_queue < least {
            return Err(format!(
                "--max-queue {max_queue} must be at least {least}, with --max-files {max_files}"
            ));
        }
        // A multipart body is held twice.
        let least = Budget::least_for(max_body_bytes.saturating_mul(2));
        if max_buffer_bytes < least {
            return Err(format!(
                "--max-buffer-bytes {max_buffer_bytes} must be at least {least}, with \
                 --max-body-bytes {max_body_bytes}"
            ));
        }
        Ok(())
    }

    /// With 0 of one of these the service would run and take nothing.
    fn check_counts(&self) -> Result<(), String> {
        let are_zero = [
            ("--max-body-bytes", self.max_body_bytes == 0),
            ("--max-files", self.max_files == 0),
            ("--max-queue", self.max_queue == 0),
            ("--max-buffer-bytes", self.max_buffer_bytes == 0),
            ("--max-classes", self.max_classes == 0),
            ("--max-examples", self.max_examples == 0),
            ("--max-store-bytes", self.max_store_bytes == 0),
            ("--max-import-bytes", self.max_import_bytes == 0),
            ("--max-connections", self.max_connections == 0),
        ];
        let zero = are_zero.into_iter().find(|(_, is_zero)| *is_zero);
        zero.map_or(Ok(()), |(name, _)| Err(format!("{name} 0: expected 1 or more")))
    }

    fn check_times(&self) -> Result<(), String> {
        let times = [
            ("--receive-seconds", self.receive_seconds, 1),
            ("--deadline-seconds", self.deadline_seconds, 1),
            ("--transfer-seconds", self.transfer_seconds, 1),
            // 0 ends running requests at once.
            ("--drain-seconds", self.drain_seconds, 0),
        ];
        for (name, seconds, least) in times {
            if !(least..=DAY).contains(&seconds) {
                return Err(format!("{name} {seconds}: expected {least} to {DAY}, which is a day"));
            }
        }
        Ok(())
    }
}
