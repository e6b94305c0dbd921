//! Tries the candidates of a slot, one after another, on a thread of its own.
//!
//! The states are the whole memory of it: [`next`] takes from them what to do, and each step ends
//! in a state.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use models::bundle::Bundle;

use super::arrival::{self, Arrival};
use super::child::{Job, RefusedBuild, run};
use super::in_use::{Running, Slot};
use super::remembered::Remembered;
use super::same_bundle::SameBundle;
use super::tuning::{Tuning, TuningFacts};
use super::watch::EngineWatch;
use crate::built::{is_kept, made_for};
use crate::engine::cache::{About, CacheError, Entry, Found, Machine, MadeFor, Milliseconds};
use crate::engine::{
    Candidate, CandidateState, EngineError, EngineFiles, EngineKind, EngineOptions, EngineStates,
    Provider, Stage,
};

/// The longest wait for a time without requests. A service that is never idle is measured too.
const MOST_QUIETS: u32 = 20;

/// How often the states are read again: the engine in use may have given its place back.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The reason of an engine that was being started when this program ended; it stays only then.
const ENDED_BY_START: &str = "this program ended while it started; `handful engines build` tries \
                              it again";

/// The thread that tries candidates. It ends with this value, and so does its child.
struct Tuner {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Tuner {
    fn drop(&mut self) {
        self.stop.take();
        // A thread that has panicked has stopped as well.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What the thread works with.
struct Trials {
    tuning: Tuning,
    options: EngineOptions,
    bundle: SameBundle,
    bundle_name: String,
    /// What the engines that are kept are built for.
    made_for: Vec<(EngineKind, MadeFor)>,
    remembered: Remembered,
    watch: EngineWatch,
    ready: Sender<Running>,
    stop: Receiver<()>,
}

/// What comes next.
#[derive(Debug, PartialEq)]
enum Next {
    /// The engine in use has to be timed: nothing can be compared with it before.
    TimeServing(EngineKind),
    Try(EngineKind),
    WaitUntil(SystemTime),
    Done,
}

fn next(states: &EngineStates, now: SystemTime) -> Next {
    if let Some(kind) = faster(states) {
        return try_or_time(states, kind);
    }
    let mut next = Next::Done;
    // A second file of a provider is not worth another build.
    let is_enough = |kind: &EngineKind| kind.provider.needs_build() && is_built(states, *kind);
    for Candidate { kind, state } in states.candidates.iter().filter(|one| !is_enough(&one.kind)) {
        match state {
            CandidateState::Untried => return try_or_time(states, *kind),
            CandidateState::Refused { until: Some(until), .. } if *until <= now => {
                return try_or_time(states, *kind);
            }
            CandidateState::Refused { until: Some(until), .. } => match next {
                Next::WaitUntil(sooner) if sooner <= *until => {}
                _ => next = Next::WaitUntil(*until),
            },
            _ => {}
        }
    }
    next
}

/// The fastest candidate that was not faster than an engine that has failed since, but is faster
/// than the one that took its place.
fn faster(states: &EngineStates) -> Option<EngineKind> {
    let most = ms_to_beat(states) * Tuning::SWITCH_AT;
    let measured = states.candidates.iter().filter_map(|one| match one.state {
        CandidateState::Measured { ms } if ms <= most => Some((one.kind, ms)),
        _ => None,
    });
    measured.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(kind, _)| kind)
}

fn try_or_time(states: &EngineStates, kind: EngineKind) -> Next {
    match states.serving.ms {
        Some(_) => Next::Try(kind),
        None => Next::TimeServing(states.serving.kind),
    }
}

/// Whether the provider of a candidate runs another file, or could.
fn is_built(states: &EngineStates, kind: EngineKind) -> bool {
    let others = states.candidates.iter().filter(|one| one.kind.provider == kind.provider);
    let mut others = others.map(|one| &one.state);
    states.serving.kind.provider == kind.provider
        || others.any(|state| {
            matches!(state, CandidateState::Measured { .. } | CandidateState::Ready { .. })
        })
}

/// What the engine to beat takes: the one in use, or one that will be.
fn ms_to_beat(states: &EngineStates) -> f64 {
    let waiting = states.candidates.iter().filter_map(|one| match one.state {
        CandidateState::Ready { ms } => ms,
        _ => None,
    });
    waiting.chain(states.serving.ms).fold(f64::INFINITY, f64::min)
}

/// Begins to try the other engines that are known for the backbone in a slot.
pub(crate) fn tune(
    slot: Slot,
    bundle: &Bundle,
    facts: TuningFacts,
    options: &EngineOptions,
    tuning: &Tuning,
) -> Slot {
    let TuningFacts { mut kinds, built, machine, remembered } = facts;
    kinds.retain(|kind| *kind != slot.kind());
    if kinds.is_empty() || !tuning.is_active {
        return slot;
    }
    let watch = slot.watch().clone();
    let candidates: Vec<Candidate> = kinds
        .into_iter()
        .map(|kind| Candidate { kind, state: first(kind, &remembered, &built, options) })
        .collect();
    let made_for = made_for_kept(bundle, &candidates, options, &machine);
    watch.update(|states| {
        states.serving.ms = remembered.ms(states.serving.kind);
        states.candidates = candidates;
    });
    let (ready, incoming) = channel();
    let (stop, stopped) = channel();
    let trials = Trials {
        tuning: tuning.clone(),
        options: options.clone(),
        bundle: SameBundle::of(bundle),
        bundle_name: bundle.manifest.name.clone(),
        made_for,
        remembered,
        watch: watch.clone(),
        ready,
        stop: stopped,
    };
    // Without a thread the engine stays, and its candidates stay untried.
    let thread = thread::Builder::new().name("tuner".to_owned()).spawn(|| trials.run());
    let tuner = Tuner { stop: Some(stop), thread: thread.ok() };
    slot.replaced_by(incoming, watch).with_source(tuner)
}

/// What the engines that are kept are built for.
fn made_for_kept(
    bundle: &Bundle,
    candidates: &[Candidate],
    options: &EngineOptions,
    machine: &Machine,
) -> Vec<(EngineKind, MadeFor)> {
    let untried = candidates.iter().filter(|one| one.state == CandidateState::Untried);
    let kept = untried.map(|one| one.kind).filter(|kind| is_kept(kind.provider));
    // Each candidate has a file.
    kept.filter_map(|kind| Some((kind, made_for(bundle, kind, options, machine).ok()?))).collect()
}

/// The first state of a candidate: what was refused before stays so, unless it may be tried again.
fn first(
    kind: EngineKind,
    remembered: &Remembered,
    built: &[Provider],
    options: &EngineOptions,
) -> CandidateState {
    let reason = match remembered.refusal(kind) {
        _ if !built.contains(&kind.provider) && options.onnxruntime.is_none() => {
            EngineError::NoLibrary.to_string()
        }
        _ if !built.contains(&kind.provider) => {
            "the library of ONNX Runtime was built without it".to_owned()
        }
        Some((reason, tries)) if tries >= Tuning::MAX_TRIES => reason.to_owned(),
        _ => return CandidateState::Untried,
    };
    CandidateState::Refused { reason, until: None }
}

impl Trials {
    fn run(mut self) {
        loop {
            match next(&self.watch.states(), SystemTime::now()) {
                Next::TimeServing(kind) => match self.build(kind) {
                    Ok(ms) => self.watch.update(|states| {
                        if states.serving.kind == kind {
                            states.serving.ms = Some(ms);
                        }
                    }),
                    Err(RefusedBuild::Stopped) => return,
                    Err(
                        RefusedBuild::Failed(reason)
                        | RefusedBuild::Refused(reason)
                        | RefusedBuild::Replaced(reason),
                    ) => return self.give_up(&reason),
                },
                Next::Try(kind) => {
                    let tries = self.remembered.tries(kind) + 1;
                    match self.attempt(kind, tries) {
                        Err(RefusedBuild::Stopped) => return,
                        Err(RefusedBuild::Failed(reason)) => self.refuse(kind, reason, tries),
                        Err(RefusedBuild::Refused(reason)) => {
                            self.refuse(kind, reason, Tuning::MAX_TRIES);
                        }
                        // What is remembered is of the bundle in use, which is not at fault.
                        Err(RefusedBuild::Replaced(reason)) => {
                            self.set(kind, CandidateState::Refused { reason, until: None });
                        }
                        Ok(()) => {}
                    }
                }
                Next::WaitUntil(time) => {
                    let wait = time.duration_since(SystemTime::now()).unwrap_or_default();
                    if self.is_stopped_within(wait.min(READ_EVERY)) {
                        return;
                    }
                }
                Next::Done if self.is_stopped_within(READ_EVERY) => return,
                Next::Done => {}
            }
        }
    }

