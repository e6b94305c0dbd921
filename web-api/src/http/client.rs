//! The client of a request, for handlers: its address, and the actor of its changes.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName};
use models::actor::{HTTP, PAGE};

use super::auth::Access;
use super::problem::Problem;
use crate::connections::Connection;
use crate::jobs::client::{ClientAddress, Writer};

/// The header by which the page names itself, with [`PAGE`]; it is for display only.
const HANDFUL_CLIENT: HeaderName = HeaderName::from_static("handful-client");

/// The address that a request came from: the other end of the connection, or behind a trusted proxy
/// the address that the proxy states.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub ClientAddress);

impl Client {
    /// The client of a request with these extensions, if it came by a connection.
    pub(super) fn of(extensions: &Extensions) -> Option<Self> {
        let forwarded = extensions.get::<Self>().copied();
        let connection = extensions.get::<Arc<Connection>>();
        forwarded.or_else(|| connection.map(|connection| Self(connection.client)))
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions).ok_or_else(|| Problem::internal("a request has no connection"))
    }
}

impl<S: Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Client(client) = Client::from_request_parts(parts, state).await?;
        let access = Access::from_request_parts(parts, state).await?;
        let actor = access.key_name().unwrap_or_else(|| kind(&parts.headers));
        Ok(Self { client, actor: actor.into() })
    }
}

/// The actor of a client without a key.
fn kind(headers: &HeaderMap) -> &'static str {
    match headers.get(HANDFUL_CLIENT) {
        Some(value) if value.as_bytes() == PAGE.as_bytes() => PAGE,
        _ => HTTP,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_page_has_a_name_of_its_own() {
        assert_eq!(kind(&HeaderMap::new()), "http");
        for (value, expected) in
            [("page", "page"), ("", "http"), ("Page", "http"), ("pages", "http"), ("cli", "http")]
        {
            let headers = HeaderMap::from_iter([(HANDFUL_CLIENT, value.parse().unwrap())]);
            assert_eq!(kind(&headers), expected, "{value}");
        }
    }
}
