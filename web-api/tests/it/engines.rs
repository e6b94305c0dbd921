//! The engine is replaced while the service answers. A script stands for the process that builds
//! and times engines; what takes over is a real one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Answer;
use crate::draw;
use crate::images::stripes;
use crate::service::{Service, binary};

/// Longer than the build takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);
/// The arithmetic of the engine that takes over.
const NEW: &str = "int8-s8";

/// Times every engine as slow, but for one that takes two seconds to build.
/// ONNX Runtime is used if it is there, and tract otherwise.
const BUILDER: &str = r#"#!/bin/sh
read -r job
case "$job" in
*'"provider":"tract","precision":"int8-s8"'* | *'"provider":"cpu","precision":"int8-s8"'*)
    echo '{"stage":"loading"}'
    sleep 2
    echo '{"ms":0.001}'
    ;;
*)
    echo '{"ms":10.0}'
    ;;
esac
"#;

fn service() -> Service {
    let store = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let builder = folder.path().join("builder");
    fs::write(&builder, BUILDER).unwrap();
    fs::set_permissions(&builder, Permissions::from_mode(0o755)).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/tests/fixtures");
    let mut command = binary(&["--listen=127.0.0.1:0", "--engine=auto", "--precision=int8"]);
    command.arg("--bundle").arg(fixtures.join("integer-bundle"));
    command.arg("--store").arg(store.path());
    command.env("HANDFUL_TEST_ENGINE_BUILDER", &builder);
    command.env("XDG_CACHE_HOME", folder.path().join("cache"));
    Service::run(&mut command).keeping(vec![store, folder])
}

fn image() -> Vec<u8> {
    draw::png(stripes(0))
}

fn precision(answer: &Value) -> &str {
    answer["model"]["precision"].as_str().unwrap()
}

#[test]
fn the_first_answer_does_not_wait_for_a_build() {
    let service = service();
    let image = image();
    let first = service.post("/v1/embed", &image).ok();
    assert_eq!(precision(&first), "int8-u8");
    let end = Instant::now() + LONGEST;
    let mut before = 0;
    while precision(&service.post("/v1/embed", &image).ok()) != NEW {
        assert!(Instant::now() < end, "no engine took over");
        before += 1;
        thread::sleep(Duration::from_millis(20));
    }
    assert!(before > 3, "{before} answers during a build of two seconds");
}

#[test]
fn a_switch_fails_no_request_and_mixes_no_answer() {
    let service = service();
    let image = image();
    let files = ["a", "b", "c"].map(|name| (name, &image[..]));
    let switched = AtomicUsize::new(0);
    let end = Instant::now() + LONGEST;
    let ask = || {
        let mut answers = Vec::new();
        // Some more after the switch, as seen by all.
        while switched.load(Ordering::SeqCst) < 20 {
            assert!(Instant::now() < end, "no engine took over");
            let answer: Answer = service.post_files("/v1/embed", &files);
            let answer = answer.ok();
            if precision(&answer) == NEW {
                switched.fetch_add(1, Ordering::SeqCst);
            }
            answers.push(answer);
        }
        answers
    };
    let answers: Vec<Value> = thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let of = |word: &str| answers.iter().find(|answer| precision(answer) == word).unwrap();
    let [old, new] = ["int8-u8", NEW].map(|word| of(word)["results"][0]["embedding"].clone());
    assert_ne!(old, new, "the engines can be told apart");
    for answer in &answers {
        let expected = if precision(answer) == NEW { &new } else { &old };
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), files.len());
        assert!(results.iter().all(|result| result["embedding"] == *expected), "{answer}");
    }
}

#[test]
fn states_are_the_same_wherever_they_are_shown() {
    let service = service();
    let image = image();
    let end = Instant::now() + LONGEST;
    // An answer takes in what is ready.
    while precision(&service.post("/v1/embed", &image).ok()) != NEW {
        assert!(Instant::now() < end, "no engine took over");
        thread::sleep(Duration::from_millis(20));
    }
    let version = service.get("/version").ok()["engine"].clone();
    assert_eq!(version["precision"], NEW);
    let provider = version["provider"].as_str().unwrap();
    let candidates = version["candidates"].as_array().unwrap();
    let before = candidates.iter().find(|one| one["state"] == "ready");
    let before = before.unwrap_or_else(|| panic!("one served before: {version}"));
    assert_eq!(before["precision"], "int8-u8");
    assert_eq!(before["ms"], 10.0);
    let ready = service.get("/readyz").ok()["engine"].clone();
    assert_eq!(ready["precision"], NEW);
    for (short, long) in ready["candidates"].as_array().unwrap().iter().zip(candidates) {
        assert_eq!(short["provider"], long["provider"]);
        assert_eq!(short.as_object().unwrap().len(), 3, "no reason is shown without a key");
    }
    assert_eq!(service.get("/v1/doctor").ok()["engine"]["precision"], NEW);
    let labels = format!("provider=\"{provider}\",precision=\"{NEW}\"");
    let in_use = format!("handful_engine_in_use{{{labels}}} 1");
    // They are counted by a thread that follows the states.
    let text = loop {
        let text = service.get("/metrics").text();
        if text.contains("handful_engine_switches_total 1\n") || Instant::now() > end {
            break text;
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(text.contains(&in_use), "{text}");
    assert!(text.contains("handful_engine_switches_total 1\n"), "{text}");
    assert!(!text.contains("handful_engine_builds_total 0\n"), "{text}");
}