    /// Builds and times a candidate unless that was done before. One that is faster is started here
    /// and given to the slot. Counts as a try, also if this program ends meanwhile.
    fn attempt(&mut self, kind: EngineKind, tries: u32) -> Result<(), RefusedBuild> {
        let (ms, files) = match self.known(kind) {
            Some(known) => known,
            None => {
                let ms = self.build(kind)?;
                let gone = || RefusedBuild::Failed("the built engine is gone".to_owned());
                (ms, self.files(kind).ok_or_else(gone)?)
            }
        };
        if ms > ms_to_beat(&self.watch.states()) * Tuning::SWITCH_AT {
            self.set(kind, CandidateState::Measured { ms });
            return Ok(());
        }
        self.set(kind, CandidateState::Verifying);
        self.remembered.refuse(kind, ENDED_BY_START, tries);
        let started = self.start(kind, files);
        if !matches!(started, Err(RefusedBuild::Failed(_))) {
            self.remembered.measure(kind, ms);
        }
        let running = started?;
        self.set(kind, CandidateState::Ready { ms: Some(ms) });
        // Without a slot this thread is stopped next.
        let _ = self.ready.send(Running { ms: Some(ms), ..running });
        Ok(())
    }

    /// The time of a candidate that needs no child process, and what it is started from.
    fn known(&self, kind: EngineKind) -> Option<(f64, EngineFiles)> {
        let ms = self.remembered.ms(kind);
        if !is_kept(kind.provider) {
            return Some((ms?, EngineFiles::Nowhere));
        }
        let entry = self.kept(kind)?;
        // One that was built ahead has its own time.
        let ms = ms.or(entry.about.image_ms.map(Milliseconds::get))?;
        Some((ms, EngineFiles::Built(entry.folder)))
    }

