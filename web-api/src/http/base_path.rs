//! The path below which a reverse proxy shows the service, such as `/handful`.
//!
//! Some proxies take it away before they pass a request on and some do not, so both are served.

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::middleware::{add_headers, new_id};

/// Takes the base path away from an address that has it. For the base path itself, without the
/// slash after which relative addresses of the page are read, it returns a redirect.
pub(super) fn enter(base: &str, uri: &mut Uri) -> Option<Response> {
    let after = path_after(base, uri)?;
    if !after.starts_with('/') {
        return Some(redirect(base, after));
    }
    let after = PathAndQuery::try_from(after).ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(after);
    *uri = Uri::from_parts(parts).ok()?;
    None
}

/// Path and query after the base path; `None` without one, or if the address does not have it.
fn path_after<'a>(base: &str, uri: &'a Uri) -> Option<&'a str> {
    if base.is_empty() {
        return None;
    }
    let after = uri.path_and_query()?.as_str().strip_prefix(base)?;
    // `/handfuls` is another path.
    (after.is_empty() || after.starts_with(['/', '?'])).then_some(after)
}

fn redirect(base: &str, query: &str) -> Response {
    let location = HeaderValue::try_from(format!("{base}/{query}"));
    let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
    let mut response =
        (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response();
    add_headers(response.headers_mut(), &new_id());
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entered(base: &str, address: &str) -> String {
        let mut uri = address.parse().unwrap();
        assert!(enter(base, &mut uri).is_none(), "{address}");
        uri.to_string()
    }

    #[test]
    fn paths_with_and_without_the_base_path_are_the_same() {
        for (address, expected) in [
            ("/handful/", "/"),
            ("/handful/v1/galleries?limit=1", "/v1/galleries?limit=1"),
            ("/v1/galleries", "/v1/galleries"),
            ("http://localhost/handful/livez", "http://localhost/livez"),
            // Taken away once.
            ("/handful/handful/livez", "/handful/livez"),
            ("/handfuls/livez", "/handfuls/livez"),
        ] {
            assert_eq!(entered("/handful", address), expected);
            assert_eq!(entered("", address), address);
        }
    }

    #[test]
    fn the_base_path_leads_to_the_page() {
        for (address, expected) in [("/handful", "/handful/"), ("/handful?a=1", "/handful/?a=1")] {
            let mut uri = address.parse().unwrap();
            let response = enter("/handful", &mut uri).unwrap();
            assert_eq!(response.status(), 308);
            assert_eq!(response.headers()[header::LOCATION], expected);
        }
    }
}
