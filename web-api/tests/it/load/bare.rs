//! What the service costs: the images a second of eight clients, against those of a bare loop in
//! this process on the same cores, in turns.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edge::device::Threads;
use edge::embedder::Embedder;

use super::{CLIENTS, Clients, LONG_SECONDS, class_of};
use crate::attack::images::photo;
use crate::measure::target::{Target, number, socket_address};
use crate::measure::times::quantile;
use crate::measure::{table, take_turn};

const ROUNDS: u32 = 5;

/// The share of the images a second of the bare loop that the service should have, and the most
/// that its 99th percentile should be of its median.
const AIM: f64 = 0.85;
const AIM_SPREAD: f64 = 3.0;
/// How far from them a long run fails. What else runs on the machine costs the service more than
/// the loop: its clients, its decoding and its engine wait for each other. With tract a fifth
/// of the service's time goes into memory that it returns to the system, layer by layer.
const TOLERANCE: f64 = 1.5;

/// Images a second of the service, their 99th percentile of the median, and of the bare loop.
struct Round {
    service: f64,
    spread: f64,
    bare: f64,
}

#[test]
#[ignore = "it measures, so nothing may run beside it: see CONTRIBUTING.md"]
fn the_service_is_nearly_as_fast_as_a_bare_loop() {
    let _turn = take_turn();
    let seconds = number("HANDFUL_LOAD_SECONDS").unwrap_or(20).min(LONG_SECONDS);
    let target = Target::new(seconds >= LONG_SECONDS);
    let store = tempfile::tempdir().unwrap();
    let service = target.start(store.path());
    for n in 0..10 {
        service.post(&class_of(n), &photo(n)).ok();
    }
    let mut workers: Vec<_> = (0..Threads::most()).map(|_| target.embedder(1)).collect();
    let length = Duration::from_secs(seconds) / (2 * ROUNDS);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (service, spread) = serve(socket_address(&service), length);
        rounds.push(Round { service, spread, bare: embed(&mut workers, length) });
    }
    let cells = |round: &Round| {
        [round.service, round.bare, round.service / round.bare, round.spread]
            .map(table::short)
            .to_vec()
    };
    let rows: Vec<_> = rounds.iter().map(cells).collect();
    table::print(&["service: images/s", "bare loop", "ratio", "p99 of p50"], &rows);
    let ratios: Vec<_> = rounds.iter().map(|round| round.service / round.bare).collect();
    let ratio = quantile(&ratios, 0.5);
    let spreads: Vec<_> = rounds.iter().map(|round| round.spread).collect();
    let spread = quantile(&spreads, 0.5);
    println!("{CLIENTS} clients: {ratio:.2} of the images/s of a bare loop, aim at least {AIM}");
    println!("99th percentile: {spread:.2} of the median, aim at most {AIM_SPREAD}");
    if target.is_ours && target.is_full {
        assert!(ratio >= AIM / TOLERANCE, "{ratio:.2}");
        assert!(spread <= AIM_SPREAD * TOLERANCE, "{spread:.2}");
    }
}

/// Images a second of clients that classify, and the spread of their times.
fn serve(to: SocketAddr, length: Duration) -> (f64, f64) {
    let clients = Clients::classifying(to);
    thread::sleep(length.div_f64(10.0));
    clients.taken();
    let started = Instant::now();
    thread::sleep(length.mul_f64(0.9));
    let seconds = started.elapsed().as_secs_f64();
    let times = clients.taken();
    assert_eq!((times.refused, times.failed), (0, 0), "{:?}", times.failure);
    (times.answers() as f64 / seconds, times.quantile(0.99) / times.median())
}

/// Images a second of loops that only decode and embed, one on each core.
fn embed(workers: &mut [Embedder], length: Duration) -> f64 {
    let images: Vec<_> = (0..CLIENTS).map(|n| photo(u32::try_from(n).unwrap())).collect();
    let images = &images;
    let done = &AtomicUsize::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for embedder in workers {
            scope.spawn(move || {
                for image in images.iter().cycle() {
                    if started.elapsed() > length {
                        break;
                    }
                    embedder.embed(image).unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    done.load(Ordering::SeqCst) as f64 / started.elapsed().as_secs_f64()
}
