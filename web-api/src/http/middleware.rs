//! The middleware around all routes: request id, host and origin check, encoding of the address,
//! parameters of calls that take none, deadline, one error format, reads that need no answer,
//! memory of answers, security headers, metrics and a log line.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::connections::Connection;
use crate::http::answers::Sending;
use crate::http::client::Client;
use crate::http::conditions::{KnownTags, check_known_tags, tagged_read};
use crate::http::forwarded::{self, ForwardedHost};
use crate::http::problem::{self, Cause, Code, Problem};
use crate::http::{answers, deadline, inference_error, parameters, target};
use crate::metrics::{self, Refusal};
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What browsers state of a request to this machine, or over TLS (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// What probes of load balancers ask for: they may be older than HTTP/1.1, and always have a place.
const HEALTH: [&str; 2] = ["/livez", "/readyz"];

/// The route whose requests may take longer than others.
const IMPORT: &str = "/v1/galleries/{gallery}/import";

const MAX_REQUEST_ID_CHARS: usize = 64;

/// The page may load files of this service only.
macro_rules! content_security_policy {
    ($framed_by:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors ",
            $framed_by
        )
    };
}

/// No page may frame it.
const CONTENT_SECURITY_POLICY: &str = content_security_policy!("'none'");

/// Behind a proxy, a page of the same origin may frame it: that of Home Assistant does.
const POLICY_BEHIND_A_PROXY: &str = content_security_policy!("'self'");

/// Headers of every response.
const SAFE_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The page takes photos and needs no sound.
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=()"),
];

/// The middleware around all routes.
pub async fn pass(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    // The pattern of the route and not the path: paths are free, and each would be a new series of
    // the metrics.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    let known = KnownTags::of(&method, request.headers());
    let is_inference = inference_error::is_used_by(request.uri().path());
    let resolved = forwarded::resolve(&mut request, &state.config.trusted_proxy);
    let client = Client::of(request.extensions());
    let answered = match resolved {
        Ok(()) => answer(&state, request, next).await,
        Err(problem) => Err(problem),
    };
    let mut response = match answered {
        Ok(response) => {
            let response = problem::unified(response).await;
            known.answer(tagged_read(&method, response).await)
        }
        Err(problem) => problem.into_response(),
    };
    if is_inference {
        response = inference_error::of_problem(response).await;
    }
    if let Some(connection) = connection {
        let client = client.map_or(connection.client, |client| client.0);
        response = answers::hold(&method, response, client, &state.buffers).await;
        if !state.connections.has_place(&connection) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response = response.map(|body| Body::new(Sending::on(connection, body)));
    }
    add_headers(response.headers_mut(), &id);
    if !state.config.trusted_proxy.is_empty() {
        let policy = HeaderValue::from_static(POLICY_BEHIND_A_PROXY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(refusal) = response.extensions().get() {
        state.metrics.refusal(*refusal);
    }
    let request = metrics::Request {
        method: method_name(&method),
        route: route.unwrap_or_else(|| "none".to_owned()),
        status: response.status().as_u16(),
    };
    log(&request, &id, start, response.extensions().get());
    state.metrics.request(&request, start.elapsed());
    response
}

async fn answer(state: &AppState, request: Request, next: Next) -> Result<Response, Problem> {
    // Behind a proxy that ends TLS the page has https and this service http, or the reverse.
    let is_https_only = state.has_tls && state.config.trusted_proxy.is_empty();
    admit(&request, &state.config.allow_host, is_https_only)?;
    admit_connection(state, &request)?;
    target::check(request.uri())?;
    check_known_tags(request.headers())?;
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        parameters::check(route.as_str(), request.uri())?;
    }
    let limits = &state.config.limits;
    let most = if is_import(&request) { limits.transfer_time() } else { limits.deadline() };
    deadline::run(request, next, most).await
}

/// Whether the body is a whole gallery, which takes its time to arrive.
fn is_import(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| route.as_str() == IMPORT) && request.method() == Method::POST
}

/// Refuses what is not about the health of the service if the connection has no place for more.
fn admit_connection(state: &AppState, request: &Request) -> Result<(), Problem> {
    let connection = request.extensions().get::<Arc<Connection>>();
    let is_admitted = HEALTH.contains(&request.uri().path())
        || connection.is_none_or(|connection| state.connections.has_place(connection));
    if !is_admitted {
        let what = "This address has its share of the connections, and all are busy.";
        return Err(Problem::refused(Refusal::Connections, what));
    }
    Ok(())
}

