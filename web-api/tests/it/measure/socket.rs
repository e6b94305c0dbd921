//! Connections from a chosen source address, and requests on them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Connects from the address `from`.
pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    connect_with(TcpSocket::new_v4()?, from, to).await
}

/// Connects with the smallest buffer for what arrives, so that little of an answer fits into it.
pub(crate) async fn connect_narrow(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    connect_with(socket, from, to).await
}

/// Connects, and closes the connection at once with a reset, which needs no port afterwards.
pub(crate) async fn connect_and_reset(from: Ipv4Addr, to: SocketAddr) -> io::Result<()> {
    connect(from, to).await?.set_zero_linger()
}

async fn connect_with(socket: TcpSocket, from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    socket.bind(SocketAddr::new(from.into(), 0))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request of a new connection and reads the answer to its end; returns the status.
pub(crate) async fn exchange(
    from: Ipv4Addr,
    to: SocketAddr,
    request: &[u8],
) -> io::Result<Option<u16>> {
    let mut stream = connect(from, to).await?;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    // At the same time: the service may refuse before it has read the whole request, and then
    // either side may fail although the answer has arrived.
    let (_sent, received) =
        tokio::join!(writer.write_all(request), reader.read_to_end(&mut answer));
    match status(&answer) {
        None => received.map(|_| None),
        status => Ok(status),
    }
}

/// The status of an answer; `None` if the connection was closed without one.
pub(crate) fn status(answer: &[u8]) -> Option<u16> {
    let digits = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
