//! `handful-server --check-health`: asks the service of these settings whether it is ready.
//!
//! Containers without a shell or curl run it as their health check. It asks at the address that the
//! service listens on, so it needs no setting of its own.

mod any_certificate;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use models::fault::Message;
use serde_json::Value;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use crate::config::Listen;

/// How long connecting may take, and each wait for bytes.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// A service always answers for `localhost`.
const REQUEST: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Asks `GET /readyz` of the service that listens at an address of this machine.
///
/// # Errors
/// One line: nothing answers there, or what answers is not ready, with its reason.
pub fn check(address: &Listen) -> Result<(), Message> {
    let answered = match address {
        Listen::Tcp(given) if given.port() == 0 => {
            return Err(Message::input(
                "--check-health asks a fixed port, and --listen has port 0, which is a free one; \
                 give the port of the service",
            ));
        }
        Listen::Tcp(given) => ask_by_network(on_this_machine(*given)),
        Listen::Unix(path) => ask_by_socket(path),
    };
    let answer = answered.map_err(|error| {
        Message::machine(format!(
            "the service at {address} does not answer: {error}; start it, or give its --listen"
        ))
    })?;
    match answer.status() {
        Some("200") => Ok(()),
        _ => Err(Message::machine(format!("the service at {address} is not ready: {answer}"))),
    }
}

/// Where a program of this machine reaches a service that may listen on all addresses.
fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Asks without TLS first: a port of TLS answers that with a redirection. So it does not matter
/// whether settings, the store or `--setup` gave the service its certificate.
fn ask_by_network(address: SocketAddr) -> io::Result<Answer> {
    let answer = ask(connect(address)?)?;
    if answer.status() != Some("308") {
        return Ok(answer);
    }
    let name = address.ip().into();
    let connection = ClientConnection::new(any_certificate::accepted(), name);
    ask(StreamOwned::new(connection.map_err(io::Error::other)?, connect(address)?))
}

fn ask_by_socket(path: &Path) -> io::Result<Answer> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    ask(stream)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    Ok(stream)
}

fn ask(mut stream: impl Read + Write) -> io::Result<Answer> {
    stream.write_all(REQUEST)?;
    stream.flush()?;
    let mut bytes = Vec::new();
    let read = stream.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes);
    // An answer that came is whole enough, however its connection ended.
    if bytes.is_empty() {
        read?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Answer(String::from_utf8_lossy(&bytes).into_owned()))
}

/// An answer of HTTP/1.1: head and body.
struct Answer(String);

impl Answer {
    /// The code of the status line; `None` if this is no HTTP.
    fn status(&self) -> Option<&str> {
        self.0.strip_prefix("HTTP/1.")?.split_ascii_whitespace().nth(1)
    }

    /// The reason that a problem document gives.
    fn detail(&self) -> Option<String> {
        let (_, body) = self.0.split_once("\r\n\r\n")?;
        let problem: Value = serde_json::from_str(body).ok()?;
        Some(problem.get("detail")?.as_str()?.to_owned())
    }
}

/// The reason in one line, or the status.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.detail(), self.status()) {
            (Some(detail), _) => f.write_str(&detail),
            (None, Some(status)) => write!(f, "it answered with status {status}"),
            (None, None) => f.write_str("what answered there is no HTTP service"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is found out about a service that gives this answer.
    fn checked(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Listen::Tcp(listener.local_addr().unwrap());
        let service = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; REQUEST.len()];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let checked = check(&address).map_err(|error| error.to_string());
        service.join().unwrap();
        checked
    }

    #[test]
    fn only_200_is_ready() {
        assert_eq!(checked("HTTP/1.1 200 OK\r\n\r\n{}"), Ok(()));
        let busy = "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"detail\":\"The store is gone.\"}";
        assert!(checked(busy).unwrap_err().ends_with("is not ready: The store is gone."));
        assert!(checked("HTTP/1.1 404 Not Found\r\n\r\n").unwrap_err().ends_with("status 404"));
        assert!(checked("SSH-2.0\r\n").unwrap_err().ends_with("no HTTP service"));
        assert!(checked("").unwrap_err().contains("does not answer"));
    }

    #[test]
    fn an_address_without_a_service_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = check(&Listen::Tcp(free)).unwrap_err().to_string();
        assert!(error.contains(&free.to_string()) && error.contains("does not answer"), "{error}");
        let error = check(&Listen::Unix("no/such.sock".into())).unwrap_err().to_string();
        assert!(error.contains("unix:no/such.sock does not answer"), "{error}");
        let error = check(&"127.0.0.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("port 0"), "{error}");
    }

    #[test]
    fn all_addresses_of_the_machine_are_asked_at_one() {
        for (listens, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(on_this_machine(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
