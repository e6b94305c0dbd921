//! Search: images are compared with the examples of a gallery.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use models::image::Crop;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::answers::Growing;
use crate::http::client::Client;
use crate::http::crop;
use crate::http::problem::Problem;
use crate::http::query;
use crate::jobs::client::Caller;
use crate::jobs::uploads::Uploads;
use crate::state::AppState;
use crate::wire::{self, ImageForm, ImageList, RawImage};

/// Options of a search.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// Number of examples to return for each image, 1 to 1000.
    #[serde(default = "ten", deserialize_with = "query::count")]
    #[param(default = 10, minimum = 1, maximum = 1000, required = false)]
    k: usize,
    /// The part of the image that is used, instead of all of it: left, top, width and height of a
    /// rectangle in the upright image. They are fractions of its width and height if none is
    /// greater than 1, else whole pixels. Only in a call with one image.
    #[serde(default, deserialize_with = "crop::parameter")]
    #[param(value_type = String, required = false, pattern = "^[0-9.]+(,[0-9.]+){3}$", example = "0.25,0.1,0.5,0.8")]
    crop: Option<Crop>,
}

fn ten() -> usize {
    10
}

/// Finds the examples that images are most similar to, of all classes of a gallery.
///
/// Background examples are of no class and are not found.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/search", tag = "images",
    operation_id = "search",
    params(wire::GalleryPath, SearchQuery),
    request_body(content((ImageForm = "multipart/form-data"),
        (ImageList = "application/json"), (RawImage = "application/octet-stream"),
        (RawImage = "image/*"))),
    responses((status = 200, description = "The nearest examples of each image", body = wire::Searched), wire::AnyProblem))]
pub async fn search(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(SearchQuery { k, crop }): Query<SearchQuery>,
    images: Uploads,
) -> Result<Growing, Problem> {
    state.check_gallery(&gallery)?;
    let images = crop::of_one_image(images, crop)?;
    let files = images.names();
    // Shared with the decoding threads.
    let images = Arc::new(images);
    let caller = Caller::for_images(client, files.len());
    let embedded = Arc::new(state.embed(caller, &images).await?);
    // Its body is needed no more, and counts against the same share as the answer.
    drop(images);
    let mut answer = Growing::new(&state.buffers, client);
    answer.push(wire::Searched::BEGIN)?;
    let mut time = Duration::ZERO;
    // One after another: other calls are served between.
    for (index, file) in files.into_iter().enumerate() {
        let (found, elapsed) = state.search(caller, &gallery, &embedded, index, k).await?;
        time += elapsed;
        let result = wire::SearchedImage::new(found, file, &embedded.images[index]);
        answer.push(&result.to_json(index == 0))?;
    }
    let model = state.model(&embedded.images);
    let response = wire::Searched::new(&embedded.images, time, model);
    answer.push(&response.end())?;
    Ok(answer)
}
