//! The background set of a gallery: list, enroll, remove.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::recognizer::RecognizerError;
use models::image::Crop;
use serde::Deserialize;
use utoipa::IntoParams;

use super::enroll::in_file;
use super::part::ExampleListQuery;
use crate::http::client::Client;
use crate::http::conditions::{if_match, tagged};
use crate::http::crop;
use crate::http::problem::Problem;
use crate::http::query;
use crate::jobs::client::Writer;
use crate::jobs::uploads::Uploads;
use crate::state::AppState;
use crate::wire::{self, ImageForm, ImageList, RawImage};

/// Options of an enrollment in the background set.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EnrollBackgroundQuery {
    /// Refuse images that may be poor examples, instead of reporting them in `quality`; then none
    /// is added.
    #[serde(default, deserialize_with = "query::flag")]
    #[param(default = false, required = false)]
    strict: bool,
    /// The part of the image that is used, instead of all of it: left, top, width and height of a
    /// rectangle in the upright image. They are fractions of its width and height if none is
    /// greater than 1, else whole pixels. Only in a call with one image.
    #[serde(default, deserialize_with = "crop::parameter")]
    #[param(value_type = String, required = false, pattern = "^[0-9.]+(,[0-9.]+){3}$", example = "0.25,0.1,0.5,0.8")]
    crop: Option<Crop>,
}

/// Lists the background examples of a gallery, in the order of enrollment.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/background/examples", tag = "background",
    operation_id = "list_background_examples",
    params(wire::GalleryPath, ExampleListQuery, wire::IfNoneMatch),
    responses((status = 200, description = "A part of the background set", body = wire::BackgroundExamples), wire::NotModified, wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(query): Query<ExampleListQuery>,
) -> Result<Response, Problem> {
    let (limit, after) = query.checked()?;
    let examples = state
        .in_gallery(client, &gallery, move |recognizer| {
            let all = recognizer.background();
            // Ids ascend in the order of enrollment.
            let start = after.map_or(0, |after| all.partition_point(|one| one.id <= after));
            wire::BackgroundExamples::new(all[start..].iter(), limit, recognizer.revision())
        })
        .await?;
    Ok(tagged(StatusCode::OK, examples.revision, examples))
}

/// Adds images of none of the classes to the background set.
///
/// They are never an answer: images that look like them are rejected. If one image cannot be used,
/// none is added. An image that the set already has (the same bytes and the same crop) is skipped
/// and reported in `duplicate_of`, so the call can be repeated. What may be wrong with an image is
/// reported in `quality`.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/background/examples", tag = "background",
    operation_id = "enroll_background",
    params(wire::GalleryPath, EnrollBackgroundQuery, wire::IfMatch, wire::IdempotencyKey),
    request_body(content((ImageForm = "multipart/form-data"),
        (ImageList = "application/json"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 201, description = "The images are enrolled", body = wire::EnrolledBackground), wire::AnyProblem))]
pub async fn enroll(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    Query(EnrollBackgroundQuery { strict, crop }): Query<EnrollBackgroundQuery>,
    headers: HeaderMap,
    images: Uploads,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let images = crop::of_one_image(images, crop)?;
    // A call that must fail is refused before its images are decoded.
    let keep = state
        .in_gallery(writer.client, &gallery, move |recognizer| {
            recognizer.check(precondition)?;
            recognizer.check_space()?;
            Ok::<_, RecognizerError>(recognizer.settings().keep_images)
        })
        .await??;
    let files = images.names();
    let mut embedded = state.embed_to_keep(writer.client.into(), &Arc::new(images), keep).await?;
    let enrolled = state
        .change(writer, &gallery, move |recognizer| {
            // Checks again: the gallery may have changed while the images were embedded.
            recognizer.check(precondition)?;
            if strict {
                recognizer.check_background_quality(&embedded.images)?;
            }
            embedded.keep_originals(recognizer.settings().keep_images);
            let enrolled = recognizer.enroll_background(&embedded.images)?;
            let change = wire::last_change(recognizer);
            let enrolled = wire::EnrolledBackground::new(&enrolled, &embedded.images, change);
            Ok::<_, RecognizerError>(enrolled)
        })
        .await?
        .map_err(|error| in_file(error, &files))?;
    Ok(tagged(StatusCode::CREATED, enrolled.revision, enrolled))
}

/// Removes an example from the background set.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/background/examples/{example}",
    tag = "background", operation_id = "remove_background_example",
    params(wire::ExamplePath, wire::IfMatch, wire::IdempotencyKey),
    responses((status = 200, description = "The example is removed", body = wire::RemovedBackground), wire::AnyProblem))]
pub async fn remove(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, example)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let removed = state
        .change(writer, &gallery, move |recognizer| {
            recognizer.check(precondition)?;
            let removed = recognizer.remove_background(&example)?;
            Ok::<_, RecognizerError>(wire::RemovedBackground {
                example: wire::BackgroundExample::from(&*removed),
                background_examples: recognizer.background().len(),
                revision: recognizer.revision(),
                change: wire::last_change(recognizer),
            })
        })
        .await??;
    Ok(tagged(StatusCode::OK, removed.revision, removed))
}
