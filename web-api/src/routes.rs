//! The addresses of the service and their handlers, in groups by the role that they need.

pub mod archive;
pub mod background;
pub mod class_list;
pub mod classes;
pub mod classify;
pub mod doctor;
pub mod embed;
pub mod enroll;
pub mod examples;
pub mod galleries;
pub mod history;
pub mod inference;
pub mod lexicon;
pub mod openapi;
pub mod operations;
pub mod page;
pub mod part;
pub mod reembed;
pub mod search;
pub mod service_doctor;

use std::sync::Arc;

use access::Role;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::http::gate::{self, Gate};
use crate::http::{idempotency, middleware};
use crate::state::AppState;

/// Calls with their descriptions, one element for the methods of one path.
type Calls = Vec<UtoipaMethodRouter<Arc<AppState>>>;

/// All routes behind [`middleware::pass`].
pub fn app(state: Arc<AppState>) -> Router {
    let (calls, mut description) = described(&state).split_for_parts();
    openapi::set_base_path(&mut description, state.config.base_path.as_str());
    calls
        .route("/", get(page::index))
        .route("/page/{*file}", get(page::file))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(Extension(openapi::Document::of(description)))
        // `http::body` limits bodies by the configured number of bytes.
        .layer(DefaultBodyLimit::disable())
        // The last layer is the outermost: the answer to a panic gets its id, headers and log line.
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::pass))
        .with_state(state)
}

/// All calls and what the OpenAPI document says of them.
fn described(state: &Arc<AppState>) -> OpenApiRouter<Arc<AppState>> {
    let groups = [
        open(),
        require(Role::Read, read(), state),
        require(Role::Enroll, enroll(), state),
        require(Role::Admin, admin(), state),
    ];
    let router = OpenApiRouter::with_openapi(openapi::head());
    groups.into_iter().flatten().fold(router, OpenApiRouter::routes)
}

/// The same calls behind a gate for this role, which their description states.
fn require(role: Role, calls: Calls, state: &Arc<AppState>) -> Calls {
    let gated = calls.into_iter().map(|(schemas, mut paths, methods)| {
        openapi::secure(&mut paths);
        let once = from_fn_with_state(Arc::clone(state), idempotency::pass);
        let gate = from_fn_with_state(Gate::new(Arc::clone(state), role), gate::pass);
        // Of the methods only: one that a path does not have is answered with 405 to everybody. The
        // gate is outside: an answer is not given again to one who may not call.
        (schemas, paths, methods.route_layer(once).route_layer(gate))
    });
    gated.collect()
}

/// The health of the service, for everybody.
fn open() -> Calls {
    vec![routes!(operations::live), routes!(operations::ready)]
}

/// What changes nothing.
fn read() -> Calls {
    let mut calls = vec![
        routes!(galleries::list),
        routes!(galleries::read),
        routes!(galleries::calibrate),
        routes!(doctor::check),
        routes!(class_list::list),
        routes!(classes::read),
        routes!(examples::list),
        routes!(examples::read),
        routes!(examples::image),
        routes!(background::list),
        routes!(history::list),
        routes!(lexicon::senses),
        routes!(classify::classify),
        routes!(search::search),
        routes!(embed::embed),
        routes!(operations::version),
        routes!(operations::metrics),
        routes!(openapi::openapi),
    ];
    calls.extend(inference::calls());
    calls
}

/// What changes the content of a gallery and can be undone.
fn enroll() -> Calls {
    vec![
        routes!(classes::put, classes::change, classes::delete),
        routes!(classes::merge),
        routes!(enroll::enroll),
        routes!(examples::remove),
        routes!(examples::move_one),
        routes!(examples::batch),
        routes!(background::enroll),
        routes!(background::remove),
        routes!(history::undo),
        routes!(history::redo),
    ]
}

/// What is about galleries as a whole, for good, or about the store.
fn admin() -> Calls {
    vec![
        routes!(galleries::put, galleries::change, galleries::delete),
        routes!(galleries::list_deleted),
        routes!(galleries::undelete),
        routes!(archive::export),
        routes!(archive::import),
        routes!(history::purge),
        routes!(history::compact),
        routes!(reembed::start, reembed::read, reembed::cancel),
        routes!(service_doctor::check),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `GET /v1/galleries`, with `G` for the path of a gallery.
    fn names(calls: Calls) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (path, mut item) in calls.into_iter().flat_map(|(_, paths, _)| paths.paths) {
            let path = path.replace("/v1/galleries/{gallery}", "G");
            let found = openapi::methods(&mut item).map(|(method, _)| format!("{method} {path}"));
            names.extend(found);
        }
        names
    }

    fn assert_has(calls: Calls, expected: &[&str]) {
        let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names(calls), expected);
    }

    #[test]
    fn the_open_group_is_the_health() {
        assert_has(open(), &["GET /livez", "GET /readyz"]);
    }

    #[test]
    fn the_group_read_changes_nothing() {
        assert_has(
            read(),
            &[
                "GET /v1/galleries",
                "GET G",
                "POST G/calibrate",
                "GET G/doctor",
                "GET G/classes",
                "GET G/classes/{class}",
                "GET G/classes/{class}/examples",
                "GET G/examples/{example}",
                "GET G/examples/{example}/image",
                "GET G/background/examples",
                "GET G/history",
                "GET /v1/lexicon",
                "POST G/classify",
                "POST G/search",
                "POST /v1/embed",
                "GET /version",
                "GET /metrics",
                "GET /openapi.json",
                "GET /v2",
                "GET /v2/health/live",
                "GET /v2/health/ready",
                "GET /v2/models/{model}",
                "GET /v2/models/{model}/versions/{version}",
                "GET /v2/models/{model}/ready",
                "GET /v2/models/{model}/versions/{version}/ready",
                "POST /v2/models/{model}/infer",
                "POST /v2/models/{model}/versions/{version}/infer",
            ],
        );
    }

    #[test]
    fn the_group_enroll_changes_what_is_in_a_gallery() {
        assert_has(
            enroll(),
            &[
                "PUT G/classes/{class}",
                "PATCH G/classes/{class}",
                "DELETE G/classes/{class}",
                "POST G/classes/{class}/merge",
                "POST G/classes/{class}/examples",
                "DELETE G/examples/{example}",
                "POST G/examples/{example}/move",
                "POST G/examples/batch",
                "POST G/background/examples",
                "DELETE G/background/examples/{example}",
                "POST G/undo",
                "POST G/redo",
            ],
        );
    }

    #[test]
    fn the_group_admin_has_the_rest() {
        assert_has(
            admin(),
            &[
                "PUT G",
                "PATCH G",
                "DELETE G",
                "GET /v1/deleted-galleries",
                "POST G/undelete",
                "GET G/export",
                "POST G/import",
                "POST G/purge",
                "POST /v1/compact",
                "POST G/reembed",
                "GET G/reembed",
                "DELETE G/reembed",
                "GET /v1/doctor",
            ],
        );
    }
}
