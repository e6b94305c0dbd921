//! The body of an inference: a JSON object, and the bytes of binary tensors behind it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, header};

use super::json::object;
use super::wording::quoted;
use super::{Arrival, content_type, receive};
use crate::http::problem::{Code, Problem};
use crate::jobs::budget::Lease;
use crate::state::AppState;
use crate::wire;

/// The header with the length of the JSON, if there are bytes behind it.
pub const INFERENCE_HEADER_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");

/// The content types of a body; clients that send binary tensors often state none.
const KINDS: [&str; 3] = ["", "application/json", "application/octet-stream"];

/// The body of an inference, which is not parsed yet.
#[derive(Debug)]
pub struct TensorBody {
    /// The JSON object.
    pub json: Bytes,
    /// The bytes behind it.
    pub binary: Bytes,
    /// What both take.
    pub memory: Lease,
}

impl FromRequest<Arc<AppState>> for TensorBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let arrival = Arrival::of(&parts, state)?;
        let mut memory = state.buffers.lease(arrival.client);
        let limit = state.config.limits.max_body_bytes;
        let receive = receive(&parts, body, limit, (&mut memory, 1));
        let mut bytes = arrival.within_time(receive).await?;
        // Checked only now: a client reads the answer when it has sent its body.
        check_kind(&parts.headers)?;
        let json = bytes.split_to(json_length(&parts.headers, bytes.len())?);
        Ok(Self { json, binary: bytes, memory })
    }
}

/// The JSON object of a body as a request.
///
/// # Errors
/// `bad_request`.
pub fn infer_request(json: &[u8]) -> Result<wire::InferRequest, Problem> {
    object(json)
}

fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = content_type(headers);
    if !KINDS.contains(&kind.as_str()) {
        let got = quoted(&kind);
        let detail = format!(
            "Expected content-type application/json, or application/octet-stream with binary \
             tensors, got {got}."
        );
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "Compressed bodies cannot be read; send the body without Content-Encoding.";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    Ok(())
}

/// The length of the JSON in a body of `length` bytes.
fn json_length(headers: &HeaderMap, length: usize) -> Result<usize, Problem> {
    let mut values = headers.get_all(INFERENCE_HEADER_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(length) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let json = digits.and_then(|digits| digits.parse::<usize>().ok());
    // With a second value it would not be clear where the JSON ends.
    json.filter(|json| *json <= length && values.next().is_none()).ok_or_else(|| {
        let detail = format!(
            "Inference-Header-Content-Length: expected one whole number, the length of the JSON at \
             the beginning of the body, from 0 to the {length} bytes of the body."
        );
        Problem::new(Code::BadRequest, detail)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_json_ends_where_the_header_states() {
        assert_eq!(json_length(&HeaderMap::new(), 9).unwrap(), 9);
        for (value, length) in [("0", 0), ("4", 4), ("9", 9)] {
            let headers = headers(INFERENCE_HEADER_LENGTH, value);
            assert_eq!(json_length(&headers, 9).unwrap(), length);
        }
        for wrong in ["10", "-1", "+4", "4.0", "", "x", "99999999999999999999999"] {
            let headers = headers(INFERENCE_HEADER_LENGTH, wrong);
            assert_eq!(json_length(&headers, 9).unwrap_err().code(), Code::BadRequest, "{wrong}");
        }
        let mut twice = headers(INFERENCE_HEADER_LENGTH, "4");
        twice.append(INFERENCE_HEADER_LENGTH, "5".parse().unwrap());
        assert_eq!(json_length(&twice, 9).unwrap_err().code(), Code::BadRequest);
    }

    #[test]
    fn other_kinds_of_bodies_are_refused() {
        check_kind(&HeaderMap::new()).unwrap();
        for kind in ["application/json; charset=utf-8", "APPLICATION/OCTET-STREAM"] {
            check_kind(&headers(header::CONTENT_TYPE, kind)).unwrap();
        }
        check_kind(&headers(header::CONTENT_ENCODING, "Identity")).unwrap();
        for wrong in
            [headers(header::CONTENT_TYPE, "text/plain"), headers(header::CONTENT_ENCODING, "gzip")]
        {
            assert_eq!(check_kind(&wrong).unwrap_err().code(), Code::UnsupportedMediaType);
        }
    }
}
