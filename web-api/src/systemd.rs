//! The service under systemd: what it reports to it, and whether its standard output is logged.
//!
//! systemd states all of it in environment variables of its own, which are no settings. Without
//! them nothing here has an effect.

use std::env;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::fstat;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::state::AppState;

/// The shortest time of a watchdog that is kept: systemd's own are of seconds.
const SHORTEST_WATCHDOG: Duration = Duration::from_millis(10);

/// The service is ready, with a line for `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The service is ending.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Reports while the threads of the engine and the galleries live, if systemd restarts a service
/// that does not.
pub async fn watchdog(state: Arc<AppState>) {
    let time = sd_notify::watchdog_enabled().filter(|time| *time >= SHORTEST_WATCHDOG);
    let Some(time) = time else {
        return;
    };
    let mut ticks = interval(time / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if state.ended_thread().is_none() {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("systemd cannot be notified: {error}");
    }
}

/// Whether what is printed is kept in the journal.
#[must_use]
pub fn logs_output() -> bool {
    // The device and inode of one of both streams. Terminals may inherit the variable, so it is
    // compared.
    let Ok(journal) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    is_stream(io::stdout(), &journal) || is_stream(io::stderr(), &journal)
}

fn is_stream(stream: impl AsFd, journal: &str) -> bool {
    fstat(stream).is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == journal)
}
