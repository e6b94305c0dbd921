//! Committed ONNX files replayed on every engine: the right answer, and a wrong one noticed.

use std::fs;

use edge::engine::{
    Engine, EngineChoice, EngineError, EngineOptions, Model, Provider, select, start_verified,
};
use models::bundle::Precision;
use models::cases::{self, Case};
use models::graph::Shape;
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::fixtures::{folder, onnxruntime, options};

/// The cases whose network is committed as ONNX, with the file's bytes.
fn committed() -> Vec<(Case, Vec<u8>)> {
    let file = |case: &Case| fs::read(folder().join(format!("{}.onnx", case.name))).ok();
    let cases = cases::all().into_iter();
    let found: Vec<_> = cases.filter_map(|case| file(&case).map(|bytes| (case, bytes))).collect();
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let onnx = files.filter(|path| path.extension().is_some_and(|e| e == "onnx")).count();
    assert!(found.len() >= 40 && found.len() == onnx, "{} cases, {onnx} files", found.len());
    found
}

fn inputs(case: &Case) -> Vec<(String, Shape)> {
    case.inputs.iter().map(|(name, value)| (name.clone(), value.shape()[1..].to_vec())).collect()
}

fn views(case: &Case) -> Vec<(&str, ArrayViewD<'_, f32>)> {
    case.inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect()
}

fn load(case: &Case, onnx: &[u8], provider: Provider, options: &EngineOptions) -> Box<dyn Engine> {
    let model = Model { onnx, inputs: &inputs(case), max_batch: 8, precision: Precision::Fp32 };
    select(&model, EngineChoice::Only(provider), options).unwrap().engine
}

fn replay(provider: Provider, options: &EngineOptions) {
    for (case, onnx) in committed() {
        let mut engine = load(&case, &onnx, provider, options);
        assert_eq!(engine.provider(), provider);
        let outputs = engine.run(&views(&case)).unwrap();
        case.check(&outputs).unwrap();
        let noticed = case.nudged().check(&outputs);
        assert!(noticed.is_err(), "{}: a nudge of {} passes", case.name, cases::NUDGE);
    }
}

#[test]
fn tract_replays_every_case() {
    replay(Provider::Tract, &options(None));
}

#[test]
fn onnxruntime_replays_every_case() {
    let Some(library) = onnxruntime("cases on ONNX Runtime") else { return };
    replay(Provider::Cpu, &options(Some(library)));
}

/// Every engine that runs here.
fn engines(test: &str) -> Vec<(Provider, EngineOptions)> {
    let library = onnxruntime(test);
    let cpu = library.is_some().then_some(Provider::Cpu);
    [Some(Provider::Tract), cpu]
        .into_iter()
        .flatten()
        .map(|p| (p, options(library.clone())))
        .collect()
}

fn first() -> (Case, Vec<u8>) {
    committed().remove(0)
}

#[test]
fn a_batch_is_the_same_as_its_images() {
    let (case, onnx) = first();
    let (name, shape) = inputs(&case).remove(0);
    let count = 5 * shape.iter().product::<usize>();
    let values: Vec<_> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    let batch = ArrayD::from_shape_vec(IxDyn(&[&[5], &shape[..]].concat()), values).unwrap();
    for (provider, options) in engines("batches on ONNX Runtime") {
        let mut engine = load(&case, &onnx, provider, &options);
        let together = engine.run(&[(&name, batch.view())]).unwrap().remove(0);
        assert_eq!(together.shape()[0], 5);
        for row in 0..5 {
            let one = batch.slice_axis(ndarray::Axis(0), (row..=row).into());
            let single = engine.run(&[(&name, one.into_dyn())]).unwrap().remove(0);
            let same = together.slice_axis(ndarray::Axis(0), (row..=row).into());
            let worst = (&single - &same).iter().fold(0.0_f32, |worst, d| worst.max(d.abs()));
            assert!(worst < 1e-5, "{provider}: row {row} differs by {worst}");
        }
    }
}

#[test]
fn inputs_need_not_lie_in_order() {
    let (case, onnx) = first();
    let (name, value) = &case.inputs[0];
    let mut axes: Vec<_> = (0..value.ndim()).rev().collect();
    let turned = value.view().permuted_axes(IxDyn(&axes)).as_standard_layout().into_owned();
    axes.truncate(value.ndim());
    let same = turned.view().permuted_axes(IxDyn(&axes));
    assert_eq!(same, value.view());
    for (provider, options) in engines("layouts on ONNX Runtime") {
        let outputs = load(&case, &onnx, provider, &options).run(&[(name, same.clone())]).unwrap();
        case.check(&outputs).unwrap();
    }
}

