//! The service at full rate for a long time: eight clients that classify and one that enrolls. And
//! what enrolling costs those who classify (`enrolling`), and what the service costs (`bare`).
//!
//! It lasts 20 seconds, or `HANDFUL_LOAD_SECONDS`. `HANDFUL_LOAD_SVG` and `HANDFUL_LOAD_REPORT`
//! name files for the curve and for its numbers. `HANDFUL_ATTACK_SERVER` and
//! `HANDFUL_ATTACK_BUNDLE` hold here too.

mod bare;
mod curve;
mod enrolling;
mod fit;

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::attack::images::photo;
use crate::measure::socket::exchange;
use crate::measure::target::{Target, number, socket_address};
use crate::measure::times::Times;
use crate::measure::{loopback, memory, request, table, take_turn};
use crate::service::{CLASSIFY, Service, examples};

const CLIENTS: usize = 8;

/// Images that are enrolled before the clock starts: until there are 256, what the decision keeps of
/// them grows, and so does the page cache of the store.
const ENROLLED_BEFORE: u32 = 300;

/// A run from this length on counts as a long one, whose bars are those of the project.
const LONG_SECONDS: u64 = 180;

/// The most by which memory may grow, without and with what an enrolled example takes.
const MOST_BYTES: f64 = (48 << 20) as f64;
const MOST_BYTES_PER_EXAMPLE: f64 = (64 << 10) as f64;

/// What happened in a few seconds.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// Seconds since the start, at the end of the window.
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) bytes: u64,
    pub(crate) examples: usize,
}

impl Window {
    fn json(&self) -> Value {
        json!({
            "seconds": self.seconds,
            "requests_per_second": self.requests_per_second,
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
            "bytes": self.bytes,
            "examples": self.examples,
        })
    }
}

type Shared = Arc<Mutex<Times>>;

/// Clients at work, until this is dropped.
struct Clients {
    runtime: Option<Runtime>,
    classified: Shared,
    enrolled: Shared,
}

impl Clients {
    fn start(to: SocketAddr) -> Self {
        let clients = Self::classifying(to);
        clients.spawn(enroll(to, Arc::clone(&clients.enrolled)));
        clients
    }

    /// Only those that classify.
    fn classifying(to: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let classified = Shared::default();
        for n in 0..CLIENTS {
            runtime.spawn(classify(n, to, Arc::clone(&classified)));
        }
        Self { runtime: Some(runtime), classified, enrolled: Shared::default() }
    }

    /// Another client.
    fn spawn(&self, client: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.as_ref().unwrap().spawn(client)
    }

    /// What was classified since the last call.
    fn taken(&self) -> Times {
        taken(&self.classified)
    }

