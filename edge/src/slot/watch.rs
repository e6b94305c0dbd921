//! Shows the states of the engines to other threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::EngineStates;

/// Shows the state of every engine of a backbone; clones show the same.
#[derive(Debug, Clone)]
pub struct EngineWatch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    states: Mutex<EngineStates>,
    /// Counts what the slot ran.
    runs: AtomicU64,
    changed: Condvar,
}

impl EngineWatch {
    /// Shows these states until they are changed.
    #[must_use]
    pub fn new(states: EngineStates) -> Self {
        let (runs, changed) = Default::default();
        Self(Arc::new(Shared { states: Mutex::new(states), runs, changed }))
    }

    /// The states as they are now.
    #[must_use]
    pub fn states(&self) -> EngineStates {
        self.lock().clone()
    }

    /// Waits until the states are so, or the time is over. Returns them as they are then.
    #[must_use]
    pub fn wait(
        &self,
        timeout: Duration,
        mut are_so: impl FnMut(&EngineStates) -> bool,
    ) -> EngineStates {
        let end = Instant::now() + timeout;
        let mut states = self.lock();
        while !are_so(&states) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.0.changed.wait_timeout(states, left);
            states = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        states.clone()
    }

    /// How often the engines ran for requests.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }

    pub(super) fn count_run(&self) {
        self.0.runs.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut EngineStates)) {
        change(&mut self.lock());
        self.0.changed.notify_all();
    }

    // A change that panicked left a state that was true for one engine at least.
    fn lock(&self) -> MutexGuard<'_, EngineStates> {
        self.0.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
