//! Galleries that are being exported or imported.
//!
//! Each takes memory for parts of a file of any length, so they are few at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Exports at a time.
const MAX_EXPORTS: usize = 2;

/// Imports at a time: each has a file in the folder of the store.
const MAX_IMPORTS: usize = 1;

/// The places of exports and imports.
#[derive(Debug)]
pub struct Transfers {
    exports: Arc<Semaphore>,
    imports: Arc<Semaphore>,
}

impl Default for Transfers {
    fn default() -> Self {
        let exports = Arc::new(Semaphore::new(MAX_EXPORTS));
        Self { exports, imports: Arc::new(Semaphore::new(MAX_IMPORTS)) }
    }
}

impl Transfers {
    /// A place for an export until it is dropped; `None` if there is none.
    #[must_use]
    pub fn export(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.exports).try_acquire_owned().ok()
    }

    /// A place for an import until it is dropped; `None` if there is none.
    #[must_use]
    pub fn import(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.imports).try_acquire_owned().ok()
    }

    /// The exports in progress.
    #[must_use]
    pub fn exports(&self) -> usize {
        MAX_EXPORTS - self.exports.available_permits()
    }

    /// The imports in progress.
    #[must_use]
    pub fn imports(&self) -> usize {
        MAX_IMPORTS - self.imports.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_come_back() {
        let transfers = Transfers::default();
        let first = transfers.export();
        let second = transfers.export();
        assert!(first.is_some() && second.is_some() && transfers.export().is_none());
        assert_eq!((transfers.exports(), transfers.imports()), (2, 0));
        drop(first);
        assert!(transfers.export().is_some());
        assert_eq!(transfers.exports(), 1);
        let import = transfers.import();
        assert!(import.is_some() && transfers.import().is_none());
    }
}
