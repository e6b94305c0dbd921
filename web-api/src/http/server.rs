//! Connections: a limit on their number, timeouts for request heads and for writes, and a graceful
//! shutdown.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Limits;
use crate::http::refusals::Refusals;
use crate::http::write_timeout::WriteTimeout;

/// The most bytes of a request head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The pause after a failed accept, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop` is ready. Running requests then have [`Limits::drain_time`] to
/// finish.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &app, limits, &stopped, &mut connections) => {}
        () = stop => {}
    }
    // Closed first: new connections are refused at once and do not wait for the end.
    drop(listener);
    // The receivers belong to the connections, so there may be none.
    let _ = stopping.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain_time(), drained).await.is_err() {
        tracing::warn!(
            "shutdown: running requests were cancelled after {} s",
            limits.drain_seconds
        );
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    app: &Router,
    limits: Limits,
    stopped: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    loop {
        // Waits while the limit is reached; the system queues further connections.
        let permit = Arc::clone(&permits).acquire_owned().await;
        let stream = accept_one(listener).await;
        let connection = serve_connection(stream, app.clone(), limits, stopped.clone());
        connections.spawn(async move {
            let _permit = permit;
            connection.await;
        });
        // Finished tasks stay in the set until they are taken out.
        while connections.try_join_next().is_some() {}
    }
}

async fn accept_one(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!("accept failed: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    app: Router,
    limits: Limits,
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
    let connection = http.serve_connection(stream, TowerToHyperService::new(app));
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
