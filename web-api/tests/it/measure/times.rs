//! Times of a client that sends one request after another.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, sleep, timeout_at};

use super::socket::exchange;

/// The pause after a refusal or an error.
const PAUSE: Duration = Duration::from_millis(10);

/// How often the health endpoint is asked.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// What a client measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    /// Milliseconds of each answer, and of a request without an answer if it lasted longest; of a
    /// whole measurement without any.
    millis: Vec<f64>,
    /// Answers 429 and 503.
    pub(crate) refused: usize,
    /// Other answers, and connections without one.
    pub(crate) failed: usize,
    /// What the first of the failures was.
    pub(crate) failure: Option<String>,
}

impl Times {
    /// `share` of the times are at most this; infinite without an answer.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.millis, share)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn longest(&self) -> f64 {
        self.quantile(1.0)
    }

    pub(crate) fn answers(&self) -> usize {
        self.millis.len()
    }

    /// The share of the times with those that a client would have seen that asks every 50 ms
    /// without waiting for the answer before.
    pub(crate) fn probed_quantile(&self, share: f64) -> f64 {
        let every = millis(PROBE_EVERY);
        let missed = |time: &f64| {
            let n_missed = (time / every) as usize;
            let time = *time;
            (0..=n_missed).map(move |n| time - n as f64 * every)
        };
        quantile(&self.millis.iter().flat_map(missed).collect::<Vec<_>>(), share)
    }

    /// Counts an answer; true if the request succeeded.
    pub(crate) fn add(&mut self, elapsed: Duration, answer: io::Result<Option<u16>>) -> bool {
        match answer {
            Ok(Some(200..=299)) => {
                self.millis.push(millis(elapsed));
                return true;
            }
            Ok(Some(429 | 503)) => self.refused += 1,
            other => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| format!("{other:?}"));
            }
        }
        false
    }

    /// A request without an answer at the end of the measurement.
    fn cut(&mut self, elapsed: Duration) {
        // Only a long one shows that the service does not answer.
        if self.millis.iter().all(|time| *time < millis(elapsed)) {
            self.millis.push(millis(elapsed));
        }
    }

    /// The end of a measurement of this length. One without an answer was one long wait: how long
    /// another one would have lasted is not known, and no ratio to it exists.
    fn end(&mut self, elapsed: Duration) {
        if self.millis.is_empty() {
            self.millis.push(millis(elapsed));
        }
    }
}

/// Sends `request` again and again, each on a connection of its own, until `end`.
pub(crate) async fn repeat(from: Ipv4Addr, to: SocketAddr, request: &[u8], end: Instant) -> Times {
    let started = Instant::now();
    let mut times = Times::default();
    while Instant::now() < end {
        if !once(&mut times, from, to, request, end).await {
            sleep(PAUSE).await;
        }
    }
    times.end(started.elapsed());
    times
}

/// Sends `request` every 50 ms until `end`, or as soon as the answer before has arrived.
pub(crate) async fn probe(from: Ipv4Addr, to: SocketAddr, request: &[u8], end: Instant) -> Times {
    let started = Instant::now();
    let mut times = Times::default();
    let mut ticks = interval(PROBE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < end {
        ticks.tick().await;
        once(&mut times, from, to, request, end).await;
    }
    times.end(started.elapsed());
    times
}

async fn once(
    times: &mut Times,
    from: Ipv4Addr,
    to: SocketAddr,
    request: &[u8],
    end: Instant,
) -> bool {
    let started = Instant::now();
    match timeout_at(end.into(), exchange(from, to, request)).await {
        Ok(answer) => times.add(started.elapsed(), answer),
        Err(_) => {
            times.cut(started.elapsed());
            true
        }
    }
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// `share` of the values are at most this; infinite without values.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(last)).copied().unwrap_or(f64::INFINITY)
}

#[test]
fn a_measurement_without_an_answer_was_one_long_wait() {
    let mut times = Times::default();
    assert!(times.median().is_infinite());
    times.add(Duration::from_millis(3), Ok(Some(429)));
    times.end(Duration::from_millis(1500));
    assert_eq!((times.median(), times.refused), (1500.0, 1));
    let mut answered = Times::default();
    answered.add(Duration::from_millis(3), Ok(Some(200)));
    answered.end(Duration::from_millis(1500));
    assert_eq!(answered.longest(), 3.0);
}
