//! ProtoComNet on augmented images: it converges, is reproducible, and refuses invalid settings.

use std::fs;
use std::path::Path;
use std::process::Output;

use train::config::Completion;
use train::optimizer::Schedule;

use crate::knowledge::{knowledge, scene, succeeded};
use crate::scene::{Scene, assert_refused, stderr};

const SETTINGS: &str = r#"
seed = 3
batch_size = 8
k_shots = [2]
[live]
epochs = 4
[live.augment]
crop_padding = 1
flip = true
jitter = [0.1, 0.1, 0.1]
[live.optimizer]
momentum = 0.9
weight_decay = 5e-4
[live.schedule]
kind = "steps"
peak = 0.0005
milestones = [3]
factor = 0.1
[live.validation]
every = 1
episodes = 50
n_way = 2
k_shot = 2
n_query = 5
seed = 1
"#;

fn known() -> Scene {
    let scene = scene();
    succeeded(&scene.pretrain(&[]));
    succeeded(&knowledge(&scene, &[]));
    scene
}

fn learn(scene: &Scene, settings: &str) -> Output {
    fs::write(scene.path("live.toml"), settings).unwrap();
    let arguments = [
        "complete",
        "run",
        "--data",
        "data",
        "--completer",
        "protocomnet",
        "--config",
        "live.toml",
        "--threads",
        "1",
    ];
    scene.run(&arguments)
}

#[test]
fn training_on_images_converges_and_is_reproducible() {
    let scene = known();
    let output = learn(&scene, SETTINGS);
    succeeded(&output);
    let printed = stderr(&output);
    let losses: Vec<f64> = printed
        .lines()
        .filter_map(|line| line.split_once("loss ")?.1.split_once(',')?.0.parse().ok())
        .collect();
    assert_eq!(losses.len(), 4, "{printed}");
    assert!(losses[3] < 0.9 * losses[0], "{losses:?}");
    assert!(printed.contains("before: fused"), "{printed}");
    let read = || fs::read(scene.path("run/completer.safetensors")).unwrap();
    let first = read();
    fs::remove_file(scene.path("run/completer.safetensors")).unwrap();
    succeeded(&learn(&scene, SETTINGS));
    assert!(read() == first);
}

#[test]
fn invalid_live_settings_are_refused() {
    let scene = known();
    for (from, to, words) in [
        ("batch_size = 8", "batch_size = 8\nsteps = 10", ["steps", "[live]"]),
        ("k_shots = [2]", "k_shots = [1, 5]", ["k_shots", "one number"]),
        ("batch_size = 8", "batch_size = 64", ["batch_size", "48"]),
        ("epochs = 4", "epochs = 0", ["live.epochs", "at least 1"]),
        ("every = 1", "every = 2", ["live.validation.every", "1"]),
        ("n_way = 2", "n_way = 9", ["validation classes", "9"]),
        ("jitter = [0.1, 0.1, 0.1]", "jitter = [0.1, 0.1, 2.0]", ["jitter", "0..1"]),
        ("milestones = [3]\n", "", ["milestones", "missing"]),
    ] {
        let settings = SETTINGS.replacen(from, to, 1);
        assert_ne!(settings, SETTINGS);
        assert_refused(&learn(&scene, &settings), 2, &words);
        assert!(!scene.path("run/completer.safetensors").exists());
    }
}

#[test]
fn every_shipped_completion_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/complete");
    let read =
        |name: &str| Completion::parse(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    assert_eq!(read("cifar_fs.toml"), Completion::default());
    let live = read("mini_imagenet_paper.toml").live.unwrap();
    assert!(matches!(live.schedule, Schedule::Steps { .. }));
    let rates = [14, 15, 40, 80].map(|epoch| live.schedule.rate(epoch * 300, 300, live.epochs));
    for (got, expected) in rates.iter().zip([0.1, 0.01, 1e-3, 1e-4]) {
        assert!((got - expected).abs() <= 1e-9, "{rates:?}");
    }
}
