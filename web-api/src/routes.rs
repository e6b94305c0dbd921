//! Every address of the service, and what answers there.

pub mod classes;
pub mod images;
pub mod operations;
pub mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;

use crate::AppState;
use crate::http::middleware;
use crate::http::problem::{Code, Problem};
use crate::station::Expected;

/// The only gallery so far.
const DEFAULT_GALLERY: &str = "default";

/// All routes behind [`middleware::pass`].
pub fn app(state: Arc<AppState>) -> Router {
    let class =
        get(classes::read).put(classes::define).patch(classes::rename).delete(classes::delete);
    Router::new()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .route("/v1/galleries", get(classes::galleries))
        .route("/v1/galleries/{gallery}", get(classes::gallery))
        .route("/v1/galleries/{gallery}/classes", get(classes::list))
        .route("/v1/galleries/{gallery}/classes/{class}", class)
        .route("/v1/galleries/{gallery}/classes/{class}/examples", post(images::enroll))
        .route("/v1/galleries/{gallery}/classify", post(images::classify))
        .route("/v1/embed", post(images::embed))
        .route("/v1/lexicon", get(classes::lexicon))
        .route("/livez", get(operations::live))
        .route("/readyz", get(operations::ready))
        .route("/version", get(operations::version))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(operations::openapi))
        .fallback(async || StatusCode::NOT_FOUND)
        // Bodies are limited where they are read, by the configured number.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn_with_state(Arc::clone(&state), middleware::pass))
        .with_state(state)
}

/// Refuses galleries that do not exist.
fn known_gallery(gallery: &str) -> Result<(), Problem> {
    if gallery == DEFAULT_GALLERY {
        return Ok(());
    }
    Err(Problem::new(Code::UnknownGallery, "The only gallery here is `default`."))
}

/// JSON with the gallery's revision as entity tag.
fn tagged(status: StatusCode, revision: u64, body: impl Serialize) -> Response {
    (status, [(header::ETAG, format!("\"{revision}\""))], Json(body)).into_response()
}

/// The revision that `If-Match` asks for; none when it asks for nothing in particular.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let revision = number.and_then(|number| number.parse().ok());
    revision.map(Some).ok_or_else(|| {
        Problem::new(Code::BadRequest, "If-Match: expected one revision in quotes, such as \"7\".")
    })
}

/// What `If-Match` and `If-None-Match` ask for where a class may be made.
fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let is_any = |name| headers.get(name).map(|value: &HeaderValue| value.as_bytes() == b"*");
    match (is_any(header::IF_MATCH), is_any(header::IF_NONE_MATCH)) {
        (None, None) => Ok(Expected::Anything),
        (Some(true), None) => Ok(Expected::Class),
        (None, Some(true)) => Ok(Expected::NoClass),
        (Some(false), None) => {
            Ok(if_match(headers)?.map_or(Expected::Anything, Expected::Revision))
        }
        _ => Err(Problem::new(
            Code::BadRequest,
            "If-Match and If-None-Match: expected one of them, If-None-Match only with *.",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_MATCH, value.parse().unwrap())])
    }

    #[test]
    fn if_match_is_a_quoted_revision() {
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        assert_eq!(if_match(&header("*")).unwrap(), None);
        assert_eq!(if_match(&header("\"7\"")).unwrap(), Some(7));
        for wrong in ["7", "\"x\"", "W/\"7\"", "\"7\", \"8\""] {
            assert_eq!(if_match(&header(wrong)).unwrap_err().code(), Code::BadRequest);
        }
    }
}
