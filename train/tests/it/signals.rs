//! Signals stop a training at any moment: what was learned is saved, and a resume gives the numbers
//! of an uninterrupted training.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use models::checkpoint::{Checkpoint, Progress};
use train::config::Config;

use crate::program::wait_for;
use crate::scene::{Scene, stderr};
use crate::support::tiny_config;

const ARGUMENTS: [&str; 11] = [
    "pretrain",
    "--config",
    "config.toml",
    "--data",
    "data",
    "--threads",
    "1",
    "--precision",
    "fp32",
    "--out",
    "run",
];

fn scene(change: impl FnOnce(&mut Config)) -> Scene {
    let scene = Scene::new();
    let mut config = tiny_config();
    change(&mut config);
    fs::write(scene.path("config.toml"), config.to_toml().unwrap()).unwrap();
    scene
}

/// All base images of the tiny data in one batch.
fn one_batch(config: &mut Config) {
    config.batch_size = 48;
}

fn start(scene: &Scene) -> Child {
    scene.command(&ARGUMENTS).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

/// Sends a signal and waits. Returns the exit code and what was printed; seconds are reported.
fn stopped(child: Child, name: &str) -> (Option<i32>, String) {
    let sent = Instant::now();
    signal(&child, name);
    let output = child.wait_with_output().unwrap();
    println!("{name}: {:.2} s", sent.elapsed().as_secs_f64());
    (output.status.code(), stderr(&output))
}

fn progress(scene: &Scene, run: &str) -> Progress {
    let bytes = fs::read(scene.path(run).join("last.safetensors")).unwrap();
    Checkpoint::parse(&bytes).unwrap().training.unwrap().progress
}

/// Whether these tests, and so the programs that they start, ignore SIGHUP.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn every_signal_stops_a_training_whose_epoch_is_one_batch() {
    for name in ["INT", "TERM", "HUP"] {
        if name == "HUP" && is_hangup_ignored() {
            eprintln!("skipped: SIGHUP stops a training: these tests run under nohup");
            continue;
        }
        let scene = scene(|config| {
            one_batch(config);
            config.epochs = 100_000;
        });
        let child = start(&scene);
        wait_for(&scene.path("run/last.safetensors"));
        let (code, text) = stopped(child, name);
        assert_eq!(code, Some(0), "{name}: {text}");
        assert!(text.contains("stopped and saved; continue with: handful-train"), "{text}");
        assert!(progress(&scene, "run").epoch < 100_000);
    }
}

#[test]
fn a_stopped_training_goes_on_to_the_same_numbers() {
    let scene = scene(|config| {
        one_batch(config);
        config.epochs = 30;
    });
    let child = start(&scene);
    let log = scene.path("run/metrics.jsonl");
    let started = Instant::now();
    while lines(&log) < 3 && started.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5));
    }
    stopped(child, "TERM");
    assert!(lines(&log) < 30, "the training was over before the signal");
    let resumed = scene.run(&[&ARGUMENTS[..], &["--resume"]].concat());
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let mut whole = ARGUMENTS;
    whole[10] = "whole";
    assert!(scene.run(&whole).status.success());
    assert_eq!((lines(&log), progress(&scene, "run")), (30, progress(&scene, "whole")));
    for file in ["last.safetensors", "best.safetensors"] {
        let [resumed, whole] = ["run", "whole"].map(|run| scene.path(run).join(file));
        assert!(fs::read(resumed).unwrap() == fs::read(whole).unwrap(), "{file}");
    }
}

/// libtorch cannot be interrupted in a step, which takes many seconds here.
#[test]
fn a_slow_step_does_not_delay_the_end() {
    let text = fs::read_to_string(scene(one_batch).path("config.toml")).unwrap();
    let text = text.replace("[4, 4, 8, 8]", "[64, 128, 128, 128]").replace(" = 16\n", " = 84\n");
    let scene = Scene::new();
    fs::write(scene.path("config.toml"), text).unwrap();
    let child = start(&scene);
    wait_for(&scene.path("run/config.toml"));
    sleep(Duration::from_millis(500));
    let (code, text) = stopped(child, "TERM");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("stopped and saved"), "{text}");
    assert_eq!(lines(&scene.path("run/metrics.jsonl")), 0, "the step was over: {text}");
    let Progress { epoch, batch, .. } = progress(&scene, "run");
    assert_eq!((epoch, batch), (0, 0));
}

#[test]
fn a_validation_does_not_delay_the_end() {
    let scene = scene(|config| config.validation.episodes = 50_000_000);
    let child = start(&scene);
    wait_for(&scene.path("run/config.toml"));
    sleep(Duration::from_secs(3));
    let (code, text) = stopped(child, "INT");
    assert_eq!(code, Some(0), "{text}");
    let Progress { epoch, batch, .. } = progress(&scene, "run");
    assert_eq!((epoch, batch), (0, 6), "the last batch of the epoch is saved: {text}");
}

#[test]
fn a_hangup_is_ignored_under_nohup() {
    let scene = scene(|config| config.epochs = 100_000);
    let child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_handful-train")])
        .args(ARGUMENTS)
        .current_dir(scene.path("."))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&scene.path("run/last.safetensors"));
    signal(&child, "HUP");
    let seen = lines(&scene.path("run/metrics.jsonl"));
    while lines(&scene.path("run/metrics.jsonl")) < seen + 3 {
        sleep(Duration::from_millis(20));
    }
    assert_eq!(stopped(child, "TERM").0, Some(0));
}

#[test]
fn a_limit_of_file_sizes_is_an_error_of_the_write() {
    let scene = Scene::new();
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_handful-train")])
        .args(ARGUMENTS)
        .current_dir(scene.path("."))
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text.contains("error: ") && text.contains("File too large"), "{text}");
}
