//! Examples of a gallery, one by one: list, read, remove, move.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edge::Recognizer;
use edge::gallery::{ExampleId, KeepImages};
use edge::recognizer::RecognizerError;
use models::hex;
use models::image::{Crop, Region};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::part::ExampleListQuery;
use crate::http::client::Client;
use crate::http::conditions::{KnownTags, if_match, tagged};
use crate::http::problem::{Code, Problem};
use crate::http::{answers, body};
use crate::jobs::budget::{Budget, Lease};
use crate::jobs::client::{Caller, ClientAddress, Writer};
use crate::jobs::uploads::{Upload, Uploads};
use crate::state::AppState;
use crate::wire::{self, KeptImage};

/// The most examples of a batch.
const MAX_BATCH: usize = 1000;

/// The image of an example never changes. A browser forgets it after an hour all the same, since
/// the example may be purged.
const KEPT_FOR_AN_HOUR: &str = "private, max-age=3600, immutable";

/// Lists the examples of a class, in the order of enrollment.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes/{class}/examples", tag = "examples",
    operation_id = "list_examples",
    params(wire::ClassPath, ExampleListQuery, wire::IfNoneMatch),
    responses((status = 200, description = "A part of the examples", body = wire::Examples), wire::NotModified, wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path((gallery, class)): Path<(String, String)>,
    Query(query): Query<ExampleListQuery>,
) -> Result<Response, Problem> {
    let (limit, after) = query.checked()?;
    let examples = state
        .in_gallery(client, &gallery, move |recognizer| {
            // One more shows whether others follow.
            let found = recognizer.examples_after(&class, after, limit + 1)?;
            Ok::<_, RecognizerError>(wire::Examples::new(&found, limit, recognizer.revision()))
        })
        .await??;
    Ok(tagged(StatusCode::OK, examples.revision, examples))
}

/// Reads one example, of a class or of the background set.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/examples/{example}", tag = "examples",
    operation_id = "read_example",
    params(wire::ExamplePath, wire::IfNoneMatch),
    responses((status = 200, description = "The example", body = wire::OneExample), wire::NotModified, wire::AnyProblem))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path((gallery, example)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = state
        .in_gallery(client, &gallery, move |recognizer| {
            let example = wire::Example::new(&recognizer.example(&example)?);
            Ok::<_, RecognizerError>(wire::OneExample { example, revision: recognizer.revision() })
        })
        .await??;
    Ok(tagged(StatusCode::OK, found.revision, found))
}

/// Which image of an example.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImageQuery {
    /// `full`: the image that is kept. `thumb`: a JPEG of at most 256 pixels a side, which is made
    /// of a file that is kept; it shows the part that the example was made of.
    #[serde(default)]
    #[param(value_type = String, required = false, default = "full", pattern = "^(full|thumb)$")]
    size: ImageSize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ImageSize {
    #[default]
    Full,
    Thumb,
}

/// The image that is kept of an example: a thumbnail or the file, as the gallery's `keep_images`
/// was when it was enrolled. Status 404 with the code `not_found` if none is kept.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/examples/{example}/image", tag = "examples",
    operation_id = "read_example_image",
    params(wire::ExamplePath, ImageQuery, wire::IfNoneMatch),
    responses((status = 200, description = "The image", content((KeptImage = "image/jpeg"),
        (KeptImage = "image/png"), (KeptImage = "image/webp"), (KeptImage = "image/bmp"),
        (KeptImage = "image/tiff"), (KeptImage = "image/gif"))), wire::NotModified, wire::AnyProblem))]
