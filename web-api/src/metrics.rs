//! Counters and distributions in the Prometheus text format.
//!
//! Histograms have fixed buckets, so memory stays bounded.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use edge::decision::Decision;

/// Upper bounds of the buckets of a duration, in seconds.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

/// Upper bounds of the buckets of a false-accept rate.
const RATES: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// A stage of embedding an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// File to pixels.
    Decode,
    /// Pixels to the network's input.
    Preprocess,
    /// The network.
    Embed,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Preprocess => "preprocess",
            Self::Embed => "embed",
        }
    }
}

/// Labels of a request, each with few values, so that the number of series stays small.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// `GET`, …, or `other`.
    pub method: &'static str,
    /// The route's pattern, not the path.
    pub route: String,
    /// The HTTP status.
    pub status: u16,
}

impl Request {
    fn labels(&self) -> String {
        let Self { method, route, status } = self;
        format!("method=\"{method}\",route=\"{}\",status=\"{status}\"", escaped(route))
    }
}

/// Values that are read when metrics are rendered.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Images that wait or are being processed.
    pub queue_images: usize,
    /// Bytes reserved for request bodies.
    pub upload_bytes: usize,
    /// Labels of `handful_info`.
    pub info: Vec<(&'static str, String)>,
}

/// All counters and histograms.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<Request, Histogram>>,
    stages: Mutex<BTreeMap<Stage, Histogram>>,
    galleries: Mutex<BTreeMap<String, Decisions>>,
}

/// What was decided about images in one gallery.
#[derive(Debug)]
struct Decisions {
    counts: BTreeMap<&'static str, u64>,
    false_accept_rates: Histogram,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), false_accept_rates: Histogram::new(RATES) }
    }
}

#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, buckets: vec![0; bounds.len()], count: 0, sum: 0.0 }
    }

    fn seconds() -> Self {
        Self::new(SECONDS)
    }

    fn record(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        for (bucket, bound) in self.buckets.iter_mut().zip(self.bounds) {
            // Cumulative, as the format requires: each bucket counts all values up to its bound.
            *bucket += u64::from(value <= *bound);
        }
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        for (count, bound) in self.buckets.iter().zip(self.bounds) {
            line(out, &format!("{name}_bucket{{{labels},le=\"{bound}\"}}"), count);
        }
        line(out, &format!("{name}_bucket{{{labels},le=\"+Inf\"}}"), &self.count);
        line(out, &format!("{name}_sum{{{labels}}}"), &self.sum);
        line(out, &format!("{name}_count{{{labels}}}"), &self.count);
    }
}

impl Metrics {
    /// Records a request.
    pub fn request(&self, request: Request, duration: Duration) {
        // Counters stay valid after a panic of another holder, so a poisoned lock is used all the
        // same.
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = requests.entry(request).or_insert_with(Histogram::seconds);
        durations.record(duration.as_secs_f64());
    }

    /// Records a stage of one image.
    pub fn stage(&self, stage: Stage, duration: Duration) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = stages.entry(stage).or_insert_with(Histogram::seconds);
        durations.record(duration.as_secs_f64());
    }

    /// Records what was decided about one image: `false_accept_rate` is the share of unknown images
    /// that score at least as high, if it is known.
    pub fn decision(&self, gallery: &str, decision: Decision, false_accept_rate: Option<f64>) {
        let mut galleries = self.galleries.lock().unwrap_or_else(PoisonError::into_inner);
        let decisions = galleries.entry(gallery.to_owned()).or_default();
        *decisions.counts.entry(decision.as_str()).or_default() += 1;
        if let Some(rate) = false_accept_rate {
            decisions.false_accept_rates.record(rate);
        }
    }

    /// The metrics as text.
    #[must_use]
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut out = String::new();
        self.write_requests(&mut out);
        self.write_stages(&mut out);
        self.write_decisions(&mut out);
        write_gauges(&mut out, gauges);
        out
    }

    fn write_requests(&self, out: &mut String) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "handful_http_requests_total", "counter", "HTTP requests.");
        for (request, histogram) in requests.iter() {
            let name = format!("handful_http_requests_total{{{}}}", request.labels());
            line(out, &name, &histogram.count);
        }
        let name = "handful_http_request_duration_seconds";
        head(out, name, "histogram", "Time from the request head to the response.");
        for (request, histogram) in requests.iter() {
            histogram.write(out, name, &request.labels());
        }
    }

    fn write_stages(&self, out: &mut String) {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let embedded = stages.get(&Stage::Embed).map_or(0, |histogram| histogram.count);
        head(out, "handful_images_embedded_total", "counter", "Images embedded.");
        line(out, "handful_images_embedded_total", &embedded);
        let name = "handful_image_stage_duration_seconds";
        head(out, name, "histogram", "Time of one image in each stage.");
        for (stage, histogram) in stages.iter() {
            histogram.write(out, name, &format!("stage=\"{}\"", stage.name()));
        }
    }

    fn write_decisions(&self, out: &mut String) {
        let galleries = self.galleries.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "handful_decisions_total", "counter", "Images classified, by decision.");
        for (gallery, decisions) in galleries.iter() {
            let gallery = escaped(gallery);
            for (decision, count) in &decisions.counts {
                let labels = format!("gallery=\"{gallery}\",decision=\"{decision}\"");
                line(out, &format!("handful_decisions_total{{{labels}}}"), count);
            }
        }
        let name = "handful_false_accept_rate";
        let help = "Share of unknown images that score at least as high as a classified image.";
        head(out, name, "histogram", help);
        for (gallery, decisions) in galleries.iter() {
            let labels = format!("gallery=\"{}\"", escaped(gallery));
            decisions.false_accept_rates.write(out, name, &labels);
        }
    }
}

