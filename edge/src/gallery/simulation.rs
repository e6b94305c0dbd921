//! Simulated devices that exchange changes in any order: at the end all of them are equal.
//!
//! Everything follows from a seed: clocks, ids, calls, and which changes arrive where and when. The
//! simulation can fail: it finds each of four mistakes that a fold could have.

#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Gallery;
use super::change::{Change, What};
use super::clock::tests::Seeded;
use super::clock::{Clock, Timestamp};
use super::id::{ChangeId, DeviceId, ExampleId, GroupId};
use super::journal::{Contents, Memory};
use super::merge::Merged;
use super::merge::incoming::Incoming;
use super::random_calls::{self, PrintedSeed, Random};
use super::state::{ExampleState, ExampleStatus, State};

/// The number of simulations; the long form has 10,000.
const SEEDS: &str = "HANDFUL_SIMULATION_SEEDS";
const DEFAULT_SEEDS: u64 = 1_000;
/// A planted mistake is found within this number.
const SEEDS_OF_A_MISTAKE: u64 = 300;
const START_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A device with its gallery.
struct Device {
    gallery: Gallery,
    now: Arc<AtomicU64>,
    /// How far its clock is ahead of the slowest.
    ahead_ms: u64,
    /// Its changes in the order in which they arrived, and their ids.
    arrivals: Vec<Change>,
    known: HashSet<ChangeId>,
}

impl Device {
    fn new(random: &mut Random) -> Self {
        let source = Seeded::new(random.number());
        let now = Arc::clone(&source.now_ms);
        let mut clock = Clock::new(source);
        let journal = Memory::new(DeviceId(clock.random_uuid()));
        let gallery = Gallery::new(Contents::default(), journal, clock);
        // Half of them have the same time, so that timestamps are equal now and then.
        let days = if random.is_one_in(2) { 3 } else { random.below(7) };
        let ahead_ms = days * DAY_MS;
        Self { gallery, now, ahead_ms, arrivals: Vec::new(), known: HashSet::new() }
    }

    fn set_time(&self, ms: u64) {
        self.now.store(ms + self.ahead_ms, Ordering::Relaxed);
    }

    fn call(&mut self, random: &mut Random) {
        if let Err(refused) = random_calls::call(&mut self.gallery, random) {
            random_calls::assert_is_by_rule(&refused);
        }
        let journal = self.gallery.journal.changes().unwrap();
        self.note(journal);
    }

    fn receive(&mut self, incoming: Vec<Incoming>) -> Merged {
        let mut arrived: Vec<Change> = incoming.iter().map(|one| one.change.clone()).collect();
        let merged = self.gallery.merge(incoming).unwrap();
        let journal = self.gallery.journal.changes().unwrap();
        let taken: HashSet<ChangeId> = journal.iter().map(|change| change.id).collect();
        arrived.retain(|change| taken.contains(&change.id));
        let before = self.arrivals.len();
        self.note(arrived);
        assert_eq!(merged.new, self.arrivals.len() - before);
        merged
    }

    /// Remembers the changes that are new.
    fn note(&mut self, changes: Vec<Change>) {
        for change in changes {
            if self.known.insert(change.id) {
                self.arrivals.push(change);
            }
        }
    }

    /// All changes, as another device gets them.
    fn outgoing(&self) -> Vec<Incoming> {
        self.arrivals.iter().map(|change| self.sent(change)).collect()
    }

    fn sent(&self, change: &Change) -> Incoming {
        let mut embeddings = HashMap::new();
        if let What::Enroll { precision, examples, .. } = &change.what {
            for (index, new) in (0..).zip(examples) {
                let state = ExampleState {
                    sha256: new.sha256,
                    crop: new.crop,
                    precision: precision.as_str().into(),
                    source: change.id,
                    index,
                    // It does not matter: only the source is looked up.
                    status: ExampleStatus::Dropped,
                };
                let space_id = self.gallery.space_id();
                let found = self.gallery.journal.examples(space_id, &[(new.id, &state)]).unwrap();
                embeddings.extend(found.iter().map(|(id, one)| (*id, one.embedding.clone())));
            }
        }
        Incoming { change: change.clone(), embeddings, images: HashMap::new() }
    }
}

/// Some changes in any order, a few of them twice.
fn some_of(mut changes: Vec<Incoming>, random: &mut Random) -> Vec<Incoming> {
    random.shuffle(&mut changes);
    if !random.is_one_in(3) {
        let n = random.index(changes.len() + 1);
        changes.truncate(n);
    }
    if random.is_one_in(3) {
        let twice: Vec<Incoming> = changes.iter().take(2).cloned().collect();
        changes.extend(twice);
    }
    changes
}

/// Devices that have worked and exchanged some of their changes.
fn worked(random: &mut Random) -> Vec<Device> {
    let n = 2 + random.below(5);
    let mut devices: Vec<Device> = (0..n).map(|_| Device::new(random)).collect();
    let mut ms = START_MS;
    for _ in 0..20 + random.below(30) {
        ms += [0, 0, 1, DAY_MS / 8][random.index(4)];
        for device in &devices {
            device.set_time(ms);
        }
        let at = random.index(devices.len());
        if random.is_one_in(4) {
            let from = random.index(devices.len());
            let sent = some_of(devices[from].outgoing(), random);
            devices[at].receive(sent);
        } else {
            devices[at].call(random);
        }
    }
    devices
}