    /// What a candidate is started from; `None` if it has to be built.
    fn files(&self, kind: EngineKind) -> Option<EngineFiles> {
        match is_kept(kind.provider) {
            true => Some(EngineFiles::Built(self.kept(kind)?.folder)),
            false => Some(EngineFiles::Nowhere),
        }
    }

    fn kept(&self, kind: EngineKind) -> Option<Box<Entry>> {
        match self.tuning.cache.as_ref()?.open(&self.made_for_kind(kind)?.key()) {
            Found::Whole(entry) => Some(entry),
            // A damaged one has been removed.
            Found::Absent | Found::Refused(_) => None,
        }
    }

    fn made_for_kind(&self, kind: EngineKind) -> Option<&MadeFor> {
        self.made_for.iter().find(|(of, _)| *of == kind).map(|(_, made_for)| made_for)
    }

    /// Has a candidate built, verified and timed by a child process.
    fn build(&mut self, kind: EngineKind) -> Result<f64, RefusedBuild> {
        let made_for = self.made_for_kind(kind).cloned();
        let new = match (&self.tuning.cache, &made_for) {
            (Some(cache), Some(made_for)) => Some(cache.begin(&made_for.key()).map_err(not_kept)?),
            (None, Some(_)) => {
                let reason = "there is no folder to keep it in; set XDG_CACHE_HOME or HOME";
                return Err(RefusedBuild::Refused(reason.to_owned()));
            }
            (_, None) => None,
        };
        self.await_quiet()?;
        let folder = new.as_ref().map(|new| new.folder().to_owned());
        let job = Job::new(self.bundle.clone(), kind, &self.options, folder);
        let since = SystemTime::now();
        let mut on_stage = |stage: Stage| {
            let building = CandidateState::Building { stage, since };
            self.watch.update(|states| {
                if states.serving.kind != kind {
                    states.set(kind, Some(building));
                }
            });
        };
        on_stage(Stage::Starting);
        let Tuning { builder, limits, .. } = &self.tuning;
        let ms = run(builder, &job, limits, &self.stop, &mut on_stage)?;
        if let Some((new, made_for)) = new.zip(made_for) {
            let took = since.elapsed().unwrap_or_default().as_millis();
            let build_ms = u64::try_from(took).unwrap_or(u64::MAX);
            let image_ms = Some(Milliseconds::new(ms));
            let bundle = self.bundle_name.clone();
            new.finish(About { made_for, bundle, build_ms, image_ms }).map_err(not_kept)?;
        }
        self.remembered.measure(kind, ms);
        Ok(ms)
    }

    /// Starts a candidate in this process, where it is verified once more.
    fn start(&self, kind: EngineKind, files: EngineFiles) -> Result<Running, RefusedBuild> {
        let mut options = self.options.clone();
        options.gpu.files = files;
        let (starter, bundle) = (Arc::clone(&self.tuning.starter), self.bundle.clone());
        arrival::start(Arrival { starter, bundle, kind, options }, &self.stop)
    }

    fn refuse(&mut self, kind: EngineKind, reason: String, tries: u32) {
        self.remembered.refuse(kind, &reason, tries);
        let pause = self.tuning.pause * Tuning::PAUSE_GROWTH.pow(tries.saturating_sub(1));
        let until = (tries < Tuning::MAX_TRIES).then(|| SystemTime::now() + pause);
        self.set(kind, CandidateState::Refused { reason, until });
    }

    /// Nothing can be compared with an engine that was not timed.
    fn give_up(&self, reason: &str) {
        self.watch.update(|states| {
            let untried = |one: &&mut Candidate| one.state == CandidateState::Untried;
            for candidate in states.candidates.iter_mut().filter(untried) {
                let reason = format!("the engine in use could not be timed: {reason}");
                candidate.state = CandidateState::Refused { reason, until: None };
            }
        });
    }

    fn set(&self, kind: EngineKind, state: CandidateState) {
        self.watch.update(|states| states.set(kind, Some(state)));
    }

    /// Waits for a time without requests.
    fn await_quiet(&self) -> Result<(), RefusedBuild> {
        for _ in 0..MOST_QUIETS {
            let runs = self.watch.runs();
            if self.is_stopped_within(self.tuning.quiet) {
                return Err(RefusedBuild::Stopped);
            }
            if self.watch.runs() == runs {
                break;
            }
        }
        Ok(())
    }

    fn is_stopped_within(&self, time: Duration) -> bool {
        self.stop.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }
}

fn not_kept(error: CacheError) -> RefusedBuild {
    RefusedBuild::Failed(format!("the built engine cannot be kept: {error}"))
}

#[cfg(test)]
mod tests;
