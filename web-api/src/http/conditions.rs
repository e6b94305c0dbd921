//! Conditional requests (RFC 9110, 13): the gallery's revision is the entity tag of what is read of
//! one gallery, and a hash that of every other read.
//!
//! It counts within one gallery. One that was made again under the same name can have the same tag,
//! and another id.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edge::recognizer::Precondition;
use models::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::http::problem::{Code, Problem};

/// JSON with the gallery's revision as its entity tag.
pub fn tagged(status: StatusCode, revision: u64, body: impl Serialize) -> Response {
    (status, [(header::ETAG, etag(revision))], Json(body)).into_response()
}

/// JSON with a hash of itself as its entity tag, for an answer that is not of one revision.
///
/// # Errors
/// `internal` for what is no JSON.
pub fn tagged_by_content(body: &impl Serialize) -> Result<Response, Problem> {
    let json = serde_json::to_vec(body).map_err(Problem::internal)?;
    let content_type = HeaderValue::from_static("application/json");
    let tag = tag_of(&json);
    Ok(([(header::CONTENT_TYPE, content_type), (header::ETAG, tag)], json).into_response())
}

/// A hash of the content as its entity tag.
fn tag_of(content: &[u8]) -> HeaderValue {
    let hash: [u8; 32] = Sha256::digest(content).into();
    // Half of it: two answers of one address must differ, and nobody gains from equal ones.
    HeaderValue::from_str(&format!("\"{}\"", hex::encode(&hash[..16])))
        .expect("invariant: hexadecimal digits and quotes are a header value")
}

/// The answer to a read with a hash of its content as its entity tag, if it has none yet.
pub async fn tagged_read(method: &Method, response: Response) -> Response {
    // An answer to `HEAD` has no content of its own to hash.
    let is_read = *method == Method::GET && response.status() == StatusCode::OK;
    // An answer of unknown size is sent in parts, as it is made.
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|_| is_read && !response.headers().contains_key(header::ETAG))
    else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    match to_bytes(body, size).await {
        Ok(content) => {
            parts.headers.insert(header::ETAG, tag_of(&content));
            Response::from_parts(parts, Body::from(content))
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// A gallery's revision as an entity tag.
pub fn etag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\""))
        .expect("invariant: digits and quotes are a header value")
}

/// The revision that `If-Match` requires; nothing without the header and for `*`.
///
/// # Errors
/// `bad_request` for anything but one revision in quotes.
pub fn if_match(headers: &HeaderMap) -> Result<Precondition, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(Precondition::Anything) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Precondition::Anything);
    }
    // A weak tag (`W/"7"`) never matches in `If-Match` (RFC 9110, 13.1.1), so it is refused. What
    // only lacks its quotes is meant well.
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let revision = revision(quoted.unwrap_or(text));
    revision.map(Precondition::Revision).ok_or_else(|| {
        Problem::new(Code::BadRequest, "If-Match: expected one revision in quotes, such as \"7\".")
    })
}

/// A revision in the one spelling that entity tags have: no zeros in front.
fn revision(number: &str) -> Option<u64> {
    number.parse().ok().filter(|revision: &u64| revision.to_string() == number)
}

/// The precondition of a call that creates or changes a class.
///
/// # Errors
/// `precondition_failed` for both headers at once; `bad_request` for `If-None-Match` with anything
/// but `*`.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    match (is_any(headers, header::IF_MATCH), is_any(headers, header::IF_NONE_MATCH)) {
        (None, None) => Ok(Precondition::Anything),
        (Some(true), None) => Ok(Precondition::ClassExists),
        (None, Some(true)) => Ok(Precondition::NoClass),
        (Some(false), None) => if_match(headers),
        (None, Some(false)) => Err(Problem::new(Code::BadRequest, "If-None-Match: expected `*`.")),
        // Only a class that exists can match, and only one that does not can match none.
        (Some(_), Some(_)) => Err(Problem::new(
            Code::PreconditionFailed,
            "If-Match and If-None-Match: both never hold; send one of them.",
        )),
    }
}

/// The most bytes of an `If-None-Match`: a client has a few answers of one address.
const MAX_KNOWN_TAGS_BYTES: usize = 4096;

/// Refuses a longer `If-None-Match`.
///
/// # Errors
/// `bad_request`.
pub fn check_known_tags(headers: &HeaderMap) -> Result<(), Problem> {
    let mut lengths = headers.get_all(header::IF_NONE_MATCH).iter().map(HeaderValue::len);
    lengths.find(|length| *length > MAX_KNOWN_TAGS_BYTES).map_or(Ok(()), |length| {
        let detail =
            format!("If-None-Match: expected at most {MAX_KNOWN_TAGS_BYTES} bytes, got {length}.");
        Err(Problem::new(Code::BadRequest, detail))
    })
}

