//! Meta-training and ProtoComNet as processes: it ends no worse, goes on to the same numbers, and
//! refuses what it cannot use.

use std::fs;
use std::path::Path;
use std::process::Output;

use models::dataset::Dataset;
use models::tensors::TensorFile;
use serde_json::Value;
use tch::{Device, Kind};
use train::augment::Augment;
use train::config::{Finetune, Learned, Validation};
use train::net::Compute;
use train::optimizer::{Schedule, SgdConfig};
use train::run::Run;
use train::stages::finetune::finetune;
use train::stages::pretrain::Status;
use train::stop::Stop;

use crate::knowledge::{complete, knowledge, scene, succeeded};
use crate::scene::{Scene, assert_refused, stderr};

fn config(learned: Learned) -> Finetune {
    Finetune {
        seed: 3,
        epochs: 2,
        steps_per_epoch: 3,
        episodes_per_step: 2,
        n_way: 3,
        k_shot: 2,
        n_query: 4,
        scale: 10.0,
        learned,
        batch_statistics: false,
        augment: Augment { crop_padding: 1, crop_area: 1.0, flip: true, jitter: [0.1; 3] },
        optimizer: SgdConfig { momentum: 0.9, weight_decay: 5e-4 },
        schedule: Schedule::Cosine { peak: 1e-2 },
        validation: Validation { every: 1, episodes: 60, n_way: 2, k_shot: 1, n_query: 5, seed: 1 },
    }
}

/// A run with both completers, and the settings as `meta.toml`.
fn completed(learned: Learned) -> Scene {
    let scene = scene();
    succeeded(&scene.pretrain(&[]));
    succeeded(&knowledge(&scene, &[]));
    succeeded(&complete(&scene));
    fs::write(scene.path("meta.toml"), config(learned).to_toml().unwrap()).unwrap();
    scene
}

/// A run that every command can read.
pub(crate) fn completed_for_streams() -> Scene {
    completed(Learned::Completer)
}

fn run(scene: &Scene, out: &str, more: &[&str]) -> Output {
    let arguments = [
        "finetune",
        "run",
        "--config",
        "meta.toml",
        "--data",
        "data",
        "--out",
        out,
        "--precision",
        "fp32",
        "--threads",
        "1",
    ];
    scene.run(&[&arguments, more].concat())
}

fn state(scene: &Scene, out: &str) -> TensorFile {
    TensorFile::parse(&fs::read(scene.path(out).join("finetune.safetensors")).unwrap()).unwrap()
}

#[test]
fn a_resumed_meta_training_gives_the_same_numbers() {
    let scene = completed(Learned::All);
    succeeded(&run(&scene, "whole", &[]));
    let log = fs::read_to_string(scene.path("whole/metrics.jsonl")).unwrap();
    let accuracies: Vec<f64> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["val_accuracy"].as_f64().unwrap())
        .collect();
    assert_eq!(accuracies.len(), 2);
    let kept: Value = serde_json::from_str(&state(&scene, "whole").metadata).unwrap();
    let kept = kept["best_accuracy"].as_f64().unwrap();
    assert!(accuracies.iter().all(|accuracy| *accuracy <= kept), "{accuracies:?} {kept}");

    // Asked to stop from the start, it stops after its first step.
    let stop = Stop::new();
    stop.request();
    let compute = Compute { device: Device::Cpu, kind: Kind::Float };
    tch::set_num_threads(1);
    let dataset = Dataset::open(&scene.path("data")).unwrap();
    let (from, out) = (Run::new(&scene.path("run")), Run::new(&scene.path("parts")));
    let ending =
        finetune(&config(Learned::All), &dataset, &from, &out, false, compute, &stop).unwrap();
    assert_eq!(ending, Status::Stopped);
    assert_ne!(state(&scene, "parts"), state(&scene, "whole"));
    succeeded(&run(&scene, "parts", &["--resume"]));
    assert_eq!(state(&scene, "parts"), state(&scene, "whole"));
    for file in ["best.safetensors", "completer.safetensors"] {
        let read = |run: &str| fs::read(scene.path(run).join(file)).unwrap();
        assert!(read("parts") == read("whole"), "{file}");
    }

    assert_refused(&run(&scene, "whole", &[]), 2, &["already holds a training", "--resume"]);
    let other = Finetune { seed: 4, ..config(Learned::All) };
    fs::write(scene.path("meta.toml"), other.to_toml().unwrap()).unwrap();
    assert_refused(&run(&scene, "whole", &["--resume"]), 2, &["other settings", "finetune.toml"]);
}

