//! Runs `handful-export` as a process: the bundles it writes and the text it prints.

use std::fs;

use edge::embedder::Embedder;
use edge::engine::{EngineChoice, EngineOptions, Provider};
use export::error::ExportError;
use export::run::Run;
use export::verify_bundle::BundleVerification;
use models::bundle::{Bundle, BundleLimits, Precision, Variant, WeightStorage};
use serde_json::{Value, json};

use crate::sample::{self, Bench, errors};

fn report() -> Value {
    json!({
        "n_way": 5, "k_shot": 1, "n_query": 15, "episodes": 2000, "seed": 7, "split": "val",
        "results": [{ "fusion": "mean", "setting": "inductive", "accuracy": 0.625, "ci95": 0.0025 }],
    })
}

#[test]
fn a_run_becomes_a_bundle_and_its_verification_is_printed() {
    let bench = Bench::new();
    let output = bench.export(&["--out", "tiny"]);
    assert!(output.status.success(), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["reference", "tract", "passed", "weights fp16", "wrote tiny"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let bundle = Bundle::open(&bench.path("tiny"), &BundleLimits::default()).unwrap();
    assert_eq!(bundle.manifest.name, "tiny");
    assert_eq!(bundle.manifest.backbone.weights, WeightStorage::Fp16);
    assert_eq!(bench.names(), ["run", "tiny"]);
}

fn verify_against(bundle: &Bundle, run: &Run) -> Result<BundleVerification, ExportError> {
    let options = EngineOptions::default();
    BundleVerification::of(bundle, Some(run), EngineChoice::Auto, &options)
}

#[test]
fn a_run_is_exported_for_images_of_another_size() {
    let bench = Bench::new();
    sample::save(&sample::knowing_run(), &bench.path("run"));
    let output = bench.export(&["--out", "small", "--input-size", "20"]);
    let text = errors(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("no name knowledge"), "{text}");
    assert!(text.contains("it is for images of 32x32; classes are learned from"), "{text}");
    let bundle = Bundle::open(&bench.path("small"), &BundleLimits::default()).unwrap();
    let manifest = &bundle.manifest;
    assert_eq!((manifest.preprocess.size, manifest.knowledge.is_none()), (20, true));
    let mut engines: Vec<_> = manifest.verification.iter().map(|v| v.engine.as_str()).collect();
    // Of ONNX Runtime, those that this machine has.
    engines.retain(|engine| !engine.starts_with("onnxruntime/"));
    assert_eq!(engines, ["reference", "tract"]);
    let mut run = sample::run();
    assert_ne!(manifest.space_id, run.checkpoint.space_id().unwrap());
    assert!(manifest.provenance.notes.contains("verified at 32x32"), "{manifest:?}");
    assert!(verify_against(&bundle, &run).unwrap().passed());
    run.golden.outputs.get_mut("embedding").unwrap().mapv_inplace(|v| 0.9 * v);
    assert!(matches!(verify_against(&bundle, &run), Err(ExportError::Rejected(_))));
    run.checkpoint.parameters.get_mut("layer1.conv1.weight").unwrap().mapv_inplace(|w| -w);
    assert!(matches!(verify_against(&bundle, &run), Err(ExportError::Mismatch { .. })));
}

#[test]
fn the_runs_own_input_size_changes_nothing() {
    let bench = Bench::new();
    sample::save(&sample::knowing_run(), &bench.path("run"));
    fs::write(bench.path("lexicon.bin"), sample::lexicon()).unwrap();
    fs::write(bench.path("report.json"), report().to_string()).unwrap();
    let given = ["--name", "same", "--lexicon", "lexicon.bin", "--accuracy", "report.json"];
    for (out, size) in [("a", &[][..]), ("b", &["--input-size", "32"])] {
        let output = bench.export(&[&["--out", out], &given[..], size].concat());
        assert!(output.status.success(), "{}", errors(&output));
    }
    let read = |dir| fs::read_to_string(bench.path(dir).join("manifest.json")).unwrap();
    assert_eq!(read("a"), read("b"));
    assert!(read("a").contains("lexicon-"), "{}", read("a"));
}

#[test]
fn another_size_is_calibrated_and_verified_in_every_arithmetic() {
    let bench = Bench::new();
    images(&bench);
    let output = bench.export(&[
        "--out",
        "small",
        "--input-size",
        "20",
        "--precision",
        "fp16,int8",
        "--calibrate",
        "images",
    ]);
    assert!(output.status.success(), "{}", errors(&output));
    let bundle = Bundle::open(&bench.path("small"), &BundleLimits::default()).unwrap();
    let variants = &bundle.manifest.backbone.variants;
    assert_eq!(variants.len(), 3);
    assert!(variants.iter().all(|variant| !variant.verification.is_empty()), "{variants:?}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let bench = Bench::new();
    for out in ["a", "b"] {
        let output = bench.export(&["--out", out, "--name", "same", "--weights", "fp32"]);
        assert!(output.status.success(), "{}", errors(&output));
    }
    for file in ["manifest.json", "backbone.onnx"] {
        let read = |dir| fs::read(bench.path(dir).join(file)).unwrap();
        assert!(read("a") == read("b"), "{file} differs");
    }
}

#[test]
fn fp16_storage_halves_the_file() {
    let bench = Bench::new();
    for storage in ["fp16", "fp32"] {
        assert!(bench.export(&["--out", storage, "--weights", storage]).status.success());
    }
    let size = |dir| fs::metadata(bench.path(dir).join("backbone.onnx")).unwrap().len() as f64;
    let share = size("fp16") / size("fp32");
    assert!((0.45..0.6).contains(&share), "{share}");
}

#[test]
fn json_output_is_one_object() {
    let bench = Bench::new();
    let output = bench.export(&["--out", "tiny", "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["written"], &object["name"]), (&json!(true), &json!("tiny")));
    let rows = object["verification"]["rows"].as_array().unwrap();
    let engines: Vec<_> = rows.iter().map(|row| row["engine"].as_str().unwrap()).collect();
    let all = ["reference", "onnxruntime/tensorrt", "onnxruntime/cuda", "onnxruntime/cpu", "tract"];
    assert_eq!(engines, all);
    assert_eq!(rows[0]["outcome"], "passed");
    assert!(rows[0]["max_abs_difference"].as_f64().unwrap() > 0.0);
    assert_eq!(errors(&output), "");
}

#[test]
fn accuracy_reports_are_included_in_the_bundle() {
    let bench = Bench::new();
    fs::write(bench.path("report.json"), report().to_string()).unwrap();
    let accuracy = ["--accuracy", "report.json", "--accuracy", "tract:int8-u8=report.json"];
    let output = bench.export(&[&["--out", "tiny"], &accuracy[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("62.50 ± 0.25 % (5-way 1-shot, mean, inductive"), "{text}");
    let bundle = Bundle::open(&bench.path("tiny"), &BundleLimits::default()).unwrap();
    let engines: Vec<_> = bundle.manifest.accuracy.iter().map(|a| a.engine.as_str()).collect();
    assert_eq!(bundle.manifest.accuracy[1].precision, Precision::Int8U8);
    assert_eq!(engines, ["libtorch", "tract"]);
    assert_eq!(serde_json::to_value(&bundle.manifest.accuracy[0].report).unwrap(), report());
}

#[test]
fn name_knowledge_is_included_in_the_bundle() {
    let bench = Bench::new();
    fs::write(bench.path("words.bin"), sample::lexicon()).unwrap();
    let refused = bench.export(&["--out", "tiny", "--lexicon", "words.bin"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("handful-train complete"), "{}", errors(&refused));
    assert_eq!(bench.names(), ["run", "words.bin"]);

    sample::save(&sample::knowing_run(), &bench.path("run"));
    let output = bench.export(&["--out", "tiny"]);
    assert!(errors(&output).contains("no --lexicon is given"), "{}", errors(&output));
    let output = bench.export(&["--out", "tiny", "--lexicon", "words.bin"]);
    assert!(output.status.success(), "{}", errors(&output));
    let bundle = Bundle::open(&bench.path("tiny"), &BundleLimits::default()).unwrap();
    assert_eq!(bundle.lexicon().unwrap(), Some(sample::lexicon()));
    let knowledge = bundle.manifest.knowledge.as_ref().unwrap();
    let lexicon = knowledge.lexicon.file.clone();
    let completer = knowledge.completer.as_ref().unwrap();
    assert!(completer.verification.iter().all(|v| v.max_abs_difference <= 1e-4), "{completer:?}");
    assert!(
        bundle.file("completer.onnx").is_some() && bundle.file(&completer.attributes).is_some()
    );
    assert_eq!(bench.names(), [lexicon.as_str(), "run", "tiny", "words.bin"]);

    let output = bench.export(&["--out", "fresh/tiny", "--lexicon", "words.bin"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(bench.path("fresh").join(&lexicon).is_file());

    let mut other = sample::knowing_run();
    other.checkpoint.preprocess.mean[0] += 1.0;
    sample::save(&other, &bench.path("run"));
    let refused = bench.export(&["--out", "tiny", "--lexicon", "words.bin"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("the name regressor's space"), "{}", errors(&refused));
}

#[test]
fn an_existing_bundle_is_replaced() {
    let bench = Bench::new();
    for storage in ["fp32", "fp16"] {
        assert!(bench.export(&["--out", "tiny", "--weights", storage]).status.success());
    }
    let bundle = Bundle::open(&bench.path("tiny"), &BundleLimits::default()).unwrap();
    assert_eq!(bundle.manifest.backbone.weights, WeightStorage::Fp16);
    assert_eq!(bench.names(), ["run", "tiny"]);
}

#[test]
fn batch_max_is_checked_and_written() {
    let bench = Bench::new();
    for refused in ["0", "4097", "many"] {
        let output = bench.export(&["--out", "tiny", "--batch-max", refused]);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains("--batch-max"), "{}", errors(&output));
    }
    assert!(bench.export(&["--out", "tiny", "--batch-max", "3"]).status.success());
    let bundle = Bundle::open(&bench.path("tiny"), &BundleLimits::default()).unwrap();
    assert_eq!(bundle.manifest.backbone.max_batch, 3);
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let output = Bench::new().export(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["Examples:", "handful-export runs/", "Exit codes:", "--accuracy", "--input-size"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    for subcommand in ["fit-decision", "inspect", "verify"] {
        let output = program(&Bench::new(), &[subcommand, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        for part in ["Examples:", &format!("handful-export {subcommand} bundles/"), "Exit codes:"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}

/// A folder of images for each of two classes.
fn images(bench: &Bench) {
    for class in ["a", "b"] {
        fs::create_dir_all(bench.path("images").join(class)).unwrap();
        for i in 0..3u8 {
            let shade = |x: u32, y: u32| image::Rgb([(x * 7) as u8, (y * 5) as u8, 40 * i]);
            let image = image::RgbImage::from_fn(40, 36, shade);
            image.save(bench.path(&format!("images/{class}/{i}.png"))).unwrap();
        }
    }
}

#[test]
fn a_bundle_holds_variants_in_other_arithmetic() {
    let bench = Bench::new();
    images(&bench);
    let integers =
        ["--precision", "fp32,int8,int8-u8,fp16", "--calibrate", "images", "--name", "tiny"];
    for out in ["a", "b"] {
        let output = bench.export(&[&integers[..], &["--out", out]].concat());
        assert!(output.status.success(), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("the same in int8-u8") && text.contains("in int8-s8"), "{text}");
    }
    let read = |dir: &str, file: &str| fs::read(bench.path(dir).join(file)).unwrap();
    let halves = "backbone.fp16.onnx";
    for file in ["manifest.json", halves, "backbone.int8-u8.onnx", "backbone.int8-s8.onnx"] {
        assert!(read("a", file) == read("b", file), "{file} differs");
    }
    let bundle = Bundle::open(&bench.path("a"), &BundleLimits::default()).unwrap();
    let variants = &bundle.manifest.backbone.variants;
    let engines: Vec<_> = variants.iter().map(|variant| variant.engines[0].as_str()).collect();
    assert_eq!(engines, ["tensorrt", "cpu", "tensorrt"]);
    let is_by_tract = |variant: &Variant| variant.verification.iter().any(|v| v.engine == "tract");
    let verified: Vec<_> = variants.iter().map(is_by_tract).collect();
    assert_eq!(verified, [false, true, true], "fp16 is too slow for tract: {variants:?}");
    let half = EngineOptions { precision: "fp16".parse().unwrap(), ..EngineOptions::default() };
    let refused =
        Embedder::open(&bundle, EngineChoice::Only(Provider::Tract), &half).err().unwrap();
    assert!(refused.to_string().contains("use --precision fp32"), "{refused}");
    // A variant that names tract is still not used: tract runs fp32.
    let mut stubborn = Bundle::open(&bench.path("a"), &BundleLimits::default()).unwrap();
    stubborn.manifest.backbone.variants[0].engines = vec!["tract".to_owned()];
    let tract = EngineChoice::Only(Provider::Tract);
    let embedder = Embedder::open(&stubborn, tract, &EngineOptions::default()).unwrap();
    assert_eq!(embedder.precision(), Precision::Fp32);
    let bytes = |file: &str| read("a", file).len();
    assert!(bytes(halves) < bytes("backbone.onnx") + 100, "{}", bytes(halves));
    assert!(bytes("backbone.int8-s8.onnx") < bytes("backbone.onnx"));
}

#[test]
fn int8_needs_calibration_images_that_can_be_read() {
    let bench = Bench::new();
    let missing = bench.export(&["--out", "a", "--precision", "int8"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(errors(&missing).contains("needs --calibrate"), "{}", errors(&missing));
    images(&bench);
    fs::write(bench.path("images/a/0.png"), "no image").unwrap();
    let integers = ["--out", "a", "--precision", "int8", "--calibrate", "images"];
    let broken = bench.export(&integers);
    assert_eq!(broken.status.code(), Some(2));
    assert!(errors(&broken).contains("a/0.png"), "{}", errors(&broken));
    let nowhere = bench.export(&["--out", "a", "--precision", "int8", "--calibrate", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert_eq!(bench.names(), ["images", "run"]);
}

fn program(bench: &Bench, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_handful-export"));
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("ORT_DYLIB_PATH");
    command.current_dir(bench.folder.path()).args(arguments).output().unwrap()
}

#[test]
fn a_bundle_is_inspected() {
    let bench = Bench::new();
    images(&bench);
    let integers = ["--out", "tiny", "--precision", "int8", "--calibrate", "images"];
    assert!(bench.export(&integers).status.success());
    let text = String::from_utf8(program(&bench, &["inspect", "tiny"]).stdout).unwrap();
    for part in
        ["convolution", "backbone.int8-u8.onnx", "int8-s8 for tensorrt", "not measured", "MIT"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let object: Value =
        serde_json::from_slice(&program(&bench, &["inspect", "tiny", "--json"]).stdout).unwrap();
    let files = object["manifest"]["files"].as_object().unwrap();
    assert_eq!(files.len(), 3);
    assert!(object["parameters"].as_u64().unwrap() > 1000, "{object}");
    let missing = program(&bench, &["inspect", "nowhere"]);
    assert_eq!(missing.status.code(), Some(2), "{}", errors(&missing));
}

#[test]
fn the_license_of_weights_from_elsewhere_travels_into_the_bundle() {
    let bench = Bench::new();
    let license = |out: &str, more: &[&str]| {
        let output = bench.export(&[&["--out", out], more].concat());
        assert!(output.status.success(), "{}", errors(&output));
        let bundle = Bundle::open(&bench.path(out), &BundleLimits::default()).unwrap();
        let printed = program(&bench, &["inspect", out]).stdout;
        let printed = String::from_utf8(printed).unwrap();
        let weights = bundle.manifest.licenses.weights;
        assert!(printed.contains(&format!("weights: {weights}")), "{printed}");
        weights
    };
    assert_eq!(license("own", &[]), "MIT OR Apache-2.0");
    let mut run = sample::run();
    run.checkpoint.provenance.license = Some("not stated".to_owned());
    sample::save(&run, &bench.path("run"));
    assert_eq!(license("imported", &[]), "not stated");
    assert_eq!(license("given", &["--license", "CC0"]), "CC0");
}

#[test]
fn inspect_prints_accuracy_reports_and_says_which_are_unreadable() {
    let bench = Bench::new();
    fs::write(bench.path("report.json"), report().to_string()).unwrap();
    let accuracy = ["--accuracy", "report.json", "--accuracy", "tract:int8-u8=report.json"];
    assert!(bench.export(&[&["--out", "tiny"], &accuracy[..]].concat()).status.success());
    let file = bench.path("tiny/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    manifest["accuracy"][1]["report"] = json!({ "tool": "another program" });
    fs::write(&file, manifest.to_string()).unwrap();
    let output = program(&bench, &["inspect", "tiny"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let lines: Vec<&str> = text.lines().collect();
    let of =
        |engine: &str| lines.iter().find(|line| line.trim_start().starts_with(engine)).unwrap();
    assert!(
        of("libtorch").contains("5-way 1-shot, val") && of("libtorch").contains("62.50 ± 0.25")
    );
    assert!(of("tract").contains("int8-u8") && of("tract").contains("unreadable report"), "{text}");
    assert!(of("tract").contains("with the version that wrote the bundle"), "{text}");
    let json = program(&bench, &["inspect", "tiny", "--json"]);
    let object: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(object["manifest"]["accuracy"], manifest["accuracy"]);
}

#[test]
fn a_bundle_is_verified_again_and_against_its_run() {
    let bench = Bench::new();
    assert!(bench.export(&["--out", "tiny"]).status.success());
    images(&bench);
    let integers = ["--out", "integers", "--precision", "int8", "--calibrate", "images"];
    assert!(bench.export(&integers).status.success());
    let verify = |arguments: &[&str]| program(&bench, &[&["verify", "tiny"], arguments].concat());
    let verified = verify(&["--against", "run"]);
    let text = String::from_utf8(verified.stdout.clone()).unwrap();
    assert!(verified.status.success(), "{text}{}", errors(&verified));
    assert!(text.contains("1 file(s)") && text.contains("golden outputs"), "{text}");
    let object: Value = serde_json::from_slice(&verify(&["--json"]).stdout).unwrap();
    assert_eq!(object["self_tests"].as_array().unwrap().len(), 4);
    let integers = program(&bench, &["verify", "integers", "--json"]);
    let object: Value = serde_json::from_slice(&integers.stdout).unwrap();
    let tract =
        object["self_tests"].as_array().unwrap().iter().filter(|row| row["engine"] == "tract");
    assert!(tract.clone().all(|row| row["passed"] == true), "{object}");
    assert_eq!(tract.count(), 3, "every file is verified on tract: {object}");
    assert_eq!(object.get("golden"), None);
    let absent = verify(&["--engine", "tensorrt"]);
    assert_ne!(absent.status.code(), Some(0), "an engine that is asked for must run");

    // Another run with the same sizes: its embedding space is another one.
    let mut other = sample::run();
    let weight = other.checkpoint.parameters.values_mut().next().unwrap();
    weight.mapv_inplace(|x| x * 1.5);
    sample::save(&other, &bench.path("other"));
    let refused = verify(&["--against", "other"]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    assert!(errors(&refused).contains("the run's space"), "{}", errors(&refused));

    let file = bench.path("tiny/backbone.onnx");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let damaged = verify(&[]);
    assert_eq!(damaged.status.code(), Some(2));
    assert!(errors(&damaged).contains("SHA-256"), "{}", errors(&damaged));
}