/// The response to a panic in a handler.
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::internal("a handler panicked").into_response()
}

/// Refuses requests that a page of another origin made a browser send: those with another `Origin`
/// (cross-site request forgery) and those for another host name (DNS rebinding).
fn admit(request: &Request, allowed_hosts: &[String], is_https_only: bool) -> Result<(), Problem> {
    if is_old_probe(request) {
        return Ok(());
    }
    let host = host(request).ok_or_else(|| {
        Problem::new(Code::BadRequest, "The request needs one valid `Host` header.")
    })?;
    if !is_allowed(host.host(), allowed_hosts) {
        return Err(Problem::new(
            Code::Forbidden,
            "This host name is not allowed; start the service with --allow-host NAME.",
        ));
    }
    if is_embedded(request.headers()) {
        return Err(other_origin());
    }
    // Browsers send `Origin` with each request that changes something; programs need not send it.
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if is_same_origin(origin, &host, is_https_only) => Ok(()),
        // No browser sends a second one.
        _ => Err(other_origin()),
    }
}

fn other_origin() -> Problem {
    Problem::new(Code::Forbidden, "Pages of other origins must not use this service.")
}

/// Whether a page of another origin wants to load this as an image or the like, which comes without
/// `Origin`. It could not see the answer, but keep the service busy. Links may be followed.
fn is_embedded(headers: &HeaderMap) -> bool {
    let [site, mode] = [FETCH_SITE, FETCH_MODE].map(|name| headers.get(name));
    let is_other = site.is_some_and(|site| site == "cross-site" || site == "same-site");
    is_other && mode.is_none_or(|mode| mode != "navigate")
}

/// Whether it is a request of HTTP/1.0, which has no `Host`, for the health of the service.
/// Browsers do not send such requests.
fn is_old_probe(request: &Request) -> bool {
    request.version() == Version::HTTP_10
        && HEALTH.contains(&request.uri().path())
        && !request.headers().contains_key(header::HOST)
        && !request.headers().contains_key(header::ORIGIN)
}

fn host(request: &Request) -> Option<Authority> {
    // A trusted proxy states which host its client asked for, and asks this service for another.
    if let Some(ForwardedHost(host)) = request.extensions().get() {
        return Some(host.clone());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    // A second `Host` is refused (RFC 9112, 3.2): a proxy might have taken the other one.
    let only = hosts.next().filter(|_| hosts.next().is_none());
    let named = match request.uri().authority() {
        // An absolute request target takes precedence over `Host` (RFC 9112, 3.2.2).
        Some(authority) => authority.clone(),
        None => Authority::try_from(only?.as_bytes()).ok()?,
    };
    // `Host` has no user (RFC 9110, 7.2): `good.example@evil.example` reads like another host.
    (!named.as_str().contains('@')).then_some(named)
}

/// An IP address cannot be rebound, so it is always allowed.
fn is_allowed(host: &str, allowed: &[String]) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || allowed.iter().any(|name| host.eq_ignore_ascii_case(name))
}

fn is_same_origin(origin: &HeaderValue, host: &Authority, is_https_only: bool) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    // With TLS, a page without it may come from whoever is between.
    let plain = origin.strip_prefix("http://").filter(|_| !is_https_only);
    let authority = plain.or(origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
}

/// The id sent by the client if it is plain text, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    headers.get(REQUEST_ID).filter(|value| is_plain(value)).cloned().unwrap_or_else(new_id)
}

/// Letters, digits and `-_.` only, so that an id cannot forge log lines.
fn is_plain(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_REQUEST_ID_CHARS).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A count makes the id unique in this process, the time unique among processes.
pub(super) fn new_id() -> HeaderValue {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: numbers must differ, their order does not matter.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    HeaderValue::from_str(&format!("{:x}-{count:x}", now.as_micros()))
        .expect("invariant: hexadecimal digits are a header value")
}

/// Adds the headers of every response.
pub(super) fn add_headers(headers: &mut HeaderMap, id: &HeaderValue) {
    headers.insert(REQUEST_ID, id.clone());
    for (name, value) in SAFE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Answers change with the gallery; only the files of the page set another policy.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        // Clients may invent methods, which must not become series of the metrics.
        _ => "other",
    }
}

