//! The gate of a group of calls: who may pass, by the key of the request and its role.

use std::sync::Arc;
use std::time::Duration;

use access::Role;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::auth::Access;
use super::body;
use super::client::Client;
use super::forwarded::is_passed_on;
use super::problem::{Code, Problem};
use crate::keys::{Held, KeyRefusal};
use crate::state::AppState;

/// The header of a key for clients that cannot send `Authorization`.
pub const API_KEY: &str = "x-api-key";

/// The challenge to a request without a key (RFC 6750, 3).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"handful\"");

/// The challenge to one with a wrong key.
const WRONG: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"handful\", error=\"invalid_token\"");

/// The gate of a group.
#[derive(Clone)]
pub struct Gate {
    state: Arc<AppState>,
    role: Role,
}

/// Why a request is not admitted.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("This call needs a key; send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.")]
    Missing,
    #[error(
        "This call came through a proxy, and no key was ever made for this service: everyone who \
         reaches the proxy would be admin. Make a key with `handful keys add`, and send it as \
         `Authorization: Bearer KEY` or `x-api-key: KEY`."
    )]
    PassedOn,
    #[error("This key is not valid: it is mistyped or was revoked. Ask for a new one.")]
    Wrong,
    #[error("Too many wrong keys came from this address. Try again in {0} seconds.")]
    Attempts(u64),
    #[error("The key `{name}` has the role `{role}`, and this call needs the role `{needed}`.")]
    Role { name: String, role: Role, needed: Role },
    #[error("The key `{name}` is for the gallery `{gallery}` only.")]
    Gallery { name: String, gallery: String },
    #[error("The keys of this service cannot be read, so no call is admitted. Its log has why.")]
    Unreadable,
}

/// Admits a request, or answers why not.
pub async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let refused = match gate.admit(&mut parts).await {
        Ok(access) => {
            parts.extensions.insert(access);
            return next.run(Request::from_parts(parts, body)).await;
        }
        Err(refused) => refused,
    };
    if let Some(reason) = refused.reason() {
        gate.state.metrics.key_refused(reason);
    }
    body::discard_refused(&gate.state, &parts, body).await;
    refused.into_response()
}

impl Gate {
    /// For calls that need this role.
    #[must_use]
    pub fn new(state: Arc<AppState>, role: Role) -> Self {
        Self { state, role }
    }

    async fn admit(&self, parts: &mut Parts) -> Result<Access, Refused> {
        let access = self.access(parts).await?;
        let name = access.key_name().unwrap_or_default();
        if access.role() < self.role {
            let name = name.to_owned();
            return Err(Refused::Role { name, role: access.role(), needed: self.role });
        }
        if let Some(gallery) = access.gallery() {
            let is_allowed = match RawPathParams::from_request_parts(parts, &()).await {
                Ok(params) => params.iter().all(|(parameter, value)| {
                    parameter != "gallery" || self.state.is_same_gallery(gallery, value)
                }),
                Err(_) => false,
            };
            if !is_allowed {
                return Err(Refused::Gallery {
                    name: name.to_owned(),
                    gallery: gallery.to_owned(),
                });
            }
        }
        Ok(access)
    }

    /// What the key of the request allows. It is taken out: no handler sees it.
    async fn access(&self, parts: &mut Parts) -> Result<Access, Refused> {
        let presented = presented(&parts.headers);
        parts.headers.remove(header::AUTHORIZATION);
        parts.headers.remove(API_KEY);
        let keys = match self.state.keys.held() {
            // It is open to this machine, and the proxy is only its last client.
            Held::Open if !self.state.config.insecure && is_passed_on(&parts.headers) => {
                return Err(Refused::PassedOn);
            }
            Held::Open => return Ok(Access::open()),
            Held::Unreadable => return Err(Refused::Unreadable),
            Held::Keys(keys) => keys,
        };
        if presented.is_empty() {
            return Err(Refused::Missing);
        }
        match presented.iter().find_map(|key| keys.find(key)) {
            Some(key) => Ok(Access::of(key)),
            None => Err(self.wrong(parts, &presented).await),
        }
    }

