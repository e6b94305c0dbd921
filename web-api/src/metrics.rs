//! Counters and distributions in the OpenMetrics text format.
//!
//! Labels have a limited number of values and histograms fixed buckets, so memory stays bounded.

pub mod by_gallery;

use std::collections::HashSet;
use std::fmt::{Error, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use edge::decision::Decision;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::keys::KeyRefusal;

/// The media type of the metrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of a duration, in seconds.
const SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0, 30.0];

/// Upper bounds of the buckets of a false-accept rate.
const RATES: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// The most galleries with series of their own: galleries come and go, but their series stay.
const MAX_GALLERIES: usize = 1000;

/// The name that all further galleries share.
const OTHER: &str = "other";

/// A stage of embedding an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// File to pixels.
    Decode,
    /// Pixels to the network's input.
    Preprocess,
    /// The network.
    Embed,
}

/// Why a request was refused, or its connection closed, though nothing was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The address has its share of the images in the queue.
    Queue,
    /// The address has its share of the memory for bodies and answers.
    Memory,
    /// All connections are in use.
    Connections,
    /// The connection gave its place to another one.
    Displaced,
    /// The body stalled while other clients waited for memory.
    Stalled,
    /// The body did not arrive in time.
    Slow,
    /// The answer was not ready in time.
    Deadline,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Preprocess => "preprocess",
            Self::Embed => "embed",
        }
    }
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::Connections => "connections",
            Self::Displaced => "displaced",
            Self::Stalled => "stalled",
            Self::Slow => "slow",
            Self::Deadline => "deadline",
        }
    }
}

impl EncodeLabelValue for Stage {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        encoder.write_str(self.as_str())
    }
}

impl EncodeLabelValue for Refusal {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        encoder.write_str(self.as_str())
    }
}

/// Labels of a request, each with few values, so that the number of series stays small.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// `GET`, …, or `other`.
    pub method: &'static str,
    /// The route's pattern, not the path.
    pub route: String,
    /// The HTTP status.
    pub status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: Refusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GalleryLabels {
    gallery: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    gallery: String,
    decision: &'static str,
}

/// Values that are read when metrics are rendered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauges {
    /// Images that wait or are being processed.
    pub queue_images: usize,
    /// Bytes that bodies and answers hold.
    pub buffer_bytes: usize,
    /// Open connections.
    pub connections: usize,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All counters and histograms.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Histograms<Request>,
    images: Counter,
    reembedded: Counter,
    stages: Histograms<StageLabels>,
    decisions: Family<DecisionLabels, Counter>,
    false_accept_rates: Histograms<GalleryLabels>,
    /// The names of the galleries that have series of their own.
    galleries: Mutex<HashSet<String>>,
    refusals: Family<RefusalLabels, Counter>,
    keys_refused: Family<KeyLabels, Counter>,
    queue_images: Gauge,
    buffer_bytes: Gauge,
    connections: Gauge,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn rates() -> Histogram {
    Histogram::new(RATES)
}

impl Metrics {
    /// Nothing counted yet; `info` are the labels of `handful_build_info`.
    #[must_use]
    pub fn new(info: Vec<(&'static str, String)>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("handful"),
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds),
            images: Counter::default(),
            reembedded: Counter::default(),
            stages: Family::new_with_constructor(seconds),
            decisions: Family::default(),
            false_accept_rates: Family::new_with_constructor(rates),
            galleries: Mutex::default(),
            refusals: Family::default(),
            keys_refused: Family::default(),
            queue_images: Gauge::default(),
            buffer_bytes: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.register(info);
        metrics
    }

