//! Errors.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of error, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:handful:problem:bad_image", max_length = 128)]
    pub kind: String,
    /// The kind of error in words.
    #[schema(max_length = 128, example = "Image that cannot be used")]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// A stable code for programs; the guide of the HTTP API lists all codes.
    #[schema(example = "bad_image", max_length = 64)]
    pub code: String,
    /// What is wrong, what was expected, what to do.
    #[schema(
        max_length = 2000,
        example = "the JPEG image is damaged: the file ends before the image does; save it again"
    )]
    pub detail: String,
    /// The file that caused the error, if the call had several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, example = "cup.jpg")]
    pub file: Option<String>,
}

/// An error; `code` names its kind.
#[derive(Debug, IntoResponses)]
#[response(status = "default", content_type = "application/problem+json")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct AnyProblem(Problem);
