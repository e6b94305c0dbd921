//! `Idempotency-Key`: a change that is sent again with its key is answered as before, and not made
//! again (draft-ietf-httpapi-idempotency-key-header).
//!
//! A call with a key runs to its end also when its client leaves or its deadline passes: the client
//! asks again and gets the answer. Answers to calls that were not judged (too many
//! requests, no access, a failure of the service) are not kept.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::auth::Access;
use super::body::{Seen, is_same, refused, watched};
use super::client::Client;
use super::problem::{Code, Problem};
use crate::jobs::replays::{Found, Kept, ReplayKey, Running, SentBody};
use crate::metrics::Refusal;
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const MAX_KEY_BYTES: usize = 255;

/// The longest body of an answer that is kept.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The paths below which changes take keys.
const API: &str = "/v1/";

/// Calls with `POST` that change nothing.
const READS: [&str; 4] = [
    "/v1/embed",
    "/v1/galleries/{gallery}/calibrate",
    "/v1/galleries/{gallery}/classify",
    "/v1/galleries/{gallery}/search",
];

/// Headers that belong to an answer; every answer gets the others anew.
const KEPT_HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::ETAG, header::LOCATION, header::ALLOW];

/// Refusals that say nothing about the call itself: it may succeed when it is sent again.
const NOT_JUDGED: [StatusCode; 4] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_MANY_REQUESTS,
];

/// The middleware around the calls of the API. It gives answers again, so it must be inside of
/// what decides who may call.
pub async fn pass(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    if !is_change(&request) {
        return next.run(request).await;
    }
    match key(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => {
            let answer = once(&state, &key, request, next).await;
            answer.unwrap_or_else(IntoResponse::into_response)
        }
        Err(problem) => problem.into_response(),
    }
}

fn is_change(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let is_known = route.is_some_and(|route| route.starts_with(API) && !READS.contains(&route));
    let method = request.method();
    is_known && matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// The key of a request.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let bytes = value.as_bytes();
    let is_key = (1..=MAX_KEY_BYTES).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_graphic)
        && values.next().is_none();
    // The check has shown that it is ASCII.
    let key = value.to_str().ok().filter(|_| is_key);
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        let detail = format!(
            "Idempotency-Key: expected once, with 1 to {MAX_KEY_BYTES} visible ASCII characters."
        );
        Problem::new(Code::BadRequest, detail)
    })
}

/// Whose key it is: the keys of two owners do not meet, also where an access key has the name of
/// one that was revoked. Without access keys there is one owner.
fn owner(parts: &Parts) -> Option<&str> {
    parts.extensions.get::<Access>().and_then(Access::identity)
}

/// Makes a call, or answers as the first call with this key was answered.
async fn once(
    state: &Arc<AppState>,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Client(client) = Client::from_request_parts(&mut parts, state).await?;
    let request = fingerprint(&parts);
    let key = ReplayKey::new(owner(&parts), key);
    match state.replays.begin(key, client, Instant::now()) {
        Found::New(running) => {
            let (body, seen) = watched(body);
            let call = Call { running, request, seen };
            let answer = next.run(Request::from_parts(parts, body));
            // A task of its own: it records the answer also when nobody waits for it any more.
            let answered = tokio::spawn(async move { call.recorded(answer.await).await });
            answered.await.map_err(Problem::internal)
        }
        Found::Answered(kept) => replayed(state, &parts, body, request, &kept).await,
        Found::Running => Err(refused(state, &parts, body, running()).await),
        Found::NoPlace => {
            let what = "This address has its share of the calls with an Idempotency-Key.";
            Err(refused(state, &parts, body, Problem::refused(Refusal::Queue, what)).await)
        }
    }
}

/// What a key stands for, except for the body.
fn fingerprint(parts: &Parts) -> [u8; 32] {
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let mut hasher = Sha256::new();
    for field in [
        parts.method.as_str().as_bytes(),
        parts.uri.path().as_bytes(),
        parts.uri.query().unwrap_or_default().as_bytes(),
        content_type.map(HeaderValue::as_bytes).unwrap_or_default(),
    ] {
        hasher.update(field);
        // None of them has this byte.
        hasher.update([0_u8]);
    }
    hasher.finalize().into()
}

/// A call that is made.
struct Call {
    running: Running,
    request: [u8; 32],
    seen: Seen,
}