    fn examples(&self) -> usize {
        self.enrolled.lock().unwrap().answers()
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

fn taken(times: &Shared) -> Times {
    std::mem::take(&mut *times.lock().unwrap())
}

async fn classify(client: usize, to: SocketAddr, times: Shared) {
    let request = request::post(CLASSIFY, &photo(u32::try_from(client).unwrap()));
    loop {
        let started = Instant::now();
        let answer = exchange(loopback(10 + client), to, &request).await;
        let is_success = times.lock().unwrap().add(started.elapsed(), answer);
        if !is_success {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A new image each second.
async fn enroll(to: SocketAddr, times: Shared) {
    for n in ENROLLED_BEFORE.. {
        let request = request::post(&class_of(n), &photo(n));
        let started = Instant::now();
        let answer = exchange(loopback(9), to, &request).await;
        times.lock().unwrap().add(started.elapsed(), answer);
        sleep(Duration::from_secs(1).saturating_sub(started.elapsed())).await;
    }
}

/// Where the image with this number is enrolled.
fn class_of(n: u32) -> String {
    examples(&format!("class {}", n % 10))
}

#[test]
#[ignore = "it measures, so nothing may run beside it: see CONTRIBUTING.md"]
fn full_rate_changes_neither_times_nor_memory() {
    let _turn = take_turn();
    let seconds = number("HANDFUL_LOAD_SECONDS").unwrap_or(20);
    let target = Target::new(seconds >= LONG_SECONDS);
    let store = tempfile::tempdir().unwrap();
    let service = target.start(store.path());
    for n in 0..ENROLLED_BEFORE {
        service.post(&class_of(n), &photo(n)).ok();
    }
    let clients = Clients::start(socket_address(&service));
    let (windows, failures) = watch(&service, &clients, seconds);
    report(&windows, seconds);
    let refusals = clients.enrolled.lock().unwrap().failure.clone();
    let failures: Vec<_> = failures.into_iter().chain(refusals).collect();
    drop(clients);
    if target.is_ours {
        assert!(failures.is_empty(), "{failures:?}");
        assert_steady(&windows, seconds);
    }
}

/// Windows of ten seconds, or of a tenth of a short run, and the first failure of each.
fn watch(service: &Service, clients: &Clients, seconds: u64) -> (Vec<Window>, Vec<String>) {
    let length = Duration::from_secs(seconds.min(100)).div_f64(10.0);
    let started = Instant::now();
    let mut windows = Vec::new();
    let mut failures = Vec::new();
    while started.elapsed() < Duration::from_secs(seconds) {
        let window = Instant::now();
        thread::sleep(length);
        let times = clients.taken();
        windows.push(Window {
            seconds: started.elapsed().as_secs_f64(),
            requests_per_second: times.answers() as f64 / window.elapsed().as_secs_f64(),
            p50_ms: times.median(),
            p99_ms: times.quantile(0.99),
            bytes: memory::bytes(service.pid()),
            examples: clients.examples(),
        });
        failures.extend(times.failure);
    }
    (windows, failures)
}

fn report(windows: &[Window], seconds: u64) {
    let rows: Vec<_> = windows.iter().map(cells).collect();
    table::print(&["seconds", "requests/s", "p50 ms", "p99 ms", "MiB", "examples"], &rows);
    let growth = fit::growth(settled(windows));
    println!(
        "memory grows by {:.0} bytes a second, {:.0} an example",
        growth.per_second, growth.per_example
    );
    if let Some(path) = std::env::var_os("HANDFUL_LOAD_SVG") {
        fs::write(path, curve::svg(windows)).unwrap();
    }
    let windows: Vec<_> = windows.iter().map(Window::json).collect();
    let report = json!({
        "seconds": seconds,
        "clients": CLIENTS,
        "bytes_per_second": growth.per_second,
        "bytes_per_example": growth.per_example,
        "windows": windows,
    });
    table::write("HANDFUL_LOAD_REPORT", &report);
}

fn cells(window: &Window) -> Vec<String> {
    let mut cells = vec![format!("{:.0}", window.seconds)];
    let numbers =
        [window.requests_per_second, window.p50_ms, window.p99_ms, memory::mebibytes(window.bytes)];
    cells.extend(numbers.map(table::short));
    cells.push(window.examples.to_string());
    cells
}

/// Without the first third, in which buffers grow to their size.
fn settled(windows: &[Window]) -> &[Window] {
    &windows[windows.len() / 3..]
}

fn assert_steady(windows: &[Window], seconds: u64) {
    let spread = windows.iter().map(|window| window.p99_ms / window.p50_ms).collect::<Vec<_>>();
    let spread = crate::measure::times::quantile(&spread, 0.5);
    // In a short run, the other tests of this program compute at the same time.
    let most = if seconds >= LONG_SECONDS { 3.0 } else { 10.0 };
    assert!(spread <= most, "p99 is {spread:.1} x p50, expected at most {most}");
    let settled = settled(windows);
    let growth = fit::growth(settled);
    let grown = growth.per_second * growth.seconds;
    let most = MOST_BYTES + MOST_BYTES_PER_EXAMPLE * growth.examples;
    assert!(grown <= most, "memory grew by {grown:.0} bytes, expected at most {most:.0}");
}
