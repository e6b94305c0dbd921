//! Galleries: list, create, read, rename, change the settings, delete, list what is deleted,
//! restore, calibrate.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::Recognizer;
use edge::gallery::{GalleryEntry, GalleryError, MAX_LABEL_CHARS};
use edge::recognizer::{Precondition, RecognizerError};

use super::part::{DeletedListQuery, GalleryListQuery};
use crate::http::auth::Access;
use crate::http::body;
use crate::http::client::Client;
use crate::http::conditions::{if_match, precondition, tagged, tagged_by_content};
use crate::http::problem::{Code, Problem};
use crate::jobs::client::Writer;
use crate::state::AppState;
use crate::wire;

/// The most galleries that are left after one is deleted.
const MOST_LEFT: usize = 1000;

/// Lists the galleries: `default`, then the others by name. A key of one gallery gets only that.
#[utoipa::path(get, path = "/v1/galleries", tag = "galleries", operation_id = "list_galleries",
    params(GalleryListQuery, wire::IfNoneMatch),
    responses((status = 200, description = "A part of the galleries", body = wire::Galleries), wire::NotModified, wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    access: Access,
    Query(query): Query<GalleryListQuery>,
) -> Result<Response, Problem> {
    let (limit, after) = query.checked()?;
    let galleries = state.with_recognizer(client, |recognizer| recognizer.galleries()).await??;
    tagged_by_content(&wire::Galleries::new(&shown(&galleries, &access), limit, after.as_deref()))
}

/// The galleries that a key may see.
fn shown<'a>(galleries: &'a [GalleryEntry], access: &Access) -> Vec<&'a GalleryEntry> {
    galleries.iter().filter(|one| access.allows(one.id, &one.name)).collect()
}

/// Reads one gallery.
#[utoipa::path(get, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "read_gallery",
    params(wire::GalleryPath, wire::IfNoneMatch),
    responses((status = 200, description = "The gallery", body = wire::Gallery), wire::NotModified, wire::AnyProblem))]
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
///
/// The body is empty: `PATCH` changes the settings.
///
/// The call fails with status 412 if the gallery has another revision than that of
/// `If-Match: "<revision>"`, if it does not exist with `If-Match`, or if it exists with
/// `If-None-Match: *`.
#[utoipa::path(put, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "put_gallery",
    params(wire::GalleryPath, wire::GalleryPreconditions, wire::IdempotencyKey),
    responses((status = 200, description = "The gallery existed", body = wire::Gallery),
        (status = 201, description = "The gallery is new", body = wire::Gallery), wire::AnyProblem))]
pub async fn put(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    _body: body::NoBody,
) -> Result<Response, Problem> {
    let precondition = precondition(&headers)?;
    let changed = state.change_galleries(writer, move |recognizer| {
        Ok(created(recognizer, &gallery, precondition))
    });
    let (gallery, is_new) = changed.await??;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(tagged(status, gallery.revision, gallery))
}

/// The gallery of this name, and whether it is new.
fn created(
    recognizer: &mut Recognizer,
    name: &str,
    precondition: Precondition,
) -> Result<(wire::Gallery, bool), Problem> {
    let is_known = recognizer.select(name).is_ok();
    // What these conditions say of a class holds for the gallery here.
    let unmet = match (is_known, precondition) {
        (true, Precondition::NoClass) => Some("exists already"),
        (false, Precondition::ClassExists | Precondition::Revision(_)) => Some("does not exist"),
        _ => None,
    };
    if let Some(state) = unmet {
        let name: String = name.chars().take(MAX_LABEL_CHARS).collect();
        let detail = format!("The gallery `{name}` {state}; nothing was changed.");
        return Err(Problem::new(Code::PreconditionFailed, detail));
    }
    if let Precondition::Revision(_) = precondition {
        recognizer.check(precondition)?;
    }
    // An id is the name of a known gallery, and of no new one.
    let is_new = !is_known && recognizer.create_gallery(name)?;
    recognizer.select(name)?;
    Ok((wire::Gallery::new(recognizer), is_new))
}

/// Deletes a gallery with everything in it. `undelete` restores it.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "delete_gallery",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    responses((status = 200, description = "The galleries that are left", body = wire::Galleries), wire::AnyProblem))]
pub async fn delete(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    access: Access,
    Path(gallery): Path<String>,
    headers: HeaderMap,
) -> Result<Json<wire::Galleries>, Problem> {
    let precondition = if_match(&headers)?;
    let left = state.change_galleries(writer, move |recognizer| {
        // Without a condition it is not opened: one of another model can be deleted, too.
        if precondition != Precondition::Anything {
            recognizer.select(&gallery)?;
            recognizer.check(precondition)?;
        }
        recognizer.delete_gallery(&gallery)?;
        recognizer.galleries()
    });
    let left = left.await?;
    // A store has at most 1,000 and the default one, so these are no more than a list may have.
    Ok(Json(wire::Galleries::new(&shown(&left, &access), MOST_LEFT, None)))
}

