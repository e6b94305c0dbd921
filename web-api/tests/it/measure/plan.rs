//! What an attacker does, again and again, whatever the service answers.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::request::Bytes;
use super::socket::{connect, connect_and_reset, connect_narrow, exchange, status};

/// The pause after a refusal or a closed connection: an attacker obeys no `Retry-After`.
const PAUSE: Duration = Duration::from_millis(20);

const SECOND: Duration = Duration::from_secs(1);

/// What each attacker does.
#[derive(Clone)]
pub(crate) enum Plan {
    /// Nothing.
    Rest,
    /// Requests one after another, each on a connection of its own.
    Repeat(Vec<Bytes>),
    /// The start of a request on `sockets` connections, then nothing.
    Stall { start: Bytes, sockets: usize },
    /// A new connection every 50 ms, without a byte; the `sockets` newest are kept.
    Silence { sockets: usize },
    /// The start of a request on `sockets` connections, then `rest`, a byte a second.
    Drip { start: Bytes, rest: Bytes, sockets: usize },
    /// A request a second on each of `sockets` connections, which stay open.
    Busy { request: Bytes, sockets: usize },
    /// Requests on one connection as fast as it takes them; the answers are read.
    Pipeline { requests: Bytes },
    /// A request on `sockets` connections, whose answers are not read.
    Unread { request: Bytes, sockets: usize },
    /// Connects and resets as fast as possible.
    Churn,
}

/// What the service did to the attackers.
#[derive(Default)]
pub(crate) struct Tally {
    answered: AtomicUsize,
    refused: AtomicUsize,
    other: AtomicUsize,
    closed: AtomicUsize,
}

impl Tally {
    fn add(&self, answer: io::Result<Option<u16>>) -> bool {
        let (counter, is_success) = match answer {
            Ok(Some(200..=299)) => (&self.answered, true),
            Ok(Some(429 | 503)) => (&self.refused, false),
            Ok(Some(_)) => (&self.other, false),
            Ok(None) | Err(_) => (&self.closed, false),
        };
        counter.fetch_add(1, Relaxed);
        is_success
    }

    /// Successes, refusals, other answers, closed connections.
    pub(crate) fn counts(&self) -> [usize; 4] {
        [&self.answered, &self.refused, &self.other, &self.closed].map(|count| count.load(Relaxed))
    }
}

/// Attackers at work, until this is dropped.
pub(crate) struct Attackers {
    runtime: Option<Runtime>,
    pub(crate) tally: Arc<Tally>,
}

impl Attackers {
    pub(crate) fn new() -> Self {
        // One thread: two cores belong to the service and the victims too.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime: Some(runtime), tally: Arc::default() }
    }

