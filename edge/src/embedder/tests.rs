//! Who is at fault for an output that is not finite: the request or the engine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use models::bundle::BundleLimits;
use ndarray::{ArrayD, ArrayViewD};

use super::*;
use crate::backbone::start_kind;
use crate::engine::Engine;

const BEFORE: EngineKind = EngineKind { provider: Provider::Tract, precision: Precision::Fp32 };
const HALF: EngineKind = EngineKind { provider: Provider::TensorRt, precision: Precision::Fp16 };

/// More than fp16 has.
const HUGE: f32 = 1e6;

/// As an engine in fp16: a batch with a huge value has no finite output. A broken one is wrong at
/// all others.
struct Half {
    inner: Box<dyn Engine>,
    is_broken: Arc<AtomicBool>,
}

impl Engine for Half {
    fn provider(&self) -> Provider {
        HALF.provider
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        let overflows = inputs[0].1.iter().any(|value| value.abs() > 65_504.0);
        let mut outputs = self.inner.run(inputs)?;
        if overflows {
            outputs[0].fill(f32::NAN);
        } else if self.is_broken.load(Ordering::SeqCst) {
            outputs[0].mapv_inplace(|value| -value);
        }
        Ok(outputs)
    }
}

fn bundle() -> Bundle {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bundle");
    Bundle::open(&folder, &BundleLimits::default()).unwrap()
}

fn tract() -> Box<dyn Engine> {
    start_kind(&bundle(), BEFORE, &EngineOptions::default()).unwrap()
}

/// The engine in fp16, and what breaks it.
fn half() -> (Box<dyn Engine>, Arc<AtomicBool>) {
    let is_broken = Arc::<AtomicBool>::default();
    (Box::new(Half { inner: tract(), is_broken: Arc::clone(&is_broken) }), is_broken)
}

fn of(engine: Box<dyn Engine>, precision: Precision) -> Embedder {
    Embedder::of(&bundle().manifest, Started { engine, precision, rejected: Vec::new() })
}

/// An embedder on which this engine has taken over.
fn embedder() -> (Embedder, Arc<AtomicBool>) {
    let before = of(tract(), BEFORE.precision);
    let (sender, ready) = channel();
    let watch = before.watch().clone();
    let slot = before.slot.replaced_by(ready, watch);
    let (engine, is_broken) = half();
    sender.send(Running { engine, kind: HALF, ms: None }).unwrap();
    let mut embedder = Embedder { slot, ..before };
    let input = input(&embedder, 0.5);
    embedder.embed_input(&input).unwrap();
    assert_eq!(embedder.slot.kind(), HALF);
    (embedder, is_broken)
}

/// An input of this value.
fn input(embedder: &Embedder, value: f32) -> Vec<f32> {
    let size = embedder.manifest().preprocess.size;
    vec![value; 3 * size * size]
}

#[test]
fn a_request_that_overflows_replaces_no_engine() {
    let (mut embedder, _) = embedder();
    let huge = input(&embedder, HUGE);
    let error = embedder.embed_input(&huge).unwrap_err();
    assert!(matches!(error, EmbedError::Output { .. }), "{error}");
    assert_eq!(embedder.slot.kind(), HALF);
}

#[test]
fn an_input_that_overflows_fails_by_itself_in_a_batch() {
    let (mut embedder, _) = embedder();
    let values = [0.5, HUGE, 0.25];
    let inputs: Vec<_> = values.iter().map(|value| input(&embedder, *value)).collect();
    let results = embedder.embed_inputs(&inputs);
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(embedder.slot.kind(), HALF);
}

#[test]
fn an_engine_that_is_wrong_in_its_self_test_too_is_replaced() {
    for n in [1, 3] {
        let (mut embedder, is_broken) = embedder();
        is_broken.store(true, Ordering::SeqCst);
        // Its other numbers are finite.
        let inputs = vec![input(&embedder, HUGE); n];
        let results = embedder.embed_inputs(&inputs);
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(embedder.slot.kind(), BEFORE);
    }
}
