//! The state of the service that is known without work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use edge::gallery::{Galleries, STORE_FORMAT};

use crate::config::Limits;
use crate::http::auth::Access;
use crate::http::problem::Problem;
use crate::keys::Held;
use crate::state::AppState;
use crate::wire;

const NO_STORE: &str =
    "The store cannot be used: its file was removed or replaced while the service ran.";

/// The state of the service: bundle, engine, store, access and limits, and what is to be mended.
///
/// No thread is asked, so the answer comes at once however busy the service is. Paths of the device
/// are not shown.
#[utoipa::path(get, path = "/v1/doctor", tag = "operations", operation_id = "check_service",
    responses((status = 200, description = "The state", body = wire::ServiceDoctor), wire::AnyProblem))]
pub async fn check(
    State(state): State<Arc<AppState>>,
    access: Access,
) -> Result<Json<wire::ServiceDoctor>, Problem> {
    access.check_unlimited(&state.metrics, "the state of the service is about all galleries")?;
    let wire::Version { version, bundle, engine, .. } = state.version.clone();
    Ok(Json(wire::ServiceDoctor {
        version,
        bundle,
        engine,
        store: wire::StoreState {
            format: STORE_FORMAT,
            bytes: Galleries::size(&state.store).ok(),
            galleries: state.n_galleries(),
            read_only: state.config.read_only,
        },
        access: access_state(&state),
        limits: limits(state.config.limits),
        uptime_seconds: state.started.elapsed().as_secs(),
        problems: problems(&state),
    }))
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
    thread.into_iter().chain(store).collect()
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
