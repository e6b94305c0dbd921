//! Standard output and standard error that cannot be written: a closed pipe, a full disk, a
//! terminal that is gone. No line for people ends a command, and no lost result counts as success.

use std::fs;
use std::process::{Output, Stdio};

use terminal::cases::Unwritable;

use crate::finetune::completed_for_streams;
use crate::knowledge::succeeded;
use crate::scene::{Scene, stderr};

/// Every command on one prepared run; `OUT` is a new name in each run.
const COMMANDS: [&str; 10] = [
    "pretrain --config config.toml --data data --out OUT",
    "knowledge --data data --wordnet wordnet --vectors vectors.txt --out OUT.json",
    "lexicon --wordnet wordnet --vectors vectors.txt --out OUT.bin",
    "statistics run --data data --threads 1",
    "complete run --data data --completer kernel --threads 1",
    "finetune run --config meta.toml --data data --out OUT --threads 1",
    "evaluate run --data data --n-way 2 --n-query 5 --episodes 50 --json OUT.json",
    "plot 1=report.json --out OUT.svg",
    "import run/best.safetensors --arch resnet12 --input-size 16 --out OUT",
    "ensemble run other --out OUT",
];

/// Commands whose only results are files.
const SILENT: [&str; 2] = ["pretrain", "finetune"];

fn scene() -> Scene {
    let scene = completed_for_streams();
    let report = ["--json", "report.json"];
    succeeded(&scene.evaluate(&report));
    let config = fs::read_to_string(scene.path("config.toml")).unwrap();
    fs::write(scene.path("other.toml"), config.replace("seed = 5", "seed = 6")).unwrap();
    let other = ["pretrain", "--config", "other.toml", "--data", "data", "--out", "other"];
    succeeded(&scene.run(&other));
    scene
}

/// Runs a command line with one stream that cannot be written.
fn run(scene: &Scene, line: &str, stream: Stream, unwritable: Unwritable) -> Output {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = scene.command(&arguments);
    // One thread is fastest for a network this small.
    command.env("OMP_NUM_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    match stream {
        Stream::Out => command.stdout(unwritable.stream().unwrap()),
        Stream::Error => command.stderr(unwritable.stream().unwrap()),
    };
    command.output().unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stream {
    Out,
    Error,
}

#[track_caller]
fn assert_lost(output: &Output, context: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{context}: {text}");
    assert!(text.contains("cannot write to standard output"), "{context}: {text}");
    assert!(!text.contains("panicked"), "{context}: {text}");
}

#[test]
fn every_command_survives_every_stream_that_cannot_be_written() {
    let scene = scene();
    a_line_for_people_is_dropped(&scene);
    a_lost_result_is_a_failure(&scene);
}

fn a_line_for_people_is_dropped(scene: &Scene) {
    for (at, line) in COMMANDS.iter().enumerate() {
        for unwritable in Unwritable::ALL {
            let line = line.replace("OUT", &format!("error-{at}-{unwritable:?}"));
            let output = run(scene, &line, Stream::Error, unwritable);
            assert_eq!(output.status.code(), Some(0), "{line}, {unwritable:?}");
            let is_silent = SILENT.iter().any(|name| line.starts_with(name));
            assert_eq!(output.stdout.is_empty(), is_silent, "{line}, {unwritable:?}");
        }
    }
    for unwritable in Unwritable::ALL {
        // All epochs were trained and kept.
        let folder = format!("error-0-{unwritable:?}");
        let log = fs::read_to_string(scene.path(&folder).join("metrics.jsonl")).unwrap();
        assert_eq!(log.lines().count(), 3, "{folder}");
        assert!(scene.path(&folder).join("best.safetensors").is_file(), "{folder}");
    }
}

fn a_lost_result_is_a_failure(scene: &Scene) {
    for (at, line) in COMMANDS.iter().enumerate() {
        for unwritable in Unwritable::ALL {
            let line = line.replace("OUT", &format!("out-{at}-{unwritable:?}"));
            let output = run(scene, &line, Stream::Out, unwritable);
            let context = format!("{line}, {unwritable:?}");
            if SILENT.iter().any(|name| line.starts_with(name)) {
                assert_eq!(output.status.code(), Some(0), "{context}");
            } else {
                assert_lost(&output, &context);
            }
        }
    }
}

#[test]
fn help_and_usage_follow_the_same_rules() {
    let scene = Scene::new();
    for unwritable in Unwritable::ALL {
        for line in ["--help", "--version", "pretrain --help", "help evaluate"] {
            assert_lost(&run(&scene, line, Stream::Out, unwritable), line);
            let output = run(&scene, line, Stream::Error, unwritable);
            assert_eq!(output.status.code(), Some(0), "{line}, {unwritable:?}");
        }
        for line in ["", "pretrain", "evaluate run --seed x", "evaluate run --data data"] {
            for stream in [Stream::Out, Stream::Error] {
                let output = run(&scene, line, stream, unwritable);
                assert_eq!(output.status.code(), Some(2), "{line}, {stream:?}, {unwritable:?}");
            }
        }
    }
}
