//! What enrolling costs those who classify: the median of eight clients while one enrolls as
//! fast as it can, and beside a ninth that classifies, in turns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{CLIENTS, Clients, LONG_SECONDS, Shared, classify, taken};
use crate::attack::images::photo;
use crate::measure::request::{self, Bytes};
use crate::measure::socket::exchange;
use crate::measure::target::{Target, number, socket_address};
use crate::measure::times::{Times, quantile};
use crate::measure::{loopback, table, take_turn};
use crate::service::examples;

/// Classes of the gallery.
const CLASSES: usize = 1000;

/// Images that are enrolled, each once in every class.
const IMAGES: u32 = 64;

/// The ninth clients, again and again: a machine that becomes slower does not count against one.
const TURNS: [Ninth; 4] = [Ninth::Classifies, Ninth::Enrolls, Ninth::Enrolls, Ninth::Classifies];
const ROUNDS: usize = 3;

/// The most by which the median may grow in a long run, and in a short one, whose windows are short
/// and whose network is tiny.
const MOST_LONG: f64 = 1.2;
const MOST_SHORT: f64 = 2.0;

/// What the ninth client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ninth {
    Classifies,
    Enrolls,
}

/// Some seconds beside a ninth client.
struct Window {
    ninth: Ninth,
    seconds: f64,
    /// Of the eight.
    eight: Times,
    /// Of the ninth.
    other: Times,
}

impl Window {
    fn cells(&self) -> Vec<String> {
        let numbers = [
            self.eight.answers() as f64 / self.seconds,
            self.eight.median(),
            self.eight.quantile(0.99),
            self.other.answers() as f64 / self.seconds,
        ];
        let ninth = format!("{:?}", self.ninth).to_lowercase();
        std::iter::once(ninth).chain(numbers.map(table::short)).collect()
    }
}

/// Requests of which each enrolls an image that its class does not have.
struct Enrollments {
    images: Vec<Vec<u8>>,
    made: AtomicUsize,
}

impl Enrollments {
    fn new() -> Arc<Self> {
        // Before anything is measured: drawing takes the processor too.
        Arc::new(Self { images: (0..IMAGES).map(photo).collect(), made: AtomicUsize::new(0) })
    }

    fn next(&self) -> Bytes {
        let n = self.made.fetch_add(1, Ordering::SeqCst);
        let image = &self.images[(n / CLASSES) % self.images.len()];
        request::post(&examples(&format!("mug {}", n % CLASSES)), image)
    }
}

async fn enroll(to: SocketAddr, enrollments: Arc<Enrollments>, times: Shared) {
    loop {
        let request = enrollments.next();
        let started = Instant::now();
        let answer = exchange(loopback(9), to, &request).await;
        let is_success = times.lock().unwrap().add(started.elapsed(), answer);
        if !is_success {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[test]
#[ignore = "it measures, so nothing may run beside it: see CONTRIBUTING.md"]
fn enrolling_slows_classifying_by_no_more_than_a_further_client() {
    let _turn = take_turn();
    // The windows are long enough then.
    let seconds = number("HANDFUL_LOAD_SECONDS").unwrap_or(20).min(LONG_SECONDS);
    let target = Target::new(seconds >= LONG_SECONDS);
    let store = tempfile::tempdir().unwrap();
    target.enroll_classes(store.path(), CLASSES);
    let service = target.start(store.path());
    let windows = watch(socket_address(&service), seconds);
    let rows: Vec<_> = windows.iter().map(Window::cells).collect();
    table::print(&["the ninth", "eight: requests/s", "p50 ms", "p99 ms", "its requests/s"], &rows);
    let [classifying, enrolling] = [Ninth::Classifies, Ninth::Enrolls].map(|n| median(&windows, n));
    let ratio = enrolling / classifying;
    println!("p50: {enrolling:.1} ms while one enrolls, {classifying:.1} ms without: {ratio:.2} x");
    if target.is_ours {
        assert_answered(&windows);
        let most = if target.is_full { MOST_LONG } else { MOST_SHORT };
        assert!(ratio <= most, "the median grows by {ratio:.2} x, expected at most {most}");
    }
}

fn watch(to: SocketAddr, seconds: u64) -> Vec<Window> {
    let clients = Clients::classifying(to);
    let enrollments = Enrollments::new();
    let length = Duration::from_secs(seconds).div_f64((TURNS.len() * ROUNDS) as f64);
    let turns = TURNS.repeat(ROUNDS).into_iter();
    turns.map(|ninth| window(&clients, to, &enrollments, ninth, length)).collect()
}

/// Nine tenths of `length` with the ninth client, after a tenth to get used to it.
fn window(
    clients: &Clients,
    to: SocketAddr,
    enrollments: &Arc<Enrollments>,
    ninth: Ninth,
    length: Duration,
) -> Window {
    let other = Shared::default();
    let times = Arc::clone(&other);
    let client = match ninth {
        Ninth::Classifies => clients.spawn(classify(CLIENTS, to, times)),
        Ninth::Enrolls => clients.spawn(enroll(to, Arc::clone(enrollments), times)),
    };
    thread::sleep(length.div_f64(10.0));
    clients.taken();
    taken(&other);
    let started = Instant::now();
    thread::sleep(length.mul_f64(0.9));
    let seconds = started.elapsed().as_secs_f64();
    client.abort();
    Window { ninth, seconds, eight: clients.taken(), other: taken(&other) }
}

/// The median of the medians of the windows with this ninth client.
fn median(windows: &[Window], ninth: Ninth) -> f64 {
    let windows = windows.iter().filter(|window| window.ninth == ninth);
    quantile(&windows.map(|window| window.eight.median()).collect::<Vec<_>>(), 0.5)
}

/// Nobody was refused, and every client worked: otherwise the times are not those of nine clients.
fn assert_answered(windows: &[Window]) {
    for window in windows {
        for times in [&window.eight, &window.other] {
            let Times { refused, failed, failure, .. } = times;
            assert_eq!((*refused, *failed), (0, 0), "{:?}: {failure:?}", window.ninth);
            assert!(times.answers() > 0, "{:?}: no answer", window.ninth);
        }
    }
}
