//! `handful` as a process in a fresh folder: the usual commands, their text and their JSON.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::files::{copy_folder, draw_classes, png};
use crate::sandbox::{Outcome, Sandbox, onnxruntime, tiny_bundle_dir};

#[test]
fn enroll_classify_rename_delete() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 4);
    fs::write(sandbox.path("new.png"), png(1, 9)).unwrap();
    let text = sandbox.ok(&["enroll", "things"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "class  new  skipped  examples  change");
    for (line, label) in lines[1..4].iter().zip(["blue ", "green", "red  "]) {
        assert!(line.starts_with(&format!("{label}    4        0         4  ch_")), "{text}");
    }
    assert_eq!(lines[4..], ["undo one with: handful gallery undo CHANGE"]);
    let again = sandbox.json(&["enroll", "things/", "--json"]);
    assert_eq!((&again["revision"], &again["change"]), (&3.into(), &Value::Null));
    assert_eq!(
        (&again["classes"][0]["added"], &again["classes"][0]["duplicates"]),
        (&0.into(), &4.into())
    );

    let text = sandbox.ok(&["classify", "new.png", "--top", "2"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("new.png", 3));
    assert!(lines[1].starts_with("  green  ") && lines[1].contains('█'), "{text}");
    let answer = sandbox.json(&["classify", "--json", "new.png", "things/red/0.png"]);
    let labels = [&answer["results"][0]["label"], &answer["results"][1]["label"]];
    assert_eq!(labels, ["green", "red"]);
    assert_eq!(answer["results"][0]["candidates"].as_array().unwrap().len(), 3);
    assert_eq!(answer["results"][0]["decision"], "accepted");
    assert_eq!(answer["model"]["provider"], "tract");

    let renamed = sandbox.json(&["gallery", "rename", "green", "lime 🍋", "--json"]);
    let id = renamed["classes"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(renamed["classes"][0]["label"], "lime 🍋");
    assert!(sandbox.ok(&["gallery", "list"]).contains("lime 🍋"));
    sandbox.ok(&["gallery", "delete", &id]);
    let left = sandbox.json(&["gallery", "list", "--json"]);
    let labels: Vec<_> = left["classes"].as_array().unwrap().iter().map(|c| &c["label"]).collect();
    assert_eq!(labels, ["blue", "red"]);
    assert_eq!(left["revision"], 5);
}

#[test]
fn one_class_from_files() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    let files = ["things/red/0.png", "things/red/1.png"];
    let text = sandbox.ok(&["enroll", "--class", " كوب ", files[0], files[1]]);
    assert!(text.contains("كوب"), "{text}");
    assert!(sandbox.ok(&["classify", files[0]]).contains("كوب"));
}

#[test]
fn doctor_reports_bundle_engines_and_store() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["doctor"]);
    for expected in
        ["verified", "onnxruntime/tensorrt", "rejected", "tract", "chosen: tract", "hint:"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!sandbox.path("data").exists(), "doctor creates no store");
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    let answer = sandbox.json(&["doctor", "--json"]);
    assert_eq!(answer["store"]["examples"], 6);
    assert_eq!(answer["problems"], serde_json::json!([]));
    let engines = answer["engines"].as_array().unwrap();
    assert_eq!(engines.len(), 4);
    for engine in engines {
        assert_eq!(engine["works"].as_bool().unwrap(), engine["reason"].is_null(), "{engine}");
        // Nothing is built here: where TensorRT works, it is untried.
        assert_eq!(engine["state"] == "measured", engine["works"] == true, "{engine}");
    }
    let missing = sandbox.run(&["doctor", "--json", "--bundle", "gone"]);
    assert_eq!(missing.code, 2, "as every command without its bundle");
    let answer: Value = serde_json::from_str(&missing.out).unwrap();
    assert!(answer["problems"][0].as_str().unwrap().contains("gone"), "{answer}");
}

#[test]
fn doctor_keeps_its_settings_without_the_named_library() {
    let sandbox = Sandbox::new();
    let options = ["--engine", "cpu", "--onnxruntime", "gone.so", "--precision", "fp16"];
    let doctor = sandbox.run(&[&["doctor", "--json"], &options[..]].concat());
    assert_eq!(doctor.code, 2, "a missing file is bad input: {doctor:?}");
    let answer: Value = serde_json::from_str(&doctor.out).unwrap();
    assert!(answer["problems"][0].as_str().unwrap().contains("gone.so"), "{answer}");
    for engine in answer["engines"].as_array().unwrap() {
        assert_eq!(engine["precision"], "fp16", "{answer}");
    }
    let machine = sandbox.run(&["doctor", "--engine", "cuda"]);
    assert_eq!(machine.code, 1, "{machine:?}");
    assert!(machine.out.contains("problem: no engine works for --engine cuda"), "{machine:?}");
}