/// The answers that the client of a read has already: the entity tags of its `If-None-Match`.
#[derive(Debug, Clone)]
pub struct KnownTags(Vec<HeaderValue>);

impl KnownTags {
    /// Those of a request; none if it is no read.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        // `If-None-Match` of a change is a precondition.
        match *method {
            Method::GET | Method::HEAD => {
                Self(headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect())
            }
            _ => Self(Vec::new()),
        }
    }

    /// Whether the client has the answer with this entity tag.
    #[must_use]
    pub fn has(&self, tag: &HeaderValue) -> bool {
        // No tag of this service has a comma in it.
        let mut tags = self.0.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        tags.any(|one| {
            let one = one.trim_ascii();
            // A weak tag counts like a strong one here (RFC 9110, 13.1.2).
            one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag.as_bytes()
        })
    }

    /// An answer to the client: status 304 without a body in place of one that it has.
    #[must_use]
    pub fn answer(&self, response: Response) -> Response {
        let tag = response.headers().get(header::ETAG);
        if response.status() != StatusCode::OK || tag.is_none_or(|tag| !self.has(tag)) {
            return response;
        }
        let (mut parts, _) = response.into_parts();
        parts.status = StatusCode::NOT_MODIFIED;
        // Those of the body.
        parts.headers.remove(header::CONTENT_DISPOSITION);
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::empty())
    }
}

impl<S: Sync> FromRequestParts<S> for KnownTags {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.method, &parts.headers))
    }
}

/// Whether a header is `*`; `None` without the header.
fn is_any(headers: &HeaderMap, name: HeaderName) -> Option<bool> {
    headers.get(name).map(|value: &HeaderValue| value.as_bytes() == b"*")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_MATCH, value.parse().unwrap())])
    }

    #[test]
    fn if_match_is_a_quoted_revision() {
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), Precondition::Anything);
        assert_eq!(if_match(&header("*")).unwrap(), Precondition::Anything);
        assert_eq!(if_match(&header("\"7\"")).unwrap(), Precondition::Revision(7));
        assert_eq!(if_match(&header("7")).unwrap(), Precondition::Revision(7));
        for wrong in ["\"7", "\"x\"", "\"007\"", "W/\"7\"", "\"7\", \"8\""] {
            assert_eq!(if_match(&header(wrong)).unwrap_err().code(), Code::BadRequest);
        }
    }

    fn known(value: &str) -> KnownTags {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, value.parse().unwrap())]);
        KnownTags::of(&Method::GET, &headers)
    }

    #[test]
    fn a_read_names_the_answers_that_its_client_has() {
        for value in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*", " \"7\" "] {
            assert!(known(value).has(&etag(7)), "{value}");
        }
        for value in ["\"6\"", "7", "\"77\"", "w/\"7\"", ""] {
            assert!(!known(value).has(&etag(7)), "{value}");
        }
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, "*".parse().unwrap())]);
        assert!(!KnownTags::of(&Method::PUT, &headers).has(&etag(7)), "a precondition");
    }

    #[test]
    fn the_tag_of_a_content_changes_with_it() {
        let tag = |body: &str| tagged_by_content(&body).unwrap().headers()[header::ETAG].clone();
        assert_eq!(tag("a"), tag("a"));
        assert_ne!(tag("a"), tag("b"));
        assert_eq!(tag("a").len(), 34);
    }

    fn of_length(length: usize) -> HeaderMap {
        let value = HeaderValue::from_str(&"7".repeat(length)).unwrap();
        HeaderMap::from_iter([(header::IF_NONE_MATCH, value)])
    }

    #[test]
    fn the_answers_that_a_client_has_are_few() {
        assert!(check_known_tags(&HeaderMap::new()).is_ok());
        assert!(check_known_tags(&of_length(4096)).is_ok());
        let refused = check_known_tags(&of_length(4097)).unwrap_err();
        assert_eq!(refused.code(), Code::BadRequest);
    }

    #[test]
    fn only_an_answer_with_its_tag_is_left_out() {
        let unchanged = known("\"7\"").answer(tagged(StatusCode::OK, 7, "x"));
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(unchanged.headers()[header::ETAG], "\"7\"");
        assert!(!unchanged.headers().contains_key(header::CONTENT_TYPE));
        let changed = known("\"7\"").answer(tagged(StatusCode::OK, 8, "x"));
        assert_eq!(changed.status(), StatusCode::OK);
        let failed = known("*").answer(StatusCode::NOT_FOUND.into_response());
        assert_eq!(failed.status(), StatusCode::NOT_FOUND);
    }
}
