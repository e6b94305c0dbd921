//! `handful engines`: engines that are built ahead, on a machine without TensorRT.

use std::fs;
use std::path::{Path, PathBuf};

use edge::board::Board;
use edge::built;
use edge::engine::EngineOptions;
use edge::engine::cache::{About, EngineCache, Machine};

use crate::sandbox::{Outcome, Sandbox, tiny_bundle};

const CACHE: [&str; 2] = ["--engine-cache", "engines"];

fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    sandbox.run(&[&CACHE[..], args].concat())
}

fn ok(sandbox: &Sandbox, args: &[&str]) -> String {
    sandbox.ok(&[&CACHE[..], args].concat())
}

fn json(sandbox: &Sandbox, args: &[&str]) -> serde_json::Value {
    sandbox.json(&[&CACHE[..], args, &["--json"]].concat())
}

/// Puts an engine of the tiny bundle for a machine in the cache; its folder and key.
fn put(sandbox: &Sandbox, machine: &Machine) -> (PathBuf, String) {
    let cache = EngineCache::new(sandbox.path("engines"));
    let bundle = tiny_bundle();
    let options = EngineOptions::default();
    let kind = built::kinds(&bundle, &options)[0];
    let made_for = built::made_for(&bundle, kind, &options, machine).unwrap();
    let new = cache.begin(&made_for.key()).unwrap();
    fs::write(new.folder().join("context.onnx"), [1; 1_000]).unwrap();
    let about = About { made_for, bundle: "tiny".to_owned(), build_ms: 61_000, image_ms: None };
    let entry = new.finish(about).unwrap().entry;
    (entry.folder, entry.key.to_string())
}

fn other_machine(gpu: &str) -> Machine {
    Machine { gpu: Some(gpu.to_owned()), ..Machine::default() }
}

#[test]
fn without_engines_nothing_is_listed_and_nothing_is_made() {
    let sandbox = Sandbox::new();
    let text = ok(&sandbox, &["engines", "list"]);
    assert!(text.starts_with("no engine is built in ") && text.contains("engines"), "{text}");
    assert_eq!(json(&sandbox, &["engines", "list"])["engines"], serde_json::json!([]));
    let text = ok(&sandbox, &["engines", "clear", "--all"]);
    assert!(text.starts_with("nothing to remove"), "{text}");
    assert!(!sandbox.path("engines").exists());
}

#[test]
fn engines_are_listed_and_cleared() {
    let sandbox = Sandbox::new();
    let (folder, key) = put(&sandbox, &other_machine("Orin"));
    let text = ok(&sandbox, &["engines", "list"]);
    let line = text.lines().nth(1).unwrap();
    for word in [&key[..12], "tiny", "tensorrt", "61", "not used here: built for "] {
        assert!(line.contains(word), "{word}: {text}");
    }
    assert!(text.contains("used here: by the bundle tiny"), "{text}");
    let listed = json(&sandbox, &["engines", "list"]);
    assert_eq!(listed["engines"][0]["key"], key);
    assert_eq!(listed["engines"][0]["in_use"], false);
    assert_eq!(listed["engines"][0]["build_ms"], 61_000);
    // A cut file is named.
    fs::write(folder.join("context.onnx"), [1; 10]).unwrap();
    let text = ok(&sandbox, &["engines", "list"]);
    assert!(text.contains("refused: context.onnx has 10 bytes, expected 1000"), "{text}");
    let text = ok(&sandbox, &["engines", "clear", &key[..8]]);
    assert!(text.starts_with("1 engine removed"), "{text}");
    assert!(!folder.exists());
    put(&sandbox, &other_machine("Orin"));
    put(&sandbox, &other_machine("Xavier"));
    let cleared = json(&sandbox, &["engines", "clear", "--all"]);
    assert_eq!(cleared["removed"].as_array().unwrap().len(), 2);
}

#[test]
fn without_a_bundle_it_is_not_known_what_is_used() {
    let sandbox = Sandbox::new();
    put(&sandbox, &other_machine("Orin"));
    let without = ["--bundle", "no-such-bundle", "engines", "list"];
    let text = ok(&sandbox, &without);
    assert!(!text.contains("used here"), "{text}");
    assert!(text.contains("which of them are used is not known: "), "{text}");
    assert!(text.contains("no-such-bundle"), "{text}");
    assert!(json(&sandbox, &without)["engines"][0]["in_use"].is_null());
}

#[test]
fn those_that_the_bundle_uses_here_are_kept() {
    let sandbox = Sandbox::new();
    let library = json(&sandbox, &["doctor"])["onnxruntime"].as_str().map(PathBuf::from);
    let here = Board::read(Path::new("/")).machine(library.as_deref());
    let (folder, key) = put(&sandbox, &here);
    let (other, _) = put(&sandbox, &other_machine("Orin"));
    let listed = json(&sandbox, &["engines", "list"]);
    let engines = listed["engines"].as_array().unwrap();
    let used = engines.iter().find(|engine| engine["key"] == key).unwrap();
    assert_eq!((&used["in_use"], engines.len()), (&true.into(), 2));
    let text = ok(&sandbox, &["engines", "clear", "--unused"]);
    assert!(text.starts_with("1 engine removed"), "{text}");
    assert!(folder.exists() && !other.exists());
}

#[test]
fn keys_that_name_no_engine_are_bad_input() {
    let sandbox = Sandbox::new();
    put(&sandbox, &other_machine("Orin"));
    for (key, words) in [("3f", "too short"), ("zzzzzz", "there is no engine"), ("", "too short")] {
        let outcome = run(&sandbox, &["engines", "clear", key]);
        assert!(outcome.code == 2 && outcome.err.contains(words), "{outcome:?}");
    }
    // One is named, or all are.
    assert_eq!(run(&sandbox, &["engines", "clear"]).code, 2);
    assert_eq!(run(&sandbox, &["engines", "clear", "--all", "--unused"]).code, 2);
}

#[test]
fn a_machine_that_cannot_build_says_what_is_missing() {
    let sandbox = Sandbox::new();
    // On a machine with TensorRT it would be built.
    let outcome = run(&sandbox, &["engines", "build"]);
    if outcome.code == 0 {
        eprintln!("skipped: TensorRT works on this machine");
        return;
    }
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.out.contains("TensorRT cannot build here: "), "{outcome:?}");
    assert!(outcome.err.contains("no engine can be built on this machine"), "{outcome:?}");
    assert!(!sandbox.path("engines").exists(), "nothing is made");
    let outcome = run(&sandbox, &["engines", "build", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert!(answer["missing"].is_string() && answer["engines"] == serde_json::json!([]));
}

#[test]
fn the_service_manager_and_the_environment_name_the_folder() {
    let sandbox = Sandbox::new();
    let folder = |variables: &[(&str, &str)]| {
        let mut command = sandbox.bare(&["engines", "list", "--json"]);
        command.env_remove("CACHE_DIRECTORY").env("XDG_CACHE_HOME", "/x/cache");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["folder"].as_str().unwrap().to_owned()
    };
    assert_eq!(folder(&[]), "/x/cache/handful/engines");
    let service = ("CACHE_DIRECTORY", "/x/service");
    assert_eq!(folder(&[service]), "/x/service/engines");
    assert_eq!(folder(&[service, ("HANDFUL_ENGINE_CACHE", "/x/named")]), "/x/named");
}
