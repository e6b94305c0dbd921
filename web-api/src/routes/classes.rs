//! Classes of a gallery: list, read, create, define, rename, delete.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::galleries::known_gallery;
use crate::http::body;
use crate::http::conditions::{if_match, precondition, tagged};
use crate::http::problem::Problem;
use crate::state::AppState;
use crate::station::Station;
use crate::wire;

/// Lists the classes of a gallery, sorted by label.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes", tag = "classes",
    operation_id = "list_classes",
    params(("gallery" = String, Path, description = "`default`")),
    responses((status = 200, body = wire::Classes), wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let classes = state.engine.call(|station| station.classes()).await?;
    Ok(tagged(StatusCode::OK, classes.revision, classes))
}

/// Reads one class.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "read_class",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded")),
    responses((status = 200, body = wire::OneClass), wire::AnyProblem))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let found = state.engine.call(move |station| station.class(&class)).await?;
    Ok(tagged(StatusCode::OK, found.revision, found))
}

/// Creates a class without images, or replaces the sense and attributes of a class.
///
/// The body replaces earlier overrides. Without `synset` the sense comes from the label; without
/// `attributes` they come from the sense. `If-Match: "<revision>"` requires that the gallery has
/// not changed, `If-Match: *` that the class exists, `If-None-Match: *` that it does not.
#[utoipa::path(put, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "put_class",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"),
        ("if-match" = Option<String>, Header, description = "The gallery's revision in quotes, or `*`"),
        ("if-none-match" = Option<String>, Header, description = "`*`")),
    request_body = wire::ClassDefinition,
    responses((status = 200, description = "The class existed", body = wire::OneClass),
        (status = 201, description = "The class is new", body = wire::OneClass), wire::AnyProblem))]
pub async fn put(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(definition): body::Json<wire::ClassDefinition>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = precondition(&headers)?;
    let work = move |station: &mut Station| station.define(&class, &definition, expected);
    let (defined, is_new) = state.engine.call(work).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(tagged(status, defined.revision, defined))
}

/// Renames a class.
///
/// `If-Match: "<revision>"` requires that the gallery has not changed.
#[utoipa::path(patch, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "rename_class",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"),
        ("if-match" = Option<String>, Header, description = "The gallery's revision in quotes")),
    request_body = wire::ClassPatch,
    responses((status = 200, body = wire::OneClass), wire::AnyProblem))]
pub async fn rename(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(patch): body::Json<wire::ClassPatch>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = if_match(&headers)?;
    let work = move |station: &mut Station| station.rename(&class, &patch.label, expected);
    let renamed = state.engine.call(work).await?;
    Ok(tagged(StatusCode::OK, renamed.revision, renamed))
}

/// Deletes a class and its examples.
///
/// `If-Match: "<revision>"` requires that the gallery has not changed.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "delete_class",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"),
        ("if-match" = Option<String>, Header, description = "The gallery's revision in quotes")),
    responses((status = 200, body = wire::OneClass), wire::AnyProblem))]
pub async fn delete(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = if_match(&headers)?;
    let deleted = state.engine.call(move |station| station.delete(&class, expected)).await?;
    Ok(tagged(StatusCode::OK, deleted.revision, deleted))
}
