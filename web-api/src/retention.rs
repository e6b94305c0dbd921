//! Purges once a day what was removed longer ago than the `retention_days` of its gallery, and
//! deleted galleries in the same way.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use edge::gallery::GalleryEntry;
use edge::recognizer::RecognizerError;
use models::actor::RETENTION;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::jobs::client::Writer;
use crate::jobs::error::JobError;
use crate::state::AppState;

/// The time from the start to the first purge: requests of a start come first.
const FIRST: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Purges what is due, soon after the start and then once a day; it never ends.
pub async fn purge_daily(state: Arc<AppState>) {
    sleep(FIRST).await;
    loop {
        if let Err(error) = purge_due(&state).await {
            warn!("what was removed could not be purged, and is tried again in a day: {error}");
        }
        sleep(DAY).await;
    }
}

/// Purges what is due and writes the store anew at the end, once.
async fn purge_due(state: &AppState) -> Result<(), JobError> {
    let galleries = state.with_recognizer(writer().client, |recognizer| recognizer.galleries());
    let mut n_examples = 0;
    // A job for each, so that other calls are served in between.
    for gallery in galleries.await?? {
        n_examples += purge_gallery(state, &gallery).await;
    }
    let n_galleries = purge_deleted(state).await;
    // Also if nothing was due: a process may have ended, or a disk been full, before this step.
    let compacted = state.change_galleries(writer(), |recognizer| recognizer.compact_purged());
    if compacted.await? {
        info!(
            "purged {n_examples} removed examples and {n_galleries} deleted galleries; the store \
             is written anew"
        );
    }
    Ok(())
}

/// Purges deleted galleries; what stands in the way does not stop the step after it.
async fn purge_deleted(state: &AppState) -> usize {
    let purged = state.change_galleries(writer(), |recognizer| recognizer.purge_due_galleries());
    match purged.await {
        Ok(purged) => purged.len(),
        Err(error) => {
            warn!("deleted galleries are not purged, and this is tried again in a day: {error}");
            0
        }
    }
}

/// Purges one gallery; what stands in the way does not stop the others.
async fn purge_gallery(state: &AppState, gallery: &GalleryEntry) -> usize {
    let name = &gallery.name;
    let purged = state.change(writer(), name, |recognizer| recognizer.purge_due());
    match purged.await.and_then(|purged: Result<usize, RecognizerError>| Ok(purged?)) {
        Ok(n) => n,
        Err(error) => {
            warn!("the gallery `{name}` is not purged, and is tried again in a day: {error}");
            0
        }
    }
}

/// The service itself.
fn writer() -> Writer {
    // No client has this address, so that the work is charged to none of them.
    Writer { client: IpAddr::from(Ipv4Addr::UNSPECIFIED).into(), actor: RETENTION.into() }
}
