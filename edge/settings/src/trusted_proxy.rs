//! The reverse proxies whose word about their clients is taken.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// Who may name the address of a client in the header `X-Forwarded-For`.
// A settings file takes the texts of the command line, with the same error for a wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum TrustedProxy {
    /// All machines of a network; one address is a network too.
    Network(IpNet),
    /// All clients of a unix socket.
    Unix,
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A text that is no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no proxy; expected an address like 127.0.0.1, a network like 10.0.0.0/8, or unix"
)]
pub struct TrustedProxyError(String);

impl FromStr for TrustedProxy {
    type Err = TrustedProxyError;

    fn from_str(text: &str) -> Result<Self, TrustedProxyError> {
        let text = text.trim();
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        // 10.1.2.3/8 is written for 10.0.0.0/8.
        let network = network.map(|network| Self::Network(network.trunc()));
        network.map_err(|_| TrustedProxyError(text.to_owned()))
    }
}

impl TryFrom<String> for TrustedProxy {
    type Error = TrustedProxyError;

    fn try_from(text: String) -> Result<Self, TrustedProxyError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_the_socket_are_read() {
        for (text, expected) in [
            ("unix", "unix"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            (" fd00::/8", "fd00::/8"),
        ] {
            assert_eq!(text.parse::<TrustedProxy>().unwrap().to_string(), expected);
        }
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "*"] {
            let error = text.parse::<TrustedProxy>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("unix"), "{error}");
        }
    }
}
