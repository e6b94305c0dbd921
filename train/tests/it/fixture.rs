//! Two training steps computed by an independent implementation: losses, gradients, updated
//! parameters.

use std::path::Path;

use models::graph::{Architecture, Resnet12};
use models::tensors::{TensorFile, Tensors};
use ndarray::{ArrayD, Axis};
use tch::{Device, Kind};
use train::config::{Config, Loss};
use train::loader::Batch;
use train::net::{Compute, to_tensor};
use train::pretrainer::Pretrainer;

use crate::support::tiny_config;

const LEARNING_RATE: f64 = 0.1;

pub(crate) fn read(name: &str) -> TensorFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    TensorFile::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn with_prefix(tensors: &Tensors, prefix: &str) -> Tensors {
    tensors
        .iter()
        .filter_map(|(n, t)| Some((n.strip_prefix(prefix)?.to_owned(), t.clone())))
        .collect()
}

fn config() -> Config {
    let backbone = Architecture::Resnet12(Resnet12 {
        widths: [8, 12, 16, 24],
        input_size: 32,
        last_activation: false,
    });
    let loss = Loss { label_smoothing: 0.0, rotation: train::config::Rotation::Off, semantic: 0.0 };
    Config { backbone, loss, ..tiny_config() }
}

fn batch(file: &TensorFile, step: usize) -> Batch {
    let image = file.floats["input"].index_axis(Axis(0), step).permuted_axes(vec![0, 2, 3, 1]);
    Batch {
        image: image.iter().copied().collect(),
        size: image.shape()[1],
        label: file.integers["label"].index_axis(Axis(0), step).iter().copied().collect(),
    }
}

/// The largest difference as a share of the tensor's largest magnitude.
pub(crate) fn relative_error(got: &ArrayD<f32>, expected: &ArrayD<f32>) -> f32 {
    assert_eq!(got.shape(), expected.shape());
    let largest = expected.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
    let difference = got.iter().zip(expected).fold(0.0, |m: f32, (a, b)| m.max((a - b).abs()));
    difference / largest.max(1e-6)
}

pub(crate) fn assert_close(what: &str, got: &Tensors, expected: &Tensors, tolerance: f32) {
    assert!(!expected.is_empty());
    for (name, tensor) in expected {
        let error = relative_error(&got[name], tensor);
        assert!(error <= tolerance, "{what} {name}: relative error {error:e} above {tolerance:e}");
    }
}

/// Tolerances: the fixture was computed in float64, we compute in float32. Loss 1e-5; gradients
/// 2e-4 and parameters 1e-4 of each tensor's largest magnitude (batch statistics of six images
/// amplify rounding).
#[test]
fn two_steps_agree_with_an_independent_implementation() {
    let file = read("backbone_tiny_train.safetensors");
    let compute = Compute { device: Device::Cpu, kind: Kind::Float };
    let before = with_prefix(&file.floats, "before.");
    let mut classifier = Pretrainer::new(&config(), &before, &Tensors::new(), compute).unwrap();

    let first = batch(&file, 0);
    let image = to_tensor(&file.floats["input"].index_axis(Axis(0), 0).to_owned()).unwrap();
    let probe = Pretrainer::new(&config(), &before, &Tensors::new(), compute).unwrap();
    let (loss, _) = probe.loss(&image, &tch::Tensor::from_slice(&first.label)).unwrap();
    assert_close(
        "gradient",
        &probe.gradients(&loss).unwrap(),
        &with_prefix(&file.floats, "grad."),
        2e-4,
    );

    let progress = train::stages::pretrain::fresh_progress(&config(), "", compute).unwrap();
    for step in 0..2 {
        classifier.step(&batch(&file, step), LEARNING_RATE).unwrap();
        let (loss, _) = classifier.take_sums(&progress).unwrap();
        let expected = f64::from(file.floats["loss"][step]);
        assert!(
            (loss - expected).abs() <= 1e-5 * expected,
            "loss {step}: {loss} instead of {expected}"
        );
    }
    assert_close(
        "parameter",
        &classifier.parameters().unwrap(),
        &with_prefix(&file.floats, "after."),
        1e-4,
    );
}
