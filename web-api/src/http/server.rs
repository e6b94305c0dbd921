//! Connections: a place for each, timeouts for request heads and for writes, and a graceful
//! shutdown.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Limits;
use crate::connections::{Connection, Phase};
use crate::http::refusals::Refusals;
use crate::http::write_timeout::WriteTimeout;
use crate::metrics::Refusal;
use crate::state::AppState;

/// The most bytes of a request head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The pause after a failed accept, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop` is ready. Running requests then have [`Limits::drain_time`] to
/// finish.
// The loop is ours: the servers of axum and hyper-util neither choose which connection gives way
// when all places are in use nor end those that do not finish in time.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    state: Arc<AppState>,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &app, &state, &stopped, &mut tasks) => {}
        () = stop => {}
    }
    // Closed first: new connections are refused at once and do not wait for the end.
    drop(listener);
    // The receivers belong to the connections, so there may be none.
    let _ = stopping.send(true);
    let limits = state.config.limits;
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(limits.drain_time(), drained).await.is_err() {
        tracing::warn!(
            "shutdown: running requests were cancelled after {} s",
            limits.drain_seconds
        );
    }
    tasks.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    app: &Router,
    state: &Arc<AppState>,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    loop {
        let (stream, address) = accept_one(listener).await;
        if is_gone(&stream) {
            continue;
        }
        // Every connection is taken: one that waits in the system's queue cannot ask for health.
        let place = state.connections.admit(address.ip().into());
        let connection = Arc::clone(&place.connection);
        let served = serve_connection(
            stream,
            app.clone(),
            state.config.limits,
            Arc::clone(&connection),
            stopped.clone(),
        );
        let state = Arc::clone(state);
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

async fn accept_one(listener: &TcpListener) -> (TcpStream, SocketAddr) {
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
fn is_gone(stream: &TcpStream) -> bool {
    match recv(stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, received)) => received == 0,
        Err(error) => error != Errno::WOULDBLOCK,
    }
}

async fn serve_connection(
    stream: TcpStream,
    app: Router,
    limits: Limits,
    info: Arc<Connection>,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are small, and Nagle's algorithm would hold them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY failed: {error}");
    }
    let mut http = http1::Builder::new();
    // A head that arrives byte by byte must not hold a connection for ever.
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.receive_time())
        .max_buf_size(MAX_HEAD_BYTES);
    let stream = WriteTimeout::new(stream, limits.receive_time());
    let stream = TokioIo::new(Refusals::new(stream));
    let app = TowerToHyperService::new(app);
    let connection = http.serve_connection(
        stream,
        service_fn(move |mut request| {
            info.enter(Phase::Work);
            request.extensions_mut().insert(Arc::clone(&info));
            app.call(request)
        }),
    );
    let mut connection = pin!(connection);
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
