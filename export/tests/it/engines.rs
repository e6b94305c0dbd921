//! Runs every case of `models::cases` as an ONNX file on every engine of this machine.

use edge::engine::Provider;
use export::onnx::Storage;
use export::precision::fp16;
use export::verify::difference;
use models::bundle::WeightStorage;
use models::cases::{self, Case};
use models::graph::Resnet12;
use models::tensors::Tensors;
use ndarray::ArrayD;

use crate::sample::{onnx, options, outputs, skipped, start};

/// The outputs of `provider` for the case, through a file.
fn through_file(case: &Case, provider: Provider, storage: WeightStorage) -> Vec<ArrayD<f32>> {
    let file = onnx(case, &case.parameters, storage);
    outputs(case, start(case, &file, provider).unwrap().as_mut())
}

/// Each case must pass, and must fail after one parameter is changed.
fn check_all(provider: Provider) {
    for case in cases::all() {
        case.check(&through_file(&case, provider, WeightStorage::Fp32)).unwrap();
        let moved = through_file(&case.nudged(), provider, WeightStorage::Fp32);
        assert!(case.check(&moved).is_err(), "{} does not detect a changed parameter", case.name);
    }
}

/// With fp16 storage, a network computes exactly what its rounded weights compute.
fn check_half(provider: Provider) {
    for mut case in cases::all().into_iter().filter(|case| !case.name.contains("32px")) {
        case.parameters = fp16::narrow(&case.parameters).unwrap();
        case.check(&through_file(&case, provider, WeightStorage::Fp16)).unwrap();
    }
}

/// In fp16 arithmetic every case is close to its fp32 outputs.
fn check_half_arithmetic(provider: Provider) {
    let small = |case: &Case| !case.name.contains("32px") && !case.name.contains("quantize");
    for mut case in cases::all().into_iter().filter(small) {
        case.parameters = fp16::narrow_all(&case.parameters).unwrap();
        let file = export::onnx::write(
            &case.graph,
            &case.parameters,
            Storage::Halves,
            &Default::default(),
        );
        let got = outputs(&case, start(&case, &file.unwrap(), provider).unwrap().as_mut());
        for (got, expected) in got.iter().zip(&case.expected()) {
            let largest = expected.iter().fold(0.0f32, |max, v| max.max(v.abs()));
            let off = difference(got, expected).max_abs_difference / f64::from(largest);
            assert!(off < 2e-2, "{}: {off}", case.name);
        }
    }
}

#[test]
fn reference_detects_every_changed_parameter() {
    for case in cases::all().into_iter().filter(|case| !case.name.contains("32px")) {
        assert!(case.check(&case.nudged().expected()).is_err(), "{}", case.name);
    }
}

#[test]
fn tract_computes_every_case() {
    check_all(Provider::Tract);
}

#[test]
fn tract_widens_fp16_storage() {
    check_half(Provider::Tract);
}

#[test]
fn onnxruntime_computes_every_case() {
    match options().onnxruntime {
        Some(_) => check_all(Provider::Cpu),
        None => skipped("cases on ONNX Runtime", "its library was not found"),
    }
}

#[test]
fn onnxruntime_widens_fp16_storage() {
    match options().onnxruntime {
        Some(_) => check_half(Provider::Cpu),
        None => skipped("fp16 storage on ONNX Runtime", "its library was not found"),
    }
}

#[test]
fn tract_computes_every_case_in_fp16() {
    check_half_arithmetic(Provider::Tract);
}

#[test]
fn onnxruntime_computes_every_case_in_fp16() {
    match options().onnxruntime {
        Some(_) => check_half_arithmetic(Provider::Cpu),
        None => skipped("fp16 arithmetic on ONNX Runtime", "its library was not found"),
    }
}

#[test]
fn resnet12_in_fp16_is_smaller_than_17_megabytes() {
    let graph =
        Resnet12 { widths: [64, 128, 256, 512], input_size: 84, last_activation: false }.graph();
    let ones = |p: models::graph::Parameter| (p.name, ArrayD::ones(p.shape));
    let tensors: Tensors = graph.parameters().unwrap().into_iter().map(ones).collect();
    let (graph, tensors) = export::fold::fold(&graph, &tensors).unwrap();
    let tensors = fp16::narrow(&tensors).unwrap();
    let file = export::onnx::write(
        &graph,
        &tensors,
        Storage::Floats(WeightStorage::Fp16),
        &Default::default(),
    );
    let bytes = file.unwrap().len();
    assert!((15_900_000..17_000_000).contains(&bytes), "{bytes} bytes");
}
