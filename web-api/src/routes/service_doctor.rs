//! The state of the service and of its machine that is known without work.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use edge::board::{Board, LEAST_FREE_BYTES, free_bytes};
use edge::engine::Provider;
use edge::gallery::{Galleries, STORE_FORMAT};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::config::Limits;
use crate::http::auth::Access;
use crate::http::problem::Problem;
use crate::jobs::error::JobError;
use crate::keys::Held;
use crate::state::AppState;
use crate::wire;

const NO_STORE: &str =
    "The store cannot be used: its file was removed or replaced while the service ran.";

const FULL_DISK: &str =
    "The disk of the store is full: changes are refused until some space is free.";

/// One call at a time reads the files of the board.
static TURN: Semaphore = Semaphore::const_new(1);

/// The state of the service: bundle, engine, machine, store, access and limits, and what is to be
/// mended.
///
/// Neither the engine nor a gallery is asked, so the answer comes at once however busy the service
/// is. Paths of the device are not shown.
#[utoipa::path(get, path = "/v1/doctor", tag = "operations", operation_id = "check_service",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The state", body = wire::ServiceDoctor), wire::NotModified, wire::AnyProblem))]
pub async fn check(
    State(state): State<Arc<AppState>>,
    access: Access,
) -> Result<Json<wire::ServiceDoctor>, Problem> {
    access.check_unlimited(&state.metrics, "the state of the service is about all galleries")?;
    let wire::Version { version, bundle, engine, .. } = state.version_now();
    let board = board(&engine.provider).await?;
    Ok(Json(wire::ServiceDoctor {
        version,
        bundle,
        engine,
        board,
        store: wire::StoreState {
            format: STORE_FORMAT,
            bytes: Galleries::size(&state.store).ok(),
            free_bytes: free_bytes(&state.store),
            galleries: state.n_galleries(),
            read_only: state.config.read_only,
        },
        access: access_state(&state),
        limits: limits(state.config.limits),
        uptime_seconds: state.started.elapsed().as_secs(),
        problems: problems(&state),
    }))
}

/// What is known of the machine.
async fn board(engine: &str) -> Result<wire::ServiceBoard, JobError> {
    let engine = Provider::ALL.into_iter().find(|provider| provider.to_string() == engine);
    let turn = TURN.acquire().await.map_err(|_| JobError::Stopped)?;
    let reading = spawn_blocking(move || {
        // Kept until the end, also if the client leaves meanwhile.
        let _turn = turn;
        wire::ServiceBoard::new(&Board::read(Path::new("/")), engine)
    });
    reading.await.map_err(|error| JobError::Panicked(error.to_string()))
}

/// Who may call the service.
fn access_state(state: &AppState) -> wire::AccessState {
    let keys_required = !matches!(state.keys.held(), Held::Open);
    wire::AccessState { keys_required, tls: state.has_tls }
}

fn problems(state: &AppState) -> Vec<String> {
    let thread = state.ended_thread().map(|name| format!("The {name} thread has ended."));
    // The error names a folder of the device.
    let store = Galleries::check(&state.store).err().map(|_| NO_STORE.to_owned());
    let is_full = free_bytes(&state.store).is_some_and(|free| free < LEAST_FREE_BYTES);
    let disk = is_full.then(|| FULL_DISK.to_owned());
    thread.into_iter().chain(store).chain(disk).collect()
}

fn limits(limits: Limits) -> wire::ServiceLimits {
    let Limits {
        max_body_bytes,
        max_files,
        max_pixels,
        max_queue,
        max_buffer_bytes,
        max_classes,
        max_examples,
        max_store_bytes,
        max_import_bytes,
        max_connections,
        receive_seconds,
        deadline_seconds,
        transfer_seconds,
        drain_seconds,
    } = limits;
    wire::ServiceLimits {
        max_body_bytes,
        max_files,
        max_pixels,
        max_queue,
        max_buffer_bytes,
        max_classes,
        max_examples,
        max_store_bytes,
        max_import_bytes,
        max_connections,
        receive_seconds,
        deadline_seconds,
        transfer_seconds,
        drain_seconds,
    }
}
