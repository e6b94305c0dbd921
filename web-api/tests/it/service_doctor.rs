//! The state of the service: what it runs, what it may take, what is to be mended.

use std::path::Path;

use edge::board::{Board, next_step};
use edge::engine::Provider;

use crate::service::{CLASSES, Service};

const DOCTOR: &str = "/v1/doctor";

#[test]
fn the_state_of_the_service_is_known_at_once() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &["--max-files", "7"]);
    service.put("/v1/galleries/line%202", "").ok();
    let state = service.get(DOCTOR).ok();
    let version = service.get("/version").ok();
    for part in ["version", "bundle", "engine"] {
        assert_eq!(state[part], version[part], "{part}");
    }
    assert_eq!(state["limits"]["max_files"], 7);
    assert_eq!(state["store"]["galleries"], 2);
    assert_eq!(state["store"]["read_only"], false);
    assert!(state["store"]["bytes"].as_u64().unwrap() > 1000, "{state}");
    assert!(state["store"]["free_bytes"].as_u64().unwrap() > 0, "{state}");
    assert!(state["uptime_seconds"].as_u64().unwrap() < 3600, "{state}");
    assert_eq!(state["problems"], serde_json::json!([]));
    let path = store.path().to_str().unwrap();
    assert!(!state.to_string().contains(path), "{state}");
    service.get("/v1/doctor?x=1").assert_problem(400, "bad_request");
}

#[test]
fn the_board_of_the_service_is_this_machine() {
    let store = tempfile::tempdir().unwrap();
    let state = Service::start_on(store.path(), &[]).get(DOCTOR).ok();
    let board = state["board"].as_object().unwrap();
    let here = Board::read(Path::new("/"));
    assert_eq!(board["model"].as_str(), here.model.as_deref());
    assert_eq!(board["memory_bytes"].as_u64(), here.memory.map(|memory| memory.total));
    assert_eq!(board["cores"].as_u64(), here.clocks.as_ref().map(|found| found.cores as u64));
    let provider = state["engine"]["provider"].as_str().unwrap();
    let engine = Provider::ALL.into_iter().find(|known| known.to_string() == provider);
    let next = next_step(&here, engine).map(|step| step.to_string());
    assert_eq!(board["next_step"].as_str(), next.as_deref());
}

#[test]
fn a_store_that_is_gone_is_a_problem() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    service.get(CLASSES).ok();
    for file in std::fs::read_dir(store.path()).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            std::fs::remove_file(file).unwrap();
        }
    }
    let state = service.get(DOCTOR).ok();
    let problems = state["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{state}");
    let path = store.path().to_str().unwrap();
    assert!(!state.to_string().contains(path), "{state}");
    assert_eq!(state["store"]["bytes"], serde_json::Value::Null);
}
