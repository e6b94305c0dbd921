//! The OpenAPI document of this API, generated from the routes and the wire types.
//!
//! `docs/openapi.json` is the committed copy; a test fails when the two differ.

mod examples;

use std::sync::LazyLock;

use axum::Extension;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;

use crate::http::answers::Counted;
use examples::Examples;

use super::{
    archive, background, class_list, classes, classify, doctor, embed, enroll,
    examples as one_by_one, galleries, history, lexicon, operations, reembed,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Handful",
        description = "Few-shot image classification: enroll classes from a few example images or \
            from their names, then classify new images. Errors are application/problem+json with \
            a stable `code`. Every response has an `x-request-id` header. A request with the header \
            `handful-deadline-ms` is answered within that number of milliseconds, with status 503 \
            if its result is not ready then.",
        license(name = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "This service")),
    // The service has no authentication: it listens on the machine itself unless told otherwise.
    security(()),
    modifiers(&Examples),
    tags(
        (name = "galleries", description = "A gallery holds classes and their examples."),
        (name = "classes", description = "Classes of a gallery."),
        (name = "examples", description = "Enrolled images, one by one."),
        (name = "background", description = "Examples of none of the classes of a gallery."),
        (name = "history", description = "What was changed, and how to take it back."),
        (name = "lexicon", description = "WordNet senses of a noun."),
        (name = "images", description = "Enroll, classify and embed images."),
        (name = "operations", description = "Health, version, metrics, the store and this document.")
    ),
    paths(
        galleries::list,
        galleries::read,
        galleries::put,
        galleries::change,
        galleries::delete,
        galleries::list_deleted,
        galleries::undelete,
        galleries::calibrate,
        doctor::check,
        reembed::start,
        reembed::read,
        reembed::cancel,
        archive::export,
        archive::import,
        class_list::list,
        classes::read,
        classes::put,
        classes::rename,
        classes::merge,
        classes::delete,
        one_by_one::list,
        one_by_one::read,
        one_by_one::image,
        one_by_one::remove,
        one_by_one::move_one,
        one_by_one::batch,
        background::list,
        background::enroll,
        background::remove,
        history::list,
        history::undo,
        history::redo,
        history::purge,
        history::compact,
        lexicon::senses,
        enroll::enroll,
        classify::classify,
        embed::embed,
        operations::live,
        operations::ready,
        operations::version,
        operations::metrics,
        openapi,
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

/// Returns this OpenAPI document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", operation_id = "read_openapi",
    responses((status = 200, description = "The document", body = serde_json::Value, content_type = "application/json",
        example = json!({"openapi": "3.1.0"}))))]
pub async fn openapi() -> impl IntoResponse {
    // The document is part of the program, however many clients read it.
    (Extension(Counted), [(header::CONTENT_TYPE, "application/json")], document())
}