fn write_gauges(out: &mut String, gauges: &Gauges) {
    head(out, "handful_queue_images", "gauge", "Images waiting or being processed.");
    line(out, "handful_queue_images", &gauges.queue_images);
    head(out, "handful_upload_bytes", "gauge", "Bytes reserved for request bodies.");
    line(out, "handful_upload_bytes", &gauges.upload_bytes);
    head(out, "handful_info", "gauge", "Version, bundle and engine of the service.");
    let labels: Vec<_> =
        gauges.info.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
    line(out, &format!("handful_info{{{}}}", labels.join(",")), &1);
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        .expect("invariant: a string takes every text");
}

fn line(out: &mut String, name: &str, value: &dyn std::fmt::Display) {
    writeln!(out, "{name} {value}").expect("invariant: a string takes every text");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(status: u16) -> Request {
        Request { method: "GET", route: "/livez".to_owned(), status }
    }

    #[test]
    fn requests_are_counted_by_labels() {
        let metrics = Metrics::default();
        metrics.request(request(200), Duration::from_millis(3));
        metrics.request(request(200), Duration::from_millis(30));
        metrics.request(request(404), Duration::from_secs(60));
        let text = metrics.render(&Gauges::default());
        let labels = "method=\"GET\",route=\"/livez\",status=\"200\"";
        for expected in [
            format!("handful_http_requests_total{{{labels}}} 2"),
            format!("handful_http_request_duration_seconds_bucket{{{labels},le=\"0.005\"}} 1"),
            format!("handful_http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
        ] {
            assert!(text.contains(&expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn decisions_are_counted_by_gallery() {
        let metrics = Metrics::default();
        metrics.decision("default", Decision::Accepted, Some(0.003));
        metrics.decision("default", Decision::Rejected, Some(0.3));
        metrics.decision("default", Decision::Rejected, Some(0.5));
        metrics.decision("a \"b\"", Decision::Empty, None);
        let text = metrics.render(&Gauges::default());
        let labels = "gallery=\"default\"";
        for expected in [
            format!("handful_decisions_total{{{labels},decision=\"accepted\"}} 1"),
            format!("handful_decisions_total{{{labels},decision=\"rejected\"}} 2"),
            r#"handful_decisions_total{gallery="a \"b\"",decision="empty"} 1"#.to_owned(),
            format!("handful_false_accept_rate_bucket{{{labels},le=\"0.002\"}} 0"),
            format!("handful_false_accept_rate_bucket{{{labels},le=\"0.005\"}} 1"),
            format!("handful_false_accept_rate_bucket{{{labels},le=\"0.5\"}} 3"),
            format!("handful_false_accept_rate_count{{{labels}}} 3"),
        ] {
            assert!(text.contains(&expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn info_labels_are_escaped() {
        let info = vec![("bundle", "a\"b\\c\nd".to_owned())];
        let text = Metrics::default().render(&Gauges { info, ..Gauges::default() });
        assert!(text.contains(r#"handful_info{bundle="a\"b\\c\nd"} 1"#), "{text}");
    }

    #[test]
    fn embedded_images_are_counted_at_the_embed_stage() {
        let metrics = Metrics::default();
        metrics.stage(Stage::Decode, Duration::ZERO);
        metrics.stage(Stage::Embed, Duration::ZERO);
        let text = metrics.render(&Gauges::default());
        assert!(text.contains("handful_images_embedded_total 1"), "{text}");
        assert!(text.contains("_seconds_count{stage=\"decode\"} 1"), "{text}");
    }
}
