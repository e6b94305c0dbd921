//! Errors.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of error, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:handful:problem:bad_image")]
    pub kind: String,
    /// The kind of error in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable code for programs; the guide of the HTTP API lists all codes.
    #[schema(example = "bad_image")]
    pub code: String,
    /// What is wrong, what was expected, what to do.
    pub detail: String,
    /// The file that caused the error, if the call had several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// An error; `code` names its kind.
#[derive(Debug, IntoResponses)]
#[response(status = "default", content_type = "application/problem+json")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct AnyProblem(Problem);