#[test]
fn doctor_uses_the_library_of_the_environment() {
    let Some(library) = onnxruntime("doctor with ONNX Runtime") else { return };
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["doctor", "--json", "--engine", "auto"]);
    let answer = Outcome::of(&command.env("ORT_DYLIB_PATH", &library).output().unwrap());
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.err.is_empty(), "the engines' logs stay quiet: {}", answer.err);
    let answer: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(answer["onnxruntime"].as_str().unwrap(), library.to_str().unwrap());
    assert!(answer["chosen"].as_str().unwrap().starts_with("onnxruntime/"));
}

#[test]
fn an_invalid_library_is_an_error_not_a_crash() {
    let sandbox = Sandbox::new();
    let text = sandbox.path("libonnxruntime.so");
    fs::write(&text, "not a library").unwrap();
    let another = PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6");
    for library in [text, another].into_iter().filter(|library| library.exists()) {
        let name = library.to_str().unwrap();
        let outcome = sandbox.run(&["bench", "--engine", "cpu", "--onnxruntime", name]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.err.contains(name), "{outcome:?}");
    }
    let gone = sandbox.run(&["bench", "--engine", "cpu", "--onnxruntime", "gone.so"]);
    assert_eq!(gone.code, 2, "{gone:?}");
    assert!(gone.err.contains("gone.so") && gone.err.contains("--onnxruntime"), "{gone:?}");
}

#[test]
fn bench_measures_each_engine() {
    let sandbox = Sandbox::new();
    let answer = sandbox.json(&["bench", "--rounds", "3", "--json"]);
    let results = answer["results"].as_array().unwrap();
    let batches: Vec<_> = results.iter().map(|r| r["batch"].as_u64().unwrap()).collect();
    assert_eq!(batches, [1, 16]);
    for result in results {
        let product =
            result["image_ms"].as_f64().unwrap() * result["images_per_second"].as_f64().unwrap();
        assert!((product - 1000.0).abs() < 1e-6, "{result}");
        assert_eq!(result["ratio"], 1.0, "one engine is its own slowest");
        for time in ["first_ms", "cold_ms", "load_ms"] {
            assert!(result[time].as_f64().unwrap() > 0.0, "{time}: {result}");
        }
    }
    let table = sandbox.ok(&["bench", "--rounds", "1"]);
    assert!(["images/s", "cold", "first"].iter().all(|column| table.contains(column)), "{table}");
}

#[test]
fn settings_come_from_flag_environment_file_in_this_order() {
    let sandbox = Sandbox::new();
    let bundle = tiny_bundle_dir();
    // The service reads the same file.
    let file = format!(
        "listen = \"0.0.0.0:80\"\nmax_files = 3\nbundle = {bundle:?}\nengine = \"tract\"\n\
         store = \"from-file\"\n"
    );
    fs::write(sandbox.path("handful.toml"), file).unwrap();
    draw_classes(&sandbox.path("things"), 1);
    let made = |name: &str| sandbox.path(name).join("gallery.redb").exists();
    let enroll = ["enroll", "things", "--config", "handful.toml"];
    let run = |command: &mut Command| assert!(command.output().unwrap().status.success());
    run(&mut sandbox.bare(&enroll));
    assert!(made("from-file"));
    run(sandbox.bare(&enroll).env("HANDFUL_STORE", "from-env"));
    assert!(made("from-env"));
    let flagged = [&enroll[..], &["--store", "from-flag"]].concat();
    run(sandbox.bare(&flagged).env("HANDFUL_STORE", "from-env-2"));
    assert!(made("from-flag") && !made("from-env-2"));
    fs::write(sandbox.path("handful.toml"), "engin = \"tract\"\n").unwrap();
    let wrong = Outcome::of(&sandbox.bare(&enroll).output().unwrap());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("handful.toml") && wrong.err.contains("engin"), "{wrong:?}");
}

#[test]
fn a_bundle_is_found_in_the_data_folder() {
    let sandbox = Sandbox::new();
    copy_folder(&tiny_bundle_dir(), &sandbox.path("data/handful/bundles/mine"));
    let outcome = Outcome::of(&sandbox.bare(&["bench", "mine", "--rounds", "1"]).output().unwrap());
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn help_has_examples() {
    let sandbox = Sandbox::new();
    let commands = [
        "",
        "doctor",
        "enroll",
        "classify",
        "calibrate",
        "gallery",
        "gallery settings",
        "gallery show",
        "gallery move",
        "gallery remove",
        "gallery merge",
        "gallery history",
        "gallery undo",
        "gallery redo",
        "gallery purge",
        "gallery compact",
        "gallery export",
        "gallery import",
        "evaluate",
        "bench",
    ];
    for command in commands {
        let args: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let help = Outcome::of(&sandbox.bare(&args).output().unwrap());
        assert_eq!(help.code, 0);
        assert!(help.out.contains("Examples:") && help.out.contains("--engine"), "{command}");
    }
}
