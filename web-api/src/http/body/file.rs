//! A body that goes into a file, since it may be longer than memory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use edge::gallery::{GalleryError, UPLOAD_FILE};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use super::wording::quoted;
use super::{Arrival, content_length, content_type, discard, ended_early, refused, too_large};
use crate::http::problem::{Code, Problem};
use crate::metrics::Refusal;
use crate::state::AppState;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// The file of a gallery that a client sent. It is removed when this is dropped.
#[derive(Debug)]
pub struct SentArchive {
    path: PathBuf,
    _place: OwnedSemaphorePermit,
}

impl SentArchive {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SentArchive {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl FromRequest<Arc<AppState>> for SentArchive {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limits = &state.config.limits;
        let limit = limits.max_import_bytes;
        let mut arrival = Arrival::of(&parts, state)?;
        arrival.time = limits.transfer_time();
        if state.config.read_only {
            // Nothing may be written beside the store either.
            return Err(refused(state, &parts, body, GalleryError::ReadOnlyStore.into()).await);
        }
        if let Err(problem) = check_kind(&content_type(&parts.headers)) {
            return Err(refused(state, &parts, body, problem).await);
        }
        if content_length(&parts.headers).is_some_and(|length| length > limit) {
            return Err(refused(state, &parts, body, too_large(limit)).await);
        }
        let Some(place) = state.transfers.import() else {
            let problem = Problem::refused(Refusal::Queue, "Another gallery is being imported.");
            return Err(refused(state, &parts, body, problem).await);
        };
        // From here on the file is removed, whatever happens.
        // One name is enough: one import runs at a time.
        let sent = Self { path: state.store.join(UPLOAD_FILE), _place: place };
        let file = File::create(&sent.path).map_err(unwritten)?;
        arrival.within_time(save(body, file, limit)).await?;
        Ok(sent)
    }
}

/// Browsers send a file of an unknown kind without a type.
fn check_kind(content_type: &str) -> Result<(), Problem> {
    if matches!(content_type, "" | "application/octet-stream" | "application/zip") {
        return Ok(());
    }
    let got = quoted(content_type);
    let detail =
        format!("Expected content-type application/zip or application/octet-stream, got {got}.");
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// Writes a body into a file as it arrives.
async fn save(mut body: Body, mut file: File, limit: usize) -> Result<(), Problem> {
    let mut left = limit;
    let mut waiting = Vec::with_capacity(WRITE_BYTES);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ended_early)?;
        let Ok(data) = frame.into_data() else { continue };
        let Some(rest) = left.checked_sub(data.len()) else {
            discard(&mut body).await;
            return Err(too_large(limit));
        };
        left = rest;
        waiting.extend_from_slice(&data);
        if waiting.len() >= WRITE_BYTES {
            (file, waiting) = written(file, waiting).await?;
        }
    }
    written(file, waiting).await?;
    Ok(())
}

/// Writes on a thread that may wait for the disk; returns the file and an empty buffer.
async fn written(mut file: File, mut bytes: Vec<u8>) -> Result<(File, Vec<u8>), Problem> {
    let writing = spawn_blocking(move || {
        file.write_all(&bytes)?;
        bytes.clear();
        Ok::<_, io::Error>((file, bytes))
    });
    writing.await.map_err(Problem::internal)?.map_err(unwritten)
}

fn unwritten(error: io::Error) -> Problem {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            let detail = "No space is left for the file beside the store. Nothing was imported.";
            Problem::new(Code::StoreFull, detail)
        }
        _ => Problem::internal(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_body_is_written_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        let bytes = vec![7; 3 * WRITE_BYTES + 1];
        let body = Body::from(bytes.clone());
        save(body, File::create(&path).unwrap(), bytes.len()).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        let file = File::create(&path).unwrap();
        let error = save(Body::from(bytes.clone()), file, bytes.len() - 1).await.unwrap_err();
        assert_eq!(error.code(), Code::TooLarge);
    }

    #[test]
    fn the_kind_is_that_of_a_file() {
        for kind in ["", "application/zip", "application/octet-stream"] {
            assert!(check_kind(kind).is_ok(), "{kind}");
        }
        let error = check_kind("image/png").unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedMediaType);
    }
}