fn log(request: &metrics::Request, id: &HeaderValue, start: Instant, cause: Option<&Cause>) {
    let metrics::Request { method, route, status } = request;
    let id = id.to_str().unwrap_or_default();
    let ms = start.elapsed().as_millis();
    // Only failures of the service are errors in its log; a refusal is the client's.
    match cause {
        Some(Cause(cause)) => tracing::error!(id, method, route, status, ms, cause, "failed"),
        None => tracing::info!(id, method, route, status, ms, "answered"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().uri("/livez");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    }

    fn code(headers: &[(&str, &str)]) -> Option<Code> {
        let allowed = ["device.lan".to_owned()];
        admit(&request(headers), &allowed, false).err().map(|problem| problem.code())
    }

    #[test]
    fn allowed_host_names_are_admitted() {
        for host in ["localhost", "127.0.0.1:8080", "[::1]:8080", "192.168.1.9", "Device.LAN:80"] {
            assert_eq!(code(&[("host", host)]), None, "{host}");
        }
    }

    #[test]
    fn other_host_names_are_refused() {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert_eq!(code(&[("host", host)]), Some(Code::Forbidden), "{host}");
        }
        assert_eq!(code(&[]), Some(Code::BadRequest));
        assert_eq!(code(&[("host", "a b")]), Some(Code::BadRequest));
        assert_eq!(code(&[("host", "localhost"), ("host", "x")]), Some(Code::BadRequest));
        assert_eq!(code(&[("host", "me@localhost")]), Some(Code::BadRequest));
        assert_eq!(code(&[("host", "me:secret@localhost:8080")]), Some(Code::BadRequest));
    }

    #[test]
    fn a_trusted_proxy_states_the_host() {
        let code = |host: &'static str, origin: &str| {
            let mut request = request(&[("host", "inner.example"), ("origin", origin)]);
            request.extensions_mut().insert(ForwardedHost(Authority::from_static(host)));
            let allowed = ["device.lan".to_owned()];
            admit(&request, &allowed, false).err().map(|problem| problem.code())
        };
        assert_eq!(code("device.lan", "https://device.lan"), None);
        assert_eq!(code("device.lan", "https://inner.example"), Some(Code::Forbidden));
        assert_eq!(code("evil.example", "https://evil.example"), Some(Code::Forbidden));
    }

    #[test]
    fn only_health_is_answered_without_a_host_name() {
        let code = |path: &str, version| {
            let request = Request::builder().uri(path).version(version);
            let request = request.body(Body::empty()).unwrap();
            admit(&request, &[], false).err().map(|problem| problem.code())
        };
        assert_eq!(code("/livez", Version::HTTP_10), None);
        assert_eq!(code("/readyz", Version::HTTP_10), None);
        assert_eq!(code("/version", Version::HTTP_10), Some(Code::BadRequest));
        assert_eq!(code("/livez", Version::HTTP_11), Some(Code::BadRequest));
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let from = |origin| code(&[("host", "localhost:8080"), ("origin", origin)]);
        assert_eq!(from("http://localhost:8080"), None);
        for origin in ["http://localhost:9090", "https://evil.example", "null", ""] {
            assert_eq!(from(origin), Some(Code::Forbidden), "{origin}");
        }
        for (origin, is_admitted) in
            [("https://localhost:8080", true), ("http://localhost:8080", false)]
        {
            let request = request(&[("host", "localhost:8080"), ("origin", origin)]);
            assert_eq!(admit(&request, &[], true).is_ok(), is_admitted, "{origin} with TLS");
        }
        let same = ("origin", "http://localhost:8080");
        let twice = [("host", "localhost:8080"), same, same];
        assert_eq!(code(&twice), Some(Code::Forbidden), "two of them");
    }

    #[test]
    fn pages_of_other_origins_embed_nothing() {
        let by = |site, mode| {
            code(&[("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)])
        };
        for site in ["cross-site", "same-site"] {
            assert_eq!(by(site, "no-cors"), Some(Code::Forbidden), "{site}");
            assert_eq!(by(site, "navigate"), None, "{site}: a link");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(by(site, "no-cors"), None, "{site}");
        }
    }

    #[test]
    fn a_plain_request_id_is_kept_and_others_are_replaced() {
        let id = |value| request_id(request(&[("x-request-id", value)]).headers());
        assert_eq!(id("abc-1"), "abc-1");
        for value in ["", "a b", "<script>", &"x".repeat(65)] {
            assert_ne!(id(value), value);
        }
        assert_ne!(new_id(), new_id());
    }
}
