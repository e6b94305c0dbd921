//! Parameters that several calls share, as the OpenAPI document describes them.

use utoipa::{IntoParams, ToSchema};

/// The address of a gallery.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct GalleryPath {
    /// Name of the gallery: `default`.
    #[param(min_length = 1, max_length = 64, example = "default")]
    gallery: String,
}

/// The address of a class.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ClassPath {
    /// Name of the gallery: `default`.
    #[param(min_length = 1, max_length = 64, example = "default")]
    gallery: String,
    /// Id of the class, such as `@3`, or its label, percent-encoded; an unknown id is an error.
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f/]+$",
        example = "mug"
    )]
    class: String,
}

/// The address of a background example.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct BackgroundExamplePath {
    /// Name of the gallery: `default`.
    #[param(min_length = 1, max_length = 64, example = "default")]
    gallery: String,
    /// Id of the example, such as `@9.0`.
    #[param(pattern = "^@(0|[1-9][0-9]{0,18})[.](0|[1-9][0-9]{0,8})$", example = "@9.0")]
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

/// The one value of `If-None-Match`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum AnyClass {
    /// No class may exist.
    #[schema(rename = "*")]
    Any,
}
