//! Golden numbers of an independent implementation (`fixtures/README.md`).

use std::path::Path;

use models::disk;
use models::graph::Resnet12;
use models::reference;
use models::tensors::{TensorFile, Tensors};
use ndarray::ArrayD;

fn fixture(name: &str) -> TensorFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    TensorFile::parse(&disk::read(&path, 1 << 20).unwrap()).unwrap()
}

/// Largest difference as a share of the largest expected magnitude.
fn relative_error(got: impl IntoIterator<Item = f32>, expected: &ArrayD<f32>) -> f32 {
    let scale = expected.iter().fold(0.0_f32, |scale, x| scale.max(x.abs()));
    let worst = got.into_iter().zip(expected).map(|(got, expected)| (got - expected).abs());
    worst.fold(0.0, f32::max) / scale
}

#[test]
fn backbone_tiny_eval() {
    let file = fixture("backbone_tiny_eval.safetensors");
    let parameters: Tensors = file
        .floats
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("param.")?.to_owned(), value.clone())))
        .collect();
    let graph =
        Resnet12 { widths: [8, 12, 16, 24], input_size: 32, last_activation: false }.graph();
    let outputs =
        reference::run(&graph, &parameters, &[("image", file.floats["input"].view())]).unwrap();
    assert_eq!(outputs[0].shape(), [4, 24]);
    let error = relative_error(outputs[0].iter().copied(), &file.floats["embedding"]);
    assert!(error <= 1e-5, "relative error {error:e}");
}
