//! The read transactions of the views of a store.

use std::collections::BTreeMap;

use redb::ReadTransaction;

/// The views that are open, by number.
#[derive(Debug, Default)]
pub(super) struct Views {
    open: BTreeMap<u64, ReadTransaction>,
    last: u64,
}

impl Views {
    /// Keeps a transaction until its view ends; returns its number.
    pub(super) fn add(&mut self, transaction: ReadTransaction) -> u64 {
        self.last += 1;
        self.open.insert(self.last, transaction);
        self.last
    }

    /// `None` if the view has ended.
    pub(super) fn get(&self, number: u64) -> Option<&ReadTransaction> {
        self.open.get(&number)
    }

    pub(super) fn end(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Ends all of them.
    pub(super) fn end_all(&mut self) {
        self.open.clear();
    }
}
