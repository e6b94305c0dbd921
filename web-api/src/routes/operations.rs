//! For those who run the service: health, version, metrics, the API's own description.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::AppState;
use crate::http::problem::{Code, Problem};
use crate::metrics::Gauges;
use crate::openapi;
use crate::wire;

/// The process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", responses((status = 200, body = wire::Health)))]
pub async fn live() -> Json<wire::Health> {
    Json(wire::Health { status: "ok", checks: BTreeMap::new() })
}

/// The engine has passed the bundle's self-test, the store is open, and their thread works.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = wire::Health), (status = 503, body = wire::Problem, content_type = "application/problem+json")))]
pub async fn ready(State(state): State<Arc<AppState>>) -> Result<Json<wire::Health>, Problem> {
    if !state.engine.is_alive() {
        return Err(Problem::new(Code::NotReady, "The thread of engine and store has ended."));
    }
    // Both were proven before the service began to listen.
    let checks = BTreeMap::from([("engine", "self-test passed"), ("store", "open")]);
    Ok(Json(wire::Health { status: "ok", checks }))
}

/// What runs here: build, bundle, engine, and the engines that were refused with the reason.
#[utoipa::path(get, path = "/version", tag = "operations", responses((status = 200, body = wire::Version)))]
pub async fn version(State(state): State<Arc<AppState>>) -> Json<wire::Version> {
    Json(state.version.clone())
}

/// Counts and durations for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn metrics(State(state): State<Arc<AppState>>) -> impl IntoResponse {
    let gauges = Gauges {
        queue_images: state.decode_queue.queued_images(),
        upload_bytes: state.upload_bytes(),
        info: vec![
            ("version", state.version.version.to_owned()),
            ("bundle", state.version.bundle.name.clone()),
            ("provider", state.version.engine.provider.clone()),
        ],
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.metrics.render(&gauges))
}

/// This API, described for machines.
#[utoipa::path(get, path = "/openapi.json", tag = "operations",
    responses((status = 200, body = serde_json::Value, content_type = "application/json")))]
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi::document())
}
