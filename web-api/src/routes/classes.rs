//! Galleries and their classes: read, define, rename, delete; and the lexicon that their names are looked up in.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{expected, if_match, known_gallery, tagged};
use crate::AppState;
use crate::http::body;
use crate::http::problem::{Code, Problem};
use crate::station::Station;
use crate::wire;

/// The most characters of a noun that is looked up.
const MAX_NOUN: usize = 128;

/// Every gallery.
#[utoipa::path(get, path = "/v1/galleries", tag = "galleries",
    responses((status = 200, body = wire::Galleries), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn galleries(
    State(state): State<Arc<AppState>>,
) -> Result<Json<wire::Galleries>, Problem> {
    let gallery = state.engine.call(|station| station.summary()).await?;
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
    let gallery = state.engine.call(|station| station.summary()).await?;
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
    let classes = state.engine.call(|station| station.classes()).await?;
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
    let found = state.engine.call(move |station| station.class(&class)).await?;
    Ok(tagged(StatusCode::OK, found.revision, found))
}

/// Makes a class without images, or says what a class means.
///
/// All that was said of it before is replaced: without a synset its label is read, without attributes it has what its
/// meaning has. A name that means something is recognized before the first image. With
/// `If-Match: "<revision>"` only if nothing has changed since, with `If-Match: *` only a class that exists, with
/// `If-None-Match: *` only one that does not.
#[utoipa::path(put, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"),
        ("if-match" = Option<String>, Header, description = "The gallery's revision, in quotes, or `*`"),
        ("if-none-match" = Option<String>, Header, description = "`*`")),
    request_body = wire::ClassDefinition,
    responses((status = 200, description = "It existed", body = wire::OneClass), (status = 201, description = "It is new", body = wire::OneClass), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn define(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(definition): body::Json<wire::ClassDefinition>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = expected(&headers)?;
    let work = move |station: &mut Station| station.define(&class, &definition, expected);
    let (defined, is_new) = state.engine.call(work).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(tagged(status, defined.revision, defined))
}

/// What to look up.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LexiconQuery {
    /// A noun of at most 128 characters, such as `coffee mug`.
    q: String,
}

/// The meanings of a noun, to choose from.
#[utoipa::path(get, path = "/v1/lexicon", tag = "classes", params(LexiconQuery),
    responses((status = 200, body = wire::Senses), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn lexicon(
    State(state): State<Arc<AppState>>,
    Query(LexiconQuery { q }): Query<LexiconQuery>,
) -> Result<Json<wire::Senses>, Problem> {
    if q.chars().nth(MAX_NOUN).is_some() {
        let detail = format!("q: expected at most {MAX_NOUN} characters.");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    Ok(Json(state.engine.call(move |station| station.senses(&q)).await?))
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
    body::Json(patch): body::Json<wire::ClassPatch>,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let expected = if_match(&headers)?;
    let work = move |station: &mut Station| station.rename(&class, &patch.label, expected);
    let renamed = state.engine.call(work).await?;
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
    let deleted = state.engine.call(move |station| station.delete(&class, expected)).await?;
    Ok(tagged(StatusCode::OK, deleted.revision, deleted))
}
