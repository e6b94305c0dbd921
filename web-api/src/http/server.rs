//! Connections: a place for each, timeouts for request heads and for writes, and a graceful
//! shutdown.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Limits;
use crate::connections::{Connection, Phase};
use crate::http::listener::{Accepted, Listener, Peer, Stream};
use crate::http::refusals::Refusals;
use crate::http::tls::{Handshake, Tls};
use crate::http::write_timeout::WriteTimeout;
use crate::http::{base_path, https_only};
use crate::metrics::Refusal;
use crate::state::AppState;

/// The most bytes of a request head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The pause after a failed accept, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection needs.
#[derive(Clone)]
struct Server {
    app: Router,
    state: Arc<AppState>,
    /// Without it, connections of TCP are not encrypted.
    tls: Option<Arc<Tls>>,
    stopped: watch::Receiver<bool>,
}

/// Serves connections until `stop` is ready. Running requests then have [`Limits::drain_time`] to
/// finish.
// The loop is ours: the servers of axum and hyper-util neither choose which connection gives way
// when all places are in use nor end those that do not finish in time.
pub async fn serve(
    listener: Listener,
    tls: Option<Arc<Tls>>,
    app: Router,
    state: Arc<AppState>,
    stop: impl Future<Output = ()>,
) {
    let limits = state.config.limits;
    let (stopping, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let server = Server { app, state, tls, stopped };
    tokio::select! {
        () = accept(&listener, &server, &mut tasks) => {}
        () = stop => {}
    }
    // Closed first: new connections are refused at once and do not wait for the end.
    drop(listener);
    // The receivers belong to the connections, so there may be none.
    let _ = stopping.send(true);
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(limits.drain_time(), drained).await.is_err() {
        tracing::warn!(
            "shutdown: running requests were cancelled after {} s",
            limits.drain_seconds
        );
    }
    tasks.shutdown().await;
}

async fn accept(listener: &Listener, server: &Server, tasks: &mut JoinSet<()>) {
    loop {
        let (stream, peer) = accept_one(listener).await;
        if is_gone(stream.as_socket()) {
            continue;
        }
        // Every connection is taken: one that waits in the system's queue cannot ask for health.
        let place = server.state.connections.admit(peer.address().into());
        let connection = Arc::clone(&place.connection);
        let served = server.clone().serve_connection(stream, peer, Arc::clone(&connection));
        let state = Arc::clone(&server.state);
        tasks.spawn(async move {
            let _place = place;
            tokio::select! {
                () = served => {}
                () = connection.gives_way() => state.metrics.refusal(Refusal::Displaced),
            }
        });
        // Finished tasks stay in the set until they are taken out.
        while tasks.try_join_next().is_some() {}
    }
}

async fn accept_one(listener: &Listener) -> (Accepted, Peer) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("accept failed: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the client closed the connection before it sent a byte. Such a connection is dropped
/// at once: taking it up costs more than opening it, so a flood of them would delay all others.
fn is_gone(socket: impl AsFd) -> bool {
    match recv(socket, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, received)) => received == 0,
        Err(error) => error != Errno::WOULDBLOCK,
    }
}

impl Server {
    async fn serve_connection(mut self, stream: Accepted, peer: Peer, info: Arc<Connection>) {
        match stream {
            Accepted::Unix(stream) => self.serve_stream(Box::new(stream), peer, info).await,
            Accepted::Tcp(stream) => {
                without_delay(&stream);
                match self.tls.take() {
                    None => self.serve_stream(Box::new(stream), peer, info).await,
                    Some(tls) => self.serve_tls(tls, stream, peer, info).await,
                }
            }
        }
    }

    /// The time for a request head is also that of the handshake before it.
    async fn serve_tls(
        mut self,
        tls: Arc<Tls>,
        stream: TcpStream,
        peer: Peer,
        info: Arc<Connection>,
    ) {
        let limits = self.state.config.limits;
        let handshake = timeout(limits.receive_time(), tls.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            _ = self.stopped.changed() => return,
        };
        match shaken {
            Ok(Ok(Handshake::Secure(stream))) => self.serve_stream(stream, peer, info).await,
            Ok(Ok(Handshake::Plain(stream))) => {
                let time = limits.receive_time();
                serve_http(Box::new(stream), limits, self.stopped, move |request| {
                    https_only::answer(request, time)
                })
                .await;
            }
            // Clients break connections at any time, so these are no warnings.
            Ok(Err(error)) => tracing::debug!("TLS handshake failed: {error}"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn serve_stream(self, stream: Stream, peer: Peer, info: Arc<Connection>) {
        let Self { app, state, stopped, .. } = self;
        let limits = state.config.limits;
        let app = TowerToHyperService::new(app);
        serve_http(stream, limits, stopped, move |mut request: Request<Incoming>| {
            info.enter(Phase::Work);
            request.extensions_mut().insert(Arc::clone(&info));
            request.extensions_mut().insert(peer);
            let redirect = base_path::enter(state.config.base_path.as_str(), request.uri_mut());
            let app = app.clone();
            async move {
                match redirect {
                    Some(redirect) => Ok(redirect),
                    None => app.call(request).await,
                }
            }
        })
        .await;
    }
}

/// Answers are small, and Nagle's algorithm would hold them back.
fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY failed: {error}");
    }
}

/// Answers the requests of a connection.
async fn serve_http<F, R>(
    stream: Stream,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Result<Response, Infallible>>,
{
    let mut http = http1::Builder::new();
    // A head that arrives byte by byte must not hold a connection for ever.
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.receive_time())
        .max_buf_size(MAX_HEAD_BYTES);
    let stream = WriteTimeout::new(stream, limits.receive_time());
    let stream = TokioIo::new(Refusals::new(stream));
    let mut connection = pin!(http.serve_connection(stream, service_fn(answer)));
    // At shutdown an idle connection ends at once; a running request is answered first.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients break connections at any time, so this is no warning.
        tracing::debug!("connection failed: {error}");
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}

/// Ready at Ctrl-C, at SIGTERM, and when its terminal is closed (SIGHUP) unless the service was
/// started to survive that.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let hangup = if terminal::is_hangup_ignored() { None } else { Some(SignalKind::hangup()) };
    let mut hangup = hangup.map(signal).transpose()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = received(&mut hangup) => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// Two connected sockets: that of a client, and that of the service.
    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_client_is_gone_if_it_closed_without_a_byte() {
        let (client, served) = connected().await;
        assert!(!is_gone(&served));
        drop(client);
        assert!(is_gone(&served));
        let (client, served) = connected().await;
        client.set_zero_linger().unwrap();
        drop(client);
        assert!(is_gone(&served), "with a reset");
    }

    #[tokio::test]
    async fn a_client_that_closed_after_its_request_is_answered() {
        let (mut client, served) = connected().await;
        client.write_all(b"GET").await.unwrap();
        assert!(!is_gone(&served));
        client.shutdown().await.unwrap();
        assert!(!is_gone(&served));
    }
}