    async fn wrong(&self, parts: &mut Parts, presented: &[String]) -> Refused {
        // Every request over a socket has an address to count by.
        let Ok(Client(client)) = Client::from_request_parts(parts, &()).await else {
            return Refused::Wrong;
        };
        match self.state.attempts.count_wrong(client, presented) {
            Ok(()) => Refused::Wrong,
            Err(wait) => Refused::Attempts(whole_seconds(wait)),
        }
    }
}

impl Refused {
    fn code(&self) -> Code {
        match self {
            Self::Missing | Self::PassedOn | Self::Wrong => Code::Unauthorized,
            Self::Attempts(_) => Code::TooManyAttempts,
            Self::Role { .. } | Self::Gallery { .. } => Code::Forbidden,
            Self::Unreadable => Code::NotReady,
        }
    }

    fn reason(&self) -> Option<KeyRefusal> {
        match self {
            Self::Missing | Self::PassedOn => Some(KeyRefusal::Missing),
            Self::Wrong => Some(KeyRefusal::Wrong),
            Self::Attempts(_) => Some(KeyRefusal::Attempts),
            Self::Role { .. } => Some(KeyRefusal::Role),
            Self::Gallery { .. } => Some(KeyRefusal::Gallery),
            // That is no fault of the key.
            Self::Unreadable => None,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let header = match self {
            Self::Missing | Self::PassedOn => Some((header::WWW_AUTHENTICATE, CHALLENGE)),
            Self::Wrong => Some((header::WWW_AUTHENTICATE, WRONG)),
            Self::Attempts(seconds) => Some((header::RETRY_AFTER, seconds.into())),
            Self::Role { .. } | Self::Gallery { .. } | Self::Unreadable => None,
        };
        let mut response = Problem::new(self.code(), self.to_string()).into_response();
        response.headers_mut().extend(header);
        response
    }
}

/// The keys of a request. Behind a proxy that has its own use of `Authorization`, `x-api-key` has
/// the one of this service.
fn presented(headers: &HeaderMap) -> Vec<String> {
    let keys = [bearer(headers), api_key(headers)];
    keys.into_iter().flatten().map(str::to_owned).collect()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn api_key(headers: &HeaderMap) -> Option<&str> {
    // What is no text is no key, but it was sent as one.
    Some(headers.get(API_KEY)?.to_str().unwrap_or_default().trim())
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderName;

    use super::*;

    const OWN: HeaderName = HeaderName::from_static(API_KEY);

    fn found(headers: &[(HeaderName, &str)]) -> Vec<String> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        presented(&headers.collect())
    }

    #[test]
    fn a_key_is_read_from_either_header() {
        for value in ["Bearer hf_1", "bearer hf_1", "BEARER   hf_1 "] {
            assert_eq!(found(&[(header::AUTHORIZATION, value)]), ["hf_1"], "{value}");
        }
        for value in ["Basic aGY6MQ==", "hf_1", "Bearer", ""] {
            assert!(found(&[(header::AUTHORIZATION, value)]).is_empty(), "{value}");
        }
        assert_eq!(found(&[(OWN, "hf_2")]), ["hf_2"]);
        assert_eq!(found(&[(header::AUTHORIZATION, "Basic x"), (OWN, "hf_2")]), ["hf_2"]);
        let both = found(&[(header::AUTHORIZATION, "Bearer of-the-proxy"), (OWN, "hf_2")]);
        assert_eq!(both, ["of-the-proxy", "hf_2"]);
    }

    #[test]
    fn a_refusal_says_how_to_go_on() {
        let answer = Refused::Missing.into_response();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"handful\"");
        let answer = Refused::Attempts(whole_seconds(Duration::from_millis(5001))).into_response();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "6");
    }
}
