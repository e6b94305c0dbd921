//! The calls of a path in the OpenAPI document.

use utoipa::openapi::path::{Operation, PathItem};

/// The calls of a path by method.
pub(in crate::routes) fn methods(
    path: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = path;
    let all = [("GET", get), ("PUT", put), ("POST", post), ("DELETE", delete), ("PATCH", patch)];
    all.into_iter().filter_map(|(method, call)| Some((method, call.as_mut()?)))
}
