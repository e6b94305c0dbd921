//! Classes of a gallery: read, create, define, change, merge, delete.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::Recognizer;
use edge::gallery::SenseOverride;
use edge::lexicon::{AttributeError, MAX_ATTRIBUTES};
use edge::recognizer::{ClassChange, ClassDefinition, ClassInfo, RecognizerError, SenseChange};
use models::knowledge::wordnet::{NotASynset, SynsetId};

use crate::http::body;
use crate::http::client::Client;
use crate::http::conditions::{if_match, precondition, tagged};
use crate::http::problem::{Code, Problem};
use crate::jobs::client::Writer;
use crate::state::AppState;
use crate::wire;

/// Reads one class.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "read_class",
    params(wire::ClassPath, wire::IfNoneMatch),
    responses((status = 200, description = "The class", body = wire::OneClass), wire::NotModified, wire::AnyProblem))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path((gallery, class)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = state
        .in_gallery(client, &gallery, move |recognizer| {
            let found = recognizer.class(&class)?;
            Ok::<_, RecognizerError>(one(recognizer, &found))
        })
        .await??;
    Ok(tagged(StatusCode::OK, found.revision, found))
}

/// Creates a class without images, or replaces the sense and attributes of a class.
///
/// The body replaces what was set before; the images stay. The call fails with status 412 if the
/// gallery has another revision than that of `If-Match: "<revision>"`, if the class does not exist
/// with `If-Match: *`, or if it exists with `If-None-Match: *`.
#[utoipa::path(put, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "put_class",
    params(wire::ClassPath, wire::Preconditions, wire::IdempotencyKey),
    request_body = wire::ClassDefinition,
    responses((status = 200, description = "The class existed", body = wire::OneClass),
        (status = 201, description = "The class is new", body = wire::OneClass), wire::AnyProblem))]
pub async fn put(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(definition): body::Json<wire::ClassDefinition>,
) -> Result<Response, Problem> {
    let precondition = precondition(&headers)?;
    // Before the job, so that a wrong request takes no place in the queue.
    let definition = overrides(definition)?;
    let (defined, is_new) = state
        .change(writer, &gallery, move |recognizer| {
            let (defined, is_new) = recognizer.define(&class, &definition, precondition)?;
            // In the same job as the change, so that class and revision belong together.
            Ok::<_, RecognizerError>((changed(recognizer, &defined), is_new))
        })
        .await??;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(tagged(status, defined.revision, defined))
}

/// Changes a class: its label, its sense, its attributes, or several of them as one change.
///
/// The body is a merge patch (RFC 7396): what it leaves out stays, and null resets.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(patch, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "change_class",
    params(wire::ClassPath, wire::IfMatch, wire::IdempotencyKey),
    request_body(content((wire::ClassPatch = "application/json"),
        (wire::ClassPatch = "application/merge-patch+json"))),
    responses((status = 200, description = "The class after the change", body = wire::OneClass), wire::AnyProblem))]
pub async fn change(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(patch): body::Json<wire::ClassPatch>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    // Before the job, so that a wrong request takes no place in the queue.
    let change = class_change(patch)?;
    let changed = state
        .change(writer, &gallery, move |recognizer| {
            let class = recognizer.change_class(&class, &change, precondition)?;
            Ok::<_, RecognizerError>(changed(recognizer, &class))
        })
        .await??;
    Ok(tagged(StatusCode::OK, changed.revision, changed))
}

/// Deletes a class and its examples.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/classes/{class}", tag = "classes",
    operation_id = "delete_class",
    params(wire::ClassPath, wire::IfMatch, wire::IdempotencyKey),
    responses((status = 200, description = "The class as it was", body = wire::OneClass), wire::AnyProblem))]
pub async fn delete(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let deleted = state
        .change(writer, &gallery, move |recognizer| {
            let deleted = recognizer.delete(&class, precondition)?;
            Ok::<_, RecognizerError>(changed(recognizer, &deleted))
        })
        .await??;
    Ok(tagged(StatusCode::OK, deleted.revision, deleted))
}

/// Moves all examples of a class into another one, which the class becomes a part of.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/classes/{class}/merge", tag = "classes",
    operation_id = "merge_class",
    params(wire::ClassPath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::ClassMerge,
    responses((status = 200, description = "The class with the examples of both", body = wire::OneClass), wire::AnyProblem))]
pub async fn merge(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path((gallery, class)): Path<(String, String)>,
    headers: HeaderMap,
    body::Json(wire::ClassMerge { into }): body::Json<wire::ClassMerge>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    let merged = state
        .change(writer, &gallery, move |recognizer| {
            let merged = recognizer.merge_classes(&class, &into, precondition)?;
            Ok::<_, RecognizerError>(changed(recognizer, &merged))
        })
        .await??;
    Ok(tagged(StatusCode::OK, merged.revision, merged))
}

/// A class that was read.
fn one(recognizer: &Recognizer, class: &ClassInfo) -> wire::OneClass {
    wire::OneClass { class: class.into(), revision: recognizer.revision(), change: None }
}

/// A class that was just changed.
fn changed(recognizer: &Recognizer, class: &ClassInfo) -> wire::OneClass {
    wire::OneClass { change: wire::last_change(recognizer), ..one(recognizer, class) }
}

/// The overrides of a request.
fn overrides(definition: wire::ClassDefinition) -> Result<ClassDefinition, Problem> {
    let wire::ClassDefinition { synset, images_only, attributes } = definition;
    let sense = match (synset, images_only) {
        (Some(_), true) => return Err(two_senses()),
        (Some(synset), false) => Some(SenseOverride::Synset(parse_synset(&synset)?)),
        (None, true) => Some(SenseOverride::ImagesOnly),
        (None, false) => None,
    };
    check_attributes(attributes.as_deref())?;
    // PUT replaces: what the body does not name is removed.
    Ok(ClassDefinition { sense, attributes, keep_others: false })
}

/// The change of a patch.
fn class_change(patch: wire::ClassPatch) -> Result<ClassChange, Problem> {
    let wire::ClassPatch { label, synset, images_only, attributes } = patch;
    let sense = match (synset, images_only) {
        (Some(Some(_)), Some(Some(true))) => return Err(two_senses()),
        (Some(Some(synset)), _) => SenseChange::Set(SenseOverride::Synset(parse_synset(&synset)?)),
        (_, Some(Some(true))) => SenseChange::Set(SenseOverride::ImagesOnly),
        (Some(None), Some(_)) => SenseChange::Reset,
        (Some(None), None) => SenseChange::ResetSynset,
        (None, Some(_)) => SenseChange::ResetImagesOnly,
        (None, None) => SenseChange::Keep,
    };
    check_attributes(attributes.as_ref().and_then(Option::as_deref))?;
    Ok(ClassChange { label, sense, attributes })
}

fn two_senses() -> Problem {
    Problem::new(Code::BadRequest, "synset and images_only: expected one of them, got both.")
}

/// Here and not in the job: what waits for the engine stays small.
fn check_attributes(words: Option<&[String]>) -> Result<(), Problem> {
    match words.map(<[String]>::len) {
        Some(n) if n > MAX_ATTRIBUTES => Err(AttributeError::TooMany(n).into()),
        _ => Ok(()),
    }
}

fn parse_synset(text: &str) -> Result<SynsetId, Problem> {
    text.parse().map_err(|error: NotASynset| Problem::new(Code::UnknownSynset, format!("{error}.")))
}
