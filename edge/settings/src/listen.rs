//! The address to listen on, as people write it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// The port where none is given.
const PORT: u16 = 8080;

/// The prefix of a unix socket.
const UNIX: &str = "unix:";

/// Where the service listens: an address and port (`127.0.0.1:8080`, `[::1]:8080`,
/// `localhost:8080`, `:8080` or `8080`, which are ports of this machine only, or an address without
/// a port), or a unix socket (`unix:/run/handful.sock`).
// A settings file takes the texts of the command line, with the same error for a wrong one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// An address and port.
    Tcp(SocketAddr),
    /// The file of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// A text that is no address to listen on.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` is no address to listen on: {reason}; expected one like \
         127.0.0.1:8080 or unix:/run/handful.sock"
)]
pub struct ListenError {
    text: String,
    reason: String,
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let parsed = match text.strip_prefix(UNIX) {
            Some("") => Err("the path of the socket is missing".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => parse(text).map(Self::Tcp),
        };
        parsed.map_err(|reason| ListenError { text: text.to_owned(), reason })
    }
}

impl TryFrom<String> for Listen {
    type Error = ListenError;

    fn try_from(text: String) -> Result<Self, ListenError> {
        text.parse()
    }
}

fn parse(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok((ip, PORT).into());
    }
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    match text.rsplit_once(':') {
        // Not all addresses of the machine, as in other programs: whoever opens the service to a
        // network has to write so.
        Some(("", port)) => Ok((Ipv4Addr::LOCALHOST, port_of(port)?).into()),
        Some((host, port)) => resolved(host, port_of(port)?),
        None => resolved(text, PORT),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is no port, 0 to 65535"))
}

/// The address of a host name, IPv4 if it has one: clients of `localhost` may know no other.
fn resolved(host: &str, port: u16) -> Result<SocketAddr, String> {
    let found = (host, port).to_socket_addrs();
    let mut addresses: Vec<_> = found.map_err(|_| format!("`{host}` has no address"))?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| format!("`{host}` has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (text, expected) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:9000", "[::1]:9000"),
            (":9000", "127.0.0.1:9000"),
            ("9000", "127.0.0.1:9000"),
            ("127.0.0.1", "127.0.0.1:8080"),
            ("[::1]", "[::1]:8080"),
            ("::1", "[::1]:8080"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("localhost", "127.0.0.1:8080"),
            ("unix:/run/handful.sock", "unix:/run/handful.sock"),
        ] {
            let read = text.parse::<Listen>().map(|listen| listen.to_string());
            assert_eq!(read.ok().as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn another_text_is_refused_with_the_reason() {
        for (text, expected) in [
            ("127.0.0.1:99999", "`99999` is no port"),
            ("localhost:http", "`http` is no port"),
            ("no.such.host.invalid:80", "has no address"),
            ("", "has no address"),
            ("unix:", "path of the socket is missing"),
        ] {
            let error = text.parse::<Listen>().map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.contains(expected)), "{error:?}");
        }
    }
}
