//! Runs `handful-export fit-decision` as a process.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use few_shot::decision::DecisionModel;
use models::bundle::{Bundle, BundleLimits};
use serde_json::Value;

use crate::sample::{self, Bench, errors};

/// All nouns of the sample's lexicon: enough classes for a fit.
pub(crate) const CLASSES: [&str; 12] = [
    "animal",
    "coffee mug",
    "computer mouse",
    "cup",
    "handle",
    "hoof",
    "mouse",
    "mug",
    "person",
    "striped horse",
    "thing",
    "zebra",
];

/// A folder per class, with five images each.
pub(crate) fn images(bench: &Bench, folder: &str, classes: &[&str]) {
    for (class, name) in classes.iter().enumerate() {
        let place = bench.path(folder).join(name);
        fs::create_dir_all(&place).unwrap();
        for image in 0..5u32 {
            let shade = |x: u32, y: u32| {
                let wave = x * (class as u32 + 1) + y * (12 - class as u32) + image;
                image::Rgb([(wave * 8) as u8, (class * 20) as u8, (x * image) as u8])
            };
            image::RgbImage::from_fn(36, 36, shade)
                .save(place.join(format!("{image}.png")))
                .unwrap();
        }
    }
}

pub(crate) fn program(bench: &Bench, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handful-export"));
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("ORT_DYLIB_PATH");
    command.current_dir(bench.folder.path()).args(arguments).output().unwrap()
}

pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", errors(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A bundle `tiny` with name knowledge.
fn bundle(bench: &Bench) {
    sample::save(&sample::knowing_run(), &bench.path("run"));
    fs::write(bench.path("words.bin"), sample::lexicon()).unwrap();
    succeeded(&bench.export(&["--out", "tiny", "--lexicon", "words.bin"]));
}

pub(crate) fn open(bench: &Bench, name: &str) -> Bundle {
    Bundle::open(&bench.path(name), &BundleLimits::default()).unwrap()
}

#[test]
fn a_decision_is_fitted_and_everything_else_stays() {
    let bench = Bench::new();
    bundle(&bench);
    images(&bench, "images", &CLASSES);
    let before = open(&bench, "tiny");
    let inspected = succeeded(&program(&bench, &["inspect", "tiny"]));
    assert!(inspected.contains("decision: none; every image is accepted"), "{inspected}");
    // Elsewhere first, with the lexicon, then in place.
    let fit = ["fit-decision", "tiny", "--data", "images", "--engine", "tract"];
    let text = succeeded(&program(&bench, &[&fit[..], &["--out", "other/tiny"]].concat()));
    for part in ["background", "images", "5 names", "wrote other/tiny"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let json = succeeded(&program(&bench, &[&fit[..], &["--json"]].concat()));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["report"]["sets"][0]["classes"], 12);
    assert_eq!((&json["written"], &json["bundle"]), (&Value::Bool(true), &"tiny".into()));

    let after = open(&bench, "tiny");
    let decision = after.manifest.decision.clone().unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = after.files().clone();
    let bytes = files.remove(&decision).unwrap();
    assert_eq!(&files, before.files());
    assert_eq!(open(&bench, "other/tiny").files(), after.files(), "the same bytes every time");
    assert_eq!(open(&bench, "other/tiny").lexicon().unwrap(), Some(sample::lexicon()));
    let mut manifest = after.manifest.clone();
    manifest.files.remove(&decision);
    manifest.decision = None;
    assert_eq!(manifest, before.manifest);
    let (space_id, model) = DecisionModel::parse(&bytes).unwrap();
    assert_eq!(space_id, after.manifest.space_id);
    assert!(model.table.limits.by_classes.contains_key(&10), "{:?}", model.table.limits);

    let inspected = succeeded(&program(&bench, &["inspect", "tiny"]));
    assert!(inspected.contains("limits for 1 to 10 classes"), "{inspected}");
    let verified = succeeded(&program(&bench, &["verify", "tiny", "--engine", "tract"]));
    assert!(verified.contains("the decision fits the backbone"), "{verified}");
}