/// Everybody gets everything, each in another order.
fn exchange(devices: &mut [Device], random: &mut Random) {
    let all = devices.iter().flat_map(|device| device.arrivals.iter());
    let latest = all.map(|change| change.at.ms).max().unwrap_or(START_MS);
    let mut sent: Vec<Incoming> = devices.iter().flat_map(Device::outgoing).collect();
    for device in devices {
        // No change is ahead of this clock.
        device.now.store(latest, Ordering::Relaxed);
        random.shuffle(&mut sent);
        let merged = device.receive(sent.clone());
        assert_eq!(merged.ahead, 0);
    }
}

/// The devices of one simulation at its end.
fn simulated(seed: u64) -> Vec<Device> {
    let mut random = Random::new(seed);
    let mut devices = worked(&mut random);
    exchange(&mut devices, &mut random);
    devices
}

fn assert_all_are_equal(devices: &[Device], seed: u64) {
    let first = &devices[0];
    let digest = first.gallery.digest();
    let mut random = Random::new(!seed);
    let mut union = first.arrivals.clone();
    for _ in 0..3 {
        random.shuffle(&mut union);
        assert_eq!(State::fold(&union).digest(), digest, "seed {seed}: another order");
    }
    for (at, device) in devices.iter().enumerate() {
        assert_eq!(device.known, first.known, "seed {seed}, device {at}");
        assert_eq!(device.gallery.digest(), digest, "seed {seed}, device {at}");
        let seen = (device.gallery.classes(), device.gallery.background());
        let expected = (first.gallery.classes(), first.gallery.background());
        assert_eq!(seen, expected, "seed {seed}, device {at}");
    }
}

#[test]
fn devices_with_the_same_changes_are_equal() {
    let mut kinds = HashSet::new();
    let mut n_undos = 0;
    for seed in 0..random_calls::repetitions(SEEDS, DEFAULT_SEEDS) {
        let _printed = PrintedSeed(seed);
        let devices = simulated(seed);
        assert_all_are_equal(&devices, seed);
        for change in &devices[0].arrivals {
            kinds.insert(discriminant(&change.what));
            n_undos += u64::from(matches!(change.what, What::Undo { .. }));
        }
    }
    assert_eq!(kinds.len(), 11, "every kind of change was made");
    assert!(n_undos > 100, "only {n_undos} undos");
}

/// A fold of changes that arrived in this order.
type Fold = fn(&[Change]) -> State;

/// Whether some device that folds so differs from what is right.
fn is_found(fold: Fold) -> bool {
    (0..SEEDS_OF_A_MISTAKE).any(|seed| {
        let devices = simulated(seed);
        let right = State::fold(&devices[0].arrivals).digest();
        devices.iter().any(|device| fold(&device.arrivals).digest() != right)
    })
}

#[test]
fn a_mistake_in_the_fold_is_found() {
    assert!(!is_found(right), "no mistake");
    let mistakes: [(&str, Fold); 4] = [
        ("changes are folded in order of arrival", in_order_of_arrival),
        ("the order leaves out the device", in_an_order_without_devices),
        ("a removal has no effect on what arrives later", removing_only_what_is_there),
        ("an undo has no effect on what arrives later", undoing_only_what_is_there),
    ];
    for (name, fold) in mistakes {
        assert!(is_found(fold), "not found in {SEEDS_OF_A_MISTAKE} seeds: {name}");
    }
}

fn right(arrivals: &[Change]) -> State {
    State::fold(arrivals)
}

/// As if the changes had been made in this order.
fn in_this_order(changes: &[&Change]) -> State {
    let mut placed = Vec::with_capacity(changes.len());
    for (ms, change) in (1..).zip(changes) {
        let at = Timestamp { ms, counter: 0 };
        placed.push(Change { at, ..Change::clone(change) });
    }
    State::fold(&placed)
}

fn in_order_of_arrival(arrivals: &[Change]) -> State {
    let changes: Vec<&Change> = arrivals.iter().collect();
    in_this_order(&changes)
}

fn in_an_order_without_devices(arrivals: &[Change]) -> State {
    let mut changes: Vec<&Change> = arrivals.iter().collect();
    changes.sort_by_key(|change| (change.at, change.id));
    in_this_order(&changes)
}

fn removing_only_what_is_there(arrivals: &[Change]) -> State {
    let mut there: HashSet<ExampleId> = HashSet::new();
    let mut changes = arrivals.to_vec();
    for change in &mut changes {
        match &mut change.what {
            What::Enroll { examples, .. } => there.extend(examples.iter().map(|new| new.id)),
            What::Remove { examples } => examples.retain(|id| there.contains(id)),
            _ => {}
        }
    }
    State::fold(&changes)
}

fn undoing_only_what_is_there(arrivals: &[Change]) -> State {
    let mut there: HashSet<GroupId> = HashSet::new();
    let mut changes: Vec<&Change> = Vec::new();
    for change in arrivals {
        there.insert(change.group);
        let is_early = match change.what {
            What::Undo { group } => !there.contains(&group),
            _ => false,
        };
        if !is_early {
            changes.push(change);
        }
    }
    State::fold(changes)
}
