//! Bodies that are JSON objects.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::wording::{not_json, quoted};
use super::{Arrival, collect, content_type};
use crate::http::plain_words;
use crate::http::problem::{Code, Problem};
use crate::state::AppState;

/// The content types of a JSON body; the second is that of changes (RFC 7396).
const JSON: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// The most bytes of a JSON body.
const MAX_JSON_BYTES: usize = 64 << 10;

/// A JSON body. Every rejection is a [`Problem`].
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<AppState>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        JsonBytes::read(request, state).await?.object().map(Self)
    }
}

/// A JSON body that may be left out. Every rejection is a [`Problem`].
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<AppState>> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let body = JsonBytes::read(request, state).await?;
        if body.bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        body.object().map(Self)
    }
}

/// The body of a `PUT` of a gallery, which has nothing to say: none, or an empty JSON object.
#[derive(Debug)]
pub struct NoBody;

impl FromRequest<Arc<AppState>> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let JsonBytes { bytes, .. } = JsonBytes::read(request, state).await?;
        if bytes.is_empty() || is_empty_object(&bytes) {
            return Ok(Self);
        }
        let detail = "PUT of a gallery takes no body; change its settings with PATCH.";
        Err(Problem::new(Code::BadRequest, detail))
    }
}

fn is_empty_object(bytes: &[u8]) -> bool {
    let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes);
    object.is_ok_and(|fields| fields.is_empty())
}

/// A body that should be JSON.
struct JsonBytes {
    content_type: String,
    bytes: Bytes,
}

impl JsonBytes {
    async fn read(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let arrival = Arrival::of(&parts, state)?;
        let mut memory = state.buffers.lease(arrival.client);
        let reading = collect(body, MAX_JSON_BYTES, (&mut memory, 1));
        let bytes = arrival.within_time(reading).await?;
        Ok(Self { content_type: content_type(&parts.headers), bytes })
    }

    fn object<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        // Pages of other origins cannot send these types without a CORS preflight, which fails
        // here.
        if !JSON.contains(&self.content_type.as_str()) {
            let got = quoted(&self.content_type);
            let detail = format!("Expected content-type application/json, got {got}.");
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        object(&self.bytes)
    }
}

/// The value of a JSON object.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // First, so that what is wrong after that is about a field.
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
    // serde also reads an array as a struct, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let detail = "The JSON body: expected an object, such as {}.";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let reason = error.inner().to_string();
        // serde_json calls this an error of syntax: it was to be a word.
        if !error.inner().is_data() && !reason.starts_with("expected value") {
            return not_json(error.inner());
        }
        let detail = plain_words::of_field(&error.path().to_string(), &reason);
        Problem::new(Code::BadRequest, detail)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
    fn only_an_object_without_fields_is_empty() {
        for empty in ["{}", " { }\n"] {
            assert!(is_empty_object(empty.as_bytes()), "{empty}");
        }
        for other in ["", "[]", "null", r#"{"rate":0.1}"#, "{", "{} {}"] {
            assert!(!is_empty_object(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn errors_in_a_body_name_no_types_of_rust() {
        type Body = crate::wire::GalleryPatch;
        for (wrong, expected) in [
            ("{\"rate\":}", "The body is not valid JSON: see line 1, column 9."),
            ("", "The body is not valid JSON: see line 1, column 0."),
            ("5", "The JSON body: expected an object, such as {}."),
            (r#"{"rate":"x"}"#, "rate: expected a number, got \"x\"."),
            (r#"{"name":null}"#, "name: expected text, got null."),
            (r#"{"keep_images":5}"#, "keep_images: expected text."),
            (r#"{"rate":1,"rate":2}"#, "The field `rate`: expected once, got twice."),
            (
                r#"{"retention_days":1.5}"#,
                "retention_days: expected a whole number from 0 to 4294967295, got `1.5`.",
            ),
            (
                r#"{"keep_images":"all"}"#,
                "keep_images: expected one of `thumb`, `original`, `off`, got `all`.",
            ),
        ] {
            assert_eq!(object::<Body>(wrong.as_bytes()).unwrap_err().to_string(), expected);
        }
        let unknown = object::<Body>(br#"{"rates":1}"#).unwrap_err().to_string();
        assert!(unknown.starts_with("Unknown field `rates`; expected one of `"), "{unknown}");
    }
}
