//! The history of a gallery: list, undo, redo, purge; and the compaction of the store.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use edge::Recognizer;
use edge::gallery::{DeviceId, GroupId, NotAnId, UndoTarget};
use edge::recognizer::{Precondition, RecognizerError};
use serde::Deserialize;
use utoipa::IntoParams;

use super::part::{after_id, default_limit};
use crate::http::auth::Access;
use crate::http::body;
use crate::http::client::Client;
use crate::http::conditions::{if_match, tagged};
use crate::http::problem::{Code, Problem};
use crate::http::query;
use crate::jobs::client::Writer;
use crate::jobs::error::JobError;
use crate::state::AppState;
use crate::wire;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// A hundred years.
const MAX_DAYS: u32 = 36_500;

/// A part of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// The most calls to return, 1 to 1000.
    #[serde(default = "default_limit", deserialize_with = "query::count")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return the calls that are older than this one: `next` of the answer before.
    #[param(value_type = String, required = false, pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    after: Option<String>,
}

/// Lists the calls that changed a gallery, newest first.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/history", tag = "history",
    operation_id = "list_history",
    params(wire::GalleryPath, HistoryQuery, wire::IfNoneMatch),
    responses((status = 200, description = "A part of the history", body = wire::History), wire::NotModified, wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(HistoryQuery { limit, after }): Query<HistoryQuery>,
) -> Result<Response, Problem> {
    let after: Option<GroupId> = after_id(after)?;
    let history = state
        .in_gallery(client, &gallery, move |recognizer| {
            // One more shows whether others follow.
            let found = recognizer.history(limit + 1, after)?;
            Ok::<_, RecognizerError>(wire::History::new(&found, limit, recognizer.revision()))
        })
        .await??;
    Ok(tagged(StatusCode::OK, history.revision, history))
}

/// Undoes a call: the gallery becomes what it would be without it. The body may be left out: then
/// it is the last call that is not undone.
///
/// With `devices`, all calls of these devices are undone together: so an import is undone as a
/// whole.
///
/// Status 409 with the code `cannot_undo` if later changes depend on it, which the detail names;
/// `through` undoes them too. A key with the role `enroll` takes back only its own changes, and
/// those of devices not at all (status 403). `If-Match: "<revision>"`: the call fails with status
/// 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/undo", tag = "history",
    operation_id = "undo",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::UndoRequest,
    responses((status = 200, description = "What was undone", body = wire::Undone), wire::AnyProblem))]
pub async fn undo(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    access: Access,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::OptionalJson(request): body::OptionalJson<wire::UndoRequest>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let wire::UndoRequest { change, devices, through } = request;
    check_change(change.as_deref())?;
    let devices = checked_devices(&devices, change.as_deref())?;
    let owner = access.only_own();
    if owner.is_some() && !devices.is_empty() {
        let detail = "The changes of devices are taken back with a key that has the role `admin`.";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let undone = state
        .change(writer, &gallery, move |recognizer| {
            let target = match change {
                None => UndoTarget::Last,
                Some(id) => UndoTarget::Group(recognizer.change(&id)?.change),
            };
            let undone = match owner {
                Some(actor) => recognizer.undo_own(&actor, target, through, precondition)?,
                None if devices.is_empty() => recognizer.undo(target, through, precondition)?,
                None => recognizer.undo_devices(&devices, through, precondition)?,
            };
            Ok::<_, RecognizerError>(wire::Undone::new(&undone, recognizer))
        })
        .await??;
    Ok(tagged(StatusCode::OK, undone.revision, undone))
}

/// Takes an undo back. The body may be left out: then it is the last undo that is not undone. A key
/// with the role `enroll` takes back only its own (status 403).
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/redo", tag = "history",
    operation_id = "redo",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::RedoRequest,
    responses((status = 200, description = "The undo that was undone", body = wire::Undone), wire::AnyProblem))]
pub async fn redo(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    access: Access,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::OptionalJson(request): body::OptionalJson<wire::RedoRequest>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    check_change(request.change.as_deref())?;
    let undone = state
        .change(writer, &gallery, move |recognizer| {
            let target = match request.change {
                None => UndoTarget::LastUndo,
                Some(id) => UndoTarget::Group(named_undo(recognizer, &id)?),
            };
            let undone = match access.only_own() {
                Some(actor) => recognizer.undo_own(&actor, target, false, precondition)?,
                None => recognizer.undo(target, false, precondition)?,
            };
            Ok::<_, Problem>(wire::Undone::new(&undone, recognizer))
        })
        .await??;
    Ok(tagged(StatusCode::OK, undone.revision, undone))
}

