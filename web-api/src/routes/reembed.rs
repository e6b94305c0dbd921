//! The re-embedding of a gallery of another model: start it, ask how far it is, use or forget it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use edge::Recognizer;
use edge::gallery::{GalleryError, GalleryId};
use edge::recognizer::{CanceledReembed, Precondition, RecognizerError};

use crate::http::body;
use crate::http::client::Client;
use crate::http::conditions::{if_match, tagged, tagged_by_content};
use crate::http::problem::{Code, Problem};
use crate::jobs::client::{ClientAddress, Writer};
use crate::jobs::reembed::{AtEnd, Phase};
use crate::reembed::{self, Swap};
use crate::state::AppState;
use crate::wire;

const BUSY: &str = "The images of another gallery are being embedded: one gallery is done at a \
                    time. `GET …/reembed` of that one shows how far it is; send this again when it \
                    has ended, or end it with `DELETE`.";

/// Embeds the kept images of a gallery of another model with that of this service, or goes on where
/// that was stopped. The gallery stays as it is until the swap, which is one change and can be
/// undone.
///
/// The body may be left out. The job runs beside all other calls: 202 is answered at once, and
/// `GET` shows how far it is. In the end it is `ready`, with a comparison; a call with `swap` uses
/// the new embeddings then, which is answered with 200. Such a call before that lets the job use
/// them by itself: `GET` has the `change` then. The job ends with the service; what it embedded is
/// kept, and the next call goes on there. 200 without a change: there is nothing to do.
///
/// Status 409 with the code `busy_reembed` while the job of another gallery runs, with `conflict`
/// if a swap would lose examples and `leave_out` is not set. `If-Match: "<revision>"`: the call
/// fails with status 412 if the gallery has another revision.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/reembed", tag = "galleries",
    operation_id = "start_reembed",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    request_body = wire::ReembedRequest,
    responses((status = 200, description = "The swap is made, or there is nothing to do", body = wire::Reembed),
        (status = 202, description = "The job runs", body = wire::Reembed), wire::AnyProblem))]
pub async fn start(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
    body::OptionalJson(request): body::OptionalJson<wire::ReembedRequest>,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    check_writable(&state)?;
    let at_end = AtEnd { swap: request.swap, leave_out: request.leave_out };
    let (id, found) = read_checked(&state, writer.client, &gallery, precondition).await?;
    if !found.other_space {
        if !matches!(state.reembed.phase(id), Some(Phase::Done { .. })) {
            // A job that was ready is about a state of the gallery that is past.
            drop(state.reembed.forget(id));
        }
        return Ok(tagged(StatusCode::OK, found.revision, found));
    }
    check_complete(&found, at_end)?;
    let is_ready = matches!(state.reembed.phase(id), Some(Phase::Ready { .. }));
    if is_ready && at_end.swap {
        let swapped = swap_now(&state, writer.clone(), id, precondition, at_end.leave_out).await?;
        if let Some(swapped) = swapped {
            return Ok(tagged(StatusCode::OK, swapped.revision, swapped));
        }
    }
    if !reembed::start(&state, id, writer.actor, at_end) {
        return Err(Problem::new(Code::BusyReembed, BUSY));
    }
    let started = found.with(state.reembed.phase(id));
    Ok(tagged(StatusCode::ACCEPTED, started.revision, started))
}

/// Answers how far the re-embedding of a gallery is, and in the end what it changes.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/reembed", tag = "galleries",
    operation_id = "read_reembed",
    params(wire::GalleryPath, wire::IfNoneMatch),
    responses((status = 200, description = "The state of the re-embedding", body = wire::Reembed), wire::NotModified, wire::AnyProblem))]
pub async fn read(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
) -> Result<Response, Problem> {
    let found = state
        .in_gallery(client, &gallery, |recognizer| {
            Ok::<_, RecognizerError>((selected(recognizer), wire::Reembed::new(recognizer)?))
        })
        .await??;
    let (id, found) = found;
    // The revision stays the same while images are embedded.
    tagged_by_content(&found.with(state.reembed.phase(id)))
}

