//! The API's description for machines, generated from the routes and the wire types.
//!
//! `docs/openapi.json` is the committed copy; a test fails when the two differ.

use std::sync::LazyLock;

use utoipa::OpenApi;

use crate::routes::{classes, images, operations};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Handful",
        description = "Enroll classes with a handful of images each, then classify new images. \
            Every error is application/problem+json with a stable `code`; every answer has \
            x-request-id.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        classes::galleries,
        classes::gallery,
        classes::list,
        classes::read,
        classes::define,
        classes::rename,
        classes::delete,
        classes::lexicon,
        images::enroll,
        images::classify,
        images::embed,
        operations::live,
        operations::ready,
        operations::version,
        operations::metrics,
        operations::openapi,
    )
)]
struct Api;

/// The OpenAPI document as JSON.
#[must_use]
pub fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let text = Api::openapi().to_pretty_json();
        text.expect("invariant: the generated document is JSON") + "\n"
    });
    &DOCUMENT
}
