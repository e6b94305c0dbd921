//! A gallery in one file: export and import.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edge::gallery::{Archive, Export};
use edge::recognizer::RecognizerError;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::http::body::SentArchive;
use crate::http::client::Client;
use crate::http::conditions::{etag, if_match, tagged};
use crate::http::problem::Problem;
use crate::jobs::client::Writer;
use crate::jobs::error::JobError;
use crate::metrics::Refusal;
use crate::state::AppState;
use crate::wire::{self, GalleryFile};

/// Exports a gallery as it is now: one file with classes, examples, kept images, settings and
/// history, also with what was removed and can be restored. `import` reads it.
///
/// The entity tag is the revision: a gallery that did not change since need not be sent again.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/export", tag = "galleries",
    operation_id = "export_gallery",
    params(wire::GalleryPath, wire::IfNoneMatch),
    responses((status = 200, description = "The file", body = GalleryFile, content_type = "application/zip"), wire::NotModified, wire::AnyProblem))]
pub async fn export(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    let Some(place) = state.transfers.export() else {
        let what = "Two galleries are being exported already.";
        return Err(Problem::refused(Refusal::Queue, what));
    };
    let begun = state.in_gallery(client, &gallery, |recognizer| {
        let export = recognizer.export()?;
        Ok::<_, RecognizerError>((export, recognizer.selected(), recognizer.revision()))
    });
    let (export, name, revision) = begun.await??;
    let sending = Sending { held: Some((export, place)) };
    // Before the head is sent, so that a store that cannot be read is a problem.
    let (first, sending) = sending.read().await?;
    let (mut sender, body) = Channel::<Bytes, JobError>::new(1);
    tokio::spawn(async move {
        let time = state.config.limits.transfer_time();
        let sent = timeout(time, sending.send(first, &mut sender)).await;
        // The head is sent: the client sees an answer that breaks off.
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!("an export broke off: {error}");
                sender.abort(error);
            }
            Err(_) => {
                let seconds = time.as_secs();
                tracing::warn!("an export broke off: it took longer than {seconds} seconds");
                sender.abort(JobError::Stopped);
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (header::CONTENT_DISPOSITION, attachment(&name)),
        (header::ETAG, etag(revision)),
    ];
    Ok((headers, Body::new(body)).into_response())
}

/// An export that is being sent, with its place until it has ended.
struct Sending {
    /// Absent only while this is dropped.
    held: Option<(Export, OwnedSemaphorePermit)>,
}

impl Sending {
    /// Reads the next part, on a thread that may wait for the disk.
    async fn read(mut self) -> Result<(Option<Bytes>, Self), JobError> {
        let reading = spawn_blocking(move || {
            let part = self.held.as_mut().and_then(|(export, _)| export.next()).transpose();
            (part, self)
        });
        let read = reading.await.map_err(|error| JobError::Panicked(error.to_string()));
        let (part, sending) = read?;
        let part = part.map_err(RecognizerError::from)?;
        Ok((part.map(Bytes::from), sending))
    }

    /// Sends this part and all that follow, each when the client has taken the one before.
    async fn send(
        self,
        first: Option<Bytes>,
        sender: &mut Sender<Bytes, JobError>,
    ) -> Result<(), JobError> {
        let mut sending = self;
        let mut next = first;
        while let Some(part) = next {
            if sender.send_data(part).await.is_err() {
                // The client has left.
                return Ok(());
            }
            (next, sending) = sending.read().await?;
        }
        Ok(())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // The end of an export waits for the file of the store, which a compaction holds for
            // minutes: on a thread that may wait.
            spawn_blocking(move || drop(held));
        }
    }
}

/// Lets browsers save the file under the name of the gallery (RFC 6266, RFC 8187).
fn attachment(gallery: &str) -> HeaderValue {
    let plain: String = gallery.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in gallery.bytes() {
        match char::from(byte) {
            letter if is_plain(letter) => encoded.push(letter),
            _ => write!(encoded, "%{byte:02X}").expect("invariant: a text takes any text"),
        }
    }
    let value =
        format!("attachment; filename=\"{plain}.handful\"; filename*=UTF-8''{encoded}.handful");
    HeaderValue::from_str(&value).expect("invariant: letters, digits and signs are a header value")
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

/// Imports the file of a gallery: the gallery gets the changes that it does not have, all or none,
/// with their examples and images. What the file has purged is purged here too, for good. The same
/// file sent again changes nothing, and a damaged file changes nothing.
///
/// Status 422 with the code `bad_archive` for a damaged or altered file, 409 with `other_space` for
/// one of another model. `If-Match: "<revision>"`: the call fails with status 412 if the gallery
/// has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/import", tag = "galleries",
    operation_id = "import_gallery",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body(content((GalleryFile = "application/octet-stream"))),
    responses((status = 200, description = "The file is imported", body = wire::Imported), wire::AnyProblem))]
pub async fn import(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    sent: SentArchive,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    state.check_gallery(&gallery)?;
    let space_id = state.version.bundle.space_id.clone();
    let (sent, archive) = checked(sent, space_id).await?;
    let imported = state
        .change(writer, &gallery, move |recognizer| {
            let imported = recognizer.import(archive, precondition);
            // It has its place and its room on the disk until here, also if the client has left.
            drop(sent);
            let imported = imported?;
            let name = recognizer.selected();
            let revision = recognizer.revision();
            Ok::<_, RecognizerError>(wire::Imported::new(name, imported, revision))
        })
        .await??;
    Ok(tagged(StatusCode::OK, imported.revision, imported))
}

/// Checks the whole file, on a thread that may wait for the disk: other calls are served meanwhile.
async fn checked(sent: SentArchive, space_id: String) -> Result<(SentArchive, Archive), Problem> {
    let checking = spawn_blocking(move || {
        let archive = Archive::open(sent.path(), &space_id);
        (sent, archive)
    });
    let (sent, archive) = checking.await.map_err(Problem::internal)?;
    Ok((sent, archive?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_under_the_name_of_the_gallery() {
        let value = attachment("Line 2");
        let plain = "attachment; filename=\"Line_2.handful\"";
        assert_eq!(value, format!("{plain}; filename*=UTF-8''Line%202.handful"));
        let value = attachment("a\"; x=\u{e9}");
        let plain = "attachment; filename=\"a___x__.handful\"";
        assert_eq!(value, format!("{plain}; filename*=UTF-8''a%22%3B%20x%3D%C3%A9.handful"));
    }
}
