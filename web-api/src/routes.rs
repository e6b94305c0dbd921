//! The addresses of the service and their handlers.

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
pub mod lexicon;
pub mod openapi;
pub mod operations;
pub mod page;
pub mod part;
pub mod reembed;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::middleware;
use crate::state::AppState;

/// All routes behind [`middleware::pass`].
pub fn app(state: Arc<AppState>) -> Router {
    api()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .route("/livez", get(operations::live))
        .route("/readyz", get(operations::ready))
        .route("/version", get(operations::version))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .fallback(async || StatusCode::NOT_FOUND)
        // `http::body` limits bodies by the configured number of bytes.
        .layer(DefaultBodyLimit::disable())
        // The last layer is the outermost: the answer to a panic gets its id, headers and log line.
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::pass))
        .with_state(state)
}

fn api() -> Router<Arc<AppState>> {
    let gallery =
        get(galleries::read).put(galleries::put).patch(galleries::change).delete(galleries::delete);
    let class = get(classes::read).put(classes::put).patch(classes::rename).delete(classes::delete);
    let background = get(background::list).post(background::enroll);
    let of_class = get(examples::list).post(enroll::enroll);
    let reembedding = get(reembed::read).post(reembed::start).delete(reembed::cancel);
    let example = get(examples::read).delete(examples::remove);
    Router::new()
        .route("/v1/galleries", get(galleries::list))
        .route("/v1/deleted-galleries", get(galleries::list_deleted))
        .route("/v1/galleries/{gallery}", gallery)
        .route("/v1/galleries/{gallery}/undelete", post(galleries::undelete))
        .route("/v1/galleries/{gallery}/calibrate", post(galleries::calibrate))
        .route("/v1/galleries/{gallery}/doctor", get(doctor::check))
        .route("/v1/galleries/{gallery}/background/examples", background)
        .route("/v1/galleries/{gallery}/background/examples/{example}", delete(background::remove))
        .route("/v1/galleries/{gallery}/classes", get(class_list::list))
        .route("/v1/galleries/{gallery}/classes/{class}", class)
        .route("/v1/galleries/{gallery}/classes/{class}/examples", of_class)
        .route("/v1/galleries/{gallery}/classes/{class}/merge", post(classes::merge))
        .route("/v1/galleries/{gallery}/examples/batch", post(examples::batch))
        .route("/v1/galleries/{gallery}/examples/{example}", example)
        .route("/v1/galleries/{gallery}/examples/{example}/image", get(examples::image))
        .route("/v1/galleries/{gallery}/examples/{example}/move", post(examples::move_one))
        .route("/v1/galleries/{gallery}/history", get(history::list))
        .route("/v1/galleries/{gallery}/undo", post(history::undo))
        .route("/v1/galleries/{gallery}/redo", post(history::redo))
        .route("/v1/galleries/{gallery}/purge", post(history::purge))
        .route("/v1/galleries/{gallery}/export", get(archive::export))
        .route("/v1/galleries/{gallery}/import", post(archive::import))
        .route("/v1/galleries/{gallery}/reembed", reembedding)
        .route("/v1/compact", post(history::compact))
        .route("/v1/galleries/{gallery}/classify", post(classify::classify))
        .route("/v1/embed", post(embed::embed))
        .route("/v1/lexicon", get(lexicon::senses))
}
