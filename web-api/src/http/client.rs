//! The client of a request, for handlers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::connections::Connection;
use crate::jobs::client::ClientAddress;

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub ClientAddress);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let connection = parts.extensions.get::<Arc<Connection>>();
        connection
            .map(|connection| Self(connection.client))
            .ok_or_else(|| Problem::internal("a request has no connection"))
    }
}
