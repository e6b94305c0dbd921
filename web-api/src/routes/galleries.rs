//! Galleries: list and read.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::http::conditions::tagged;
use crate::http::problem::{Code, Problem};
use crate::state::AppState;
use crate::wire;

/// The only gallery of this version.
const DEFAULT_GALLERY: &str = "default";

/// Lists the galleries.
#[utoipa::path(get, path = "/v1/galleries", tag = "galleries", operation_id = "list_galleries",
    responses((status = 200, body = wire::Galleries), wire::AnyProblem))]
pub async fn list(State(state): State<Arc<AppState>>) -> Result<Json<wire::Galleries>, Problem> {
    let summary = state.engine.call(|recognizer| recognizer.summary()).await?;
    Ok(Json(wire::Galleries { galleries: vec![wire::Gallery::new(DEFAULT_GALLERY, &summary)] }))
}

/// Reads one gallery.
#[utoipa::path(get, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "read_gallery",
    params(("gallery" = String, Path, description = "Name of the gallery: `default`")),
    responses((status = 200, body = wire::Gallery), wire::AnyProblem))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let summary = state.engine.call(|recognizer| recognizer.summary()).await?;
    let gallery = wire::Gallery::new(&gallery, &summary);
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
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
