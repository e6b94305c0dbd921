//! What a request sees of a switch: nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::Instant;

use edge::backbone::EmbedError;
use edge::engine::{
    Candidate, CandidateState, Engine, EngineError, EngineKind, EngineStates, Provider,
};
use edge::slot::{EngineLease, EngineWatch, Running, Slot, Tuning};
use models::bundle::Precision;
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::fake::{FAKE, Fake, Mode, tuning};
use super::{LONGEST, embed_until_it_serves, open, serves_fake};
use crate::files::png;

/// Gives its number, or fails.
struct Numbered(Result<f32, ()>);

impl Engine for Numbered {
    fn provider(&self) -> Provider {
        Provider::Tract
    }

    fn run(&mut self, _: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        let number = self.0.map_err(|()| EngineError::Refused("it is broken".to_owned()))?;
        Ok(vec![ArrayD::from_elem(IxDyn(&[1]), number)])
    }
}

fn kind(provider: Provider) -> EngineKind {
    EngineKind { provider, precision: Precision::Fp32 }
}

fn running(provider: Provider, number: Result<f32, ()>) -> Running {
    Running { engine: Box::new(Numbered(number)), kind: kind(provider), ms: None }
}

fn run(slot: &mut Slot, lease: &EngineLease) -> Result<f32, EmbedError> {
    slot.run(lease, |engine| Ok(engine.run(&[])?[0][[0]]))
}

#[test]
fn a_request_stays_on_the_engine_that_it_began_with() {
    let first = running(Provider::Tract, Ok(1.0));
    let slot = Slot::new(first);
    let watch = slot.watch().clone();
    let (sender, ready) = channel();
    let mut slot = slot.replaced_by(ready, watch);
    let old = EngineLease::default();
    assert_eq!(run(&mut slot, &old).unwrap(), 1.0);
    for (provider, number) in [(Provider::Cpu, 2.0), (Provider::Cuda, 3.0)] {
        sender.send(running(provider, Ok(number))).unwrap();
        let new = EngineLease::default();
        assert_eq!(run(&mut slot, &new).unwrap(), number);
        assert_eq!(new.kind(), Some(kind(provider)));
        assert_eq!(run(&mut slot, &old).unwrap(), 1.0);
    }
    assert_eq!(slot.kind(), kind(Provider::Cuda));
    let EngineStates { serving, candidates } = slot.watch().states();
    assert_eq!(serving.kind, kind(Provider::Cuda));
    let ready =
        |provider| Candidate { kind: kind(provider), state: CandidateState::Ready { ms: None } };
    assert_eq!(candidates, [ready(Provider::Tract), ready(Provider::Cpu)]);
}

#[test]
fn what_no_engine_can_do_changes_nothing() {
    let slot = Slot::new(running(Provider::Tract, Err(())));
    let watch: EngineWatch = slot.watch().clone();
    let (sender, ready) = channel();
    let mut slot = slot.replaced_by(ready, watch);
    sender.send(running(Provider::Cpu, Err(()))).unwrap();
    let error = run(&mut slot, &EngineLease::default()).unwrap_err();
    assert!(matches!(error, EmbedError::Engine(_)), "{error}");
    assert_eq!(slot.kind(), kind(Provider::Cpu));
}

#[test]
fn the_engine_before_takes_over_from_one_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::default();
    let fails = Arc::clone(&fake.fails);
    let tuning = Tuning { starter: Arc::new(fake), ..tuning(Mode::Good, folder.path()) };
    let mut embedder = open(&tuning);
    embed_until_it_serves(&mut embedder);
    assert!(serves_fake(&embedder.watch().states()));
    let lease = EngineLease::default();
    let image = |embedder: &edge::embedder::Embedder| embedder.decoder().decode(&png(8, 8), None);
    let decoded = image(&embedder).unwrap();
    assert_eq!(embedder.embed_leased(&lease, decoded).unwrap().engine, FAKE);
    fails.store(true, Ordering::SeqCst);
    // Half of the answers of this request are of the engine that fails.
    let decoded = image(&embedder).unwrap();
    let error = embedder.embed_leased(&lease, decoded).unwrap_err();
    assert!(matches!(error, EmbedError::Replaced), "{error}");
    let embedded = embedder.embed(&png(8, 8)).unwrap();
    assert_eq!(embedded.engine, kind(Provider::Tract));
    let states = embedder.watch().wait(LONGEST, |states| !serves_fake(states));
    let refused = states.candidate(FAKE).unwrap();
    assert!(matches!(refused, CandidateState::Refused { until: None, .. }), "{refused}");
    assert!(refused.to_string().contains("failed after it took over"), "{refused}");
    assert!(refused.to_string().contains("fallen off the bus"), "{refused}");
}

#[test]
fn a_measured_engine_takes_over_after_a_faster_one_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake { has_cuda: true, ..Fake::default() };
    let fails = Arc::clone(&fake.fails);
    let tuning = Tuning { starter: Arc::new(fake), ..tuning(Mode::Good, folder.path()) };
    let mut embedder = open(&tuning);
    embed_until_it_serves(&mut embedder);
    let cuda = kind(Provider::Cuda);
    let states = embedder.watch().wait(LONGEST, |states| states.ms_of(cuda).is_some());
    let state = states.candidate(cuda);
    assert!(matches!(state, Some(CandidateState::Measured { .. })), "{states:?}");
    fails.store(true, Ordering::SeqCst);
    assert_eq!(embedder.embed(&png(8, 8)).unwrap().engine, kind(Provider::Tract));
    let end = Instant::now() + LONGEST;
    while embedder.embed(&png(8, 8)).unwrap().engine != cuda {
        assert!(Instant::now() < end, "{:?}", embedder.watch().states());
    }
    // The one that failed is not tried again.
    let states = embedder.watch().states();
    let refused = states.candidate(FAKE).unwrap();
    assert!(matches!(refused, CandidateState::Refused { until: None, .. }), "{refused}");
}