#[test]
fn training_only_the_completer_keeps_the_embedding_space() {
    let scene = completed(Learned::Completer);
    let before = fs::read(scene.path("run/completer.safetensors")).unwrap();
    succeeded(&run(&scene, "meta", &[]));
    let evaluate = [
        "evaluate",
        "meta",
        "--data",
        "data",
        "--n-way",
        "2",
        "--n-query",
        "5",
        "--episodes",
        "100",
        "--completer",
    ];
    let report: Value =
        serde_json::from_str(&succeeded(&scene.run(&[&evaluate[..], &["protocomnet"]].concat())))
            .unwrap();
    assert_eq!(report["completer"], "protocomnet");
    assert_eq!(report["results"].as_array().unwrap().len(), 8);
    // The completer is the one of before, or a better one; what was begun with is as it was.
    assert_eq!(fs::read(scene.path("run/completer.safetensors")).unwrap(), before);
}

#[test]
fn inputs_that_meta_training_cannot_use_are_refused() {
    let scene = completed(Learned::Completer);
    let settings = |config: &Finetune| {
        fs::write(scene.path("meta.toml"), config.to_toml().unwrap()).unwrap();
        let output = run(&scene, "refused", &[]);
        assert!(!scene.path("refused").exists(), "{}", stderr(&output));
        output
    };
    let usual = config(Learned::Completer);
    let many = settings(&Finetune { n_way: 9, ..usual.clone() });
    assert_refused(&many, 2, &["9", "4", "base classes"]);
    let large = settings(&Finetune { n_query: 50, ..usual.clone() });
    assert_refused(&large, 2, &["52", "12"]);
    assert_refused(
        &settings(&Finetune { epochs: 0, ..usual.clone() }),
        2,
        &["epochs", "at least 1"],
    );
    assert_refused(&settings(&Finetune { scale: 0.0, ..usual.clone() }), 2, &["scale", "above 0"]);
    fs::remove_file(scene.path("run/completer.safetensors")).unwrap();
    assert_refused(&settings(&usual), 2, &["completer.safetensors", "handful-train complete"]);
    fs::write(scene.path("complete.toml"), "steps = 0\n").unwrap();
    let complete = ["complete", "run", "--data", "data", "--config", "complete.toml"];
    assert_refused(&scene.run(&complete), 2, &["steps", "at least 1"]);
}

#[test]
fn every_shipped_configuration_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/finetune");
    let mut n_found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config = Finetune::parse(&fs::read_to_string(&path).unwrap());
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(Finetune::parse(&config.to_toml().unwrap()), Ok(config));
        n_found += 1;
    }
    assert!(n_found >= 3);
}

#[test]
fn an_ablation_removes_knowledge() {
    let scene = scene();
    let read = |ablation: &[&str]| {
        succeeded(&knowledge(&scene, ablation));
        let json = fs::read(scene.path("run/knowledge.json")).unwrap();
        let words = fs::read(scene.path("run/knowledge.safetensors")).unwrap();
        let words = TensorFile::parse(&words).unwrap().floats;
        (serde_json::from_slice::<Value>(&json).unwrap(), words)
    };
    let (whole, words) = read(&[]);
    let (json, zero) = read(&["--ablate", "words"]);
    assert_eq!(json["classes"], whole["classes"]);
    assert!(zero.values().all(|rows| rows.iter().all(|x| *x == 0.0)));
    let (json, same) = read(&["--ablate", "ancestors"]);
    assert!(json["classes"][0]["ancestors"].as_array().unwrap().is_empty());
    assert_eq!(same, words);
    let (json, _) = read(&["--ablate", "attributes"]);
    assert!(json["links"].as_array().unwrap().is_empty());
    let (json, generalized_zero_shot) = read(&["--ablate", "names"]);
    let wnids = |json: &Value| -> Vec<String> {
        let classes = json["classes"].as_array().unwrap().iter();
        classes.map(|class| class["wnid"].to_string()).collect()
    };
    assert_ne!(wnids(&json), wnids(&whole));
    assert_eq!(json["classes"][0]["name"], whole["classes"][0]["name"]);
    assert_ne!(generalized_zero_shot, words);
}
