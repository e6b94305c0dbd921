//! Connections: at most so many at once, heads that must arrive and answers that must be taken in
//! time, and a stop that lets requests under way end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Limits;
use crate::http::write_timeout::WriteTimeout;

/// The longest head of a request.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long to wait when the system refuses a connection, for lack of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers connections until `stop` is ready; then no new ones, and those under way get
/// [`Limits::drain_time`].
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
    drop(listener);
    // Receivers live in the connections; there may be none.
    let _ = stopping.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain_time(), drained).await.is_err() {
        tracing::warn!("requests under way were cut off after {} s", limits.drain_seconds);
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
    let places = Arc::new(Semaphore::new(limits.max_connections));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let stream = next(listener).await;
        let connection = converse(stream, app.clone(), limits, stopped.clone());
        connections.spawn(async move {
            let _place = place;
            connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    app: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("{error}");
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.receive_time())
        .max_buf_size(MAX_HEAD_BYTES);
    let stream = TokioIo::new(WriteTimeout::new(stream, limits.receive_time()));
    let connection = http.serve_connection(stream, TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Ready at ctrl-c or SIGTERM.
///
/// # Errors
/// When the system does not deliver signals.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