/// Ends the re-embedding of a gallery and forgets the new embeddings. The gallery stays as it is.
///
/// If the gallery was once of this model, and its swap was undone, the new embeddings are `kept`: a
/// redo needs them.
///
/// `If-Match: "<revision>"`: the call fails with status 412 if the gallery has another revision.
#[utoipa::path(delete, path = "/v1/galleries/{gallery}/reembed", tag = "galleries",
    operation_id = "cancel_reembed",
    params(wire::GalleryPath, wire::IfMatch, wire::IdempotencyKey),
    responses((status = 200, description = "What was forgotten", body = wire::ReembedForgotten), wire::AnyProblem))]
pub async fn cancel(
    State(state): State<Arc<AppState>>,
    writer: Writer,
    Path(gallery): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let precondition = if_match(&headers)?;
    check_writable(&state)?;
    let (id, _) = read_checked(&state, writer.client, &gallery, precondition).await?;
    reembed::stop(&state, id).await;
    let forgotten = state
        .change(writer, &id.to_string(), |recognizer| {
            let CanceledReembed { forgotten, kept } = match recognizer.is_other_space() {
                true => recognizer.cancel_reembed()?,
                // The embeddings that were new are those in use.
                false => CanceledReembed::default(),
            };
            let revision = recognizer.revision();
            Ok::<_, RecognizerError>(wire::ReembedForgotten { forgotten, kept, revision })
        })
        .await??;
    Ok(tagged(StatusCode::OK, forgotten.revision, forgotten))
}

/// The state of a gallery that fulfills the precondition.
async fn read_checked(
    state: &AppState,
    client: ClientAddress,
    gallery: &str,
    precondition: Precondition,
) -> Result<(GalleryId, wire::Reembed), Problem> {
    let found = state.in_gallery(client, gallery, move |recognizer| {
        recognizer.check(precondition)?;
        Ok::<_, RecognizerError>((selected(recognizer), wire::Reembed::new(recognizer)?))
    });
    Ok(found.await??)
}

/// Uses the new embeddings; `None` if the gallery has changed, so that some are missing.
async fn swap_now(
    state: &AppState,
    writer: Writer,
    id: GalleryId,
    precondition: Precondition,
    leave_out: bool,
) -> Result<Option<wire::Reembed>, Problem> {
    let gallery = id.to_string();
    let swapped = state.change(writer, &gallery, move |recognizer| {
        recognizer.check(precondition)?;
        let Swap::Made(made) = reembed::swap(recognizer, leave_out)? else { return Ok(None) };
        let phase = Phase::after(&made);
        let swapped = wire::Reembed::new(recognizer)?.with(Some(phase.clone()));
        Ok::<_, RecognizerError>(Some((swapped, phase)))
    });
    let Some((swapped, phase)) = swapped.await?? else { return Ok(None) };
    state.reembed.set(id, phase);
    Ok(Some(swapped))
}

fn selected(recognizer: &Recognizer) -> GalleryId {
    recognizer.selected_id().expect("invariant: the service has all galleries of a store")
}

fn check_writable(state: &AppState) -> Result<(), Problem> {
    match state.config.read_only {
        true => Err(GalleryError::ReadOnlyStore.into()),
        false => Ok(()),
    }
}

/// Refuses a swap that would lose examples before anything is done for it.
fn check_complete(found: &wire::Reembed, at_end: AtEnd) -> Result<(), Problem> {
    let wire::Reembed { examples, without_image, unreadable, .. } = *found;
    if !at_end.swap || at_end.leave_out || without_image + unreadable == 0 {
        return Ok(());
    }
    Err(GalleryError::NeedsImages { examples, without_image, unreadable }.into())
}