    /// One more attacker.
    pub(crate) fn add(&self, plan: &Plan, from: Ipv4Addr, to: SocketAddr) {
        let runtime = self.runtime.as_ref().expect("invariant: taken only when dropped");
        let attacker = Attacker { from, to, tally: Arc::clone(&self.tally) };
        match plan.clone() {
            Plan::Rest => {}
            Plan::Repeat(requests) => drop(runtime.spawn(attacker.repeat(requests))),
            Plan::Silence { sockets } => drop(runtime.spawn(attacker.keep_silent(sockets))),
            Plan::Churn => drop(runtime.spawn(attacker.churn())),
            Plan::Stall { start, sockets } => {
                for _ in 0..sockets {
                    runtime.spawn(attacker.clone().stall(Arc::clone(&start)));
                }
            }
            Plan::Drip { start, rest, sockets } => {
                for _ in 0..sockets {
                    let attacker = attacker.clone();
                    runtime.spawn(attacker.drip(Arc::clone(&start), Arc::clone(&rest)));
                }
            }
            Plan::Busy { request, sockets } => {
                for _ in 0..sockets {
                    runtime.spawn(attacker.clone().stay_busy(Arc::clone(&request)));
                }
            }
            Plan::Pipeline { requests } => drop(runtime.spawn(attacker.pipeline(requests))),
            Plan::Unread { request, sockets } => {
                for _ in 0..sockets {
                    runtime.spawn(attacker.clone().read_nothing(Arc::clone(&request)));
                }
            }
        }
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Ends the tasks, which closes their connections.
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

#[derive(Clone)]
struct Attacker {
    from: Ipv4Addr,
    to: SocketAddr,
    tally: Arc<Tally>,
}

impl Attacker {
    async fn repeat(self, requests: Vec<Bytes>) {
        for request in requests.iter().cycle() {
            if !self.tally.add(exchange(self.from, self.to, request).await) {
                sleep(PAUSE).await;
            }
        }
    }

    async fn keep_silent(self, sockets: usize) {
        let mut open = VecDeque::new();
        loop {
            match connect(self.from, self.to).await {
                Ok(stream) => open.push_back(stream),
                Err(error) => drop(self.tally.add(Err(error))),
            }
            if open.len() > sockets {
                open.pop_front();
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn churn(self) {
        loop {
            if let Err(error) = connect_and_reset(self.from, self.to).await {
                self.tally.add(Err(error));
                sleep(PAUSE).await;
            }
        }
    }

    async fn stall(self, start: Bytes) {
        loop {
            self.tally.add(self.stall_once(&start).await);
            sleep(PAUSE).await;
        }
    }

    async fn stall_once(&self, start: &[u8]) -> io::Result<Option<u16>> {
        let mut stream = connect(self.from, self.to).await?;
        // An answer may come before everything was sent.
        let _ = stream.write_all(start).await;
        ended(&mut stream).await
    }

    async fn drip(self, start: Bytes, rest: Bytes) {
        loop {
            self.tally.add(self.drip_once(&start, &rest).await);
            sleep(PAUSE).await;
        }
    }

    async fn drip_once(&self, start: &[u8], rest: &[u8]) -> io::Result<Option<u16>> {
        let mut stream = connect(self.from, self.to).await?;
        stream.write_all(start).await?;
        for byte in rest {
            stream.write_all(&[*byte]).await?;
            sleep(SECOND).await;
        }
        ended(&mut stream).await
    }

    async fn stay_busy(self, request: Bytes) {
        loop {
            self.tally.add(self.stay_busy_once(&request).await);
            sleep(PAUSE).await;
        }
    }

    /// Ends when the service has closed the connection.
    async fn stay_busy_once(&self, request: &[u8]) -> io::Result<Option<u16>> {
        let mut stream = connect(self.from, self.to).await?;
        let mut answers = vec![0; 4096];
        loop {
            stream.write_all(request).await?;
            if stream.read(&mut answers).await? == 0 {
                return Ok(None);
            }
            sleep(SECOND).await;
        }
    }

    async fn pipeline(self, requests: Bytes) {
        loop {
            self.tally.add(self.pipeline_once(&requests).await);
            sleep(PAUSE).await;
        }
    }

    async fn pipeline_once(&self, requests: &[u8]) -> io::Result<Option<u16>> {
        let mut stream = connect(self.from, self.to).await?;
        let (mut reader, mut writer) = stream.split();
        let send = async {
            loop {
                writer.write_all(requests).await?;
            }
        };
        let mut discarded = sink();
        tokio::select! {
            failed = send => failed,
            ended = copy(&mut reader, &mut discarded) => ended.map(|_| None),
        }
    }

    async fn read_nothing(self, request: Bytes) {
        loop {
            self.tally.add(self.read_nothing_once(&request).await);
            sleep(PAUSE).await;
        }
    }

    /// Ends when the service has closed the connection.
    async fn read_nothing_once(&self, request: &[u8]) -> io::Result<Option<u16>> {
        let mut stream = connect_narrow(self.from, self.to).await?;
        stream.write_all(request).await?;
        loop {
            sleep(SECOND).await;
            // Without reading, only a write shows that the other side is gone.
            match stream.try_write(b"\r\n") {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }
}

/// The status of what the service sends before it closes the connection.
async fn ended(stream: &mut TcpStream) -> io::Result<Option<u16>> {
    let mut answer = Vec::new();
    let received = stream.read_to_end(&mut answer).await;
    match status(&answer) {
        None => received.map(|_| None),
        status => Ok(status),
    }
}
