//! Enroll: images become examples of a class.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::recognizer::RecognizerError;
use models::image::Crop;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::conditions::{if_match, tagged};
use crate::http::crop;
use crate::http::problem::Problem;
use crate::http::query;
use crate::jobs::client::Writer;
use crate::jobs::uploads::Uploads;
use crate::state::AppState;
use crate::wire::{self, ImageForm, ImageList, RawImage};

/// Options of an enrollment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EnrollQuery {
    /// Create the class if it does not exist; without it, an unknown class is an error.
    #[serde(default, deserialize_with = "query::flag")]
    #[param(default = false, required = false)]
    create: bool,
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

/// Adds images as examples of a class.
///
/// If one image cannot be used, none is added. An image that the class already has (the same bytes
/// and the same crop) is skipped and reported in `duplicate_of`, so the call can be repeated. What
/// may be wrong with an image is reported in `quality`. Of each image is kept what the setting
/// `keep_images` of the gallery says: a thumbnail, the file, or nothing.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/classes/{class}/examples", tag = "images",
    operation_id = "enroll",
    params(wire::ClassPath, EnrollQuery, wire::IfMatch, wire::IdempotencyKey),
    request_body(content((ImageForm = "multipart/form-data"),
        (ImageList = "application/json"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 201, description = "The images are enrolled", body = wire::Enrolled), wire::AnyProblem))]
pub async fn enroll(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, class)): Path<(String, String)>,
    Query(EnrollQuery { create, strict, crop }): Query<EnrollQuery>,
    headers: HeaderMap,
    images: Uploads,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let images = crop::of_one_image(images, crop)?;
    let name = class.clone();
    // A call that must fail is refused before its images are decoded.
    let keep = state
        .in_gallery(writer.client, &gallery, move |recognizer| {
            recognizer.check_enroll(&name, create)?;
            recognizer.check(precondition)?;
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
                recognizer.check_quality(&class, &embedded.images)?;
            }
            embedded.keep_originals(recognizer.settings().keep_images);
            let enrolled = recognizer.enroll(&class, &embedded.images, create)?;
            let change = wire::last_change(recognizer);
            Ok::<_, RecognizerError>(wire::Enrolled::new(&enrolled, &embedded.images, change))
        })
        .await?
        .map_err(|error| in_file(error, &files))?;
    Ok(tagged(StatusCode::CREATED, enrolled.revision, enrolled))
}

/// The problem of an enrollment; it names the file whose image was refused.
pub(super) fn in_file(error: RecognizerError, files: &[Option<String>]) -> Problem {
    let RecognizerError::RejectedByQuality { image, .. } = error else { return error.into() };
    let file = files.get(image).and_then(Option::as_deref);
    Problem::from(error).in_file(file)
}