/// Forgets for good what was removed: embeddings and images, also those of deleted classes. It
/// cannot be undone. The body may be left out.
///
/// Of a gallery that is deleted, everything is forgotten: it cannot be restored then, and
/// `undelete` answers with status 410 and the code `purged`.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision. A
/// deleted gallery has none.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/purge", tag = "history",
    operation_id = "purge",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::PurgeRequest,
    responses((status = 200, description = "What was purged", body = wire::Purged), wire::AnyProblem))]
pub async fn purge(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::OptionalJson(request): body::OptionalJson<wire::PurgeRequest>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let asked = request.older_than_days;
    if let Some(days) = asked.filter(|days| *days > MAX_DAYS) {
        let detail = format!("older_than_days: expected 0 to {MAX_DAYS}, got {days}.");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let age = asked.map(|days| Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY));
    if precondition == Precondition::Anything && state.check_gallery(&gallery).is_err() {
        return Ok(Json(purge_deleted(&state, writer, gallery, age).await?).into_response());
    }
    let purged = state
        .change(writer, &gallery, move |recognizer| {
            recognizer.check(precondition)?;
            let age = age.unwrap_or(recognizer.settings().retention());
            let purged = recognizer.purge(age)?;
            let change = wire::last_change(recognizer);
            let revision = recognizer.revision();
            Ok::<_, RecognizerError>(wire::Purged { purged, revision, change })
        })
        .await??;
    Ok(tagged(StatusCode::OK, purged.revision, purged))
}

/// Purges the deleted galleries of this name.
async fn purge_deleted(
    state: &AppState,
    writer: Writer,
    gallery: String,
    age: Option<Duration>,
) -> Result<wire::Purged, JobError> {
    let purged = state.change_galleries(writer, move |recognizer| {
        let purged = recognizer.purge_gallery(&gallery, age)?;
        let purged = purged.iter().map(|one| one.examples).sum();
        let change = recognizer.last_change_of_galleries().map(|change| change.to_string());
        Ok(wire::Purged { purged, revision: 0, change })
    });
    purged.await
}

/// Writes the store anew, so that it takes no more room than needed. A key of one gallery cannot
/// (status 403).
#[utoipa::path(post, path = "/v1/compact", tag = "operations", operation_id = "compact",
    params(wire::IdempotencyKey),
    responses((status = 204, description = "The store is written anew"), wire::AnyProblem))]
pub async fn compact(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    access: Access,
) -> Result<StatusCode, Problem> {
    access.check_unlimited(&state.metrics, "the store holds others too")?;
    state.with_recognizer(client, |recognizer| recognizer.compact()).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses text that cannot be the id of a change.
fn check_change(id: Option<&str>) -> Result<(), Problem> {
    if id.is_none_or(GroupId::is_form_of) {
        return Ok(());
    }
    let detail = "change: expected the id of a change, such as those of the history: `ch_` and 32 \
                  hexadecimal digits, or 6 to 16 of its random half.";
    Err(Problem::new(Code::BadRequest, detail))
}

/// The devices of an undo. What it is about is stated in one way.
fn checked_devices(ids: &[String], change: Option<&str>) -> Result<BTreeSet<DeviceId>, Problem> {
    if !ids.is_empty() && change.is_some() {
        let detail = "devices: expected without `change`; send one of them.";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    if ids.len() > wire::MAX_DEVICES {
        let [most, n] = [wire::MAX_DEVICES, ids.len()];
        let detail = format!("devices: expected at most {most}, got {n}.");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let devices = ids.iter().map(|id| id.parse::<DeviceId>());
    let devices = devices.collect::<Result<BTreeSet<DeviceId>, NotAnId>>();
    devices.map_err(|error| Problem::new(Code::BadRequest, format!("devices: {error}.")))
}

/// The change of an undo; no other can be redone.
fn named_undo(recognizer: &Recognizer, id: &str) -> Result<GroupId, Problem> {
    let entry = recognizer.change(id)?;
    if entry.is_undo {
        return Ok(entry.change);
    }
    let short = entry.change.short();
    let what = entry.summary;
    let detail = format!("`{short}` ({what}) cannot be redone: it is not an undo.");
    Err(Problem::new(Code::CannotUndo, detail))
}
