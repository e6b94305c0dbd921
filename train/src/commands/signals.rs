//! Ends a training when a signal asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use signal_hook::consts::{SIGHUP, TERM_SIGNALS};
use signal_hook::{flag, low_level};
use terminal::note;
use train::stop::{Kept, Stop};

/// How long a training has to stop by itself, at the end of its step. A batch system may kill it
/// two seconds after the signal, and the state must be written by then.
const GRACE: Duration = Duration::from_millis(800);

const POLL: Duration = Duration::from_millis(50);

/// The exit code of a program that this signal ends is 128 more than its number.
const SIGNALED: i32 = 128;

/// A stop that a signal requests. If the training does not end by itself, the state that it offers
/// is saved and the program ends. `resume` is the command that continues.
pub(super) fn stop_on_signals(resume: String) -> Result<Arc<Stop>> {
    let stop = Arc::new(Stop::new());
    let received = Arc::new(AtomicUsize::new(0));
    let hangup = [SIGHUP].into_iter().filter(|_| !terminal::is_hangup_ignored());
    for signal in TERM_SIGNALS.iter().copied().chain(hangup) {
        // This order matters: a second signal ends the program at once, without saving.
        flag::register_conditional_shutdown(signal, SIGNALED + signal, stop.flag())?;
        flag::register_usize(signal, Arc::clone(&received), signal as usize)?;
        flag::register(signal, stop.flag())?;
    }
    let watched = Arc::clone(&stop);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while !watched.is_requested() {
            thread::sleep(POLL);
        }
        thread::sleep(GRACE);
        let signal = received.load(Ordering::Relaxed) as i32;
        watched.finish(|kept| end(kept, &resume, signal));
    })?;
    Ok(stop)
}

/// Ends the program without waiting for the threads of libtorch.
fn end(kept: Result<Kept>, resume: &str, signal: i32) {
    let code = match kept {
        Ok(Kept::Resumable) => {
            saved(resume);
            0
        }
        Ok(Kept::Nothing) => {
            note!("stopped before the training began; nothing was written");
            SIGNALED + signal
        }
        Err(error) => {
            note!("error: stopped, but the state was not saved: {error:#}");
            1
        }
    };
    low_level::exit(code);
}

/// Prints how to continue a stopped training.
pub(super) fn saved(resume: &str) {
    note!("stopped and saved; continue with: {resume}");
}