impl Call {
    /// The answer, after it is kept.
    async fn recorded(self, response: Response) -> Response {
        let Some(sent) = self.judged(response.status()) else { return response };
        let size = response.body().size_hint().exact();
        let (parts, body) = response.into_parts();
        let kept = Kept {
            request: self.request,
            sent,
            status: parts.status,
            headers: kept_headers(&parts.headers),
            body: None,
        };
        if size.is_none_or(|size| size > MAX_ANSWER_BYTES as u64) {
            self.running.answered(kept, Instant::now());
            return Response::from_parts(parts, body);
        }
        match to_bytes(body, MAX_ANSWER_BYTES).await {
            Ok(bytes) => {
                // A copy holds no more than its bytes.
                let copy = Some(Bytes::copy_from_slice(&bytes));
                self.running.answered(Kept { body: copy, ..kept }, Instant::now());
                Response::from_parts(parts, Body::from(bytes))
            }
            Err(error) => Problem::internal(error).into_response(),
        }
    }

    /// The body of a call whose answer is kept; `None` for others.
    fn judged(&self, status: StatusCode) -> Option<SentBody> {
        let sent = self.seen.body()?;
        // A refusal may be about a body that was announced and not read: another one may be right.
        let is_about_all = sent != SentBody::Unread || status.is_success();
        let is_judged = !status.is_server_error() && !NOT_JUDGED.contains(&status);
        (is_judged && is_about_all).then_some(sent)
    }
}

fn kept_headers(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let kept = KEPT_HEADERS.into_iter();
    kept.filter_map(|name| headers.get(&name).cloned().map(|value| (name, value))).collect()
}

/// The answer of an earlier call, if this one is the same.
async fn replayed(
    state: &AppState,
    parts: &Parts,
    body: Body,
    request: [u8; 32],
    kept: &Kept,
) -> Result<Response, Problem> {
    if kept.request != request {
        return Err(refused(state, parts, body, reused()).await);
    }
    if !is_same(parts, body, state, kept.sent).await? {
        return Err(reused());
    }
    let bytes = kept.body.clone().ok_or_else(|| too_long(kept.status))?;
    let mut response = (kept.status, Body::from(bytes)).into_response();
    for (name, value) in &kept.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn running() -> Problem {
    let detail = "The first call with this Idempotency-Key is still being made; send it again \
                  later.";
    Problem::new(Code::Conflict, detail)
}

fn reused() -> Problem {
    let detail = "This Idempotency-Key belongs to another call of the last 24 hours: with another \
                  method, path, parameter, content-type or body. Choose a new key for each call.";
    Problem::new(Code::IdempotencyKeyReused, detail)
}

fn too_long(status: StatusCode) -> Problem {
    let status = status.as_u16();
    let detail = format!(
        "The call with this Idempotency-Key was made and answered with status {status}; it is not \
         made again. Answers of more than {MAX_ANSWER_BYTES} bytes are not kept: read the gallery."
    );
    Problem::new(Code::Conflict, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(IDEMPOTENCY_KEY, value.parse().unwrap())])
    }

    #[test]
    fn a_key_is_visible_ascii() {
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
        let long = "x".repeat(MAX_KEY_BYTES);
        for good in ["a", "\"8e03978e-40d5\"", "~!", &long] {
            assert_eq!(key(&header(good)).unwrap().as_deref(), Some(good));
        }
        for wrong in ["", "a b", "a\tb", &format!("{long}x")] {
            assert_eq!(key(&header(wrong)).unwrap_err().code(), Code::BadRequest, "{wrong}");
        }
        let mut twice = header("a");
        twice.append(IDEMPOTENCY_KEY, "a".parse().unwrap());
        assert_eq!(key(&twice).unwrap_err().code(), Code::BadRequest);
    }

    fn parts(method: Method, address: &str, content_type: Option<&str>) -> Parts {
        let mut request = Request::builder().method(method).uri(address);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        request.body(Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn each_part_of_a_request_counts() {
        let first = fingerprint(&parts(Method::POST, "/v1/a?b=1", Some("image/png")));
        assert_eq!(first, fingerprint(&parts(Method::POST, "/v1/a?b=1", Some("image/png"))));
        for other in [
            parts(Method::PUT, "/v1/a?b=1", Some("image/png")),
            parts(Method::POST, "/v1/b?b=1", Some("image/png")),
            parts(Method::POST, "/v1/a?b=2", Some("image/png")),
            parts(Method::POST, "/v1/a?b=1", Some("image/jpeg")),
            parts(Method::POST, "/v1/a?b=1", None),
        ] {
            assert_ne!(first, fingerprint(&other));
        }
    }
}
