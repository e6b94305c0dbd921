//! Uploaded image files and the memory budget that they count against.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of the budget.
// Permits are taken by a 32-bit number: in bytes, no body could be longer than 4 GiB.
const KIB: usize = 1024;

/// One image file as it arrived.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file's name, if the body gave one.
    pub file: Option<String>,
    /// The file's bytes, not decoded.
    pub bytes: Bytes,
}

/// The images of a request. Their memory stays reserved until this is dropped.
#[derive(Debug)]
pub struct Uploads {
    /// At least one.
    pub files: Vec<Upload>,
    _reservation: Reservation,
}

/// Memory reserved for one body.
#[derive(Debug)]
pub struct Reservation {
    _permit: OwnedSemaphorePermit,
}

/// Memory for all bodies that are held at once.
pub struct UploadBudget {
    free_kib: Arc<Semaphore>,
    total_kib: usize,
}

impl Uploads {
    /// Joins files with the memory that was reserved for them.
    #[must_use]
    pub fn new(files: Vec<Upload>, reservation: Reservation) -> Self {
        Self { files, _reservation: reservation }
    }
}

impl UploadBudget {
    /// A budget of `max_bytes`, rounded up to KiB.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let total_kib = max_bytes.div_ceil(KIB).min(Semaphore::MAX_PERMITS);
        Self { free_kib: Arc::new(Semaphore::new(total_kib)), total_kib }
    }

    /// Reserves `n_bytes`; `None` if less is free.
    #[must_use]
    pub fn reserve(&self, n_bytes: usize) -> Option<Reservation> {
        let kib = u32::try_from(n_bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.free_kib).try_acquire_many_owned(kib).ok()?;
        Some(Reservation { _permit: permit })
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn reserved_bytes(&self) -> usize {
        self.total_kib.saturating_sub(self.free_kib.available_permits()) * KIB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_returned_when_it_is_dropped() {
        let budget = UploadBudget::new(2000);
        let reservation = budget.reserve(1500);
        assert!(reservation.is_some());
        assert_eq!(budget.reserved_bytes(), 2048);
        assert!(budget.reserve(1).is_none());
        drop(reservation);
        assert_eq!(budget.reserved_bytes(), 0);
    }
}
