//! Parameters that several calls share, as the OpenAPI document describes them.

use utoipa::{IntoParams, IntoResponses, ToSchema};

/// The address of a gallery.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct GalleryPath {
    /// Name of the gallery, percent-encoded, or its id.
    #[param(min_length = 1, max_length = 128, example = "default")]
    gallery: String,
}

/// The address of a class.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ClassPath {
    /// Name of the gallery, percent-encoded, or its id.
    #[param(min_length = 1, max_length = 128, example = "default")]
    gallery: String,
    /// Id of the class, such as `c_8f3a21`, or its label, percent-encoded; an unknown id is an
    /// error.
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f/]+$",
        example = "mug"
    )]
    class: String,
}

/// The address of an example.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ExamplePath {
    /// Name of the gallery, percent-encoded, or its id.
    #[param(min_length = 1, max_length = 128, example = "default")]
    gallery: String,
    /// Id of the example: whole, or 6 and more digits of its random half, such as `e_8a3f21`.
    #[param(
        pattern = "^e_([0-9a-f]{32}|[0-9a-f]{6,16})$",
        example = "e_0193b7a2c4d870008a3f21b4cd56ef78"
    )]
    example: String,
}

/// The precondition of a change.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct IfMatch {
    /// The gallery's revision in quotes; `*` is always met.
    #[param(rename = "if-match", value_type = String, required = false, pattern = r#"^([*]|(0|[1-9][0-9]{0,18})|"(0|[1-9][0-9]{0,18})")$"#, example = "*")]
    if_match: Option<String>,
}

/// The key of a change that may be sent again.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct IdempotencyKey {
    /// A new random text for each change. The same call with the same key within 24 hours gets the
    /// first answer again, with the header `idempotent-replayed`.
    #[param(rename = "idempotency-key", value_type = String, required = false, min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$")]
    idempotency_key: Option<String>,
}

/// The preconditions of a call that creates or changes a class; at most one of them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct Preconditions {
    /// The gallery's revision in quotes, or `*`: fail if the class does not exist.
    #[param(rename = "if-match", value_type = String, required = false, pattern = r#"^([*]|(0|[1-9][0-9]{0,18})|"(0|[1-9][0-9]{0,18})")$"#)]
    if_match: Option<String>,
    /// `*`: fail if the class exists.
    #[param(rename = "if-none-match", value_type = AnyClass, inline, required = false)]
    if_none_match: Option<String>,
}

/// The preconditions of a call that creates a gallery; at most one of them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct GalleryPreconditions {
    /// The gallery's revision in quotes, or `*`: fail if the gallery does not exist.
    #[param(rename = "if-match", value_type = String, required = false, pattern = r#"^([*]|(0|[1-9][0-9]{0,18})|"(0|[1-9][0-9]{0,18})")$"#)]
    if_match: Option<String>,
    /// `*`: fail if the gallery exists.
    #[param(rename = "if-none-match", value_type = AnyClass, inline, required = false)]
    if_none_match: Option<String>,
}

/// The condition of a read.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct IfNoneMatch {
    /// The entity tag of the answer that the client has: status 304 without a body if it is still
    /// the same.
    #[param(rename = "if-none-match", value_type = String, required = false, max_length = 4096, example = "\"7\"")]
    if_none_match: Option<String>,
}

/// The client has the answer: `If-None-Match` names its entity tag.
#[derive(Debug, Clone, Copy, IntoResponses)]
#[response(status = 304)]
pub struct NotModified;

/// The one value of `If-None-Match`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum AnyClass {
    /// Neither the class nor the gallery may exist.
    #[schema(rename = "*")]
    Any,
}
