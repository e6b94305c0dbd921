//! Checkpoints that contradict themselves are refused when they are read.

use models::checkpoint::{Checkpoint, CheckpointError, Progress, Provenance, Training};
use models::graph::{Architecture, Resnet12};
use models::preprocess::Preprocess;
use models::tensors::{TensorFile, Tensors};
use ndarray::ArrayD;

/// A training of three classes, with both heads.
fn sample() -> Checkpoint {
    let architecture = Architecture::Resnet12(Resnet12 {
        widths: [2, 2, 3, 5],
        input_size: 32,
        last_activation: false,
    });
    let zeros = |name: &str, shape: &[usize]| (name.to_owned(), ArrayD::zeros(shape));
    let heads = [
        zeros("head.weight", &[3, 5]),
        zeros("head.bias", &[3]),
        zeros("rotation_head.weight", &[4, 5]),
        zeros("rotation_head.bias", &[4]),
    ];
    let parameters = architecture.graph().parameters().unwrap();
    let learned = parameters.iter().filter(|p| p.role.is_learned());
    let momentum: Tensors =
        learned.map(|p| zeros(&p.name, &p.shape)).chain(heads.clone()).collect();
    // What is not alike cannot be mistaken for one another.
    let average = momentum.iter().map(|(name, tensor)| (name.clone(), tensor + 1.0)).collect();
    Checkpoint {
        preprocess: Preprocess::paper(32),
        classes: ["fig", "apple", "pear"].map(str::to_owned).to_vec(),
        parameters: parameters.iter().map(|p| zeros(&p.name, &p.shape)).chain(heads).collect(),
        training: Some(Training { average, momentum, progress: progress() }),
        provenance: Provenance::default(),
        architecture,
    }
}

fn progress() -> Progress {
    Progress {
        seed: 1,
        epoch: 2,
        batch: 3,
        loss_sum: 4.5,
        correct: 6,
        best_accuracy: None,
        config: "batch_size = 8".to_owned(),
        data: "0123".to_owned(),
        precision: "tf32".to_owned(),
    }
}

fn momentum(checkpoint: &mut Checkpoint) -> &mut Tensors {
    &mut checkpoint.training.as_mut().unwrap().momentum
}

fn average(checkpoint: &mut Checkpoint) -> &mut Tensors {
    &mut checkpoint.training.as_mut().unwrap().average
}

/// What reading says of the sample after a change.
fn refused(change: impl FnOnce(&mut Checkpoint)) -> CheckpointError {
    let mut checkpoint = sample();
    change(&mut checkpoint);
    Checkpoint::parse(&checkpoint.to_bytes().unwrap()).unwrap_err()
}

/// The same for a change of the file's description.
fn refused_description(from: &str, to: &str) -> CheckpointError {
    let mut file = TensorFile::parse(&sample().to_bytes().unwrap()).unwrap();
    assert!(file.metadata.contains(from), "{}", file.metadata);
    file.metadata = file.metadata.replace(from, to);
    Checkpoint::parse(&file.to_bytes().unwrap()).unwrap_err()
}

