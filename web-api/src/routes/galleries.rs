//! Galleries: list, create, read, change the settings, delete, restore, calibrate.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::recognizer::RecognizerError;

use crate::http::body;
use crate::http::client::Client;
use crate::http::conditions::{if_match, tagged};
use crate::http::problem::Problem;
use crate::jobs::client::Writer;
use crate::state::AppState;
use crate::wire;

/// Lists the galleries: `default`, then the others by name.
#[utoipa::path(get, path = "/v1/galleries", tag = "galleries", operation_id = "list_galleries",
    responses((status = 200, description = "The galleries", body = wire::Galleries), wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
) -> Result<Json<wire::Galleries>, Problem> {
    let galleries = state.with_recognizer(client, |recognizer| recognizer.galleries()).await??;
    let galleries = galleries.iter().map(wire::GalleryEntry::from).collect();
    Ok(Json(wire::Galleries { galleries }))
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
    let found = state.in_gallery(client, &gallery, |recognizer| wire::Gallery::new(recognizer));
    let gallery = found.await?;
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
}

/// Creates a gallery. One that exists stays as it is.
#[utoipa::path(put, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "put_gallery",
    params(wire::GalleryPath),
    responses((status = 200, description = "The gallery existed", body = wire::Gallery),
        (status = 201, description = "The gallery is new", body = wire::Gallery), wire::AnyProblem))]
pub async fn put(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    let changed = state.change_galleries(writer, move |recognizer| {
        let is_new = recognizer.create_gallery(&gallery)?;
        recognizer.select(&gallery)?;
        Ok((wire::Gallery::new(recognizer), is_new))
    });
    let (gallery, is_new) = changed.await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(tagged(status, gallery.revision, gallery))
}

/// Deletes a gallery with everything in it. `undelete` restores it.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "delete_gallery",
    params(wire::GalleryPath, wire::IfMatch),
    responses((status = 200, description = "The galleries that are left", body = wire::Galleries), wire::AnyProblem))]
pub async fn delete(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
) -> Result<Json<wire::Galleries>, Problem> {
    let precondition = if_match(&headers)?;
    let left = state.change_galleries(writer, move |recognizer| {
        recognizer.select(&gallery)?;
        recognizer.check(precondition)?;
        recognizer.delete_gallery(&gallery)?;
        recognizer.galleries()
    });
    let galleries = left.await?.iter().map(wire::GalleryEntry::from).collect();
    Ok(Json(wire::Galleries { galleries }))
}

/// Restores the gallery of this name that was deleted last, as it was.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/undelete", tag = "galleries",
    operation_id = "undelete_gallery",
    params(wire::GalleryPath),
    responses((status = 200, description = "The gallery", body = wire::Gallery), wire::AnyProblem))]
pub async fn undelete(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    let restored = state.change_galleries(writer, move |recognizer| {
        recognizer.restore_gallery(&gallery)?;
        recognizer.select(&gallery)?;
        Ok(wire::Gallery::new(recognizer))
    });
    let gallery = restored.await?;
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
}

/// Changes the settings of a gallery: which images it accepts, and what it keeps.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(patch, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "change_gallery",
    params(wire::GalleryPath, wire::IfMatch),
    request_body = wire::GalleryPatch,
    responses((status = 200, description = "The gallery after the change", body = wire::Gallery), wire::AnyProblem))]
pub async fn change(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::Json(patch): body::Json<wire::GalleryPatch>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let changed = state
        .change(writer, &gallery, move |recognizer| {
            // In one job with the change, so that no other change comes between.
            let settings = patch.applied_to(*recognizer.settings());
            recognizer.set_settings(settings, precondition)?;
            let change = wire::last_change(recognizer);
            let changed = wire::Gallery { change, ..wire::Gallery::new(recognizer) };
            Ok::<_, RecognizerError>(changed)
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
    let report = state
        .in_gallery(client, &gallery, |recognizer| {
            wire::Calibration::new(recognizer.calibrate(), recognizer.revision())
        })
        .await?;
    Ok(tagged(StatusCode::OK, report.revision, report))
}
