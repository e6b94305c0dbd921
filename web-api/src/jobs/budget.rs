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

/// A quarter of the total is kept for addresses that hold no more than a small part.
const KEPT_PARTS: usize = 4;

/// An amount that all clients share.
#[derive(Debug)]
pub struct Budget {
    total: usize,
    /// What is granted to an address whatever the others hold, if it is free.
    small: usize,
    held: Mutex<Held>,
    /// How much is held, for those who wait for a part of it.
    used: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_client: HashMap<ClientAddress, usize>,
    /// How many leases of an address wait for more.
    waiting: HashMap<ClientAddress, usize>,
}

/// A lease that waits for more.
struct Waiting<'a> {
    budget: &'a Budget,
    client: ClientAddress,
}

/// What one call holds of a budget. It is returned on drop.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    client: ClientAddress,
    amount: usize,
}

impl Budget {
    /// A budget of `total` units. A small part of it is one in `small_parts`.
    #[must_use]
    pub fn new(total: usize, small_parts: usize) -> Arc<Self> {
        let small = (total / small_parts).max(1);
        Arc::new(Self { total, small, held: Mutex::default(), used: watch::Sender::new(0) })
    }

    /// The least total with which one call can hold `amount` while no other holds anything.
    #[must_use]
    pub fn least_for(amount: usize) -> usize {
        // The rule for a call that holds everything that is held: 4 parts of what is not kept.
        amount.saturating_mul(4).saturating_mul(KEPT_PARTS) / (KEPT_PARTS - 1) + KEPT_PARTS
    }

