//! The hybrid logical clock of a store (Kulkarni et al. 2014), and the ids that follow from it.
//!
//! A timestamp is the time of the system clock in milliseconds and a counter. It grows with every
//! change, also when the system clock is set back, and it is later than every timestamp that the
//! store has seen.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

/// The counter has this many values, so that it fits in the 12 bits that UUIDv7 has for it.
const COUNTS: u16 = 1 << 12;

/// A change of another device may be this far ahead of the clock of this one. A later one waits:
/// a clock that is wrong by years would order all later changes of everybody.
const MOST_AHEAD_MS: u64 = 24 * 60 * 60 * 1000;

/// The beginning of 2023. No change was made before it: an earlier time is that of a clock that was
/// not set.
const EARLIEST_MS: u64 = 1_672_531_200_000;

/// A clock that is behind by less than this, as after a small correction, counts as right.
const MOST_BEHIND_MS: u64 = 60 * 60 * 1000;

/// When a change was made: the order of all changes of a gallery.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Timestamp {
    /// Milliseconds since 1970 (UTC).
    pub ms: u64,
    /// Orders what happened in the same millisecond.
    pub counter: u16,
}

impl Timestamp {
    /// Whether a clock of Handful can show it.
    pub(super) fn is_sound(self) -> bool {
        self.counter < COUNTS
    }

    fn next(self) -> Self {
        // A change of another device may have any counter.
        if self.counter >= COUNTS - 1 {
            return Self { ms: self.ms.saturating_add(1), counter: 0 };
        }
        Self { counter: self.counter + 1, ..self }
    }
}

/// Where time and randomness come from.
pub(super) trait Source: Send + fmt::Debug {
    /// The system clock: milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// 64 random bits.
    fn random(&mut self) -> u64;
}

/// Time and randomness of the operating system.
#[derive(Debug)]
pub(super) struct SystemSource;

impl Source for SystemSource {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&mut self) -> u64 {
        Uuid::new_v4().as_u64_pair().1
    }
}

/// The clock of a store.
#[derive(Debug)]
pub(super) struct Clock {
    source: Box<dyn Source>,
    last: Timestamp,
}

impl Clock {
    pub(super) fn new(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source), last: Timestamp::default() }
    }

    /// A timestamp that is later than all before.
    pub(super) fn tick(&mut self) -> Timestamp {
        let now = Timestamp { ms: self.source.now_ms(), counter: 0 };
        self.last = now.max(self.last.next());
        self.last
    }

    /// Later ticks are later than this.
    pub(super) fn see(&mut self, at: Timestamp) {
        self.last = self.last.max(at);
    }

    /// The time of the next change, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.source.now_ms().max(self.last.ms)
    }

    /// Whether the system clock shows less than the time that must have come: the time of the next
    /// change is then earlier than that at which it is made.
    pub(super) fn is_behind(&self) -> bool {
        let passed = self.last.ms.saturating_sub(MOST_BEHIND_MS);
        self.source.now_ms() < passed.max(EARLIEST_MS)
    }

    /// Whether a change of another device with this timestamp has to wait.
    pub(super) fn is_ahead(&self, at: Timestamp) -> bool {
        at.ms > self.source.now_ms().saturating_add(MOST_AHEAD_MS)
    }

    /// A new UUIDv7. Those of one clock are in the order in which they are made.
    pub(super) fn uuid(&mut self) -> Uuid {
        let Timestamp { ms, counter } = self.tick();
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&counter.to_be_bytes());
        bytes[2..].copy_from_slice(&self.source.random().to_be_bytes());
        Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid()
    }

    /// A new random UUID, without the time.
    pub(super) fn random_uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.source.random().to_be_bytes());
        bytes[8..].copy_from_slice(&self.source.random().to_be_bytes());
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that is set by hand, and numbers that follow from a seed.
    #[derive(Debug, Clone, Default)]
    pub(in crate::gallery) struct Seeded {
        pub(in crate::gallery) now_ms: Arc<AtomicU64>,
        pub(in crate::gallery) state: u64,
    }

    impl Seeded {
        pub(in crate::gallery) fn new(seed: u64) -> Self {
            Self { state: seed, ..Self::default() }
        }
    }

    impl Source for Seeded {
        fn now_ms(&self) -> u64 {
            self.now_ms.load(Ordering::Relaxed)
        }

        fn random(&mut self) -> u64 {
            // SplitMix64 (Steele et al. 2014).
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }
    }

    #[test]
    fn time_never_goes_back() {
        let source = Seeded::new(1);
        let now = Arc::clone(&source.now_ms);
        let mut clock = Clock::new(source);
        let mut last = Timestamp::default();
        for ms in [5, 5, 9, 2, 2, 10] {
            now.store(ms, Ordering::Relaxed);
            let at = clock.tick();
            assert!(at > last, "{at:?} after {last:?}");
            last = at;
        }
        assert_eq!(last, Timestamp { ms: 10, counter: 0 });
        clock.see(Timestamp { ms: 50, counter: COUNTS - 1 });
        assert_eq!(clock.tick(), Timestamp { ms: 51, counter: 0 });
    }

    #[test]
    fn ids_are_in_the_order_in_which_they_are_made() {
        let mut clock = Clock::new(Seeded::new(2));
        let ids: Vec<Uuid> = (0..3 * COUNTS).map(|_| clock.uuid()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(clock.random_uuid().get_version_num(), 4);
    }

    #[test]
    fn a_clock_that_was_not_set_or_went_back_is_behind() {
        let source = Seeded::new(4);
        let now = Arc::clone(&source.now_ms);
        let mut clock = Clock::new(source);
        assert!(clock.is_behind(), "1970");
        now.store(EARLIEST_MS, Ordering::Relaxed);
        assert!(!clock.is_behind());
        clock.see(Timestamp { ms: EARLIEST_MS + MOST_BEHIND_MS, counter: 0 });
        assert!(!clock.is_behind(), "a small correction");
        clock.see(Timestamp { ms: EARLIEST_MS + MOST_BEHIND_MS + 1, counter: 0 });
        assert!(clock.is_behind());
    }

    #[test]
    fn a_day_ahead_is_the_most() {
        let clock = Clock::new(Seeded::new(3));
        assert!(!clock.is_ahead(Timestamp { ms: MOST_AHEAD_MS, counter: 9 }));
        assert!(clock.is_ahead(Timestamp { ms: MOST_AHEAD_MS + 1, counter: 0 }));
    }
}
