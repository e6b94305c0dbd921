//! `handful evaluate` as a process.

use std::fs;

use serde_json::Value;

use crate::bad_input::assert_refused;
use crate::decided::add_decision;
use crate::files::{copy_folder, draw_classes};
use crate::sandbox::{Sandbox, tiny_bundle_dir};

#[test]
fn evaluate_writes_the_report() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 6);
    let protocol = ["--data", "things", "--split", "base", "--n-way", "3", "--n-query", "2"];
    let rest = ["--episodes", "40", "--json", "report.json"];
    let named = tiny_bundle_dir();
    let args = [&["evaluate", named.to_str().unwrap()], &protocol[..], &rest].concat();
    let text = sandbox.ok(&args);
    assert!(text.starts_with("3-way 1-shot on base, 2 queries, 40 episodes, seed 7"), "{text}");
    let report: Value =
        serde_json::from_slice(&fs::read(sandbox.path("report.json")).unwrap()).unwrap();
    let keys = ["n_way", "k_shot", "n_query", "episodes", "seed", "split", "results"];
    let mut found: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    let result = &report["results"][0];
    assert_eq!((&result["fusion"], &result["setting"]), (&"mean".into(), &"inductive".into()));
    assert!((0.5..=1.0).contains(&result["accuracy"].as_f64().unwrap()), "{report}");
    let args = [&["evaluate"], &protocol[..], &["--episodes", "40", "--json"]].concat();
    assert_eq!(sandbox.json(&args), report, "printed and written, the same");
    let empty = sandbox.run(&["evaluate", "--data", "things", "--split", "val"]);
    assert_eq!(empty.code, 2, "{empty:?}");
    assert!(
        empty.err.contains("no classes in split `val`; it has 3 in `base`; use `--split base`"),
        "{empty:?}"
    );
}

#[test]
fn impossible_evaluations_are_refused() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 3);
    let evaluate = |rest: &[&str]| {
        sandbox.run(&[&["evaluate", "--data", "things", "--split", "base"], rest].concat())
    };
    assert_refused(&evaluate(&[]), 2, &["base"]);
    assert_refused(&evaluate(&["--n-way", "3", "--n-query", "15"]), 2, &["base"]);
    let two = ["--n-way", "2", "--n-query", "2"];
    assert_refused(&evaluate(&[&two[..], &["--episodes", "1"]].concat()), 2, &["at least 2"]);
    assert_refused(&sandbox.run(&["evaluate", "--data", "gone"]), 2, &["gone"]);
    fs::write(sandbox.path("things/red/0.png"), "not an image").unwrap();
    assert_refused(&evaluate(&two), 2, &["red/0.png"]);
}

/// A data set of three classes, and a bundle with a decision.
fn with_decision() -> Sandbox {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 6);
    copy_folder(&tiny_bundle_dir(), &sandbox.path("bundle"));
    add_decision(&sandbox.path("bundle"));
    sandbox
}

const TWO_WAYS: [&str; 10] = [
    "evaluate",
    "./bundle",
    "--data",
    "things",
    "--split",
    "base",
    "--n-way",
    "2",
    "--n-query",
    "3",
];

#[test]
fn evaluate_measures_what_is_rejected() {
    let sandbox = with_decision();
    let plain = sandbox.json(&[&TWO_WAYS[..], &["--episodes", "20", "--json"]].concat());
    let rejection = ["--episodes", "20", "--unknown", "1", "--junk", "--plot", "a.svg"];
    let args = [&TWO_WAYS[..], &rejection, &["--json", "report.json"]].concat();
    let text = sandbox.ok(&args);
    for expected in ["| AUROC ", "| mean   | 5 %    |", "| uniform-noise "] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let report: Value =
        serde_json::from_slice(&fs::read(sandbox.path("report.json")).unwrap()).unwrap();
    let result = &report["results"][0];
    assert_eq!(result["accuracy"], plain["results"][0]["accuracy"]);
    assert_eq!((&report["n_unknown"], &plain["n_unknown"]), (&1.into(), &Value::Null));
    let unknown = &result["unknown"];
    for field in ["auroc", "fpr95", "oscr", "ece"] {
        assert!((0.0..=1.0).contains(&unknown[field].as_f64().unwrap()), "{field}: {unknown}");
    }
    let rates: Vec<_> = unknown["stated"].as_array().unwrap().iter().map(|s| &s["rate"]).collect();
    assert_eq!(rates, [0.01, 0.02, 0.05, 0.1]);
    assert_eq!(
        (&result["junk"]["galleries"], &result["junk"]["images"]),
        (&20.into(), &200.into())
    );
    assert!(fs::read_to_string(sandbox.path("a.svg")).unwrap().contains("<polyline"));
}

#[test]
fn half_of_the_classes_are_every_second_one() {
    let sandbox = with_decision();
    let args = [&TWO_WAYS[..], &["--episodes", "9", "--json", "--classes"]].concat();
    let first = sandbox.json(&[&args[..], &["first-half"]].concat());
    assert_eq!(first["classes"], "first-half");
    let second = sandbox.run(&[&args[..], &["second-half"]].concat());
    assert_refused(&second, 2, &["needs 2 classes (n_way) but there are 1"]);
    let neither = sandbox.run(&[&args[..], &["half"]].concat());
    assert!(neither.code == 2 && neither.err.contains("first-half or second-half"), "{neither:?}");
}

#[test]
fn rejection_that_cannot_be_measured_is_refused() {
    let sandbox = with_decision();
    let run = |more: &[&str]| sandbox.run(&[&TWO_WAYS[..], more].concat());
    let expected = "--unknown 2: the base split has 3 classes, 1 beside the 2 of an episode";
    assert_refused(&run(&["--unknown", "2"]), 2, &[expected]);
    let half = ["--classes", "first-half", "--unknown", "1"];
    assert_refused(&run(&half), 2, &["the first-half of the base split has 2 classes, 0 beside"]);
    for option in [&["--junk"][..], &["--plot", "a.svg"]] {
        let outcome = run(option);
        assert!(outcome.code == 2 && outcome.err.contains("--unknown"), "{outcome:?}");
    }
    let tiny = tiny_bundle_dir();
    let args = [&["evaluate", tiny.to_str().unwrap()], &TWO_WAYS[2..], &["--unknown", "1"]];
    let missing = sandbox.run(&args.concat());
    assert_refused(&missing, 2, &["has no decision", "handful-export fit-decision"]);
}
