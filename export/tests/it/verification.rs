//! A bundle whose networks do not compute what was trained is refused.

use std::collections::BTreeMap;

use edge::engine::EngineOptions;
use export::draft::{BundleDraft, DraftCompleter, Recipe};
use export::error::ExportError;
use export::publish::publish;
use export::run::{Completer, Run};
use export::verify::{Difference, NetworkVerification, Outcome, verify};
use few_shot::protocomnet::ProtoComNetCompleter;
use models::bundle::{Bundle, BundleLimits, WeightStorage};
use models::tensors::TensorFile;

use crate::sample::{self, recipe, skipped};

fn outcome<'a>(verified: &'a NetworkVerification, engine: &str) -> &'a Outcome {
    &verified.rows.iter().find(|row| row.engine == engine).unwrap().outcome
}

fn difference(verified: &NetworkVerification, engine: &str) -> Difference {
    match outcome(verified, engine) {
        Outcome::Passed(difference) | Outcome::Differs(difference) => *difference,
        other => panic!("{engine}: {other:?}"),
    }
}

fn verified(run: &Run, storage: WeightStorage, options: &EngineOptions) -> NetworkVerification {
    let draft = BundleDraft::new(run, &recipe("tiny", storage), &EngineOptions::default()).unwrap();
    verify(&draft.subject(run), options)
}

#[test]
fn every_engine_is_within_the_tolerance_of_its_arithmetic() {
    let options = sample::options();
    let mut engines = vec!["reference", "tract"];
    match options.onnxruntime {
        Some(_) => engines.push("onnxruntime/cpu"),
        None => skipped("verification on ONNX Runtime", "its library was not found"),
    }
    for (storage, share) in [(WeightStorage::Fp32, 1e-5), (WeightStorage::Fp16, 2e-3)] {
        let verified = verified(&sample::run(), storage, &options);
        assert!(verified.passed(), "{verified}");
        for engine in &engines {
            let difference = difference(&verified, engine);
            let relative = difference.max_abs_difference / verified.golden_max;
            assert!(relative < share, "{engine}, {storage}:\n{verified}");
        }
    }
}

#[test]
fn every_engine_detects_a_changed_weight() {
    let run = sample::run();
    let mut moved = run.clone();
    moved.checkpoint.parameters.get_mut("layer4.conv3.weight").unwrap()[[0, 0, 0, 0]] += 1e-2;
    let options = sample::options();
    let verified = verified(&moved, WeightStorage::Fp32, &options);
    assert!(!verified.passed(), "{verified}");
    assert!(matches!(outcome(&verified, "reference"), Outcome::Differs(_)), "{verified}");
    assert!(matches!(outcome(&verified, "tract"), Outcome::Differs(_)), "{verified}");
    if options.onnxruntime.is_some() {
        assert!(matches!(outcome(&verified, "onnxruntime/cpu"), Outcome::Differs(_)), "{verified}");
    }
}

#[test]
fn only_the_wrong_engine_is_rejected() {
    let run = sample::run();
    let draft =
        BundleDraft::new(&run, &recipe("tiny", WeightStorage::Fp32), &EngineOptions::default())
            .unwrap();
    let mut other = run.clone();
    other.checkpoint.parameters.get_mut("layer1.conv1.weight").unwrap().mapv_inplace(|w| -w);
    let other =
        BundleDraft::new(&other, &recipe("tiny", WeightStorage::Fp32), &EngineOptions::default())
            .unwrap();
    // The tensors are right and the file is not: the reference passes, the engine does not.
    let mut subject = draft.subject(&run);
    subject.onnx = &other.onnx;
    let verified = verify(&subject, &EngineOptions::default());
    assert!(matches!(outcome(&verified, "reference"), Outcome::Passed(_)), "{verified}");
    assert!(!verified.passed(), "{verified}");
    subject.onnx = b"not a network";
    let verified = verify(&subject, &EngineOptions::default());
    assert!(matches!(outcome(&verified, "tract"), Outcome::Failed { .. }), "{verified}");
    assert!(!verified.passed(), "{verified}");
}

