//! Reads request bodies within the limits on bytes, files and time.
//!
//! A refused body is still read to its end (up to a limit) and discarded: a client that is sending
//! would otherwise see a broken connection and not the error.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::http::problem::{Code, Problem};
use crate::jobs::uploads::{Reservation, Upload, Uploads};
use crate::state::AppState;

/// The most bytes of a refused body that are read and discarded.
const MAX_DISCARDED_BYTES: usize = 64 << 20;

/// The content types of a JSON body; the second is that of changes (RFC 7396).
const JSON: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// The most bytes of a JSON body.
const MAX_JSON_BYTES: usize = 64 << 10;

/// The most characters of a file name in a response.
const MAX_FILE_NAME_CHARS: usize = 128;

impl FromRequest<Arc<AppState>> for Uploads {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limits = &state.config.limits;
        // The time includes what is discarded, so that a refused client cannot hold its connection.
        let received = timeout(limits.receive_time(), receive(&parts, body, state)).await;
        let received = received.map_err(|_| too_slow(limits.receive_seconds))??;
        let Received { bytes, reservation } = received;
        // Checked only now: a client reads the answer when it has sent its body.
        let files = match kind(&parts.headers)? {
            Kind::Raw => vec![Upload { file: None, bytes }],
            Kind::Multipart => split(parts, bytes, limits.max_files).await?,
        };
        Ok(Self::new(files, reservation))
    }
}

/// A JSON body. Every rejection is a [`Problem`].
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<AppState>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let limits = &state.config.limits;
        let content_type = content_type(request.headers());
        let body = collect(request.into_body(), MAX_JSON_BYTES);
        let bytes = timeout(limits.receive_time(), body).await;
        let bytes = bytes.map_err(|_| too_slow(limits.receive_seconds))??;
        // Pages of other origins cannot send these types without a CORS preflight, which fails
        // here.
        if !JSON.contains(&content_type.as_str()) {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                format!("Expected content-type application/json, got {}.", quoted(&content_type)),
            ));
        }
        object(&bytes).map(Self)
    }
}

/// The value of a JSON object.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde also reads an array as a struct, field by field.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let detail = "The JSON body: expected an object, got an array.";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(Code::BadRequest, format!("The JSON body: {error}.")))
}

enum Kind {
    Raw,
    Multipart,
}

fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let content_type = content_type(headers);
    match content_type.as_str() {
        "multipart/form-data" => Ok(Kind::Multipart),
        "" | "application/octet-stream" => Ok(Kind::Raw),
        image if image.starts_with("image/") => Ok(Kind::Raw),
        other => Err(Problem::new(
            Code::UnsupportedImage,
            format!(
                "Expected content-type image/jpeg (or of another image), application/octet-stream or \
                 multipart/form-data, got {}.",
                quoted(other)
            ),
        )),
    }
}

/// The media type in lower case, without parameters; empty without the header.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

/// A body and the memory that was reserved for it.
struct Received {
    bytes: Bytes,
    reservation: Reservation,
}

/// Reserves memory for the body, then reads it.
async fn receive(parts: &Parts, body: Body, state: &AppState) -> Result<Received, Problem> {
    let limit = state.config.limits.max_body_bytes;
    let announced = content_length(&parts.headers);
    // Refused before memory is reserved for it.
    if announced.is_some_and(|length| length > limit) {
        return Err(refuse(parts, body, too_large(limit)).await);
    }
    // A body without a stated length may take all that is allowed.
    let Some(reservation) = state.uploads.reserve(announced.unwrap_or(limit)) else {
        let problem = Problem::busy("The memory for request bodies is in use.");
        return Err(refuse(parts, body, problem).await);
    };
    Ok(Received { bytes: collect(body, limit).await?, reservation })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the problem after the client has finished sending; at once for `Expect: 100-continue`.
async fn refuse(parts: &Parts, mut body: Body, problem: Problem) -> Problem {
    // With `Expect: 100-continue` a client waits for the answer before it sends.
    if !parts.headers.contains_key(header::EXPECT) {
        discard(&mut body).await;
    }
    problem
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    // Grows with what arrives: a length that is only announced takes no memory.
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::BadRequest, "The body ended early."))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            // Freed first, because a slow client may take long to send the rest.
            drop(bytes);
            discard(&mut body).await;
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

