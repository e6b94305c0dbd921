//! Ends a training when a signal asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, TERM_SIGNALS};
use signal_hook::{flag, low_level};
use terminal::note;
use train::stop::{Kept, Stop};

/// How long a training has to stop by itself, at the end of its step. A batch system may kill it
/// two seconds after the signal, and the state must be written by then.
const GRACE: Duration = Duration::from_millis(800);

/// How long the last line may take to be written.
const LONGEST_NOTE: Duration = Duration::from_millis(200);

const POLL: Duration = Duration::from_millis(50);

/// The exit code of a program that this signal ends is 128 more than its number.
const SIGNALED: i32 = 128;

/// A stop that a signal requests. If the training does not end by itself, the state that it offers
/// is saved and the program ends. `resume` is the command that continues.
pub(super) fn stop_on_signals(resume: String) -> Result<Arc<Stop>> {
    let stop = Arc::new(Stop::new());
    let received = Arc::new(AtomicUsize::new(0));
    let hangup = [SIGHUP].into_iter().filter(|_| !terminal::is_hangup_ignored());
    // This order matters: a second Ctrl-C ends the program at once, without saving. Only that one:
    // a closed terminal and `timeout` send their signals twice.
    flag::register_conditional_shutdown(SIGINT, SIGNALED + SIGINT, stop.flag())?;
    for signal in TERM_SIGNALS.iter().copied().chain(hangup) {
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
    let (code, line) = match kept {
        Ok(Kept::Resumable) => (0, how_to_continue(resume)),
        Ok(Kept::Nothing) => {
            let line = "stopped before the training began; nothing was written";
            (SIGNALED + signal, line.to_owned())
        }
        Err(error) => (1, format!("error: stopped, but the state was not saved: {error:#}")),
    };
    // The training may be blocked in a write to standard error, whose reader has stopped.
    let (written, is_written) = sync_channel(1);
    thread::spawn(move || {
        note!("{line}");
        let _ = written.send(());
    });
    let _ = is_written.recv_timeout(LONGEST_NOTE);
    low_level::exit(code);
}

fn how_to_continue(resume: &str) -> String {
    format!("stopped and saved; continue with: {resume}")
}

/// Prints how to continue a stopped training.
pub(super) fn saved(resume: &str) {
    note!("{}", how_to_continue(resume));
}
