//! `handful-train` as a process.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use models::checkpoint::Checkpoint;

use crate::decision_bytes::decision_bytes;
use crate::scene::{Scene, assert_refused, stderr};
use crate::support::tiny_config;

#[test]
fn pretrain_then_evaluate() {
    let scene = Scene::new();
    let output = scene.pretrain(&[]);
    assert!(output.status.success(), "{}", stderr(&output));

    let one = scene.evaluate(&["--threads", "1", "--json", "report.json"]);
    assert!(one.status.success(), "{}", stderr(&one));
    let two = scene.evaluate(&["--threads", "2"]);
    assert_eq!(one.stdout, two.stdout, "the numbers depend on the number of threads");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["split"], "val");
    assert_eq!(report["results"][0]["fusion"], "mean");
    assert_eq!(report["results"][0]["setting"], "inductive");
    assert!((0.0..=1.0).contains(&report["results"][0]["accuracy"].as_f64().unwrap()));
    assert!(report["results"][0]["ci95"].as_f64().unwrap() > 0.0);
}

#[test]
fn an_existing_run_is_not_overwritten() {
    let scene = Scene::new();
    scene.pretrain(&[]);
    let before = fs::read(scene.path("run/last.safetensors")).unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["run", "already holds a training", "--resume"]);
    assert_eq!(fs::read(scene.path("run/last.safetensors")).unwrap(), before);
}

#[test]
fn bad_input_is_named() {
    let scene = Scene::new();
    assert_refused(&scene.pretrain(&["--resume"]), 2, &["run/last.safetensors", "No such file"]);
    assert_refused(&scene.evaluate(&[]), 2, &["run/best.safetensors"]);
    fs::write(scene.path("config.toml"), "seed = 1\nepoch = 3\n").unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["config.toml", "epoch"]);
    let mut config = tiny_config();
    config.preprocess.size = 17;
    fs::write(scene.path("config.toml"), config.to_toml().unwrap()).unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["preprocess.size", "17"]);
    let mut config = tiny_config();
    config.validation.k_shot = 8;
    config.validation.every = 3;
    fs::write(scene.path("config.toml"), config.to_toml().unwrap()).unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["[validation]", "13"]);
    fs::remove_dir_all(scene.path("data/base")).unwrap();
    fs::write(scene.path("config.toml"), tiny_config().to_toml().unwrap()).unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["base class"]);
}

#[test]
fn an_impossible_protocol_is_bad_input() {
    let scene = Scene::new();
    scene.pretrain(&[]);
    assert_refused(&scene.evaluate(&["--k-shot", "1000"]), 2, &["1005"]);
    assert_refused(&scene.evaluate(&["--seed", "x"]), 2, &["--seed"]);
}

#[test]
fn rejection_is_measured_with_a_decision() {
    let scene = Scene::new();
    scene.pretrain(&[]);
    let refused = scene.evaluate(&["--unknown", "9"]);
    assert_refused(&refused, 2, &["--unknown 9: the val split has 2 classes, 0 beside the 2 of"]);
    let options = ["--split", "base", "--json", "report.json", "--plot", "rejection.svg"];
    let one = [&options[..], &["--unknown", "1"]].concat();
    assert_refused(
        &scene.evaluate(&one),
        2,
        &["run/decision.safetensors does not exist", "handful-train complete"],
    );
    let checkpoint = Checkpoint::parse(&fs::read(scene.path("run/best.safetensors")).unwrap());
    let checkpoint = checkpoint.unwrap();
    let size = checkpoint.architecture.embedding_size();
    let space_id = checkpoint.space_id().unwrap();
    let path = scene.path("run/decision.safetensors");
    fs::write(&path, decision_bytes(size, &space_id)).unwrap();
    let output = scene.evaluate(&one);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("| AUROC "), "{}", stderr(&output));
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    let unknown = &report["results"][0]["unknown"];
    assert!((0.0..=1.0).contains(&unknown["auroc"].as_f64().unwrap()), "{report}");
    assert!(fs::read_to_string(scene.path("rejection.svg")).unwrap().contains("<polyline"));
    fs::write(&path, decision_bytes(size, "another space")).unwrap();
    assert_refused(&scene.evaluate(&one), 2, &["decision.safetensors belongs to another backbone"]);
}