pub async fn image(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path((gallery, example)): Path<(String, String)>,
    Query(ImageQuery { size }): Query<ImageQuery>,
    known: KnownTags,
) -> Result<Response, Problem> {
    let buffers = Arc::clone(&state.buffers);
    let mut found = state
        .in_gallery(client, &gallery, move |recognizer| {
            FoundImage::read(recognizer, &example, size, &known, &buffers, client)
        })
        .await??;
    if size == ImageSize::Thumb {
        found.reduce(&state, client).await?;
    }
    let cache_control = HeaderValue::from_static(KEPT_FOR_AN_HOUR);
    let headers = [(header::CACHE_CONTROL, cache_control), (header::ETAG, found.tag)];
    Ok(match found.content {
        Some((image, memory)) => {
            (headers, answers::held(media_type(&image), image, memory)).into_response()
        }
        None => (StatusCode::NOT_MODIFIED, headers).into_response(),
    })
}

/// The image that is kept of an example.
struct FoundImage {
    sha256: [u8; 32],
    crop: Option<Region>,
    tag: HeaderValue,
    /// Its bytes, and the memory that is reserved for them; absent if the client has it.
    content: Option<(Vec<u8>, Lease)>,
}

impl FoundImage {
    fn read(
        recognizer: &Recognizer,
        example: &str,
        size: ImageSize,
        known: &KnownTags,
        memory: &Arc<Budget>,
        client: ClientAddress,
    ) -> Result<Self, Problem> {
        let example = recognizer.example(example)?;
        let id = example.id.to_string();
        let bytes = recognizer.example_image_size(&id)?.ok_or_else(not_kept)?;
        let found = Self {
            sha256: example.sha256,
            crop: example.crop,
            tag: tag(&example.sha256, size),
            content: None,
        };
        if known.has(&found.tag) {
            return Ok(found);
        }
        // Before it is read: a file may be large, and clients may ask for many at once.
        let lease = answers::reserve(memory, client, bytes)?;
        let image = recognizer.example_image(&id)?.ok_or_else(not_kept)?;
        Ok(Self { content: Some((image, lease)), ..found })
    }

    /// Makes the image small if it is the file that was enrolled. A thumbnail stays as it is.
    async fn reduce(&mut self, state: &AppState, client: ClientAddress) -> Result<(), Problem> {
        let Some((image, memory)) = self.content.take() else { return Ok(()) };
        let hash: [u8; 32] = Sha256::digest(&image).into();
        if hash != self.sha256 {
            self.content = Some((image, memory));
            return Ok(());
        }
        let _place = state.decode_queue.admit(client, 1)?;
        let mut uploads = Uploads::new(vec![Upload { file: None, bytes: image.into() }], memory);
        uploads.crop = self.crop.map(Crop::from);
        let uploads = Arc::new(uploads);
        let keep = Some(KeepImages::Thumb);
        let queue = &state.decode_queue;
        let decoded = queue.decode(Caller::from(client), &uploads, 0, keep).await?;
        let small = decoded.image.kept;
        let small = small.ok_or_else(|| Problem::internal("no thumbnail was made"))?;
        // A small answer needs no memory of its own.
        self.content = Some((small, state.buffers.lease(client)));
        Ok(())
    }
}

/// The entity tag of an image: it never changes.
fn tag(sha256: &[u8; 32], size: ImageSize) -> HeaderValue {
    let hash = hex::encode(sha256);
    let tag = match size {
        ImageSize::Full => format!("\"{hash}\""),
        ImageSize::Thumb => format!("\"{hash}-thumb\""),
    };
    HeaderValue::from_str(&tag)
        .expect("invariant: hexadecimal digits and quotes are a header value")
}
fn not_kept() -> Problem {
    let detail = "No image is kept of this example. The setting `keep_images` of the gallery \
                  decides about images that are enrolled from now on.";
    Problem::new(Code::NotFound, detail)
}

/// Removes an example of a class or of the background set. It can be undone.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/examples/{example}", tag = "examples",
    operation_id = "remove_example",
    params(wire::ExamplePath, wire::IfMatch, wire::IdempotencyKey),
    responses((status = 200, description = "The example is removed", body = wire::ChangedExamples), wire::AnyProblem))]
