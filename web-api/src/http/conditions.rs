//! Conditional requests (RFC 9110, 13): the gallery's revision is the entity tag.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edge::recognizer::Precondition;
use serde::Serialize;

use crate::http::problem::{Code, Problem};

/// JSON with the gallery's revision as its entity tag.
pub fn tagged(status: StatusCode, revision: u64, body: impl Serialize) -> Response {
    (status, [(header::ETAG, etag(revision))], Json(body)).into_response()
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
}