#[test]
fn half_of_the_classes_can_be_held_out() {
    let bench = Bench::new();
    assert!(bench.export(&["--out", "tiny"]).status.success());
    let twice = CLASSES.map(|class| format!("{class} too"));
    images(&bench, "images", &CLASSES);
    images(&bench, "images", &twice.each_ref().map(String::as_str));
    let fit = ["fit-decision", "tiny", "--data", "images", "--engine", "tract"];
    let hold_out = ["--hold-out", "second-half"];
    let text = succeeded(&program(&bench, &[&fit[..], &hold_out].concat()));
    assert!(text.contains("held-out base classes (second-half)"), "{text}");
    assert!(text.contains("5 classes") && !text.contains("names"), "no name knowledge: {text}");
    let json = succeeded(&program(&bench, &[&fit[..], &hold_out, &["--json"]].concat()));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["report"]["sets"][0]["classes"], 12);
    assert_eq!(json["held_out"][0]["classes"], 12);
}

#[test]
fn what_cannot_be_fitted_is_refused_and_nothing_is_written() {
    let bench = Bench::new();
    assert!(bench.export(&["--out", "tiny"]).status.success());
    let before = open(&bench, "tiny");
    images(&bench, "few", &CLASSES[..3]);
    images(&bench, "images", &CLASSES);
    images(&bench, "splits/val", &CLASSES);
    fs::write(bench.path("file.tar"), "no archive").unwrap();
    let refused = |arguments: &[&str], expected: &str| {
        let output = program(&bench, &[&["fit-decision"], arguments].concat());
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    };
    refused(&["tiny", "--data", "few"], "few has 3 base classes of 4 images or more, expected");
    refused(&["tiny", "--data", "splits"], "splits: the data has no classes in split `base`");
    refused(&["tiny", "--data", "nowhere"], "nowhere");
    refused(&["tiny", "--data", "file.tar"], "file.tar");
    refused(&["tiny"], "--data");
    refused(&["nowhere", "--data", "images"], "nowhere");
    refused(&["tiny", "--data", "images", "--hold-out", "third"], "expected first-half or second");
    refused(&["tiny", "--data", "images", "--hold-out", "first-half"], "images has 6 base classes");
    refused(&["tiny", "--data", "images", "--out", "images"], "images exists and is not a bundle");
    assert_eq!(open(&bench, "tiny").manifest, before.manifest);
    fs::write(bench.path("tiny/backbone.onnx"), "damaged").unwrap();
    refused(&["tiny", "--data", "images"], "its length is 7");
}

#[test]
fn an_export_takes_the_decision_of_the_run() {
    let bench = Bench::new();
    assert!(bench.export(&["--out", "tiny"]).status.success());
    images(&bench, "images", &CLASSES);
    let fit = ["fit-decision", "tiny", "--data", "images", "--engine", "tract"];
    succeeded(&program(&bench, &fit));
    let bytes = fs::read(bench.path("tiny/decision.safetensors")).unwrap();
    fs::write(bench.path("run/decision.safetensors"), &bytes).unwrap();
    let text = succeeded(&bench.export(&["--out", "again"]));
    assert!(text.contains("decision  decision.safetensors"), "{text}");
    assert_eq!(open(&bench, "again").file("decision.safetensors"), Some(bytes.as_slice()));

    let output = bench.export(&["--out", "small", "--input-size", "20"]);
    assert!(errors(&output).contains("the bundle gets no decision"), "{}", errors(&output));
    assert_eq!(open(&bench, "small").manifest.decision, None);

    let (_, model) = DecisionModel::parse(&bytes).unwrap();
    let of_another_space = model.to_bytes(&"0".repeat(64)).unwrap();
    for (bytes, expected) in [
        (of_another_space, "the decision's space is 0000"),
        (b"no tensors".to_vec(), "is not usable"),
    ] {
        fs::write(bench.path("run/decision.safetensors"), bytes).unwrap();
        let refused = bench.export(&["--out", "again"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(errors(&refused).contains(expected), "{}", errors(&refused));
    }
}
