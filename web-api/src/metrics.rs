//! Counters, distributions and the state of the service, as Prometheus reads them.
//!
//! Labels have a limited number of values and histograms fixed buckets, so memory stays bounded.
//! Series of known labels exist from the start, so that the first event is an increase from 0.

pub mod format;
pub mod gauges;
pub mod labels;
pub mod process;

pub mod by_gallery;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use edge::decision::Decision;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::keys::KeyRefusal;

pub use format::Format;
pub use gauges::{EngineGauges, Gauges, ListedGallery, Usage};
use labels::{
    DecisionLabels, GalleryLabels, KeyLabels, MAX_GALLERIES, RefusalLabels, RouteLabels,
    StageLabels,
};
pub use labels::{Refusal, Request, Stage};
use process::Process;

/// Upper bounds of the buckets of a duration, in seconds.
const SECONDS: [f64; 14] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0, 30.0];

/// Upper bounds of the buckets of a false-accept rate.
const RATES: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// The name that all further galleries share, beyond those with series of their own.
const OTHER: &str = "other";

/// What can be decided about an image.
const DECISIONS: [Decision; 4] =
    [Decision::Accepted, Decision::Rejected, Decision::Ambiguous, Decision::Empty];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All counters and histograms.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Histograms<RouteLabels>,
    images: Counter,
    reembedded: Counter,
    stages: Histograms<StageLabels>,
    decisions: Family<DecisionLabels, Counter>,
    false_accept_rates: Histograms<GalleryLabels>,
    /// The names of the galleries that have series of their own: they come and go, but their
    /// series stay.
    galleries: Mutex<HashSet<String>>,
    refusals: Family<RefusalLabels, Counter>,
    keys_refused: Family<KeyLabels, Counter>,
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
        };
        metrics.register(info);
        metrics.begin();
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
        registry.register("build", "Version, bundle and engine of the service", Info::new(info));
    }

    /// Makes the series whose labels are known.
    fn begin(&self) {
        for stage in Stage::ALL {
            drop(self.stages.get_or_create(&StageLabels { stage }));
        }
        for reason in Refusal::ALL {
            drop(self.refusals.get_or_create(&RefusalLabels { reason }));
        }
        for reason in KeyRefusal::ALL {
            drop(self.keys_refused.get_or_create(&KeyLabels { reason: reason.as_str() }));
        }
    }

    /// Records a request.
    pub fn request(&self, request: &Request, duration: Duration) {
        self.requests.get_or_create(request).inc();
        let route = RouteLabels { method: request.method, route: request.route.clone() };
        self.durations.get_or_create(&route).observe(duration.as_secs_f64());
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
            self.begin_gallery(name);
        }
        name.to_owned()
    }

    /// Makes the series of a gallery for every decision.
    fn begin_gallery(&self, name: &str) {
        for decision in DECISIONS {
            let labels = DecisionLabels { gallery: name.to_owned(), decision: decision.as_str() };
            drop(self.decisions.get_or_create(&labels));
        }
    }

    /// Records a refusal.
    pub fn refusal(&self, reason: Refusal) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }

    /// Records a call that was refused for its key.
    pub fn key_refused(&self, reason: KeyRefusal) {
        self.keys_refused.get_or_create(&KeyLabels { reason: reason.as_str() }).inc();
    }

    /// The metrics as text, with the state of the service and of its process.
    #[must_use]
    pub fn render(&self, gauges: &Gauges, format: Format) -> String {
        let state = gauges.registry();
        let process = Process::read().registry();
        let text = format.encode(&[&self.registry, &state, &process]);
        text.expect("invariant: a string takes every text")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(vec![("bundle", "a\"b\\c\nd".to_owned())])
    }

    fn text(metrics: &Metrics) -> String {
        let gauges = Gauges { queue_images: Usage::new(3, 8), ..Gauges::default() };
        metrics.render(&gauges, Format::OpenMetrics)
    }

    fn assert_contains(metrics: &Metrics, expected: &[&str]) {
        let text = text(metrics);
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
        let labels = "method=\"GET\",route=\"/livez\"";
        assert_contains(
            &metrics,
            &[
                &format!("handful_http_requests_total{{{labels},status=\"200\"}} 2"),
                &format!("handful_http_requests_total{{{labels},status=\"404\"}} 1"),
                // Of every status: a histogram has many series.
                &format!("{name}{{le=\"0.005\",{labels}}} 1"),
                &format!("{name}{{le=\"+Inf\",{labels}}} 3"),
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
                r#"handful_decisions_total{gallery="default",decision="ambiguous"} 0"#,
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
        let text = text(&metrics);
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
                r#"handful_image_stage_duration_seconds_count{stage="classify"} 0"#,
                r#"handful_refusals_total{reason="stalled"} 1"#,
                r#"handful_keys_refused_total{reason="wrong"} 1"#,
                r#"handful_refusals_total{reason="slow"} 0"#,
                "handful_queue_images 3",
                "handful_buffer_bytes 0",
                r#"handful_build_info{bundle="a\"b\\c\nd"} 1"#,
            ],
        );
    }

    #[test]
    fn the_text_format_has_the_same_series() {
        let metrics = metrics();
        metrics.decision("default", Decision::Accepted, Some(0.003));
        let names = |format: Format| {
            let text = metrics.render(&Gauges::default(), format);
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
            samples.map(name).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(Format::Text), names(Format::OpenMetrics));
        assert!(names(Format::Text).contains("handful_build_info"));
        let text = metrics.render(&Gauges::default(), Format::Text);
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
        assert!(text.contains("# TYPE handful_decisions_total counter\n"), "{text}");
    }
}
