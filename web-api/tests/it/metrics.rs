//! Metrics as Prometheus reads them: both text formats, every series, and what deploy has.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::draw;
use crate::images::{columns, stripes};
use crate::rejecting::{half_and_half, unknown};
use crate::service::{CLASSIFY, Service};

/// A file of deploy.
pub(crate) fn deployed(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file)
}

/// Whether a program of Prometheus is there; if not, the reason is on standard error.
pub(crate) fn is_installed(program: &str, test: &str) -> bool {
    let mut command = Command::new(program);
    let version = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_installed = version.is_ok_and(|status| status.success());
    if !is_installed {
        eprintln!("skipped: {test}: {program} is not installed (Debian's package prometheus)");
    }
    is_installed
}

/// A service that knows stripes and columns, and rejects other images.
pub(crate) fn taught() -> Service {
    let service = Service::rejecting();
    for shift in [0, 4] {
        service.enroll("stripes", &draw::png(stripes(shift))).ok();
        service.enroll("columns", &draw::png(columns(shift))).ok();
    }
    service
}

/// What clients do: they classify, enroll, and ask for what is not there.
pub(crate) fn work(service: &Service, round: u8) {
    for image in [stripes(2), columns(2), unknown(), half_and_half()] {
        service.post(CLASSIFY, &draw::png(image)).ok();
    }
    service.enroll("stripes", &draw::png(stripes(10 + round % 100))).ok();
    service.get("/v1/galleries/nowhere").assert_problem(404, "unknown_gallery");
}

fn promtool(arguments: &[&str], file: &Path, input: &[u8]) -> (bool, String) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !file.as_os_str().is_empty() {
        command.arg(file);
    }
    let mut child = command.spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// The names of all samples.
fn names(text: &str) -> BTreeSet<&str> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

fn scrape(service: &Service, accept: &str) -> (String, String) {
    let answer = service.send("GET", "/metrics", &[("accept", accept)], &[]);
    assert_eq!(answer.status, 200);
    (answer.header("content-type").unwrap().to_owned(), answer.text())
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    if !is_installed("promtool", "names and help of the metrics") {
        return;
    }
    let service = taught();
    work(&service, 0);
    let (_, text) = scrape(&service, "text/plain");
    let (is_right, found) = promtool(&["check", "metrics"], Path::new(""), text.as_bytes());
    assert!(is_right && found.is_empty(), "{found}\n{text}");
    // It does find what is wrong.
    let wrong = text.replace("handful_changes_total", "handful_changes");
    let (_, found) = promtool(&["check", "metrics"], Path::new(""), wrong.as_bytes());
    assert!(found.contains("handful_changes"), "{found}");
}

#[test]
fn promtool_finds_nothing_wrong_with_the_deployed_files() {
    if !is_installed("promtool", "alerts and configuration of Prometheus") {
        return;
    }
    for (arguments, file) in [
        (&["check", "rules"][..], "alerts.yml"),
        // The file of the key is on the user's machine.
        (&["check", "config", "--syntax-only"][..], "prometheus.yml"),
    ] {
        let (is_right, found) = promtool(arguments, &deployed(file), b"");
        assert!(is_right && found.contains("SUCCESS"), "{file}: {found}");
    }
}

#[test]
fn both_text_formats_have_the_same_series() {
    let service = taught();
    work(&service, 0);
    let (kind, open_metrics) = scrape(
        &service,
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    );
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open_metrics.ends_with("# EOF\n"));
    let (kind, text) = scrape(&service, "text/plain;version=0.0.4,*/*;q=0.1");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    assert!(!text.contains("# EOF") && text.contains("# TYPE handful_decisions_total counter\n"));
    assert_eq!(names(&open_metrics), names(&text));
}

#[test]
fn the_state_of_galleries_store_and_process_is_shown() {
    let service = taught();
    work(&service, 0);
    service.put("/v1/galleries/Line%202", "").ok();
    let background = "/v1/galleries/default/background/examples";
    service.post(background, &draw::png(stripes(200))).ok();
    let (_, text) = scrape(&service, "*/*");
    for line in [
        "handful_ready 1",
        "handful_queue_images 0",
        "handful_queue_images_limit 1024",
        "handful_buffer_limit_bytes 268435456",
        "handful_connections_limit 256",
        "handful_store_limit_bytes 8589934592",
        "handful_reembed_jobs 0",
        "handful_engine_in_use{provider=\"tract\",precision=\"fp32\"} 1",
        "handful_engine_candidates{state=\"building\"} 0",
        "handful_engine_builds_total 0",
        "handful_engine_switches_total 0",
        "handful_transfers{kind=\"export\"} 0",
        "handful_galleries 2",
        // Five calls that enroll into classes, one into the background set.
        "handful_changes_total{gallery=\"default\"} 6",
        "handful_gallery_revision{gallery=\"default\"} 6",
        "handful_gallery_classes{gallery=\"default\"} 2",
        "handful_gallery_examples{gallery=\"default\"} 5",
        "handful_gallery_background_examples{gallery=\"default\"} 1",
        "handful_gallery_classes{gallery=\"line 2\"} 0",
        "handful_image_stage_duration_seconds_count{stage=\"classify\"} 4",
        "handful_image_stage_duration_seconds_count{stage=\"embed\"} 10",
        "handful_refusals_total{reason=\"deadline\"} 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
    }
    assert!(value(&text, "handful_store_bytes") > 0.0);
    if cfg!(target_os = "linux") {
        assert!(value(&text, "process_resident_memory_bytes") > 1e6);
        assert!(value(&text, "process_open_fds") < value(&text, "process_max_fds"));
        assert!(value(&text, "process_start_time_seconds") > 1.7e9);
    }
}

fn value(text: &str, name: &str) -> f64 {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is missing in\n{text}")).parse().unwrap()
}

/// One that was renamed would leave a panel or an alert without data.
#[test]
fn the_deployed_files_name_series_that_exist() {
    let service = taught();
    work(&service, 0);
    let (_, text) = scrape(&service, "*/*");
    let names = names(&text);
    for file in ["grafana-dashboard.json", "alerts.yml"] {
        let used = fs::read_to_string(deployed(file)).unwrap();
        let words = used.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let series =
            words.filter(|word| word.starts_with("handful_") || word.starts_with("process_"));
        let series: BTreeSet<&str> = series.collect();
        assert!(series.len() >= 8, "{file}: {series:?}");
        let missing: Vec<_> = series.difference(&names).collect();
        assert!(missing.is_empty(), "{file} names {missing:?}, which do not exist");
    }
}
