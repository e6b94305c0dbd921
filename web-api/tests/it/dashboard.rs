//! The Grafana dashboard and the alerts, by a Prometheus that reads a service under load.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{self, Answer, encoded};
use crate::metrics::{deployed, is_installed, taught, work};

/// Another process may take the free port first.
const STARTS: usize = 5;

/// Longer than it ever takes.
const MOST: Duration = Duration::from_secs(60);

struct Prometheus {
    child: Child,
    address: String,
    /// Its configuration and its data.
    _folder: TempDir,
}

impl Prometheus {
    /// One that reads the metrics of `target` every second, with the deployed alerts.
    fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let alerts = fs::canonicalize(deployed("alerts.yml")).unwrap();
        let configuration = serde_json::json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [alerts],
            "scrape_configs": [
                { "job_name": "handful", "static_configs": [{ "targets": [target] }] },
            ],
        });
        // JSON is YAML.
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration.to_string()).unwrap();
        for _ in 0..STARTS {
            let address = free_address();
            let mut child = command(&file, &folder.path().join("data"), &address).spawn().unwrap();
            if becomes_ready(&mut child, &address) {
                return Self { child, address, _folder: folder };
            }
        }
        panic!("Prometheus does not start");
    }

    fn get(&self, path: &str) -> Answer {
        client::request(&self.address, "GET", path, &[], &[])
    }

    /// The values of an expression now.
    fn values(&self, expression: &str) -> Vec<f64> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression))).ok();
        assert_eq!(answer["data"]["resultType"], "vector", "{expression}");
        let series = answer["data"]["result"].as_array().unwrap().iter();
        series.map(|one| one["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Whether each alert was evaluated without an error, by its name.
    fn alerts(&self) -> Vec<(String, bool)> {
        let answer = self.get("/api/v1/rules").ok();
        let rules = answer["data"]["groups"][0]["rules"].as_array().unwrap().iter();
        rules
            .map(|rule| (rule["name"].as_str().unwrap().to_owned(), rule["health"] == "ok"))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn command(file: &Path, data: &Path, address: &str) -> Command {
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Whether it answers on this address, and has not ended.
fn becomes_ready(child: &mut Child, address: &str) -> bool {
    let started = Instant::now();
    while started.elapsed() < MOST && child.try_wait().unwrap().is_none() {
        if TcpStream::connect(address).is_ok()
            && client::request(address, "GET", "/-/ready", &[], &[]).status == 200
        {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn dashboard() -> Value {
    let text = fs::read_to_string(deployed("grafana-dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The queries of all panels, as they are written.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// A query with all variables of the dashboard replaced: every series, rates over ten seconds.
fn replaced(query: &str) -> String {
    let query = query.replace("$__rate_interval", "10s");
    let query = ["$job", "$instance", "$gallery"]
        .iter()
        .fold(query, |query, variable| query.replace(variable, ".*"));
    assert!(!query.contains('$'), "{query}");
    query
}

#[test]
fn every_query_of_the_dashboard_gives_a_series() {
    if !is_installed("prometheus", "queries of the dashboard") {
        return;
    }
    let service = taught();
    // Once: many wrong ones would be answered with 429.
    service.send("GET", "/version", &[("authorization", "Bearer wrong")], &[]);
    let prometheus = Prometheus::start(&service.address);
    let mut open: Vec<String> = queries(&dashboard()).iter().map(|one| replaced(one)).collect();
    let started = Instant::now();
    let mut rounds = (0..=u8::MAX).cycle();
    while !open.is_empty() {
        work(&service, rounds.next().unwrap());
        // What is divided by 0 is no series to draw.
        open.retain(|query| !prometheus.values(query).iter().any(|value| value.is_finite()));
        assert!(started.elapsed() < MOST, "these give no series: {open:#?}");
    }
    while prometheus.alerts().iter().any(|(_, is_healthy)| !is_healthy) {
        assert!(started.elapsed() < MOST, "{:?}", prometheus.alerts());
        thread::sleep(Duration::from_millis(50));
    }
    assert!(prometheus.alerts().len() >= 9);
    assert!(prometheus.values("missing_series").is_empty(), "the test can fail");
}

#[test]
fn the_dashboard_is_complete() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let variables: Vec<&str> = variables.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "job", "instance", "gallery"]);
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    let rows = panels.iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<&str> = rows.map(|row| row["title"].as_str().unwrap()).collect();
    let expected = [
        "Overview",
        "Images",
        "Decisions by gallery",
        "Capacity",
        "Galleries and store",
        "Access",
        "Process",
        "Engines",
    ];
    assert_eq!(rows, expected);
    let queries = queries(&dashboard);
    assert!(queries.len() >= 40, "{}", queries.len());
    for query in queries {
        assert!(query.contains("job=~\"$job\",instance=~\"$instance\""), "{query}");
    }
}
