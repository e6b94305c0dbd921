//! Embed: the raw output of the backbone for each image.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Query, State};
use models::image::Crop;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::answers::Growing;
use crate::http::client::Client;
use crate::http::crop;
use crate::http::problem::Problem;
use crate::jobs::client::Caller;
use crate::jobs::uploads::Uploads;
use crate::state::AppState;
use crate::wire::{self, ImageForm, ImageList, RawImage};

/// Options of an embedding.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EmbedQuery {
    /// The part of the image that is used, instead of all of it: left, top, width and height of a
    /// rectangle in the upright image. They are fractions of its width and height if none is
    /// greater than 1, else whole pixels. Only in a call with one image.
    #[serde(default, deserialize_with = "crop::parameter")]
    #[param(value_type = String, required = false, pattern = "^[0-9.]+(,[0-9.]+){3}$", example = "0.25,0.1,0.5,0.8")]
    crop: Option<Crop>,
}

/// Computes the embedding of each image.
#[utoipa::path(post, path = "/v1/embed", tag = "images", operation_id = "embed",
    params(EmbedQuery),
    request_body(content((ImageForm = "multipart/form-data"),
        (ImageList = "application/json"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 200, description = "An embedding for each image", body = wire::Embedded), wire::AnyProblem))]
pub async fn embed(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Query(EmbedQuery { crop }): Query<EmbedQuery>,
    images: Uploads,
) -> Result<Growing, Problem> {
    let images = Arc::new(crop::of_one_image(images, crop)?);
    let caller = Caller::for_images(client, images.files.len());
    let embedded = state.embed(caller, &images).await?;
    let timing_ms = wire::Timing::new(&embedded.images, None);
    let model = state.model(&embedded.images);
    let results = images.files.iter().zip(embedded.images);
    let response = wire::Embedded {
        results: results
            .map(|(upload, image)| wire::EmbeddedImage::new(upload.file.clone(), image))
            .collect(),
        model,
        timing_ms,
    };
    // Its body is needed no more, and counts against the same share as the answer.
    drop(images);
    let mut answer = Growing::new(&state.buffers, client);
    let json = serde_json::to_vec(&response).map_err(Problem::internal)?;
    answer.push(&json)?;
    Ok(answer)
}
