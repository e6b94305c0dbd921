//! What comes next, from the states only.

use models::bundle::Precision;

use super::*;
use crate::engine::Serving;

fn kind(provider: Provider, precision: Precision) -> EngineKind {
    EngineKind { provider, precision }
}

fn states(ms: Option<f64>, candidates: Vec<(EngineKind, CandidateState)>) -> EngineStates {
    let cpu = kind(Provider::Cpu, Precision::Int8U8);
    let candidates = candidates.into_iter().map(|(kind, state)| Candidate { kind, state });
    EngineStates { serving: Serving::from_now(cpu, ms), candidates: candidates.collect() }
}

#[test]
fn the_engine_in_use_is_timed_before_anything_is_tried() {
    let cuda = kind(Provider::Cuda, Precision::Fp32);
    let untried = vec![(cuda, CandidateState::Untried)];
    let now = SystemTime::now();
    let serving = kind(Provider::Cpu, Precision::Int8U8);
    assert_eq!(next(&states(None, untried.clone()), now), Next::TimeServing(serving));
    assert_eq!(next(&states(Some(2.0), untried), now), Next::Try(cuda));
    let reason = "no library".to_owned();
    let refused = vec![(cuda, CandidateState::Refused { reason, until: None })];
    assert_eq!(next(&states(None, refused), now), Next::Done);
}

#[test]
fn a_refused_candidate_is_tried_again_when_its_time_has_come() {
    let cuda = kind(Provider::Cuda, Precision::Fp32);
    let now = SystemTime::now();
    let later = now + Duration::from_secs(9);
    for (until, at, expected) in [
        (Some(later), now, Next::WaitUntil(later)),
        (Some(later), later, Next::Try(cuda)),
        (None, later, Next::Done),
    ] {
        let refused = CandidateState::Refused { reason: "killed".to_owned(), until };
        assert_eq!(next(&states(Some(2.0), vec![(cuda, refused)]), at), expected);
    }
}

#[test]
fn a_provider_is_built_for_one_file_that_is_good() {
    let half = kind(Provider::TensorRt, Precision::Fp16);
    let full = kind(Provider::TensorRt, Precision::Fp32);
    let measured = CandidateState::Measured { ms: 1.9 };
    let both = vec![(half, measured.clone()), (full, CandidateState::Untried)];
    assert_eq!(next(&states(Some(2.0), both), SystemTime::now()), Next::Done);
    // What needs no build is cheap to try.
    let other = kind(Provider::Cpu, Precision::Fp32);
    let both = vec![(half, measured), (other, CandidateState::Untried)];
    assert_eq!(next(&states(Some(2.0), both), SystemTime::now()), Next::Try(other));
}

#[test]
fn what_was_too_slow_for_an_engine_that_failed_is_tried_again() {
    let failed = CandidateState::Refused { reason: "the GPU is gone".to_owned(), until: None };
    let full = kind(Provider::TensorRt, Precision::Fp32);
    let cuda = kind(Provider::Cuda, Precision::Fp32);
    let candidates = vec![
        (kind(Provider::TensorRt, Precision::Fp16), failed),
        (full, CandidateState::Untried),
        (kind(Provider::Tract, Precision::Fp32), CandidateState::Measured { ms: 7.0 }),
        (cuda, CandidateState::Measured { ms: 5.0 }),
    ];
    for (serving, expected) in [
        // It needs no build, so that it comes before what does.
        (Some(10.0), Next::Try(cuda)),
        // It is not faster than what took over.
        (Some(6.0), Next::Try(full)),
        (None, Next::TimeServing(kind(Provider::Cpu, Precision::Int8U8))),
    ] {
        assert_eq!(next(&states(serving, candidates.clone()), SystemTime::now()), expected);
    }
}

#[test]
fn the_fastest_that_serves_or_will_is_to_beat() {
    let cuda = kind(Provider::Cuda, Precision::Fp32);
    let ready = vec![(cuda, CandidateState::Ready { ms: Some(1.0) })];
    assert_eq!(ms_to_beat(&states(Some(2.0), ready)), 1.0);
    // Ready again because it served before: slower than what serves.
    let before = vec![(cuda, CandidateState::Ready { ms: Some(3.0) })];
    assert_eq!(ms_to_beat(&states(Some(2.0), before)), 2.0);
}