/// Lists the deleted galleries that can be restored, the one that was deleted last first.
///
/// `undelete` restores one: by its id, or by its name if it is the one of that name that was
/// deleted last. A key of one gallery gets only those of its name.
#[utoipa::path(get, path = "/v1/deleted-galleries", tag = "galleries",
    operation_id = "list_deleted_galleries",
    params(DeletedListQuery, wire::IfNoneMatch),
    responses((status = 200, description = "The deleted galleries", body = wire::DeletedGalleries), wire::NotModified, wire::AnyProblem))]
pub async fn list_deleted(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    access: Access,
    Query(query): Query<DeletedListQuery>,
) -> Result<Response, Problem> {
    let (limit, after) = query.checked()?;
    let listed = state.with_recognizer(client, move |recognizer| {
        let mut deleted = recognizer.deleted_galleries()?;
        deleted.retain(|one| access.allows(one.gallery.id, &one.gallery.name));
        let first = match after {
            None => 0,
            Some(id) => {
                let found = deleted.iter().position(|one| one.gallery.id == id);
                1 + found.ok_or_else(|| GalleryError::UnknownGallery(id.to_string()))?
            }
        };
        Ok::<_, RecognizerError>(wire::DeletedGalleries::new(&deleted[first..], limit))
    });
    tagged_by_content(&listed.await??)
}

/// Restores the deleted gallery with this id, or the one of this name that was deleted last, as it
/// was.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery had another revision
/// when it was deleted.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/undelete", tag = "galleries",
    operation_id = "undelete_gallery",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    responses((status = 200, description = "The gallery", body = wire::Gallery), wire::AnyProblem))]
pub async fn undelete(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let restored = state.change_galleries(writer, move |recognizer| {
        recognizer.restore_gallery(&gallery, precondition)?;
        recognizer.select(&gallery)?;
        Ok(wire::Gallery::new(recognizer))
    });
    let gallery = restored.await?;
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
}

/// Changes the settings of a gallery: which images it accepts, and what it keeps; or, in a call of
/// its own, its name.
///
/// A new name is no change of the history: to take it back, rename the gallery again. The gallery
/// `default` keeps its name (status 409 with the code `conflict`), and a name that another gallery
/// has is refused with the same code. A key that is for one gallery cannot give it a new name
/// (status 403): the key is for the name, so it would lose the gallery.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(patch, path = "/v1/galleries/{gallery}", tag = "galleries",
    operation_id = "change_gallery",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body(content((wire::GalleryPatch = "application/json"),
        (wire::GalleryPatch = "application/merge-patch+json"))),
    responses((status = 200, description = "The gallery after the change", body = wire::Gallery), wire::AnyProblem))]
pub async fn change(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    access: Access,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::Json(patch): body::Json<wire::GalleryPatch>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    if let Some(name) = new_name(&patch)? {
        access.check_unlimited(&state.metrics, "it would lose it with a new name")?;
        return rename(&state, writer, gallery, name, precondition).await;
    }
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

/// The new name of the gallery, if the patch has one.
fn new_name(patch: &wire::GalleryPatch) -> Result<Option<String>, Problem> {
    // Name and settings are kept apart in the store: no call could change both or neither.
    if patch.name.is_some() && patch.has_settings() {
        let detail = "name: expected in a call of its own; send the settings in another one.";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    Ok(patch.name.clone())
}

async fn rename(
    state: &AppState,
    writer: Writer,
    gallery: String,
    name: String,
    precondition: Precondition,
) -> Result<Response, Problem> {
    let renamed = state.change_galleries(writer, move |recognizer| {
        recognizer.select(&gallery)?;
        recognizer.check(precondition)?;
        recognizer.rename_gallery(&gallery, &name)?;
        Ok(wire::Gallery::new(recognizer))
    });
    let gallery = renamed.await?;
    Ok(tagged(StatusCode::OK, gallery.revision, gallery))
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
            let report = recognizer.calibrate()?;
            Ok::<_, RecognizerError>(wire::Calibration::new(report, recognizer.revision()))
        })
        .await??;
    Ok(tagged(StatusCode::OK, report.revision, report))
}
