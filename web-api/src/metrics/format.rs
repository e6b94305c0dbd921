//! The text formats of the metrics, and which of them a client reads.

use std::fmt;

use axum::http::{HeaderMap, header};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format 0.0.4, for Prometheus before 2.5 and tools that read nothing else.
    Text,
}

/// A media range of `Accept` (RFC 9110, 12.5.1).
struct Range<'a> {
    media: &'a str,
    quality: f32,
}

impl Format {
    /// The format that a request prefers; OpenMetrics if it accepts both equally or does not state
    /// what it accepts, the text format if it accepts neither.
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let ranges: Vec<Range<'_>> =
            texts.flat_map(|text| text.split(',')).filter_map(Range::parse).collect();
        if ranges.is_empty() {
            return Self::OpenMetrics;
        }
        let open_metrics = quality(&ranges, "application", "openmetrics-text");
        let is_preferred = open_metrics >= quality(&ranges, "text", "plain");
        if open_metrics > 0.0 && is_preferred { Self::OpenMetrics } else { Self::Text }
    }

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }

    /// The series of all registries, which have no name in common.
    ///
    /// # Errors
    /// Those of a label that cannot be written.
    pub fn encode(self, registries: &[&Registry]) -> Result<String, fmt::Error> {
        let mut out = String::new();
        for registry in registries {
            match self {
                Self::OpenMetrics => text::encode_registry(&mut out, registry)?,
                Self::Text => prometheus_text::encode(&mut out, registry)?,
            }
        }
        if self == Self::OpenMetrics {
            text::encode_eof(&mut out)?;
        }
        Ok(out)
    }
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|media| !media.is_empty())?;
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        // As good as any other, if it states no number.
        let quality = quality.and_then(|quality| quality.parse().ok()).unwrap_or(1.0);
        Some(Self { media, quality })
    }
}

/// The quality of the most specific range that a media type is in; 0 if there is none. The versions
/// of a format are one.
fn quality(ranges: &[Range<'_>], main: &str, sub: &str) -> f32 {
    let of = |media: &str| {
        let same = ranges.iter().filter(|one| one.media.eq_ignore_ascii_case(media));
        same.map(|one| one.quality).reduce(f32::max)
    };
    let exact = of(&format!("{main}/{sub}"));
    exact.or_else(|| of(&format!("{main}/*"))).or_else(|| of("*/*")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::registry::Unit;

    use super::*;

    fn accepted(accept: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        Format::accepted(&headers)
    }

    #[test]
    fn prometheus_gets_what_its_version_prefers() {
        // 2.5 to 2.52, and 3.
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
             version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        ] {
            assert_eq!(accepted(accept), Format::OpenMetrics, "{accept}");
        }
        // 1.8, and 2.0 to 2.4.
        for accept in [
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "text/plain;version=0.0.4;q=1,*/*;q=0.1",
        ] {
            assert_eq!(accepted(accept), Format::Text, "{accept}");
        }
    }

    #[test]
    fn others_get_open_metrics_if_they_accept_it() {
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::OpenMetrics);
        for accept in ["*/*", "application/*", "APPLICATION/OpenMetrics-Text", "", "*/*;q=x"] {
            assert_eq!(accepted(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in
            ["text/plain", "text/*", "application/json", "application/openmetrics-text;q=0, */*"]
        {
            assert_eq!(accepted(accept), Format::Text, "{accept}");
        }
    }

    #[test]
    fn registries_are_joined_in_both_formats() {
        let counter: Counter = Counter::default();
        let mut first = Registry::with_prefix("handful");
        first.register_with_unit("wait", "Time", Unit::Seconds, counter.clone());
        let mut second = Registry::default();
        second.register("process_starts", "Starts", counter);
        let encoded = |format: Format| format.encode(&[&first, &second]);
        assert_eq!(
            encoded(Format::OpenMetrics).as_deref(),
            Ok("# HELP handful_wait_seconds Time.\n# TYPE handful_wait_seconds counter\n\
                # UNIT handful_wait_seconds seconds\nhandful_wait_seconds_total 0\n\
                # HELP process_starts Starts.\n# TYPE process_starts counter\n\
                process_starts_total 0\n# EOF\n")
        );
        assert_eq!(
            encoded(Format::Text).as_deref(),
            Ok("# HELP handful_wait_seconds_total Time.\n\
                # TYPE handful_wait_seconds_total counter\nhandful_wait_seconds_total 0\n\
                # HELP process_starts_total Starts.\n# TYPE process_starts_total counter\n\
                process_starts_total 0\n")
        );
    }
}