    fn register(&mut self, info: Vec<(&'static str, String)>) {
        let registry = &mut self.registry;
        // The format adds a period to each help text.
        registry.register("http_requests", "HTTP requests", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the request head to the response",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("images_embedded", "Images embedded", self.images.clone());
        registry.register(
            "reembed_images",
            "Kept images embedded anew for galleries of another model",
            self.reembedded.clone(),
        );
        registry.register_with_unit(
            "image_stage_duration",
            "Time of one image in each stage",
            Unit::Seconds,
            self.stages.clone(),
        );
        registry.register("decisions", "Images classified, by decision", self.decisions.clone());
        registry.register(
            "false_accept_rate",
            "Share of unknown images that score at least as high as a classified image",
            self.false_accept_rates.clone(),
        );
        registry.register(
            "refusals",
            "Requests refused and connections closed because a limit was reached",
            self.refusals.clone(),
        );
        registry.register(
            "keys_refused",
            "Calls refused for their key, or for having none",
            self.keys_refused.clone(),
        );
        registry.register(
            "queue_images",
            "Images waiting or being processed",
            self.queue_images.clone(),
        );
        registry.register_with_unit(
            "buffer",
            "Memory that bodies and answers hold",
            Unit::Bytes,
            self.buffer_bytes.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("build", "Version, bundle and engine of the service", Info::new(info));
    }

    /// Records a request.
    pub fn request(&self, request: &Request, duration: Duration) {
        self.requests.get_or_create(request).inc();
        self.durations.get_or_create(request).observe(duration.as_secs_f64());
    }

    /// Records a stage of one image.
    pub fn stage(&self, stage: Stage, duration: Duration) {
        if stage == Stage::Embed {
            self.images.inc();
        }
        self.stages.get_or_create(&StageLabels { stage }).observe(duration.as_secs_f64());
    }

    /// Records a kept image that was embedded anew, or cannot be.
    pub fn reembedded(&self) {
        self.reembedded.inc();
    }

    /// Records what was decided about one image: `false_accept_rate` is the share of unknown images
    /// that score at least as high, if it is known. The first 1,000 names of galleries have series
    /// of their own; all others are counted together as `other`.
    pub fn decision(&self, gallery: &str, decision: Decision, false_accept_rate: Option<f64>) {
        let gallery = self.gallery_label(gallery);
        let labels = DecisionLabels { gallery: gallery.clone(), decision: decision.as_str() };
        self.decisions.get_or_create(&labels).inc();
        if let Some(rate) = false_accept_rate {
            self.false_accept_rates.get_or_create(&GalleryLabels { gallery }).observe(rate);
        }
    }

    fn gallery_label(&self, name: &str) -> String {
        let mut galleries = self.galleries.lock().unwrap_or_else(PoisonError::into_inner);
        if !galleries.contains(name) {
            if galleries.len() >= MAX_GALLERIES {
                return OTHER.to_owned();
            }
            galleries.insert(name.to_owned());
        }
        name.to_owned()
    }

    /// Records a refusal.
    pub fn refusal(&self, reason: Refusal) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }

    /// Records a call that was refused for its key.
    pub fn key_refused(&self, reason: KeyRefusal) {
        self.keys_refused.get_or_create(&KeyLabels { reason: reason.as_str() }).inc();
    }

    /// The metrics as text.
    #[must_use]
    pub fn render(&self, gauges: Gauges) -> String {
        for (gauge, value) in [
            (&self.queue_images, gauges.queue_images),
            (&self.buffer_bytes, gauges.buffer_bytes),
            (&self.connections, gauges.connections),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut out = String::new();
        encode(&mut out, &self.registry).expect("invariant: a string takes every text");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(vec![("bundle", "a\"b\\c\nd".to_owned())])
    }

    fn assert_contains(metrics: &Metrics, expected: &[&str]) {
        let text = metrics.render(Gauges { queue_images: 3, ..Gauges::default() });
        for line in expected {
            assert!(text.lines().any(|other| other == *line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    fn request(status: u16) -> Request {
        Request { method: "GET", route: "/livez".to_owned(), status }
    }

    #[test]
    fn requests_are_counted_by_labels() {
        let metrics = metrics();
        metrics.request(&request(200), Duration::from_millis(3));
        metrics.request(&request(200), Duration::from_millis(30));
        metrics.request(&request(404), Duration::from_secs(60));
        let name = "handful_http_request_duration_seconds_bucket";
        let labels = "method=\"GET\",route=\"/livez\",status=\"200\"";
        assert_contains(
            &metrics,
            &[
                &format!("handful_http_requests_total{{{labels}}} 2"),
                &format!("{name}{{le=\"0.005\",{labels}}} 1"),
                &format!("{name}{{le=\"+Inf\",{labels}}} 2"),
            ],
        );
    }

    #[test]
    fn decisions_are_counted_by_gallery() {
        let metrics = metrics();
        metrics.decision("default", Decision::Accepted, Some(0.003));
        metrics.decision("default", Decision::Rejected, Some(0.3));
        metrics.decision("default", Decision::Rejected, Some(0.5));
        metrics.decision("a \"b\"", Decision::Empty, None);
        assert_contains(
            &metrics,
            &[
                r#"handful_decisions_total{gallery="default",decision="accepted"} 1"#,
                r#"handful_decisions_total{gallery="default",decision="rejected"} 2"#,
                r#"handful_decisions_total{gallery="a \"b\"",decision="empty"} 1"#,
                r#"handful_false_accept_rate_bucket{le="0.002",gallery="default"} 0"#,
                r#"handful_false_accept_rate_bucket{le="0.005",gallery="default"} 1"#,
                r#"handful_false_accept_rate_count{gallery="default"} 3"#,
            ],
        );
    }

    #[test]
    fn the_number_of_series_is_limited() {
        let metrics = metrics();
        for number in 0..MAX_GALLERIES + 2 {
            let name = format!("line {number}");
            metrics.decision(&name, Decision::Accepted, Some(0.003));
        }
        metrics.decision("line 7", Decision::Accepted, None);
        assert_contains(
            &metrics,
            &[
                r#"handful_decisions_total{gallery="line 7",decision="accepted"} 2"#,
                r#"handful_decisions_total{gallery="line 999",decision="accepted"} 1"#,
                r#"handful_decisions_total{gallery="other",decision="accepted"} 2"#,
                r#"handful_false_accept_rate_count{gallery="other"} 2"#,
            ],
        );
        let text = metrics.render(Gauges::default());
        assert!(!text.contains("line 1000"), "{text}");
    }

    #[test]
    fn stages_refusals_gauges_and_info_are_shown() {
        let metrics = metrics();
        metrics.stage(Stage::Decode, Duration::ZERO);
        metrics.stage(Stage::Embed, Duration::ZERO);
        metrics.refusal(Refusal::Stalled);
        metrics.reembedded();
        metrics.key_refused(KeyRefusal::Wrong);
        assert_contains(
            &metrics,
            &[
                "handful_images_embedded_total 1",
                "handful_reembed_images_total 1",
                r#"handful_image_stage_duration_seconds_count{stage="decode"} 1"#,
                r#"handful_refusals_total{reason="stalled"} 1"#,
                r#"handful_keys_refused_total{reason="wrong"} 1"#,
                "handful_queue_images 3",
                "handful_buffer_bytes 0",
                r#"handful_build_info{bundle="a\"b\\c\nd"} 1"#,
            ],
        );
    }
}
