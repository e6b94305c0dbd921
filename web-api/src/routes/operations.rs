//! Health, version and metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use edge::gallery::Galleries;

use crate::http::auth::Access;
use crate::http::problem::{Code, Problem};
use crate::metrics::{Format, Gauges, Usage, by_gallery};
use crate::state::AppState;
use crate::wire;

/// Liveness: the process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "read_liveness",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The process answers", body = wire::Health), wire::NotModified, wire::AnyProblem))]
pub async fn live() -> Json<wire::Health> {
    // No thread is asked: a long job is no reason to restart the process.
    Json(wire::Health { status: "ok", checks: BTreeMap::new(), engine: None })
}

/// Readiness: the engine passed the bundle's self-test, the store is open, and their threads run.
/// Engines that may replace the one in use are listed and do not count.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "read_readiness",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The service is ready", body = wire::Health), wire::NotModified,
        (status = 503, description = "The service is not ready", body = wire::Problem, content_type = "application/problem+json"), wire::AnyProblem))]
pub async fn ready(State(state): State<Arc<AppState>>) -> Result<Json<wire::Health>, Problem> {
    check(&state)?;
    // The engine was checked before the service began to listen.
    let checks = BTreeMap::from([("engine", "self-test passed"), ("store", "open")]);
    // Without reasons: they may have paths, and no key is needed here.
    let engine = state.engines.states().as_ref().map(wire::ReadyEngine::from);
    Ok(Json(wire::Health { status: "ok", checks, engine }))
}

/// Why the service is not ready.
fn check(state: &AppState) -> Result<(), Problem> {
    if let Some(name) = state.ended_thread() {
        return Err(Problem::new(Code::NotReady, format!("The {name} thread has ended.")));
    }
    // The threads are not asked: they may be busy with a long call.
    Galleries::check(&state.store).map_err(Problem::from)
}

/// The service's version, bundle and limits, the engine in use, and the state of all others.
#[utoipa::path(get, path = "/version", tag = "operations", operation_id = "read_version",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The version", body = wire::Version), wire::NotModified, wire::AnyProblem))]
pub async fn version(State(state): State<Arc<AppState>>) -> Json<wire::Version> {
    Json(state.version_now())
}

/// Metrics for Prometheus, in the OpenMetrics text format, or in the older text format 0.0.4 if the
/// request accepts no other. A key of one gallery gets no series of others.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "read_metrics",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The metrics", content(
        (String = "application/openmetrics-text",
            example = "# TYPE handful_images_embedded counter\nhandful_images_embedded_total 1\n# EOF\n"),
        (String = "text/plain",
            example = "# TYPE handful_images_embedded_total counter\nhandful_images_embedded_total 1\n"))), wire::NotModified, wire::AnyProblem))]
pub async fn metrics(
    State(state): State<Arc<AppState>>,
    access: Access,
    headers: HeaderMap,
) -> impl IntoResponse {
    let format = Format::accepted(&headers);
    // No thread is asked: a long job is no reason for a gap in the series.
    let all = state.metrics.render(&gauges(&state), format);
    let text = match access.gallery() {
        Some(gallery) => by_gallery::only(&all, |name| state.is_same_gallery(gallery, name)),
        None => all,
    };
    ([(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")], text)
}

fn gauges(state: &AppState) -> Gauges {
    let limits = &state.config.limits;
    let store_bytes = Galleries::size(&state.store).ok();
    Gauges {
        ready: check(state).is_ok(),
        queue_images: Usage::new(state.decode_queue.queued_images(), limits.max_queue),
        buffer_bytes: Usage::new(state.buffers.used(), state.buffers.total()),
        connections: Usage::new(state.connections.count(), limits.max_connections),
        store_bytes: store_bytes.map(|used| Usage { used, limit: limits.max_store_bytes }),
        is_reembedding: state.reembed.is_running(),
        exports: state.transfers.exports(),
        imports: state.transfers.imports(),
        galleries: state.listed_galleries(),
        engines: state.engines.gauges(),
    }
}