    /// Whether a call can hold `amount` while no other holds anything.
    #[must_use]
    pub fn fits(&self, amount: usize) -> bool {
        Self::least_for(amount) <= self.total
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
        self.lock().of(client)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is held; the numbers are valid in any case.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admits(&self, held: &Held, lease: &Lease, more: usize) -> bool {
        let free = self.total - held.all;
        let by_client = held.of(lease.client);
        if more > free {
            return false;
        }
        if by_client + more <= self.small {
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
            held.give(self.client, more);
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

    /// Whether what it holds is wanted: by another lease of its address, or by an address that
    /// holds less than its own.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let held = self.budget.lock();
        let own = held.of(self.client);
        let mut waiting = held.waiting.keys();
        self.amount > 0 && waiting.any(|other| *other == self.client || held.of(*other) < own)
    }

    /// Gives all of it to another client; `None`, and nothing changes, if that one cannot have it.
    #[must_use]
    pub fn hand_over(&mut self, client: ClientAddress) -> Option<Self> {
        let mut taken = self.budget.lease(client);
        let mut held = self.budget.lock();
        held.take_back(self.client, self.amount);
        // Its own part may always serve another call of the same address.
        let is_admitted = client == self.client || self.budget.admits(&held, &taken, self.amount);
        held.give(if is_admitted { client } else { self.client }, self.amount);
        drop(held);
        is_admitted.then(|| {
            taken.amount = std::mem::take(&mut self.amount);
            taken
        })
    }

    /// The same as [`Lease::grow`], waiting for others to return what they hold; false when `time`
    /// is over.
    #[must_use]
    pub async fn grow_within(&mut self, more: usize, time: Duration) -> bool {
        if self.grow(more) {
            return true;
        }
        let budget = Arc::clone(&self.budget);
        let _waiting = Waiting::new(&budget, self.client);
        let mut changes = budget.used.subscribe();
        let granted = async { while !self.grow(more) && changes.changed().await.is_ok() {} };
        timeout(time, granted).await.is_ok()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.budget.lock();
        held.take_back(self.client, self.amount);
        self.budget.used.send_replace(held.all);
    }
}

impl Held {
    fn of(&self, client: ClientAddress) -> usize {
        self.by_client.get(&client).copied().unwrap_or_default()
    }

    fn give(&mut self, client: ClientAddress, amount: usize) {
        self.all += amount;
        *self.by_client.entry(client).or_default() += amount;
    }

    fn take_back(&mut self, client: ClientAddress, amount: usize) {
        self.all -= amount;
        subtract(&mut self.by_client, client, amount);
    }
}

impl<'a> Waiting<'a> {
    fn new(budget: &'a Budget, client: ClientAddress) -> Self {
        *budget.lock().waiting.entry(client).or_default() += 1;
        Self { budget, client }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        subtract(&mut self.budget.lock().waiting, self.client, 1);
    }
}

/// Addresses without an amount are forgotten: there may be many over time.
fn subtract(amounts: &mut HashMap<ClientAddress, usize>, client: ClientAddress, amount: usize) {
    if let Entry::Occupied(mut entry) = amounts.entry(client) {
        *entry.get_mut() -= amount;
        if *entry.get() == 0 {
            entry.remove();
        }
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
        let budget = Budget::new(1024, 256);
        let mut lease = budget.take(client(1), 100).unwrap();
        assert!(lease.grow(20));
        assert_eq!((budget.used(), budget.held_by(client(1))), (120, 120));
        drop(lease);
        assert_eq!((budget.used(), budget.held_by(client(1))), (0, 0));
        assert!(budget.lock().by_client.is_empty());
    }

    #[test]
    fn one_address_leaves_as_much_to_others_as_it_holds() {
        let budget = Budget::new(1024, 256);
        let held = fill(&budget, 1, 8).len() * 8;
        assert!((300..=384).contains(&held), "{held}");
        let other = fill(&budget, 2, 8).len() * 8;
        assert!((100..=held).contains(&other), "{other}");
    }

    #[test]
    fn many_addresses_leave_something_to_others() {
        let budget = Budget::new(1024, 256);
        let held: Vec<_> = (0..64).flat_map(|number| fill(&budget, number, 1)).collect();
        assert!(budget.take(client(100), 4).is_some(), "{} are held", held.len());
    }

    #[test]
    fn large_calls_leave_something_to_small_ones_of_the_same_address() {
        let budget = Budget::new(1024, 256);
        let large = fill(&budget, 1, 64);
        assert!(large.len() >= 2, "{}", large.len());
        assert!(fill(&budget, 1, 1).len() >= 20);
    }

    #[test]
    fn the_least_total_admits_one_call_of_the_amount() {
        for amount in [1, 10, 64, 4096, 32 << 20] {
            let budget = Budget::new(Budget::least_for(amount), 256);
            assert!(budget.take(client(1), amount).is_some(), "{amount}");
            let mut lease = budget.lease(client(1));
            assert!((0..4).all(|_| lease.grow(amount / 4)), "{amount} in steps");
        }
        assert!(Budget::new(Budget::least_for(64) * 3 / 4, 256).take(client(1), 64).is_none());
    }

    #[tokio::test]
    async fn a_lease_grows_when_others_return_what_they_hold() {
        let budget = Budget::new(1, 256);
        let first = budget.take(client(1), 1);
        let mut second = budget.lease(client(2));
        assert!(!second.grow_within(1, Duration::from_millis(1)).await);
        assert!(budget.lock().waiting.is_empty());
        let waiting =
            tokio::spawn(async move { second.grow_within(1, Duration::from_secs(60)).await });
        while budget.lock().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(waiting.await.unwrap());
    }

    /// A lease that waits in a task of its own.
    fn waiting(budget: &Arc<Budget>, number: u8, more: usize) -> tokio::task::JoinHandle<bool> {
        let mut lease = budget.lease(client(number));
        tokio::spawn(async move { lease.grow_within(more, Duration::from_secs(60)).await })
    }

    #[tokio::test]
    async fn a_lease_is_wanted_by_its_own_address_and_by_those_that_hold_less() {
        let budget = Budget::new(1000, 256);
        let large = fill(&budget, 1, 50);
        let small: Vec<_> = (2..50).flat_map(|number| fill(&budget, number, 20)).collect();
        assert!(!large[0].is_wanted() && !small[0].is_wanted());
        let own = waiting(&budget, 1, 900);
        tokio::task::yield_now().await;
        assert!(large[0].is_wanted() && !small[0].is_wanted());
        let other = waiting(&budget, 61, 100);
        tokio::task::yield_now().await;
        assert!(large[0].is_wanted() && small[0].is_wanted());
        assert!(!budget.lease(client(1)).is_wanted(), "it holds nothing");
        for task in [own, other] {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert!(!large[0].is_wanted());
    }

    #[test]
    fn a_lease_is_handed_over_if_its_new_owner_may_have_it() {
        let budget = Budget::new(1, 256);
        let mut first = budget.take(client(1), 1).unwrap();
        let second = first.hand_over(client(2)).unwrap();
        assert_eq!((budget.held_by(client(1)), budget.held_by(client(2))), (0, 1));
        drop(first);
        assert_eq!(budget.used(), 1);
        drop(second);
        let budget = Budget::new(1000, 256);
        let all = fill(&budget, 1, 1);
        let mut other = budget.take(client(2), 3).unwrap();
        assert!(other.hand_over(client(1)).is_none());
        assert!(other.hand_over(client(2)).is_some_and(|same| same.amount == 3));
        let other = budget.take(client(2), 3);
        assert!(other.is_some());
        assert_eq!((budget.held_by(client(1)), budget.held_by(client(2))), (all.len(), 3));
    }

    #[test]
    fn a_budget_of_one_has_one_place() {
        let budget = Budget::new(1, 256);
        let only = budget.take(client(1), 1);
        assert!(only.is_some() && budget.take(client(2), 1).is_none());
        drop(only);
        assert!(budget.take(client(2), 1).is_some());
    }
}
