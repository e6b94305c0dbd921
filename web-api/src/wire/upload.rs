//! Schemas of bodies that carry images.

use serde::Deserialize;
use utoipa::ToSchema;

/// One or more image files, each a part named `file`.
// The service takes files of any name, and no part that is text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ImageForm {
    /// JPEG, PNG, WebP, BMP, TIFF or GIF files.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1, max_items = 100000)]
    file: Vec<Vec<u8>>,
}

/// One or more image files as texts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `http::body` reads it")]
pub struct ImageList {
    /// JPEG, PNG, WebP, BMP, TIFF or GIF files in base64: in the standard or the URL-safe alphabet,
    /// with or without padding, also as data URLs. In answers, their names are `images[0]`,
    /// `images[1]` and so on.
    #[schema(min_items = 1, max_items = 100000)]
    images: Vec<String>,
}

/// One JPEG, PNG, WebP, BMP, TIFF or GIF file.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RawImage(Vec<u8>);

/// An image that is kept of an example: a thumbnail, or the file that was enrolled.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct KeptImage(Vec<u8>);
