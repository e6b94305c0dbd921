//! The answer to HTTP without TLS on a port of TLS: where the same is found with TLS.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::gate::API_KEY;
use super::middleware::{add_headers, new_id};
use super::problem::{Code, Problem};

/// The most bytes of a body that are read and discarded.
const MAX_DISCARDED_BYTES: usize = 64 << 10;

const ONLY: &str = "This port speaks HTTPS only: use an address that begins with https://.";

const READ: &str = "This port speaks HTTPS only: use an address that begins with https://. The key \
                    that was sent could be read on its way; revoke it and ask for a new one.";

/// Answers a request, and closes its connection. `time` is the most that its body may take.
pub(super) async fn answer(
    request: Request<Incoming>,
    time: Duration,
) -> Result<Response, Infallible> {
    let response = response(&request);
    // A client that is sending would see a broken connection and not the answer.
    let body = Limited::new(request.into_body(), MAX_DISCARDED_BYTES);
    let _ = timeout(time, body.collect()).await;
    Ok(response)
}

/// Sends browsers to `https`. Other requests are refused and not redirected: what they carry was
/// readable on its way, and the client should learn that.
fn response<B>(request: &Request<B>) -> Response {
    let headers = request.headers();
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let has_key = [AUTHORIZATION.as_str(), API_KEY].iter().any(|name| headers.contains_key(*name));
    let mut response = match location(request).filter(|_| is_read && !has_key) {
        Some(location) => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        None => Problem::new(Code::BadRequest, if has_key { READ } else { ONLY }).into_response(),
    };
    add_headers(response.headers_mut(), &new_id());
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn location<B>(request: &Request<B>) -> Option<HeaderValue> {
    let host = request.headers().get(header::HOST)?;
    let host = Authority::try_from(host.as_bytes()).ok()?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    // `Host` has no user; with one it reads like another host.
    if host.as_str().contains('@') || !path.starts_with('/') {
        return None;
    }
    HeaderValue::try_from(format!("https://{host}{path}")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answered(method: Method, host: &str) -> Response {
        let request = Request::builder().method(method).uri("/page/main.js?x=1");
        response(&request.header(header::HOST, host).body(()).unwrap())
    }

    #[test]
    fn browsers_are_sent_to_the_same_address_with_tls() {
        let response = answered(Method::GET, "device.lan:8443");
        assert_eq!(response.status(), 308);
        let location = &response.headers()[header::LOCATION];
        assert_eq!(location, "https://device.lan:8443/page/main.js?x=1");
        assert_eq!(response.headers()[header::CONNECTION], "close");
    }

    #[test]
    fn a_key_without_tls_is_not_redirected() {
        for name in ["Authorization", "x-api-key"] {
            let request = Request::builder().uri("/version").header(header::HOST, "device.lan");
            let response = response(&request.header(name, "Bearer hf_1").body(()).unwrap());
            assert_eq!(response.status(), 400, "{name}");
            assert!(response.headers().get(header::LOCATION).is_none());
        }
    }

    #[test]
    fn what_may_carry_secrets_is_refused() {
        for (method, host) in
            [(Method::POST, "device.lan"), (Method::GET, "a b"), (Method::GET, "a@device.lan")]
        {
            let response = answered(method, host);
            assert_eq!(response.status(), 400, "{host}");
            assert!(response.headers().get(header::LOCATION).is_none());
        }
    }
}
