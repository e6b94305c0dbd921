//! The socket that the service listens on: of an address, of a file, or passed by systemd.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use models::fault::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};

use crate::config::Listen;

/// Connections that the system queues until the service takes them up, if its own limit allows it.
const BACKLOG: i32 = 4096;

/// The user and the group of the service may connect.
const MODE: u32 = 0o660;

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Removed with the listener.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The other end of a TCP connection.
    Network(IpAddr),
    /// A program of this machine, by a unix socket.
    Unix,
}

impl Peer {
    /// Its address. Programs of this machine share one.
    #[must_use]
    pub fn address(self) -> IpAddr {
        match self {
            Self::Network(address) => address,
            Self::Unix => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// A connection that was taken up.
#[derive(Debug)]
pub(super) enum Accepted {
    /// By TCP.
    Tcp(TcpStream),
    /// By a unix socket.
    Unix(UnixStream),
}

impl Accepted {
    /// The socket, for calls of the system.
    pub(super) fn as_socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Bytes in both directions, whatever carries them.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection of any kind. One type for all, so that the code of hyper is built once.
pub(super) type Stream = Box<dyn Duplex>;

impl Listener {
    /// Takes the socket that systemd passed, if there is one.
    ///
    /// # Errors
    /// More than one was passed, or one that is no listening TCP or unix socket.
    pub fn passed() -> Result<Option<Self>, Message> {
        let mut passed = ListenFd::from_env();
        match passed.len() {
            0 => Ok(None),
            1 => Self::take(&mut passed).map(Some),
            n => Err(Message::input(format!(
                "systemd passed {n} sockets, expected one; leave one Listen line in the socket unit"
            ))),
        }
    }

    fn take(passed: &mut ListenFd) -> Result<Self, Message> {
        let socket = match passed.take_tcp_listener(0) {
            Ok(Some(listener)) => tcp(listener).map(Socket::Tcp),
            // It is of another kind then, and still there.
            _ => passed.take_unix_listener(0).and_then(|listener| {
                unix(listener.ok_or(io::ErrorKind::NotFound)?).map(Socket::Unix)
            }),
        };
        let socket = socket.map_err(|error| {
            Message::input(format!(
                "the socket that systemd passed cannot be used: {error}; expected ListenStream= \
                 with an address or a path in the socket unit"
            ))
        })?;
        // The file of a passed socket is systemd's.
        Ok(Self { socket, _file: None })
    }

    /// Opens the socket of a setting.
    ///
    /// # Errors
    /// The address is in use or none of this machine; the path is in use, or no socket.
    pub async fn open(listen: &Listen) -> Result<Self, Message> {
        match listen {
            Listen::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address).and_then(tcp);
                let socket = Socket::Tcp(listener.map_err(|error| cannot_listen(listen, &error))?);
                Ok(Self { socket, _file: None })
            }
            Listen::Unix(path) => {
                remove_stale(path).await?;
                let opened = SocketFile::bind(path);
                let (listener, file) = opened.map_err(|error| cannot_listen(listen, &error))?;
                Ok(Self { socket: Socket::Unix(listener), _file: Some(file) })
            }
        }
    }

    /// Where it listens, with the port that the system chose.
    ///
    /// # Errors
    /// The system does not state it, or the socket has a name that is no path.
    pub fn address(&self) -> io::Result<Listen> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Socket::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().ok_or(io::ErrorKind::Unsupported)?;
                Ok(Listen::Unix(path.to_owned()))
            }
        }
    }

    /// The next connection, and who opened it.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Accepted::Tcp(stream), Peer::Network(address.ip())))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream), Peer::Unix))
            }
        }
    }
}

fn tcp(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    // Where the system queues only 128, a flood of connections delays others by whole seconds: a
    // client repeats a lost attempt after one.
    rustix::net::listen(&listener, BACKLOG)?;
    // tokio requires it of a listener that it takes over.
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn unix(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn cannot_listen(listen: &Listen, error: &io::Error) -> Message {
    let advice = match listen {
        Listen::Tcp(_) => "choose another address with --listen (port 0 selects a free port)",
        Listen::Unix(_) => {
            "choose another path with --listen, in a folder that this user may write"
        }
    };
    Message::machine(format!("cannot listen on {listen}: {error}; {advice}"))
}

/// Removes a socket file that nobody listens on any more, as a program leaves it that was killed.
async fn remove_stale(path: &Path) -> Result<(), Message> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let path_of_socket = path.display();
    if !metadata.file_type().is_socket() {
        return Err(Message::input(format!(
            "cannot listen on unix:{path_of_socket}: a file that is no socket is there; choose \
             another path with --listen"
        )));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| {
                Message::machine(format!(
                    "cannot remove the unused socket {path_of_socket}: {error}; remove it, or \
                     choose another path with --listen"
                ))
            }),
        _ => Err(Message::machine(format!(
            "cannot listen on unix:{path_of_socket}: another program listens there; stop it, or \
             choose another path with --listen"
        ))),
    }
}

/// The file of a socket. It is removed on drop, unless it belongs to another program by then.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl SocketFile {
    fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let file = Self { path: path.to_owned(), id: id(path)? };
        // Before anybody can connect, whatever the file mode mask allows.
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        Ok((socket.listen(BACKLOG.unsigned_abs())?, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            // The service ends; the next one replaces what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn listen(path: &Path) -> Listen {
        Listen::Unix(path.to_owned())
    }

    #[tokio::test]
    async fn a_socket_file_is_for_user_and_group_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = Listener::open(&listen(&path)).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let (_client, accepted) = tokio::join!(UnixStream::connect(&path), listener.accept());
        assert_eq!(accepted.unwrap().1, Peer::Unix);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn an_unused_socket_is_replaced_and_a_used_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        // The standard library leaves the file behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = Listener::open(&listen(&path)).await.unwrap();
        let error = Listener::open(&listen(&path)).await.unwrap_err().to_string();
        assert!(error.contains("another program listens there"), "{error}");
        fs::remove_file(&path).unwrap();
        let second = Listener::open(&listen(&path)).await.unwrap();
        drop(first);
        assert!(path.exists(), "it is the file of the second one");
        drop(second);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        fs::write(&path, "kept").unwrap();
        let error = Listener::open(&listen(&path)).await.unwrap_err().to_string();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        let nowhere = folder.path().join("no/folder");
        assert!(Listener::open(&listen(&nowhere)).await.is_err());
    }
}
