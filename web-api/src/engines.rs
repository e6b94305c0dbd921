//! The states of the engines as the service shows them: followed, logged and counted.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use edge::engine::{CandidateState, EngineStates};
use edge::slot::EngineWatch;
use tracing::info;

use crate::metrics::EngineGauges;

/// How long the thread may run after the service has ended.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The engines of the network; none before they are followed.
#[derive(Debug, Default)]
pub struct Engines {
    watch: Option<EngineWatch>,
    counts: Arc<Counts>,
}

/// What happened since the start.
#[derive(Debug, Default)]
struct Counts {
    builds: AtomicU64,
    switches: AtomicU64,
}

impl Engines {
    /// Writes a line into the log at each change, and counts builds and switches.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn follow(watch: EngineWatch) -> io::Result<Self> {
        let counts = Arc::new(Counts::default());
        let alive = Arc::downgrade(&counts);
        let first = watch.states();
        let followed = watch.clone();
        let thread = thread::Builder::new().name("engine-states".to_owned());
        thread.spawn(move || follow(&followed, first, &alive))?;
        Ok(Self { watch: Some(watch), counts })
    }

    /// The states as they are now; `None` if they are not followed.
    #[must_use]
    pub fn states(&self) -> Option<EngineStates> {
        self.watch.as_ref().map(EngineWatch::states)
    }

    /// What the metrics show.
    #[must_use]
    pub fn gauges(&self) -> EngineGauges {
        let builds = self.counts.builds.load(Ordering::Relaxed);
        let switches = self.counts.switches.load(Ordering::Relaxed);
        EngineGauges { states: self.states(), builds, switches }
    }
}

fn follow(watch: &EngineWatch, first: EngineStates, counts: &Weak<Counts>) {
    let mut before = first;
    loop {
        let now = watch.wait(LONGEST_WAIT, |states| *states != before);
        // The service has ended.
        let Some(counts) = counts.upgrade() else { return };
        if now != before {
            for line in changes(&before, &now) {
                info!("{line}");
            }
            counts.builds.fetch_add(builds(&before, &now), Ordering::Relaxed);
            let switched = now.serving.kind != before.serving.kind;
            counts.switches.fetch_add(u64::from(switched), Ordering::Relaxed);
            before = now;
        }
    }
}

/// A line for each engine that is in another state.
fn changes(before: &EngineStates, now: &EngineStates) -> Vec<String> {
    let mut lines = Vec::new();
    if now.serving.kind != before.serving.kind {
        lines.push(format!("engine in use: {}, before: {}", now.serving, before.serving.kind));
    }
    for candidate in &now.candidates {
        if before.candidate(candidate.kind) != Some(&candidate.state) {
            lines.push(format!("engine {candidate}"));
        }
    }
    lines
}

/// The builds that began.
fn builds(before: &EngineStates, now: &EngineStates) -> u64 {
    let began = now.candidates.iter().filter(|candidate| {
        let start = start(Some(&candidate.state));
        start.is_some() && start != self::start(before.candidate(candidate.kind))
    });
    began.count() as u64
}

/// When the build of a candidate began.
fn start(state: Option<&CandidateState>) -> Option<std::time::SystemTime> {
    match state {
        Some(CandidateState::Building { since, .. }) => Some(*since),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use edge::engine::{Candidate, EngineKind, Provider, Serving, Stage};
    use models::bundle::Precision;

    use super::*;

    fn kind(provider: Provider) -> EngineKind {
        EngineKind { provider, precision: Precision::Fp32 }
    }

    fn states(serving: Provider, candidate: Provider, state: CandidateState) -> EngineStates {
        let since = SystemTime::UNIX_EPOCH;
        EngineStates {
            serving: Serving { kind: kind(serving), ms: Some(2.0), since },
            candidates: vec![Candidate { kind: kind(candidate), state }],
        }
    }

    #[test]
    fn each_change_is_one_line() {
        let before = states(Provider::Cpu, Provider::TensorRt, CandidateState::Untried);
        assert_eq!(changes(&before, &before), Vec::<String>::new());
        let verifying = states(Provider::Cpu, Provider::TensorRt, CandidateState::Verifying);
        let lines = changes(&before, &verifying);
        let expected = "engine onnxruntime/tensorrt in fp32: built, being verified";
        assert_eq!(lines, [expected]);
        let ready = CandidateState::Ready { ms: None };
        let switched = states(Provider::TensorRt, Provider::Cpu, ready);
        let lines = changes(&verifying, &switched);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("engine in use: onnxruntime/tensorrt in fp32"), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains('\n')));
    }

    #[test]
    fn a_build_counts_once_whatever_its_stages() {
        let at = SystemTime::UNIX_EPOCH;
        let building = |stage, since| CandidateState::Building { stage, since };
        let before = states(Provider::Cpu, Provider::TensorRt, CandidateState::Untried);
        let starting = states(Provider::Cpu, Provider::TensorRt, building(Stage::Starting, at));
        let loading = states(Provider::Cpu, Provider::TensorRt, building(Stage::Loading, at));
        let later = at + Duration::from_secs(60);
        let again = states(Provider::Cpu, Provider::TensorRt, building(Stage::Starting, later));
        assert_eq!(builds(&before, &starting), 1);
        assert_eq!(builds(&starting, &loading), 0);
        assert_eq!(builds(&loading, &again), 1);
        assert_eq!(builds(&loading, &before), 0);
    }

    #[test]
    fn what_happens_is_followed() {
        let before = states(Provider::Cpu, Provider::TensorRt, CandidateState::Untried);
        let engines = Engines::follow(EngineWatch::new(before.clone())).unwrap();
        assert_eq!(engines.states(), Some(before));
        let EngineGauges { builds, switches, .. } = engines.gauges();
        assert_eq!((builds, switches), (0, 0));
        assert_eq!(Engines::default().states(), None);
    }
}