#[test]
fn an_engine_must_pass_the_self_test() {
    let run = sample::run();
    let mut draft =
        BundleDraft::new(&run, &recipe("tiny", WeightStorage::Fp32), &EngineOptions::default())
            .unwrap();
    draft.manifest.self_test.embedding[3] += 1.0;
    let verified = verify(&draft.subject(&run), &EngineOptions::default());
    let Outcome::Failed { reason } = outcome(&verified, "tract") else { panic!("{verified}") };
    assert!(reason.contains("self-test"), "{reason}");
}

#[test]
fn wrong_golden_outputs_leave_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = sample::run();
    *run.golden.outputs.get_mut("embedding").unwrap() *= 1.1;
    let out = folder.path().join("bundle");
    let options = EngineOptions::default();
    let error = publish(&run, &recipe("tiny", WeightStorage::Fp16), &options, &out).unwrap_err();
    assert!(matches!(error, ExportError::Rejected(_)), "{error}");
    assert_eq!(models::disk::list(folder.path()).unwrap().len(), 0);
}

#[test]
fn wrong_golden_outputs_of_the_completer_leave_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = sample::knowing_run();
    let golden = &mut run.completer.as_mut().unwrap().golden;
    golden.outputs.get_mut("weights").unwrap()[[1, 0]] += 1e-2;
    for storage in [WeightStorage::Fp32, WeightStorage::Fp16] {
        let recipe = Recipe { lexicon: Some(sample::lexicon()), ..recipe("named", storage) };
        let out = folder.path().join("bundle");
        let error = publish(&run, &recipe, &EngineOptions::default(), &out).unwrap_err();
        let ExportError::Rejected(verified) = error else { panic!("{error}") };
        assert!(matches!(outcome(&verified, "reference"), Outcome::Differs(_)), "{verified}");
        assert!(matches!(outcome(&verified, "tract"), Outcome::Differs(_)), "{verified}");
        assert_eq!(models::disk::list(folder.path()).unwrap().len(), 0);
    }
}

#[test]
fn a_completer_is_stored_in_fp16_only_if_that_is_exact() {
    let run = sample::knowing_run();
    let Completer { space_id, network: learned, .. } = run.completer.unwrap();
    let bytes = |learned: &ProtoComNetCompleter, storage| {
        let draft = DraftCompleter::new(learned, storage, &space_id, &BTreeMap::new()).unwrap();
        let [(_, network), (_, attributes)] = draft.files();
        (network.len(), attributes)
    };
    let (halves, attributes) = bytes(&learned, WeightStorage::Fp16);
    let (floats, _) = bytes(&learned, WeightStorage::Fp32);
    assert!(halves < floats, "{halves} and {floats}");
    assert!(!TensorFile::parse(&attributes).unwrap().halves.is_empty());
    let mut parameters = learned.parameters().clone();
    parameters.get_mut("encoder.0.weight").unwrap()[[0, 0]] = 0.1;
    let attributes = learned.attributes().clone();
    let finer =
        ProtoComNetCompleter::new(learned.network().clone(), parameters, attributes).unwrap();
    assert!(bytes(&finer, WeightStorage::Fp16).0 > halves);
}

#[test]
fn written_bundle_opens_and_lists_the_engines_that_passed() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample::run();
    let out = folder.path().join("bundle");
    let options = EngineOptions::default();
    publish(&run, &recipe("tiny", WeightStorage::Fp32), &options, &out).unwrap();
    let manifest = Bundle::open(&out, &BundleLimits::default()).unwrap().manifest;
    assert_eq!(manifest.space_id, run.checkpoint.space_id().unwrap());
    let engines: Vec<_> = manifest.verification.iter().map(|v| v.engine.as_str()).collect();
    assert_eq!(engines, ["reference", "tract"]);
    assert!(manifest.verification.iter().all(|v| v.max_abs_difference <= 1e-4), "{manifest:?}");
}
