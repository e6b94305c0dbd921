//! An ensemble of runs: its embedding, and inputs that are refused.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use models::checkpoint::{Checkpoint, Golden, Provenance};
use models::graph::{Architecture, Resnet12, Role};
use models::preprocess::Preprocess;
use ndarray::{ArrayD, Axis, concatenate};
use train::run::Run;
use train::stages::golden::golden;

/// A run of a small network with patterned weights.
fn member(folder: &Path, last: usize, pattern: usize, preprocess: &Preprocess) -> Checkpoint {
    let input_size = preprocess.size;
    let sizes = Resnet12 { widths: [2, 3, 2, last], input_size, last_activation: false };
    let architecture = Architecture::Resnet12(sizes);
    let parameters = architecture.graph().parameters().unwrap().into_iter().map(|p| {
        let mut at = pattern;
        let tensor = ArrayD::from_shape_simple_fn(p.shape.clone(), || {
            at += 37;
            let value = (at % 101) as f32 / 100.0;
            if p.role == Role::RunningVar { value + 1.0 } else { value - 0.5 }
        });
        (p.name, tensor)
    });
    let provenance = Provenance {
        tool: format!("trainer {last}"),
        data: "stripes".to_owned(),
        data_license: "CC0".to_owned(),
        epochs: 2.0,
        images_seen: 10,
        notes: String::new(),
        license: None,
    };
    let checkpoint = Checkpoint {
        architecture: architecture.clone(),
        preprocess: preprocess.clone(),
        classes: Vec::new(),
        parameters: parameters.collect(),
        training: None,
        provenance,
    };
    let run = Run::new(folder);
    run.create().unwrap();
    run.write(&run.best(), &checkpoint).unwrap();
    checkpoint
}

fn ensemble(folder: &Path, members: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handful-train"));
    command.current_dir(folder).arg("ensemble").args(members).args(["--out", "both"]);
    command.output().unwrap()
}

fn scene() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("both");
    (folder, both)
}

#[test]
fn an_ensemble_concatenates_the_embeddings_of_its_members() {
    let (folder, both) = scene();
    let members = [("a", 4, 1), ("b", 5, 2), ("c", 4, 3)].map(|(name, last, pattern)| {
        member(&folder.path().join(name), last, pattern, &Preprocess::paper(16))
    });
    let output = ensemble(folder.path(), &["a", "b", "c"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let network =
        "ensemble of resnet12 [2, 3, 2, 4] and resnet12 [2, 3, 2, 5] and resnet12 [2, 3, 2, 4]";
    assert!(printed.starts_with(&format!("{network}, 13 values per embedding")), "{printed}");

    let run = Run::new(&both);
    let checkpoint = run.read(&run.best()).unwrap();
    let graph = checkpoint.architecture.graph();
    let bytes = std::fs::read(run.file("golden.safetensors")).unwrap();
    let combined = Golden::parse(&bytes, "backbone", &graph).unwrap();
    // Golden inputs depend only on the image size.
    let separate: Vec<Golden> = members.iter().map(|member| golden(member).unwrap()).collect();
    assert!(separate.iter().all(|separate| separate.inputs == combined.inputs));
    let embeddings: Vec<_> =
        separate.iter().map(|separate| separate.outputs["embedding"].view()).collect();
    assert_eq!(combined.outputs["embedding"], concatenate(Axis(1), &embeddings).unwrap());
    assert_ne!(embeddings[0], embeddings[2], "equal members would verify nothing");

    let Provenance { data, epochs, images_seen, notes, .. } = checkpoint.provenance;
    assert_eq!((data.as_str(), epochs, images_seen), ("stripes", 6.0, 30));
    assert!(notes.starts_with("member 1: 2.0 epochs by trainer 4. member 2: "), "{notes}");
}

#[test]
fn members_that_do_not_fit_are_refused_and_nothing_is_written() {
    let (folder, both) = scene();
    let paper = Preprocess::paper(16);
    member(&folder.path().join("a"), 4, 1, &paper);
    member(&folder.path().join("same"), 4, 1, &paper);
    member(&folder.path().join("flipped"), 4, 2, &Preprocess { hflip: true, ..paper });
    member(&folder.path().join("larger"), 4, 3, &Preprocess::paper(32));
    for (members, reason) in [
        (&["a"][..], "2 values required by"),
        (&["a", "same"], "a and same hold the same weights"),
        (&["a", "flipped"], "a and flipped prepare images differently"),
        (&["a", "larger"], "a and larger prepare images differently"),
        (&["a", "nowhere"], "nowhere/best.safetensors"),
    ] {
        let refused = ensemble(folder.path(), members);
        let error = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{members:?}: {error}");
        assert!(error.contains(reason), "{reason} in {error}");
        assert!(!both.exists(), "{members:?}: something was written");
    }
}

#[test]
fn an_ensemble_overwrites_no_run_and_takes_no_ensemble() {
    let (folder, both) = scene();
    for (name, pattern) in [("a", 1), ("b", 2)] {
        member(&folder.path().join(name), 4, pattern, &Preprocess::paper(16));
    }
    assert!(ensemble(folder.path(), &["a", "b"]).status.success());
    let written = std::fs::read(both.join("best.safetensors")).unwrap();
    let again = ensemble(folder.path(), &["b", "a"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("already holds a run"));
    assert_eq!(std::fs::read(both.join("best.safetensors")).unwrap(), written);
    std::fs::rename(&both, folder.path().join("pair")).unwrap();
    let nested = ensemble(folder.path(), &["a", "pair"]);
    assert_eq!(nested.status.code(), Some(2));
    let error = String::from_utf8(nested.stderr).unwrap();
    assert!(error.contains("an ensemble among its members"), "{error}");
}