#[test]
fn what_does_not_fit_the_network_is_refused() {
    let (case, onnx) = first();
    let (name, value) = &case.inputs[0];
    let nine = ArrayD::<f32>::zeros(IxDyn(&[&[9], &value.shape()[1..]].concat()));
    for (provider, options) in engines("wrong inputs on ONNX Runtime") {
        let mut engine = load(&case, &onnx, provider, &options);
        let unknown = engine.run(&[("other", value.view())]);
        assert!(matches!(unknown, Err(EngineError::Inputs { .. })), "{provider}");
        assert!(matches!(engine.run(&[]), Err(EngineError::Inputs { .. })), "{provider}");
        let flat = value.flatten().into_dyn();
        let flat = engine.run(&[(name, flat.view())]);
        assert!(matches!(flat, Err(EngineError::Inputs { .. })), "{provider}");
        let many = engine.run(&[(name, nine.view())]);
        assert!(matches!(many, Err(EngineError::Batch { got: 9, max: 8 })), "{provider}");
        case.check(&engine.run(&views(&case)).unwrap()).unwrap();
    }
}

#[test]
fn a_file_that_is_no_network_is_a_reason_not_a_panic() {
    let (case, onnx) = first();
    let mut flipped = onnx.clone();
    flipped.iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    let broken: [&[u8]; 4] = [b"", b"not a network", &onnx[..onnx.len() / 2], &flipped];
    for (provider, options) in engines("broken files on ONNX Runtime") {
        for onnx in broken {
            let model =
                Model { onnx, inputs: &inputs(&case), max_batch: 8, precision: Precision::Fp32 };
            let error = select(&model, EngineChoice::Only(provider), &options).unwrap_err();
            assert_eq!(error.rejected.len(), 1);
            let reason = &error.rejected[0].reason;
            assert!(!reason.is_empty() && !reason.contains('\n'), "{provider}: {reason:?}");
        }
    }
}

#[test]
fn auto_takes_the_first_that_works_and_keeps_each_reason() {
    let (case, onnx) = first();
    let model =
        Model { onnx: &onnx, inputs: &inputs(&case), max_batch: 8, precision: Precision::Fp32 };
    let without = select(&model, EngineChoice::Auto, &options(None)).unwrap();
    assert_eq!(without.engine.provider(), Provider::Tract);
    let providers: Vec<_> = without.rejected.iter().map(|r| r.provider).collect();
    assert_eq!(providers, [Provider::Cpu], "the others may take minutes");
    assert!(without.rejected.iter().all(|r| r.reason.contains("ORT_DYLIB_PATH")));
    let Some(library) = onnxruntime("auto with ONNX Runtime") else { return };
    let with = select(&model, EngineChoice::Auto, &options(Some(library))).unwrap();
    let tried: Vec<_> = with.rejected.iter().map(|r| r.provider).collect();
    assert_eq!((tried, with.engine.provider()), (Vec::new(), Provider::Cpu));
}

#[test]
fn a_provider_that_is_asked_for_is_not_replaced() {
    let (case, onnx) = first();
    let Some(library) = onnxruntime("strictness of ONNX Runtime") else { return };
    let model =
        Model { onnx: &onnx, inputs: &inputs(&case), max_batch: 8, precision: Precision::Fp32 };
    for provider in [Provider::TensorRt, Provider::Cuda] {
        match select(&model, EngineChoice::Only(provider), &options(Some(library.clone()))) {
            Ok(selected) => assert_eq!(selected.engine.provider(), provider),
            Err(error) => {
                assert_eq!(error.rejected[0].provider, provider);
                // The second one by old libraries with their other files missing.
                let reasons = ["not enabled", "Failed to load library"];
                let reason = &error.rejected[0].reason;
                assert!(reasons.iter().any(|known| reason.contains(known)), "{error}");
            }
        }
    }
}

#[test]
fn a_failed_self_test_or_a_panic_rejects_an_engine() {
    let (case, onnx) = first();
    let model =
        Model { onnx: &onnx, inputs: &inputs(&case), max_batch: 8, precision: Precision::Fp32 };
    let options = options(None);
    let wrong =
        start_verified(&model, Provider::Tract, &options, &mut |_| Err("off by 1\n".into()));
    assert_eq!(wrong.err().unwrap().reason, "off by 1");
    let panics = start_verified(&model, Provider::Tract, &options, &mut |_| panic!("at {}", 7));
    assert_eq!(panics.err().unwrap().reason, "it panicked: at 7");
}

#[test]
fn the_words_for_engines_go_both_ways() {
    for word in ["auto", "tensorrt", "cuda", "cpu", "tract"] {
        assert_eq!(word.parse::<EngineChoice>().unwrap().to_string(), word);
    }
    let error = "gpu".parse::<EngineChoice>().unwrap_err().to_string();
    assert!(error.contains("`gpu`") && error.contains("tensorrt"), "{error}");
    let names = Provider::ALL.map(|provider| provider.to_string());
    assert_eq!(names, ["onnxruntime/tensorrt", "onnxruntime/cuda", "onnxruntime/cpu", "tract"]);
}
