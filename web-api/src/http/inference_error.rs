//! Errors of the Open Inference Protocol: `{"error": "…"}`, where other calls answer a problem
//! document.
//!
//! Handlers and all layers below return problems, as everywhere. They are replaced in one place,
//! outside of all layers, so that the errors of the layers have this form too.

use axum::Json;
use axum::body::to_bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::problem::PROBLEM_JSON;
use crate::wire::InferenceError;

/// The path of the protocol, and the beginning of all of its paths.
const ROOT: &str = "/v2";

/// The most bytes of a problem document: its detail is limited, and may be escaped.
const MAX_PROBLEM_BYTES: usize = 64 << 10;

/// Whether the errors of this path have the form of the protocol.
#[must_use]
pub fn is_used_by(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The same response, with a problem document as an error of the protocol. Status and headers are
/// kept.
pub async fn of_problem(response: Response) -> Response {
    if response.headers().get(header::CONTENT_TYPE) != Some(&PROBLEM_JSON) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    // The answer to HEAD has no body.
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let error = match problem["detail"].as_str() {
        Some(detail) => detail.to_owned(),
        None => format!("The request was refused with status {}.", parts.status),
    };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // It is the length of the old body.
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Json(InferenceError { error }).into_response().into_body())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::problem::{Code, Problem};
    use crate::metrics::Refusal;

    #[test]
    fn only_paths_of_the_protocol_have_its_errors() {
        for path in ["/v2", "/v2/", "/v2/models/x/infer"] {
            assert!(is_used_by(path), "{path}");
        }
        for path in ["/", "/v1/embed", "/v20", "/page/v2"] {
            assert!(!is_used_by(path), "{path}");
        }
    }

    #[tokio::test]
    async fn a_problem_becomes_an_error_with_its_status_and_headers() {
        let problem = Problem::refused(Refusal::Queue, "Full.").into_response();
        let response = of_problem(problem).await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert!(response.extensions().get::<Refusal>().is_some(), "the metrics count it");
        let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body, serde_json::json!({"error": "Full. Try again in a second."}));
    }

    #[tokio::test]
    async fn the_longest_detail_is_kept() {
        let detail = "\u{1}".repeat(3000);
        let response = of_problem(Problem::new(Code::BadRequest, detail).into_response()).await;
        let bytes = to_bytes(response.into_body(), 64 << 10).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body["error"].as_str().unwrap().chars().count(), 2000);
    }

    #[tokio::test]
    async fn other_answers_pass_unchanged() {
        let response = of_problem("ok".into_response()).await;
        assert_eq!(to_bytes(response.into_body(), 9).await.unwrap(), "ok");
    }
}