#[test]
fn a_broken_image_is_named() {
    let scene = Scene::new();
    fs::write(scene.path("data/base/stripes-1/03.png"), b"not an image").unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["stripes-1/03.png"]);
    assert!(!scene.path("run").exists(), "a refused training left a folder");
}

#[test]
fn a_checkpoint_cut_in_half_is_refused() {
    let scene = Scene::new();
    scene.pretrain(&[]);
    for name in ["run/best.safetensors", "run/last.safetensors"] {
        let bytes = fs::read(scene.path(name)).unwrap();
        fs::write(scene.path(name), &bytes[..bytes.len() / 2]).unwrap();
    }
    assert_refused(&scene.evaluate(&[]), 2, &["run/best.safetensors", "not a usable checkpoint"]);
    assert_refused(
        &scene.pretrain(&["--resume"]),
        2,
        &["run/last.safetensors", "not a usable checkpoint"],
    );
}

#[test]
fn a_missing_gpu_is_an_error_with_its_reason() {
    let scene = Scene::new();
    let output = scene.pretrain(&["--device", "cuda:7"]);
    assert_refused(&output, 2, &["no CUDA device 7", "--device cpu"]);
}

#[test]
fn an_interrupt_saves_the_state_and_prints_the_resume_command() {
    let scene = Scene::new();
    let mut config = tiny_config();
    config.epochs = 100_000;
    fs::write(scene.path("config.toml"), config.to_toml().unwrap()).unwrap();
    let mut child = scene
        .command(&["pretrain", "--config", "config.toml", "--data", "data", "--out", "run"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&scene.path("run/last.safetensors"));
    let interrupted =
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(child.wait().unwrap().success());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text).unwrap();
    assert!(text.contains("stopped and saved") && text.contains("--resume"), "{text}");
    assert!(scene.path("run/last.safetensors").is_file());
}

pub(crate) fn wait_for(path: &Path) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "{} never appeared", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn reports_become_a_chart() {
    let dir = tempfile::tempdir().unwrap();
    let report = |accuracy: f64| {
        let of = |fusion: &str, accuracy: f64| {
            format!(
                r#"{{"fusion":"{fusion}","setting":"inductive","accuracy":{accuracy},"ci95":0.01}}"#
            )
        };
        format!(
            r#"{{"n_way":5,"k_shot":1,"n_query":15,"episodes":9,"seed":7,"split":"val","results":[{},{}]}}"#,
            of("mean", accuracy),
            of("trusted", accuracy + 0.05)
        )
    };
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (one, five) = (file("1.json", report(0.6)), file("5.json", report(0.8)));
    let out = dir.path().join("shots.svg").display().to_string();
    let plot = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_handful-train"))
            .arg("plot")
            .args(arguments)
            .output()
            .unwrap()
    };
    let (one, five) = (format!("1={one}"), format!("5={five}"));
    let drawn = plot(&[&five, &one, "--out", &out]);
    assert!(drawn.status.success(), "{drawn:?}");
    let svg = fs::read_to_string(&out).unwrap();
    assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 4));
    let only = plot(&[&one, &five, "--fusion", "trusted", "--out", &out]);
    assert!(String::from_utf8_lossy(&only.stdout).contains("1 lines"), "{only:?}");
    let bad = format!("1={}", file("bad.json", "{}".to_owned()));
    for wrong in [&bad, "x=1.json", "1"] {
        assert_eq!(plot(&[wrong, "--out", &out]).status.code(), Some(2), "{wrong}");
    }
}