async fn discard(body: &mut Body) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

/// The files of a multipart body. The body is complete, so parsing does not wait.
async fn split(parts: Parts, bytes: Bytes, max_files: usize) -> Result<Vec<Upload>, Problem> {
    // The parts are copies: the stated memory use counts bodies twice for this.
    let request = Request::from_parts(parts, Body::from(bytes));
    let mut fields = Multipart::from_request(request, &()).await.map_err(bad_multipart)?;
    let mut uploads = Vec::new();
    while let Some(field) = fields.next_field().await.map_err(bad_multipart)? {
        if uploads.len() == max_files {
            return Err(Problem::new(
                Code::TooLarge,
                format!(
                    "A call takes at most {max_files} files; send the others in further calls."
                ),
            ));
        }
        let is_file = field.file_name().is_some();
        let file = field.file_name().or(field.name()).map(printable);
        let bytes = field.bytes().await.map_err(bad_multipart)?;
        // Some clients send files without a name, but no image is text.
        if !is_file && std::str::from_utf8(&bytes).is_ok() {
            return Err(not_an_image(file.as_deref().unwrap_or_default()));
        }
        uploads.push(Upload { file, bytes });
    }
    if uploads.is_empty() {
        return Err(Problem::new(Code::BadRequest, "The multipart body has no file."));
    }
    Ok(uploads)
}

/// A form of a web page may have options beside its files.
fn not_an_image(field: &str) -> Problem {
    let detail = format!(
        "The form field `{field}` is text and not an image. A form has images only: put options \
         into the address, such as `?top=3`."
    );
    Problem::new(Code::BadRequest, detail)
}

fn bad_multipart(error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, format!("The multipart body cannot be read: {error}."))
}

/// A file name for a response: shortened, without control characters.
fn printable(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(MAX_FILE_NAME_CHARS).collect()
}

fn quoted(content_type: &str) -> String {
    if content_type.is_empty() {
        "none".to_owned()
    } else {
        format!("`{}`", printable(content_type))
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("The body is longer than the limit of {limit} bytes."))
}

fn too_slow(seconds: u64) -> Problem {
    Problem::new(Code::Timeout, format!("The request did not arrive within {seconds} seconds."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn the_content_type_selects_how_a_body_is_read() {
        assert!(matches!(kind(&HeaderMap::new()), Ok(Kind::Raw)));
        assert!(matches!(kind(&headers("IMAGE/PNG")), Ok(Kind::Raw)));
        assert!(matches!(kind(&headers("multipart/form-data; boundary=x")), Ok(Kind::Multipart)));
        assert!(kind(&headers("application/x-www-form-urlencoded")).is_err());
    }

    #[tokio::test]
    async fn a_body_is_collected_up_to_the_limit() {
        assert_eq!(collect(Body::from("1234"), 4).await.unwrap(), "1234");
        assert_eq!(collect(Body::from("12345"), 4).await.unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn a_json_body_is_an_object() {
        type Body = std::collections::BTreeMap<String, u8>;
        assert_eq!(object::<Body>(br#" {"a":1}"#).unwrap().len(), 1);
        for wrong in ["[]", " [1]", "1", "", "{"] {
            let code = object::<Body>(wrong.as_bytes()).unwrap_err().code();
            assert_eq!(code, Code::BadRequest, "{wrong}");
        }
    }

    #[test]
    fn file_names_lose_control_characters() {
        assert_eq!(printable("a\r\nb\u{1b}.jpg"), "ab.jpg");
        assert_eq!(printable(&"x".repeat(10_000)).len(), MAX_FILE_NAME_CHARS);
    }
}