fn check_state(error: &CheckpointError, expected: &'static str, words: &[&str]) {
    match error {
        CheckpointError::State { what, differences } if *what == expected => {
            assert_eq!(differences, words);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_checkpoint_comes_back_as_it_was() {
    let without_training = Checkpoint { training: None, ..sample() };
    let mut imported = without_training.clone();
    imported.classes.clear();
    imported.parameters.retain(|name, _| !name.contains("head."));
    let mut before_averages = sample();
    average(&mut before_averages).clear();
    for checkpoint in [sample(), before_averages, without_training, imported] {
        let bytes = checkpoint.to_bytes().unwrap();
        assert_eq!(Checkpoint::parse(&bytes).unwrap(), checkpoint);
    }
}

#[test]
fn the_last_activation_is_another_space_and_another_network() {
    let mut activated = sample();
    let Architecture::Resnet12(network) = &mut activated.architecture else { panic!() };
    network.last_activation = true;
    let bytes = activated.to_bytes().unwrap();
    let read = Checkpoint::parse(&bytes).unwrap();
    assert_eq!(read.architecture, activated.architecture);
    assert_ne!(read.space_id().unwrap(), sample().space_id().unwrap());
    // Files without it are those from before there was a choice.
    let text = String::from_utf8_lossy(&sample().to_bytes().unwrap()).into_owned();
    assert!(!text.contains("last_activation") && !text.contains("license\""), "{}", &text[..400]);
    assert!(String::from_utf8_lossy(&bytes).contains("last_activation"));
}

#[test]
fn another_kind_of_file_is_named() {
    let error = refused_description("handful-checkpoint", "handful-statistics");
    assert!(
        error.to_string().contains("`handful-statistics`, expected `handful-checkpoint`"),
        "{error}"
    );
    let error = refused_description(r#""format":1"#, r#""format":9"#);
    assert!(error.to_string().contains("format 9, expected 1"), "{error}");
}

#[test]
fn a_recipe_that_cannot_be_carried_out_is_refused() {
    let error = refused(|c| c.preprocess.std[1] = 0.0);
    assert!(matches!(error, CheckpointError::Preprocess(_)), "{error}");
}

#[test]
fn a_recipe_for_another_input_size_is_refused() {
    let error = refused(|c| c.preprocess.size = 84);
    assert!(matches!(error, CheckpointError::InputSize { expected: 32, got: 84 }), "{error}");
}

#[test]
fn heads_must_fit_classes_and_embedding() {
    let error = refused(|c| c.classes.push("kiwi".to_owned()));
    let words = [
        "wrong shape: head.bias is [3], expected [4]",
        "wrong shape: head.weight is [3, 5], expected [4, 5]",
    ];
    check_state(&error, "classifier", &words);
    let error = refused(|c| {
        c.parameters.insert("rotation_head.weight".to_owned(), ArrayD::zeros(vec![4, 6]));
    });
    let words = ["wrong shape: rotation_head.weight is [4, 6], expected [4, 5]"];
    check_state(&error, "classifier", &words);
    let error = refused(|c| drop(c.parameters.remove("head.bias")));
    check_state(&error, "classifier", &["missing: head.bias [3]"]);
    let error = refused(|c| {
        c.parameters.insert("head.scale".to_owned(), ArrayD::zeros(vec![1]));
    });
    check_state(&error, "classifier", &["unexpected: head.scale [1]"]);
}

#[test]
fn a_classifier_may_leave_its_classes_unnamed() {
    let imported = Checkpoint { classes: Vec::new(), training: None, ..sample() };
    assert_eq!(Checkpoint::parse(&imported.to_bytes().unwrap()).unwrap(), imported);
    let mut broken = imported;
    broken.parameters.insert("head.bias".to_owned(), ArrayD::zeros(vec![2]));
    let error = Checkpoint::parse(&broken.to_bytes().unwrap()).unwrap_err();
    check_state(&error, "classifier", &["wrong shape: head.bias is [2], expected [3]"]);
    let error = refused(|c| c.classes.clear());
    assert!(matches!(error, CheckpointError::State { .. }), "a training names its classes");
}

#[test]
fn momentum_and_averages_must_be_those_of_what_is_learned() {
    type Section = fn(&mut Checkpoint) -> &mut Tensors;
    for (what, part) in [("momentum", momentum as Section), ("average", average)] {
        let error = refused(|c| drop(part(c).remove("head.weight")));
        check_state(&error, what, &["missing: head.weight [3, 5]"]);
        let error = refused(|c| {
            part(c).insert("head.bias".to_owned(), ArrayD::zeros(vec![1]));
        });
        check_state(&error, what, &["wrong shape: head.bias is [1], expected [3]"]);
    }
    // A running mean is not learned.
    let architecture = sample().architecture;
    let parameters = architecture.graph().parameters().unwrap();
    let running = parameters.into_iter().find(|p| !p.role.is_learned()).unwrap();
    let error = refused(|c| {
        momentum(c).insert(running.name.clone(), ArrayD::zeros(running.shape.clone()));
    });
    let words = format!("unexpected: {} {:?}", running.name, running.shape);
    check_state(&error, "momentum", &[&words]);
}

#[test]
fn momentum_without_a_place_to_go_on_from_is_refused() {
    let mut file = TensorFile::parse(&sample().to_bytes().unwrap()).unwrap();
    let mut description: serde_json::Value = serde_json::from_str(&file.metadata).unwrap();
    description["progress"] = serde_json::Value::Null;
    file.metadata = description.to_string();
    let error = Checkpoint::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
    assert!(error.contains("holds momentum"), "{error}");
}
