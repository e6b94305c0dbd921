//! Errors of the API: `application/problem+json` (RFC 9457) with a stable code.

mod conversions;

use std::fmt::Display;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::plain_words;
use crate::metrics::Refusal;
use crate::wire;

/// The media type of every error.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The longest plain-text error of another layer that is passed on.
const MAX_PLAIN_BYTES: usize = 1024;

/// The most characters of a detail.
const MAX_DETAIL_CHARS: usize = 2000;

/// The kind of an error: a stable code for programs, with its HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation; docs/guide/http.md lists them")]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    UnknownGallery,
    UnknownClass,
    UnknownExample,
    UnknownChange,
    Purged,
    CannotUndo,
    MethodNotAllowed,
    Timeout,
    UriTooLong,
    HeadersTooLarge,
    Conflict,
    LimitReached,
    OtherSpace,
    BusyReembed,
    NoLexicon,
    PreconditionFailed,
    TooLarge,
    UnsupportedImage,
    UnsupportedMediaType,
    BadImage,
    BadArchive,
    BadName,
    IdempotencyKeyReused,
    UnknownSynset,
    NeedsMoreImages,
    RejectedByQuality,
    TooManyPixels,
    Busy,
    TooManyAttempts,
    Internal,
    NotReady,
    ReadOnly,
    DamagedStore,
    Deadline,
    StoreFull,
}

impl Code {
    /// HTTP status, code and title.
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad_request", "Bad request"),
            Self::Unauthorized => (401, "unauthorized", "Key missing or not valid"),
            Self::Forbidden => (403, "forbidden", "Forbidden"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::UnknownGallery => (404, "unknown_gallery", "Unknown gallery"),
            Self::UnknownClass => (404, "unknown_class", "Unknown class"),
            Self::UnknownExample => (404, "unknown_example", "Unknown example"),
            Self::UnknownChange => (404, "unknown_change", "Unknown change"),
            Self::NoLexicon => (404, "no_lexicon", "No lexicon: the bundle has no name knowledge"),
            Self::CannotUndo => (409, "cannot_undo", "The change cannot be undone"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Method not allowed"),
            Self::Timeout => (408, "timeout", "Request timeout"),
            Self::Purged => (410, "purged", "Purged: nothing is left to restore"),
            Self::Conflict => (409, "conflict", "Conflict with what exists"),
            Self::LimitReached => {
                (409, "limit_reached", "Limit reached: the gallery or the store would be too large")
            }
            Self::OtherSpace => (409, "other_space", "Embeddings of another model"),
            Self::BusyReembed => (409, "busy_reembed", "Another gallery is being re-embedded"),
            Self::PreconditionFailed => {
                (412, "precondition_failed", "Precondition failed: the gallery changed")
            }
            Self::TooLarge => (413, "too_large", "Request too large"),
            Self::UriTooLong => (414, "uri_too_long", "Address too long"),
            Self::HeadersTooLarge => (431, "headers_too_large", "Headers too large"),
            Self::UnsupportedImage => (415, "unsupported_image", "Unsupported image format"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "Unsupported media type"),
            Self::BadImage => (422, "bad_image", "Image that cannot be used"),
            Self::BadArchive => (422, "bad_archive", "Damaged file of a gallery"),
            Self::IdempotencyKeyReused => {
                (422, "idempotency_key_reused", "Idempotency key of another call")
            }
            Self::BadName => (422, "bad_name", "Invalid name"),
            Self::UnknownSynset => (422, "unknown_synset", "Unknown synset"),
            Self::NeedsMoreImages => (422, "needs_more_images", "More images needed"),
            Self::RejectedByQuality => (422, "rejected_by_quality", "Poor example image"),
            Self::TooManyPixels => (422, "too_many_pixels", "Too many pixels"),
            Self::Busy => (429, "busy", "Too many requests"),
            Self::TooManyAttempts => (429, "too_many_attempts", "Too many wrong keys"),
            Self::Internal => (500, "internal", "Internal error"),
            Self::ReadOnly => (503, "read_only", "The store is read-only"),
            Self::DamagedStore => (500, "damaged_store", "The store cannot be used"),
            Self::NotReady => (503, "not_ready", "Service not ready"),
            Self::Deadline => (503, "deadline", "Not answered in time"),
            // 507 (RFC 4918): the request is right and succeeds as soon as there is space.
            Self::StoreFull => (507, "store_full", "Store full"),
        }
    }

    /// The kind of an error of another layer, which has only a status.
    pub(super) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::Timeout,
            413 => Self::TooLarge,
            414 => Self::UriTooLong,
            431 => Self::HeadersTooLarge,
            415 => Self::UnsupportedMediaType,
            400..=499 => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// An error that is returned to the client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    code: Code,
    detail: String,
    file: Option<String>,
    cause: Option<Cause>,
    refusal: Option<Refusal>,
}

/// The cause of an internal error: logged, never returned.
#[derive(Debug, Clone)]
pub struct Cause(pub String);

