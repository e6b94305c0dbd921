//! Errors.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:handful:problem:bad_image")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// Stable name of the kind; programs may rely on it.
    #[schema(example = "bad_image")]
    pub code: String,
    /// What is wrong here, what was expected, what to do.
    pub detail: String,
    /// The file that is at fault, when a call brought several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// An error.
#[derive(Debug, IntoResponses)]
#[response(status = "default", content_type = "application/problem+json")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct AnyProblem(Problem);
