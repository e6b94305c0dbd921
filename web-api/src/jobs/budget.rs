//! An amount that all clients share: bytes in memory, images that wait, connections.
//!
//! First come, first served would let one client take everything. So an address may hold as much as
//! is left to others, and a call half of what its address may hold (dynamic thresholds: Choudhury
//! and Hahne, 1998). A quarter is kept for addresses that hold next to nothing, so that many
//! clients together cannot take everything either.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::client::ClientAddress;

/// One part in so many of the total is granted to an address whatever the others hold.
const SMALL_PARTS: usize = 256;

/// One part in so many of the total is kept for addresses that hold no more than a small part.
const KEPT_PARTS: usize = 4;

/// An amount that all clients share.
#[derive(Debug)]
pub struct Budget {
    total: usize,
    held: Mutex<Held>,
    /// How much is held, for those who wait for a part of it.
    used: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_client: HashMap<ClientAddress, usize>,
}

/// What one call holds of a budget. It is returned on drop.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    client: ClientAddress,
    amount: usize,
}

impl Budget {
    /// A budget of `total` units.
    #[must_use]
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, held: Mutex::default(), used: watch::Sender::new(0) })
    }

    /// The least total with which one call can hold `amount` while no other holds anything.
    #[must_use]
    pub fn least_for(amount: usize) -> usize {
        // The rule for a call that holds everything that is held: 4 parts of what is not kept.
        amount.saturating_mul(4).saturating_mul(KEPT_PARTS) / (KEPT_PARTS - 1) + KEPT_PARTS
    }

    /// All units.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// The units that are held.
    #[must_use]
    pub fn used(&self) -> usize {
        *self.used.borrow()
    }

    /// A lease of nothing yet.
    #[must_use]
    pub fn lease(self: &Arc<Self>, client: ClientAddress) -> Lease {
        Lease { budget: Arc::clone(self), client, amount: 0 }
    }

    /// A lease of `amount`; `None` if the client cannot have as much now.
    #[must_use]
    pub fn take(self: &Arc<Self>, client: ClientAddress, amount: usize) -> Option<Lease> {
        let mut lease = self.lease(client);
        lease.grow(amount).then_some(lease)
    }

    /// The units that an address holds.
    #[must_use]
    pub fn held_by(&self, client: ClientAddress) -> usize {
        self.lock().by_client.get(&client).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is held; the numbers are valid in any case.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admits(&self, held: &Held, lease: &Lease, more: usize) -> bool {
        let free = self.total - held.all;
        let by_client = held.by_client.get(&lease.client).copied().unwrap_or_default();
        if more > free {
            return false;
        }
        if by_client + more <= (self.total / SMALL_PARTS).max(1) {
            return true;
        }
        let shared = free.saturating_sub(self.total / KEPT_PARTS);
        // Afterwards the address could take as much again as the call then holds, and would hold
        // no more than is left of `shared`.
        let call = lease.amount.saturating_add(more);
        let needed = more.saturating_add(call).saturating_mul(2).saturating_add(by_client);
        needed <= shared
    }
}

impl Lease {
    /// Takes `more`; false, and nothing is taken, if the client cannot have as much now.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let mut held = self.budget.lock();
        let is_admitted = self.budget.admits(&held, self, more);
        if is_admitted {
            held.all += more;
            *held.by_client.entry(self.client).or_default() += more;
            self.budget.used.send_replace(held.all);
            drop(held);
            self.amount += more;
        }
        is_admitted
    }

    /// Returns all of it.
    pub fn clear(&mut self) {
        let client = self.client;
        *self = self.budget.lease(client);
    }

    /// Whether somebody waits for more of the budget.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.budget.used.receiver_count() > 0
    }

    /// The same as [`Lease::grow`], waiting for others to return what they hold; false when `time` is over.
    #[must_use]
    pub async fn grow_within(&mut self, more: usize, time: Duration) -> bool {
        if self.grow(more) {
            return true;
        }
        // While it exists, `Lease::is_wanted` holds.
        let mut changes = self.budget.used.subscribe();
        let granted = async { while !self.grow(more) && changes.changed().await.is_ok() {} };
        timeout(time, granted).await.is_ok()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.budget.lock();
        held.all -= self.amount;
        // Addresses that hold nothing are forgotten: there may be many over time.
        if let Entry::Occupied(mut entry) = held.by_client.entry(self.client) {
            *entry.get_mut() -= self.amount;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
        self.budget.used.send_replace(held.all);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::client::tests::client;
    use super::*;

    /// As much as a client can take in calls of `amount`.
    fn fill(budget: &Arc<Budget>, number: u8, amount: usize) -> Vec<Lease> {
        std::iter::from_fn(|| budget.take(client(number), amount)).collect()
    }

    #[test]
    fn a_lease_is_returned_when_it_is_dropped() {
        let budget = Budget::new(1024);
        let mut lease = budget.take(client(1), 100).unwrap();
        assert!(lease.grow(20));
        assert_eq!((budget.used(), budget.held_by(client(1))), (120, 120));
        drop(lease);
        assert_eq!((budget.used(), budget.held_by(client(1))), (0, 0));
        assert!(budget.lock().by_client.is_empty());
    }

    #[test]
    fn one_address_leaves_as_much_to_others_as_it_holds() {
        let budget = Budget::new(1024);
        let held = fill(&budget, 1, 8).len() * 8;
        assert!((300..=384).contains(&held), "{held}");
        let other = fill(&budget, 2, 8).len() * 8;
        assert!((100..=held).contains(&other), "{other}");
    }

    #[test]
    fn many_addresses_leave_something_to_others() {
        let budget = Budget::new(1024);
        let held: Vec<_> = (0..64).flat_map(|number| fill(&budget, number, 1)).collect();
        assert!(budget.take(client(100), 4).is_some(), "{} are held", held.len());
    }

    #[test]
    fn large_calls_leave_something_to_small_ones_of_the_same_address() {
        let budget = Budget::new(1024);
        let large = fill(&budget, 1, 64);
        assert!(large.len() >= 2, "{}", large.len());
        assert!(fill(&budget, 1, 1).len() >= 20);
    }

    #[test]
    fn the_least_total_admits_one_call_of_the_amount() {
        for amount in [1, 10, 64, 4096, 32 << 20] {
            let budget = Budget::new(Budget::least_for(amount));
            assert!(budget.take(client(1), amount).is_some(), "{amount}");
            let mut lease = budget.lease(client(1));
            assert!((0..4).all(|_| lease.grow(amount / 4)), "{amount} in steps");
        }
        assert!(Budget::new(Budget::least_for(64) * 3 / 4).take(client(1), 64).is_none());
    }

    #[tokio::test]
    async fn a_lease_grows_when_others_return_what_they_hold() {
        let budget = Budget::new(1);
        let first = budget.take(client(1), 1);
        let mut second = budget.lease(client(2));
        assert!(
            !second.grow_within(1, Duration::from_millis(1)).await
                && budget.used.receiver_count() == 0
        );
        let waiting =
            tokio::spawn(async move { second.grow_within(1, Duration::from_secs(60)).await });
        while budget.used.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn a_budget_of_one_has_one_place() {
        let budget = Budget::new(1);
        let only = budget.take(client(1), 1);
        assert!(only.is_some() && budget.take(client(2), 1).is_none());
        drop(only);
        assert!(budget.take(client(2), 1).is_some());
    }
}