impl Problem {
    /// An error whose detail says what is wrong, what was expected, what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        // It may quote the request.
        if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL_CHARS) {
            detail.truncate(end);
        }
        Self { code, detail, file: None, cause: None, refusal: None }
    }

    /// An internal error. The client gets no cause; the log does.
    pub fn internal(cause: impl Display) -> Self {
        let detail =
            "The service failed. Its log has the cause under the x-request-id of this response.";
        Self { cause: Some(Cause(cause.to_string())), ..Self::new(Code::Internal, detail) }
    }

    /// A limit is reached; the client should try again.
    pub fn refused(refusal: Refusal, what: impl Display) -> Self {
        let code = match refusal {
            Refusal::Deadline => Code::Deadline,
            Refusal::Stalled | Refusal::Slow => Code::Timeout,
            Refusal::Queue | Refusal::Memory | Refusal::Connections | Refusal::Displaced => {
                Code::Busy
            }
        };
        let detail = format!("{what} Try again in a second.");
        Self { refusal: Some(refusal), ..Self::new(code, detail) }
    }

    /// The same error with the name of the file that caused it.
    #[must_use]
    pub fn in_file(self, file: Option<&str>) -> Self {
        Self { file: file.map(str::to_owned), ..self }
    }

    /// The kind of the error.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<&Problem> for wire::Problem {
    fn from(problem: &Problem) -> Self {
        let (status, code, title) = problem.code.parts();
        Self {
            kind: format!("urn:handful:problem:{code}"),
            title: title.to_owned(),
            status,
            code: code.to_owned(),
            detail: problem.detail.clone(),
            file: problem.file.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = wire::Problem::from(&self);
        let status = body.status;
        let status = StatusCode::from_u16(status).expect("invariant: the table holds valid codes");
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(refusal) = self.refusal {
            // For the metrics.
            response.extensions_mut().insert(refusal);
            // The second that its detail names.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(cause) = self.cause {
            // For the log line of the middleware, which has the request id.
            response.extensions_mut().insert(cause);
        }
        response
    }
}

/// Turns a plain-text error of axum or tower into a [`Problem`]. Headers such as `Allow` are kept.
pub async fn unified(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().get(header::CONTENT_TYPE) == Some(&PROBLEM_JSON) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let problem = Problem::new(Code::of(status), plain_detail(status, body).await).into_response();
    let (problem_parts, body) = problem.into_parts();
    parts.status = problem_parts.status;
    // It is the length of the old body.
    parts.headers.remove(header::CONTENT_LENGTH);
    for (name, value) in &problem_parts.headers {
        parts.headers.insert(HeaderName::clone(name), value.clone());
    }
    Response::from_parts(parts, body)
}

async fn plain_detail(status: StatusCode, body: Body) -> String {
    let bytes = to_bytes(body, MAX_PLAIN_BYTES).await.unwrap_or_default();
    match std::str::from_utf8(&bytes) {
        // The text of a server error may tell about the machine.
        Ok(text) if !text.is_empty() && status.is_client_error() => in_plain_words(text),
        _ => match status {
            StatusCode::NOT_FOUND => "No such path; /openapi.json lists the paths.".to_owned(),
            StatusCode::METHOD_NOT_ALLOWED => {
                "This path does not support the method; the header `allow` lists those it does."
                    .to_owned()
            }
            _ => format!("The request was refused with status {status}."),
        },
    }
}

/// The text of a refusal by axum, without what a client cannot know.
fn in_plain_words(text: &str) -> String {
    match text.strip_prefix("Failed to deserialize query string: ") {
        Some(reason) => plain_words::of_query(reason),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_guide_lists_each_code_once() {
        let guide = include_str!("../../../docs/guide/http.md");
        let errors = guide.split_once("\n## Errors\n").unwrap().1;
        let errors = errors.split("\n## ").next().unwrap();
        let rows: Vec<&str> = errors.lines().filter(|line| line.starts_with("| ")).collect();
        let table = include_str!("problem.rs").split_once("fn parts(self)").unwrap().1;
        let table = table.split_once("fn of(status").unwrap().0;
        let mut codes = 0;
        // `(404, "not_found", "Not found")`
        for entry in table.split('(').filter(|entry| entry.starts_with(['4', '5'])) {
            let (status, rest) = entry.split_once(", \"").unwrap();
            let code = format!("`{}`", rest.split('"').next().unwrap());
            let found: Vec<_> = rows.iter().filter(|row| row.contains(&code)).collect();
            assert_eq!(found.len(), 1, "{code}: {found:?}");
            assert!(found[0].starts_with(&format!("| {status} |")), "{code}: {found:?}");
            codes += 1;
        }
        assert!(codes > 20, "{codes} codes");
    }

    async fn body_of(response: Response) -> serde_json::Value {
        let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_problem_has_its_code_status_and_file() {
        let problem = Problem::new(Code::BadImage, "It is cut off.").in_file(Some("a.jpg"));
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let body = body_of(response).await;
        assert_eq!(body["code"], "bad_image");
        assert_eq!(body["file"], "a.jpg");
    }

    #[tokio::test]
    async fn the_cause_of_an_internal_problem_stays_inside() {
        let response = Problem::internal("secret: /home/x").into_response();
        assert_eq!(response.extensions().get::<Cause>().unwrap().0, "secret: /home/x");
        let body = body_of(response).await.to_string();
        assert!(!body.contains("secret") && body.contains("internal"), "{body}");
    }

    #[tokio::test]
    async fn plain_errors_become_problems_and_keep_their_headers() {
        let plain = (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")], "").into_response();
        let response = unified(plain).await;
        assert_eq!(response.headers()[header::ALLOW], "GET");
        assert_eq!(body_of(response).await["code"], "method_not_allowed");
    }

    #[tokio::test]
    async fn responses_without_error_pass_unchanged() {
        assert_eq!(
            to_bytes(unified("ok".into_response()).await.into_body(), 9).await.unwrap(),
            "ok"
        );
    }
}
