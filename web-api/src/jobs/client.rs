//! Who a request comes from: the address that limits are shared by.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The address of a client, or the network in which a client can choose its address.
///
/// For IPv6 it is the first half: the smallest network that is assigned to anybody (RFC 6177), so
/// its owner has all addresses in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 => v4,
        })
    }
}

/// How soon a call is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The classification or embedding of one image: a person holds it in front of a camera.
    High,
    /// Everything else.
    Normal,
}

/// Who waits for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The address.
    pub client: ClientAddress,
    /// The priority of the call.
    pub priority: Priority,
}

/// Who makes a change.
#[derive(Debug, Clone)]
pub struct Writer {
    /// The address that the request came from.
    pub client: ClientAddress,
    /// The actor that the history shows: the name of the key, else a kind of client.
    pub actor: Arc<str>,
}

impl Caller {
    /// The caller who waits for the answer to `n_images`, which changes nothing.
    #[must_use]
    pub fn for_images(client: ClientAddress, n_images: usize) -> Self {
        let priority = if n_images == 1 { Priority::High } else { Priority::Normal };
        Self { client, priority }
    }
}

impl From<ClientAddress> for Caller {
    fn from(client: ClientAddress) -> Self {
        Self { client, priority: Priority::Normal }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The clients of the tests, by number.
    pub(in crate::jobs) fn client(number: u8) -> ClientAddress {
        IpAddr::from([127, 0, 0, number]).into()
    }

    fn parsed(text: &str) -> ClientAddress {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn addresses_of_one_client_are_the_same() {
        assert_eq!(parsed("2001:db8::1"), parsed("2001:db8::ffff:0:0:2"));
        assert_eq!(parsed("::ffff:10.0.0.1"), parsed("10.0.0.1"));
        assert_ne!(parsed("2001:db8:0:1::1"), parsed("2001:db8::1"));
        assert_ne!(client(1), client(2));
    }
}