pub async fn remove(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, example)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let removed = state
        .change(writer, &gallery, move |recognizer| {
            let removed = recognizer.remove_examples(&[example], precondition)?;
            Ok::<_, RecognizerError>(changed(recognizer, removed.len()))
        })
        .await??;
    Ok(tagged(StatusCode::OK, removed.revision, removed))
}

/// Moves an example to a class or to the background set. It can be undone.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/examples/{example}/move", tag = "examples",
    operation_id = "move_example",
    params(wire::ExamplePath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::ExampleMove,
    responses((status = 200, description = "The example is moved", body = wire::ChangedExamples), wire::AnyProblem))]
pub async fn move_one(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, example)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(wire::ExampleMove { to, to_background }): body::Json<wire::ExampleMove>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    if to.is_some() == to_background {
        let detail = "to and to_background: expected one of them.";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let moved = state
        .change(writer, &gallery, move |recognizer| {
            let moved = recognizer.move_examples(&[example], to.as_deref(), precondition)?;
            Ok::<_, RecognizerError>(changed(recognizer, moved))
        })
        .await??;
    Ok(tagged(StatusCode::OK, moved.revision, moved))
}

/// Moves or removes several examples, all or none, as one change. It can be undone.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/examples/batch", tag = "examples",
    operation_id = "change_examples",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::ExampleBatch,
    responses((status = 200, description = "The examples are moved or removed", body = wire::ChangedExamples), wire::AnyProblem))]
pub async fn batch(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::Json(batch): body::Json<wire::ExampleBatch>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    check_ids(&batch.ids)?;
    let work = Work::of(&batch)?;
    let done = state
        .change(writer, &gallery, move |recognizer| {
            let n = match work {
                Work::Remove => recognizer.remove_examples(&batch.ids, precondition)?.len(),
                Work::Move => {
                    let to = batch.move_to.as_deref();
                    recognizer.move_examples(&batch.ids, to, precondition)?
                }
            };
            Ok::<_, RecognizerError>(changed(recognizer, n))
        })
        .await??;
    Ok(tagged(StatusCode::OK, done.revision, done))
}

/// What a batch does.
#[derive(Clone, Copy)]
enum Work {
    Remove,
    /// To the class, or to the background set without one.
    Move,
}

impl Work {
    fn of(batch: &wire::ExampleBatch) -> Result<Self, Problem> {
        match (&batch.move_to, batch.move_to_background, batch.delete) {
            (None, false, true) => Ok(Self::Remove),
            (Some(_), false, false) | (None, true, false) => Ok(Self::Move),
            _ => {
                let detail =
                    "move_to, move_to_background and delete: expected exactly one of them.";
                Err(Problem::new(Code::BadRequest, detail))
            }
        }
    }
}

/// Only whole ids: each short one would be looked for among all examples.
fn check_ids(ids: &[String]) -> Result<(), Problem> {
    if !(1..=MAX_BATCH).contains(&ids.len()) {
        let detail = format!("ids: expected 1 to {MAX_BATCH}, got {}.", ids.len());
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let wrong = ids.iter().find_map(|id| id.parse::<ExampleId>().err());
    wrong.map_or(Ok(()), |error| Err(Problem::new(Code::BadRequest, format!("ids: {error}."))))
}

fn changed(recognizer: &Recognizer, changed: usize) -> wire::ChangedExamples {
    let change = wire::last_change(recognizer);
    wire::ChangedExamples { changed, revision: recognizer.revision(), change }
}

/// The media type of an image file, by its first bytes.
fn media_type(image: &[u8]) -> &'static str {
    match image {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => "image/tiff",
        [b'B', b'M', ..] => "image/bmp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_recognized_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"\xFF\xD8\xFF\xE0"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1A\n", "image/png"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            (b"GIF89a", "image/gif"),
            (b"II*\0", "image/tiff"),
            (b"MM\0*", "image/tiff"),
            (b"BM\x10", "image/bmp"),
            (b"RIFF\x10\0\0\0AVI ", "application/octet-stream"),
            (b"<svg>", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(media_type(bytes), expected);
        }
    }
}
