//! The OpenAPI document of this API, generated from the routes and the wire types.
//!
//! `docs/openapi.json` is the committed copy; a test fails when the two differ.

mod calls;
mod examples;

use axum::Extension;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::Paths;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi as Description, Server};
use utoipa::{Modify, OpenApi};

use crate::http::answers::Counted;
use crate::http::gate::API_KEY;
use crate::wire;
use examples::Examples;

pub(super) use calls::methods;

/// The name of the way to send a key as `Authorization: Bearer KEY`; that of the other way is the
/// name of its header.
const BEARER: &str = "bearer";

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
    tags(
        (name = "galleries", description = "A gallery holds classes and their examples."),
        (name = "classes", description = "Classes of a gallery."),
        (name = "examples", description = "Enrolled images, one by one."),
        (name = "background", description = "Examples of none of the classes of a gallery."),
        (name = "history", description = "What was changed, and how to take it back."),
        (name = "lexicon", description = "WordNet senses of a noun."),
        (name = "images", description = "Enroll, classify, search and embed images."),
        (name = "inference", description = "The networks on tensors, by the Open Inference Protocol."),
        (name = "operations", description = "Health, version, metrics, the store and this document.")
    )
)]
struct Head;

/// What the document says of the service as a whole; the router adds its calls.
pub(super) fn head() -> Description {
    Head::openapi()
}

/// States where the service is behind a proxy: its addresses begin with the base path.
pub(super) fn set_base_path(description: &mut Description, base_path: &str) {
    if !base_path.is_empty() {
        description.servers = Some(vec![Server::new(base_path)]);
    }
}

/// States that calls need a key, in one of two headers.
pub(super) fn secure(paths: &mut Paths) {
    const NO_SCOPES: [&str; 0] = [];
    let ways = [BEARER, API_KEY].map(|way| SecurityRequirement::new(way, NO_SCOPES));
    for item in paths.paths.values_mut() {
        for (_, operation) in methods(item) {
            operation.security = Some(ways.to_vec());
        }
    }
}

fn add_ways_to_send_a_key(components: &mut Components) {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "A key of the service, as `handful keys add` shows it once. Its role is `read`, `enroll` or \
         `admin`, and it may be for one gallery only. As long as no key was ever made, none is \
         needed.",
    ));
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    let value = ApiKeyValue::with_description(API_KEY, "The same key, in a header of its own.");
    components.add_security_scheme(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(value)));
}

/// The OpenAPI document as JSON.
#[derive(Clone)]
pub struct Document(Bytes);

impl Document {
    /// The document with this description of the calls.
    #[must_use]
    pub fn of(mut description: Description) -> Self {
        add_ways_to_send_a_key(description.components.get_or_insert_default());
        Examples.modify(&mut description);
        let text = description.to_pretty_json();
        let text = text.expect("invariant: the generated document is JSON") + "\n";
        Self(text.into())
    }
}

/// Returns this OpenAPI document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", operation_id = "read_openapi",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The document", body = serde_json::Value, content_type = "application/json",
        example = json!({"openapi": "3.1.0"})), wire::NotModified, wire::AnyProblem))]
pub async fn openapi(Extension(Document(text)): Extension<Document>) -> impl IntoResponse {
    // It is in memory once, however many clients read it.
    (Extension(Counted), [(header::CONTENT_TYPE, "application/json")], text)
}
