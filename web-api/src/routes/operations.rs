//! Health, version and metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use edge::gallery::Galleries;

use crate::http::auth::Access;
use crate::http::problem::{Code, Problem};
use crate::metrics::{Gauges, OPEN_METRICS, by_gallery};
use crate::state::AppState;
use crate::wire;

/// Liveness: the process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "read_liveness",
    responses((status = 200, description = "The process answers", body = wire::Health)))]
pub async fn live() -> Json<wire::Health> {
    // No thread is asked: a long job is no reason to restart the process.
    Json(wire::Health { status: "ok", checks: BTreeMap::new() })
}

/// Readiness: the engine passed the bundle's self-test, the store is open, and their threads run.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "read_readiness",
    responses((status = 200, description = "The service is ready", body = wire::Health),
        (status = 503, description = "The service is not ready", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn ready(State(state): State<Arc<AppState>>) -> Result<Json<wire::Health>, Problem> {
    if let Some(name) = state.ended_thread() {
        return Err(Problem::new(Code::NotReady, format!("The {name} thread has ended.")));
    }
    // The threads are not asked: they may be busy with a long call.
    Galleries::check(&state.store).map_err(Problem::from)?;
    // The engine was checked before the service began to listen.
    let checks = BTreeMap::from([("engine", "self-test passed"), ("store", "open")]);
    Ok(Json(wire::Health { status: "ok", checks }))
}

/// The service's version, bundle, engine and limits, and why other engines were rejected.
#[utoipa::path(get, path = "/version", tag = "operations", operation_id = "read_version",
    responses((status = 200, description = "The version", body = wire::Version), wire::AnyProblem))]
pub async fn version(State(state): State<Arc<AppState>>) -> Json<wire::Version> {
    Json(state.version.clone())
}

/// Metrics in the OpenMetrics text format, which Prometheus reads. A key of one gallery gets no
/// series of others.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "read_metrics",
    responses((status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text",
        example = "# TYPE handful_images_embedded counter\nhandful_images_embedded_total 1\n# EOF\n"), wire::AnyProblem))]
pub async fn metrics(State(state): State<Arc<AppState>>, access: Access) -> impl IntoResponse {
    let gauges = Gauges {
        queue_images: state.decode_queue.queued_images(),
        buffer_bytes: state.buffers.used(),
        connections: state.connections.count(),
    };
    let all = state.metrics.render(gauges);
    let text = match access.gallery() {
        Some(gallery) => by_gallery::only(&all, |name| state.is_same_gallery(gallery, name)),
        None => all,
    };
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text)
}
