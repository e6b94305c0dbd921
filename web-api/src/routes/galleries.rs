//! Galleries: list, read, change the settings, calibrate.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::Recognizer;
use edge::recognizer::RecognizerError;

use crate::http::body;
use crate::http::client::Client;
use crate::http::conditions::{if_match, tagged};
use crate::http::problem::{Code, Problem};
use crate::state::AppState;
use crate::wire;

/// The only gallery of this version.
const DEFAULT_GALLERY: &str = "default";

/// Lists the galleries.
#[utoipa::path(get, path = "/v1/galleries", tag = "galleries", operation_id = "list_galleries",
    responses((status = 200, description = "The galleries", body = wire::Galleries), wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
) -> Result<Json<wire::Galleries>, Problem> {
    let work = |recognizer: &mut Recognizer| wire::Gallery::new(DEFAULT_GALLERY, recognizer);
    Ok(Json(wire::Galleries { galleries: vec![state.engine.call(client, work).await?] }))
}

/// Reads one gallery.
#[utoipa::path(get, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "read_gallery",
    params(wire::GalleryPath),
    responses((status = 200, description = "The gallery", body = wire::Gallery), wire::AnyProblem))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let work = move |recognizer: &mut Recognizer| wire::Gallery::new(&gallery, recognizer);
    let gallery = state.engine.call(client, work).await?;
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
}

/// Changes which images a gallery accepts.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(patch, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "change_gallery",
    params(wire::GalleryPath, wire::IfMatch),
    request_body = wire::GalleryPatch,
    responses((status = 200, description = "The gallery after the change", body = wire::Gallery), wire::AnyProblem))]
pub async fn change(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::Json(patch): body::Json<wire::GalleryPatch>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let precondition = if_match(&headers)?;
    let changed = state
        .engine
        .call(client, move |recognizer| {
            // In one job with the change, so that no other change comes between.
            let settings = patch.applied_to(*recognizer.settings());
            recognizer.set_settings(settings, precondition)?;
            Ok::<_, RecognizerError>(wire::Gallery::new(&gallery, recognizer))
        })
        .await??;
    Ok(tagged(StatusCode::OK, changed.revision, changed))
}

/// Lists thresholds with the share of unknown images that each accepts and the share of known
/// images that it keeps, the evidence behind them, and what would make them surer.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/calibrate", tag = "galleries",
    operation_id = "calibrate",
    params(wire::GalleryPath),
    responses((status = 200, description = "The calibration", body = wire::Calibration), wire::AnyProblem))]
pub async fn calibrate(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let report = state
        .engine
        .call(client, |recognizer| {
            wire::Calibration::new(recognizer.calibrate(), recognizer.revision())
        })
        .await?;
    Ok(tagged(StatusCode::OK, report.revision, report))
}

/// Refuses galleries that do not exist.
///
/// # Errors
/// `unknown_gallery`.
pub fn known_gallery(gallery: &str) -> Result<(), Problem> {
    if gallery == DEFAULT_GALLERY {
        return Ok(());
    }
    Err(Problem::new(Code::UnknownGallery, "The only gallery of this service is `default`."))
}
