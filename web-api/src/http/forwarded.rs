//! Who sent a request that came through a trusted proxy, and to which host.
//!
//! Each proxy appends the address that it saw to `X-Forwarded-For` or `Forwarded` (RFC 7239). What
//! is left of the entries of trusted proxies is the client's own text: the header is read from the
//! right, and not beyond the first address that is no trusted proxy.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::client::Client;
use super::listener::Peer;
use super::problem::{Code, Problem};
use crate::config::TrustedProxy;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What proxies write into the requests that they pass on.
const MARKS: [HeaderName; 6] = [
    FORWARDED_FOR,
    FORWARDED_HOST,
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    header::FORWARDED,
    header::VIA,
];

/// The host that the client asked a trusted proxy for: a request extension.
#[derive(Debug, Clone)]
pub(super) struct ForwardedHost(pub(super) Authority);

/// States the client and the host of a request, if it came through a trusted proxy. The headers of
/// others have no effect: everyone can write them.
///
/// # Errors
/// `bad_request` if a trusted proxy sent a header that cannot be read.
pub(super) fn resolve(request: &mut Request, trusted: &[TrustedProxy]) -> Result<(), Problem> {
    let Some(&peer) = request.extensions().get::<Peer>() else {
        return Ok(());
    };
    if !is_trusted_peer(peer, trusted) {
        return Ok(());
    }
    let client = client(request.headers(), peer.address(), trusted)?;
    let host = host(request.headers())?;
    request.extensions_mut().insert(Client(client.into()));
    if let Some(host) = host {
        request.extensions_mut().insert(ForwardedHost(host));
    }
    Ok(())
}

/// Whether a request came through a proxy, trusted or not, that states so.
pub(super) fn is_passed_on(headers: &HeaderMap) -> bool {
    MARKS.iter().any(|mark| headers.contains_key(mark))
}

fn is_trusted_peer(peer: Peer, trusted: &[TrustedProxy]) -> bool {
    match peer {
        Peer::Unix => trusted.iter().any(|proxy| matches!(proxy, TrustedProxy::Unix)),
        Peer::Network(address) => is_trusted(address, trusted),
    }
}

fn is_trusted(address: IpAddr, trusted: &[TrustedProxy]) -> bool {
    // An IPv4 address is one also where the socket is of IPv6.
    let address = address.to_canonical();
    trusted.iter().any(|proxy| match proxy {
        TrustedProxy::Network(network) => network.contains(&address),
        TrustedProxy::Unix => false,
    })
}

/// The rightmost address that is no trusted proxy, or the last one that is known.
fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[TrustedProxy]) -> Result<IpAddr, Problem> {
    let is_older = headers.contains_key(FORWARDED_FOR);
    let name = if is_older { FORWARDED_FOR } else { header::FORWARDED };
    let mut nearest = peer;
    for value in lines_from_the_right(headers, &name) {
        let line = value.to_str().map_err(|_| malformed(&name))?;
        // The older header has no quotes.
        let entries = if is_older { Some(line.split(',').collect()) } else { split(line, ',') };
        let entries: Vec<&str> = entries.ok_or_else(|| malformed(&name))?;
        for entry in entries.into_iter().rev() {
            let node = if is_older { Some(entry.trim()) } else { for_node(entry) };
            let Some(node) = node.filter(|node| !is_hidden(node)) else {
                // The proxy does not state where it has the request from.
                return Ok(nearest);
            };
            nearest = address(node).ok_or_else(|| malformed(&name))?;
            if !is_trusted(nearest, trusted) {
                return Ok(nearest);
            }
        }
    }
    Ok(nearest)
}

/// The lines of a header, the last one first.
fn lines_from_the_right<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a HeaderValue> {
    headers.get_all(name).iter().rev()
}

/// The parts of a text between separators that are outside of quotes, without spaces around them;
/// `None` if a quote has no end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && letter == '\\' {
            is_escaped = true;
        } else if letter == '"' {
            is_quoted = !is_quoted;
        } else if letter == separator && !is_quoted {
            parts.push(text[start..at].trim());
            start = at + 1;
        }
    }
    parts.push(text[start..].trim());
    (!is_quoted).then_some(parts)
}

