//! The check of a gallery: which classes have enough images, and what is wrong with examples.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use edge::Recognizer;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::part::DoctorQuery;
use crate::http::client::Client;
use crate::http::conditions::tagged;
use crate::http::problem::Problem;
use crate::jobs::error::JobError;
use crate::state::AppState;
use crate::wire;

/// A check takes a processor core, of a large gallery for seconds: one is made at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// Checks a gallery: which classes have enough images and which need more, examples that are likely
/// in the wrong class, classes that are taken for each other, images that two classes have, and
/// images that are nearly the same.
///
/// The check of one revision is made once. The gallery answers other calls meanwhile.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/doctor", tag = "galleries",
    operation_id = "check_gallery",
    params(wire::GalleryPath, DoctorQuery, wire::IfNoneMatch),
    responses((status = 200, description = "What was found", body = wire::Doctor), wire::NotModified, wire::AnyProblem))]
pub async fn check(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(query): Query<DoctorQuery>,
) -> Result<Response, Problem> {
    let (limit, after) = query.checked()?;
    let mut snapshot = state.in_gallery(client, &gallery, Recognizer::snapshot).await??;
    let mut turn = None;
    // A report that is there waits for no other check.
    if snapshot.checked().is_none() {
        // A call that waits holds no snapshot: it may be of an earlier revision after the wait.
        drop(snapshot);
        turn = Some(TURN.acquire().await.map_err(|_| JobError::Stopped)?);
        snapshot = state.in_gallery(client, &gallery, Recognizer::snapshot).await??;
    }
    let work = spawn_blocking(move || {
        // Kept until the end, also if the client leaves meanwhile.
        let _turn = turn;
        wire::Doctor::new(snapshot.doctor(), limit, after.as_deref(), snapshot.revision())
    });
    let found = work.await.map_err(|error| JobError::Panicked(error.to_string()))?;
    Ok(tagged(StatusCode::OK, found.revision, found))
}
