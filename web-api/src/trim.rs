//! Gives memory that was freed back to the system.
//!
//! glibc keeps what its threads have freed for their next use: after some large bodies and images
//! that is hundreds of megabytes, also when nothing is asked of the service for days.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::state::AppState;

/// How often it is looked whether there is something to give back.
const INTERVAL: Duration = Duration::from_secs(3);

/// Gives freed memory back whenever the service has held bodies or images and rests.
pub async fn when_at_rest(state: Arc<AppState>) {
    let mut before = (0, 0);
    loop {
        sleep(INTERVAL).await;
        let now = (state.decode_queue.admitted_images(), state.buffers.granted());
        let rests = state.buffers.used() == 0 && state.decode_queue.queued_images() == 0;
        if rests && now != before {
            before = now;
            trim();
        }
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes no pointer, and may be called at any time by any thread (malloc_trim(3)).
    #[expect(unsafe_code, reason = "no safe interface to it exists")]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}
