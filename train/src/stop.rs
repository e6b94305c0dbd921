//! A request to stop a training, and the state that is saved then.
//!
//! A training looks for the request between steps, saves and returns. But a step, a validation or
//! the decoding of images may take minutes, and libtorch cannot be interrupted. So a training with
//! slow steps offers a copy of its state after each one. Whoever received the request saves the
//! copy with [`Stop::finish`] and ends the program.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;

/// A step that takes longer than this is followed by an offer. The copy of a state takes a few
/// percent of such a step.
pub const SLOW_STEP: Duration = Duration::from_millis(250);

/// Writes an offered state.
type Save = Box<dyn FnOnce() -> Result<()> + Send>;

/// What can be saved.
enum State {
    /// The training has not begun.
    None,
    /// The files of the run have the latest state.
    Saved,
    /// A later state than that in the files.
    Offered(Save),
}

/// How much of a training is kept when the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The training had not begun, and nothing was written.
    Nothing,
    /// The run can be resumed.
    Resumable,
}

/// A request to stop. It may come at any time and from any thread.
pub struct Stop {
    requested: Arc<AtomicBool>,
    state: Mutex<State>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { requested: Arc::default(), state: Mutex::new(State::None) }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("requested", &self.requested).finish_non_exhaustive()
    }
}

impl Stop {
    /// No request yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The flag of the request, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.requested)
    }

    /// Asks the training to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Whether the training is to stop.
    pub fn is_requested(&self) -> bool {
        // The flag guards no other data, so relaxed ordering is enough.
        self.requested.load(Ordering::Relaxed)
    }

    /// Offers a copy of the state that is later than the files.
    pub(crate) fn offer(&self, save: impl FnOnce() -> Result<()> + Send + 'static) {
        *self.lock() = State::Offered(Box::new(save));
    }

    /// Writes the present state into the files.
    pub(crate) fn save(&self, write: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = self.lock();
        write()?;
        *state = State::Saved;
        Ok(())
    }

    /// The files have the present state already.
    pub(crate) fn is_saved(&self) {
        *self.lock() = State::Saved;
    }

    /// Writes other files. The program does not end while they are written.
    pub(crate) fn write<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let _held = self.lock();
        write()
    }

    /// Saves the offered state, if there is one, and calls `end`, which ends the program. While it
    /// runs, the training writes nothing.
    pub fn finish<T>(&self, end: impl FnOnce(Result<Kept>) -> T) -> T {
        let mut state = self.lock();
        let kept = match std::mem::replace(&mut *state, State::Saved) {
            State::None => Ok(Kept::Nothing),
            State::Saved => Ok(Kept::Resumable),
            State::Offered(save) => save().map(|()| Kept::Resumable),
        };
        end(kept)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while a file was written leaves the offer as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn the_latest_state_is_saved_once() {
        let stop = Stop::new();
        assert_eq!(stop.finish(Result::unwrap), Kept::Nothing);
        let saved = Arc::new(AtomicU32::new(0));
        let offer = |number| {
            let saved = Arc::clone(&saved);
            stop.offer(move || {
                saved.store(number, Ordering::Relaxed);
                Ok(())
            });
        };
        offer(1);
        offer(2);
        assert_eq!(stop.finish(Result::unwrap), Kept::Resumable);
        assert_eq!(saved.load(Ordering::Relaxed), 2);
        offer(3);
        stop.save(|| Ok(())).unwrap();
        assert_eq!(stop.finish(Result::unwrap), Kept::Resumable);
        assert_eq!(saved.load(Ordering::Relaxed), 2, "a state from before the file was saved");
    }

    #[test]
    fn a_failed_save_keeps_the_offer() {
        let stop = Stop::new();
        stop.offer(|| anyhow::bail!("disk full"));
        stop.save(|| anyhow::bail!("also full")).unwrap_err();
        assert!(stop.finish(|kept| kept.is_err()));
    }
}
