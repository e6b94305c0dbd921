//! Classify: images are compared with the classes of a gallery.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use edge::gallery::{GalleryError, GallerySettings};
use edge::recognizer::{Classification, ClassifyOptions, RecognizerError};
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

/// Options of a classification.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ClassifyQuery {
    /// Number of candidates to return, 1 to 1000.
    #[serde(default = "five", deserialize_with = "query::count")]
    #[param(default = 5, minimum = 1, maximum = 1000, required = false)]
    top: usize,
    /// Explain the best candidate of each image.
    #[serde(default, deserialize_with = "query::flag")]
    #[param(default = false, required = false)]
    explain: bool,
    /// Classify the images of the call together (transductive inference with soft k-means). This is
    /// more accurate if most of the images show classes of the gallery. It needs two images or
    /// more.
    #[serde(default, deserialize_with = "query::flag")]
    #[param(default = false, required = false)]
    transductive: bool,
    /// The share of unknown images that may be accepted, 0.001 to 0.5, in place of the gallery's
    /// `rate` and `threshold`.
    #[serde(default, deserialize_with = "query::number")]
    #[param(value_type = f64, required = false, minimum = 0.001, maximum = 0.5)]
    rate: Option<f64>,
    /// The part of the image that is used, instead of all of it: left, top, width and height of a
    /// rectangle in the upright image. They are fractions of its width and height if none is
    /// greater than 1, else whole pixels. Only in a call with one image.
    #[serde(default, deserialize_with = "crop::parameter")]
    #[param(value_type = String, required = false, pattern = "^[0-9.]+(,[0-9.]+){3}$", example = "0.25,0.1,0.5,0.8")]
    crop: Option<Crop>,
}

fn five() -> usize {
    5
}

/// Classifies images: the best classes for each image, best first.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/classify", tag = "images",
    operation_id = "classify",
    params(wire::GalleryPath, ClassifyQuery),
    request_body(content((ImageForm = "multipart/form-data"),
        (ImageList = "application/json"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 200, description = "A result for each image", body = wire::Classified), wire::AnyProblem))]
pub async fn classify(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(ClassifyQuery { top, explain, transductive, rate, crop }): Query<ClassifyQuery>,
    images: Uploads,
) -> Result<Growing, Problem> {
    state.check_gallery(&gallery)?;
    if let Some(rate) = rate {
        let settings = GallerySettings { rate, ..GallerySettings::default() };
        settings.check().map_err(GalleryError::from)?;
    }
    let images = crop::of_one_image(images, crop)?;
    // Refused before the image is decoded.
    if transductive && images.files.len() < 2 {
        return Err(RecognizerError::TooFewImages(images.files.len()).into());
    }
    let files: Vec<_> = images.files.iter().map(|upload| upload.file.clone()).collect();
    // Shared with the decoding threads.
    let images = Arc::new(images);
    let caller = Caller::for_images(client, images.files.len());
    let embedded = Arc::new(state.embed(caller, &images).await?);
    // Its body is needed no more, and counts against the same share as the answer.
    drop(images);
    let options = ClassifyOptions { top, explain, transductive, rate };
    let mut answer = Growing::new(&state.buffers, client);
    answer.push(wire::Classified::BEGIN)?;
    let mut summary: Option<Classification> = None;
    // One spelling a name; how many series there are is limited by the metrics.
    let label = models::label::folded(&gallery);
    // Together if they inform each other, else one after another: other calls are served between.
    let step = if transductive { files.len() } else { 1 };
    for start in (0..files.len()).step_by(step) {
        let part = start..start + step;
        let mut found = state.classify(caller, &gallery, &embedded, part, options).await?;
        for (n, one) in (start..).zip(found.answers.drain(..)) {
            let reached = one.unknown.map(|unknown| unknown.false_accept_rate);
            state.metrics.decision(&label, one.decision, reached);
            let file = files[n].clone();
            let result = wire::ClassifiedImage::new(one, file, &embedded.images[n]);
            answer.push(&result.to_json(n == 0))?;
        }
        found.elapsed += summary.map(|before| before.elapsed).unwrap_or_default();
        summary = Some(found);
    }
    let summary = summary.ok_or(RecognizerError::TooFewImages(0))?;
    let model = state.model(&embedded.images);
    let response = wire::Classified::new(&summary, &embedded.images, model);
    answer.push(&response.end())?;
    Ok(answer)
}
