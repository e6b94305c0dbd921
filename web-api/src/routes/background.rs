//! The background set of a gallery: list, enroll, remove.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use edge::gallery::{ExampleId, NotAnExampleId};
use edge::recognizer::RecognizerError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::galleries::known_gallery;
use super::part::{check_limit, default_limit};
use crate::http::client::Client;
use crate::http::conditions::tagged;
use crate::http::problem::{Code, Problem};
use crate::jobs::uploads::Uploads;
use crate::state::AppState;
use crate::wire::{self, ImageForm, RawImage};

/// A part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// The most examples to return, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return the examples after the one with this id: `next` of the answer before.
    #[param(value_type = String, required = false, pattern = "^@(0|[1-9][0-9]{0,18})[.](0|[1-9][0-9]{0,8})$", example = "@9.0")]
    after: Option<String>,
}

/// Lists the background examples of a gallery, in the order of enrollment.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/background/examples", tag = "background",
    operation_id = "list_background_examples",
    params(wire::GalleryPath, ListQuery),
    responses((status = 200, description = "A part of the background set", body = wire::BackgroundExamples), wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(ListQuery { limit, after }): Query<ListQuery>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    check_limit(limit)?;
    let after = after.map(|id| id.parse::<ExampleId>()).transpose();
    let after =
        after.map_err(|error| Problem::new(Code::BadRequest, format!("after: {error}.")))?;
    let examples = state
        .engine
        .call(client, move |recognizer| {
            let all = recognizer.background().iter();
            let found = all.skip_while(|example| after.is_some_and(|after| example.id <= after));
            wire::BackgroundExamples::new(found, limit, recognizer.revision())
        })
        .await?;
    Ok(tagged(StatusCode::OK, examples.revision, examples))
}

/// Adds images of none of the classes to the background set.
///
/// They are never an answer: images that look like them are rejected. If one image cannot be used,
/// none is added. An image that the set already has (the same bytes) is skipped and reported in
/// `duplicate_of`, so the call can be repeated.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/background/examples", tag = "background",
    operation_id = "enroll_background",
    params(wire::GalleryPath),
    request_body(content((ImageForm = "multipart/form-data"),
        (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 201, description = "The images are enrolled", body = wire::EnrolledBackground), wire::AnyProblem))]
pub async fn enroll(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    images: Uploads,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let embedded = state.embed(client.into(), &Arc::new(images)).await?;
    let enrolled = state
        .engine
        .call(client, move |recognizer| {
            let enrolled = recognizer.enroll_background(&embedded.images)?;
            Ok::<_, RecognizerError>(wire::EnrolledBackground::new(&enrolled, &embedded.images))
        })
        .await??;
    Ok(tagged(StatusCode::CREATED, enrolled.revision, enrolled))
}

/// Removes an example from the background set.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/background/examples/{example}",
    tag = "background", operation_id = "remove_background_example",
    params(wire::BackgroundExamplePath),
    responses((status = 200, description = "The example is removed", body = wire::RemovedBackground), wire::AnyProblem))]
pub async fn remove(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path((gallery, example)): Path<(String, String)>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let example: ExampleId = example
        .parse()
        .map_err(|error: NotAnExampleId| Problem::new(Code::UnknownExample, format!("{error}.")))?;
    let removed = state
        .engine
        .call(client, move |recognizer| {
            let removed = recognizer.remove_background(example)?;
            Ok::<_, RecognizerError>(wire::RemovedBackground {
                example: wire::BackgroundExample::from(&removed),
                background_examples: recognizer.background().len(),
                revision: recognizer.revision(),
            })
        })
        .await??;
    Ok(tagged(StatusCode::OK, removed.revision, removed))
}
