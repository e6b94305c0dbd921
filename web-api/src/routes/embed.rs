//! Embed: the raw output of the backbone for each image.

use std::sync::Arc;

use axum::extract::State;

use crate::http::answers::Growing;
use crate::http::client::Client;
use crate::http::problem::Problem;
use crate::jobs::client::Caller;
use crate::jobs::uploads::Uploads;
use crate::state::AppState;
use crate::wire::{self, ImageForm, RawImage};

/// Computes the embedding of each image.
#[utoipa::path(post, path = "/v1/embed", tag = "images", operation_id = "embed",
    request_body(content((ImageForm = "multipart/form-data"),
        (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 200, description = "An embedding for each image", body = wire::Embedded), wire::AnyProblem))]
pub async fn embed(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    images: Uploads,
) -> Result<Growing, Problem> {
    let images = Arc::new(images);
    let caller = Caller::for_images(client, images.files.len());
    let embedded = state.embed(caller, &images).await?;
    let timing_ms = wire::Timing::new(&embedded.images, None);
    let results = images.files.iter().zip(embedded.images);
    let response = wire::Embedded {
        results: results
            .map(|(upload, image)| wire::EmbeddedImage::new(upload.file.clone(), image))
            .collect(),
        model: state.model(),
        timing_ms,
    };
    // Its body is needed no more, and counts against the same share as the answer.
    drop(images);
    let mut answer = Growing::new(&state.buffers, client);
    let json = serde_json::to_vec(&response).map_err(Problem::internal)?;
    answer.push(&json)?;
    Ok(answer)
}