/// The value of `for` in an element of `Forwarded`.
fn for_node(element: &str) -> Option<&str> {
    let pairs = split(element, ';')?;
    let named = pairs.into_iter().filter_map(|pair| pair.split_once('='));
    let mut found = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = found.next()?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// Whether a proxy keeps the address to itself (RFC 7239, 6.2 and 6.3).
fn is_hidden(node: &str) -> bool {
    node.eq_ignore_ascii_case("unknown") || node.starts_with('_')
}

/// An address, with a port or without.
fn address(node: &str) -> Option<IpAddr> {
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok()
}

/// The host that the nearest proxy was asked for: the last one, if proxies made it a list.
fn host(headers: &HeaderMap) -> Result<Option<Authority>, Problem> {
    let Some(value) = lines_from_the_right(headers, &FORWARDED_HOST).next() else {
        return Ok(None);
    };
    let last = value.to_str().ok().and_then(|line| line.rsplit(',').next());
    let host = last.and_then(|host| Authority::try_from(host.trim()).ok());
    // As in `Host`: `good.example@evil.example` reads like another host.
    let host = host.filter(|host| !host.as_str().contains('@'));
    host.map(Some).ok_or_else(|| malformed(&FORWARDED_HOST))
}

fn malformed(name: &HeaderName) -> Problem {
    let detail = format!(
        "The proxy sent a header `{name}` that cannot be read: expected addresses with commas \
         between them, such as `192.0.2.7, [2001:db8::7]:4711`, or a host."
    );
    Problem::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;

    use super::*;

    const PROXY: [u8; 4] = [10, 0, 0, 1];

    fn trusted() -> Vec<TrustedProxy> {
        vec![
            TrustedProxy::Network("10.0.0.0/8".parse().unwrap()),
            TrustedProxy::Network("2001:db8:ffff::/48".parse().unwrap()),
        ]
    }

    fn resolved(peer: Peer, headers: &[(&str, &str)]) -> Result<Request, Code> {
        let mut builder = Request::builder().uri("/");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut request = builder.body(Body::empty()).unwrap();
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Client(peer.address().into()));
        resolve(&mut request, &trusted()).map_err(|problem| problem.code())?;
        Ok(request)
    }

    /// The client of a request from the trusted proxy.
    fn client_of(headers: &[(&str, &str)]) -> Result<Client, Code> {
        let request = resolved(Peer::Network(PROXY.into()), headers)?;
        Ok(*request.extensions().get::<Client>().unwrap())
    }

    fn at(text: &str) -> Client {
        Client(text.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        for (value, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("192.0.2.7, 2001:db8:ffff::1, ::ffff:10.0.0.3", "192.0.2.7"),
            // What a client wrote itself is left of what a proxy saw.
            ("127.0.0.1, 192.0.2.7", "192.0.2.7"),
            ("10.0.0.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("garbage, \", 192.0.2.7", "192.0.2.7"),
            ("10.0.0.8, 10.0.0.2", "10.0.0.8"),
        ] {
            let found = client_of(&[("x-forwarded-for", value)]).unwrap();
            assert_eq!(found.0, at(expected).0, "{value}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let spoofed = ("x-forwarded-for", "127.0.0.1");
        let seen = ("x-forwarded-for", "192.0.2.7");
        assert_eq!(client_of(&[spoofed, seen]).unwrap().0, at("192.0.2.7").0);
    }

    #[test]
    fn forwarded_is_read_where_the_older_header_is_missing() {
        for (value, expected) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=\"[2001:db8::7]:4711\";proto=https", "2001:db8::7"),
            ("for=127.0.0.1, proto=https;for=192.0.2.7;by=10.0.0.2", "192.0.2.7"),
            ("for=192.0.2.7, for=10.0.0.2", "192.0.2.7"),
            ("host=\"a,b;for=1.2.3.4\";for=192.0.2.7", "192.0.2.7"),
            // Nobody knows where these came from: the proxy is the client.
            ("for=unknown", "10.0.0.1"),
            ("for=192.0.2.7, for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("proto=https", "10.0.0.1"),
        ] {
            let found = client_of(&[("forwarded", value)]).unwrap();
            assert_eq!(found.0, at(expected).0, "{value}");
        }
        let both = [("forwarded", "for=192.0.2.8"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(client_of(&both).unwrap().0, at("192.0.2.7").0);
    }

    #[test]
    fn a_malformed_header_of_a_trusted_proxy_is_refused() {
        for header in [
            ("x-forwarded-for", "somewhere"),
            ("x-forwarded-for", ""),
            ("x-forwarded-for", "192.0.2.7,"),
            ("x-forwarded-for", "192.0.2.7, 300.0.0.1"),
            ("forwarded", "for=\"192.0.2.7"),
            ("forwarded", "for=192.0.2.7;x=\", for=192.0.2.8"),
            ("forwarded", "for=\"9.9.9.9\", for=\", for=\"192.0.2.8\""),
            ("x-forwarded-host", "a b"),
            ("x-forwarded-host", "good.example@evil.example"),
        ] {
            assert_eq!(client_of(&[header]).unwrap_err(), Code::BadRequest, "{header:?}");
        }
    }

    #[test]
    fn headers_of_others_have_no_effect() {
        let headers = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-host", "evil.example")];
        for peer in [Peer::Network([192, 0, 2, 9].into()), Peer::Unix] {
            let request = resolved(peer, &headers).unwrap();
            let client = request.extensions().get::<Client>().unwrap();
            assert_eq!(client.0, peer.address().into());
            assert!(request.extensions().get::<ForwardedHost>().is_none());
        }
    }

    #[test]
    fn requests_of_proxies_are_recognized() {
        let has = |name: &str| {
            let request = Request::builder().header("host", "a").header(name, "x");
            is_passed_on(request.body(Body::empty()).unwrap().headers())
        };
        for mark in ["X-Forwarded-For", "x-forwarded-host", "x-real-ip", "forwarded", "via"] {
            assert!(has(mark), "{mark}");
        }
        assert!(!has("origin"));
    }

    #[test]
    fn programs_of_the_machine_are_trusted_if_they_are_named() {
        let mut request = Request::builder().header("x-forwarded-for", "192.0.2.7").uri("/");
        request = request.header("x-forwarded-host", "inner.example, outer.example:8443");
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer::Unix);
        resolve(&mut request, &[TrustedProxy::Unix]).unwrap();
        assert_eq!(request.extensions().get::<Client>().unwrap().0, at("192.0.2.7").0);
        let host = &request.extensions().get::<ForwardedHost>().unwrap().0;
        assert_eq!(host.as_str(), "outer.example:8443");
    }
}
