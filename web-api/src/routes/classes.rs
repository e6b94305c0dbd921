//! Galleries and their classes: read, rename, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::{if_match, known_gallery, tagged};
use crate::AppState;
use crate::problem::Problem;
use crate::receive;
use crate::station::Station;
use crate::wire;

/// Every gallery.
#[utoipa::path(get, path = "/v1/galleries", tag = "galleries",
    responses((status = 200, body = wire::Galleries), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn galleries(
    State(state): State<Arc<AppState>>,
) -> Result<Json<wire::Galleries>, Problem> {
    let gallery = state.worker.call(|station| station.summary()).await?;
    Ok(Json(wire::Galleries { galleries: vec![gallery] }))
}

/// One gallery.
#[utoipa::path(get, path = "/v1/galleries/{gallery}", tag = "galleries",
    params(("gallery" = String, Path, description = "`default`")),
    responses((status = 200, body = wire::Gallery), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn gallery(
    State(state): State<Arc<AppState>>,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let gallery = state.worker.call(|station| station.summary()).await?;
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
}

/// Every class of a gallery, sorted by label.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes", tag = "classes",
    params(("gallery" = String, Path, description = "`default`")),
    responses((status = 200, body = wire::Classes), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let classes = state.worker.call(|station| station.classes()).await?;
    Ok(tagged(StatusCode::OK, classes.revision, classes))
}

/// One class.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded")),
    responses((status = 200, body = wire::OneClass), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let found = state.worker.call(move |station| station.class(&class)).await?;
    Ok(tagged(StatusCode::OK, found.revision, found))
}

/// Renames a class.
///
/// With `If-Match: "<revision>"` only if nothing has changed since.
#[utoipa::path(patch, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"),
        ("if-match" = Option<String>, Header, description = "The gallery's revision, in quotes")),
    request_body = wire::ClassPatch,
    responses((status = 200, body = wire::OneClass), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn rename(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    receive::Json(patch): receive::Json<wire::ClassPatch>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = if_match(&headers)?;
    let work = move |station: &mut Station| station.rename(&class, &patch.label, expected);
    let renamed = state.worker.call(work).await?;
    Ok(tagged(StatusCode::OK, renamed.revision, renamed))
}

/// Deletes a class and all it learned.
///
/// With `If-Match: "<revision>"` only if nothing has changed since.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"),
        ("if-match" = Option<String>, Header, description = "The gallery's revision, in quotes")),
    responses((status = 200, body = wire::OneClass), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn delete(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = if_match(&headers)?;
    let deleted = state.worker.call(move |station| station.delete(&class, expected)).await?;
    Ok(tagged(StatusCode::OK, deleted.revision, deleted))
}
