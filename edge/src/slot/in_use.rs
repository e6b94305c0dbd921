//! The slot: the engine in use, and those before it.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::watch::EngineWatch;
use crate::backbone::EmbedError;
use crate::engine::{CandidateState, Engine, EngineKind, EngineStates, Serving};

/// An engine that has passed its self-test.
pub struct Running {
    /// Runs the backbone.
    pub engine: Box<dyn Engine>,
    /// Which one it is.
    pub kind: EngineKind,
    /// The time of one image in milliseconds, if it was measured.
    pub ms: Option<f64>,
}

/// Keeps a request on one engine: its first image takes it. Dropped at the end of the request.
#[derive(Debug, Clone, Default)]
pub struct EngineLease(Option<Arc<EngineKind>>);

impl EngineLease {
    /// The engine of the request; `None` before its first image.
    #[must_use]
    pub fn kind(&self) -> Option<EngineKind> {
        self.0.as_deref().copied()
    }
}

/// The engine in use, and those before it that are still needed.
pub struct Slot {
    /// The last one is in use, and the one before it takes over if it fails. The others are here
    /// for requests that began with them.
    engines: Vec<Placed>,
    ready: Option<Receiver<Running>>,
    watch: EngineWatch,
    /// What brings the engines, and ends with the slot.
    _source: Option<Box<dyn Any + Send>>,
}

struct Placed {
    running: Running,
    lease: Arc<EngineKind>,
}

impl Placed {
    fn new(running: Running) -> Self {
        Self { lease: Arc::new(running.kind), running }
    }
}

impl Slot {
    /// A slot whose engine stays.
    #[must_use]
    pub fn new(running: Running) -> Self {
        let serving = Serving::from_now(running.kind, running.ms);
        let watch = EngineWatch::new(EngineStates { serving, candidates: Vec::new() });
        Self { engines: vec![Placed::new(running)], ready: None, watch, _source: None }
    }

    /// The same with engines that take over as they come out of `ready`. They are candidates of
    /// `watch`.
    #[must_use]
    pub fn replaced_by(self, ready: Receiver<Running>, watch: EngineWatch) -> Self {
        Self { ready: Some(ready), watch, ..self }
    }

    /// The same, and drops `source` with itself.
    pub(super) fn with_source(self, source: impl Any + Send) -> Self {
        Self { _source: Some(Box::new(source)), ..self }
    }

    /// The engine in use.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        self.in_use().running.kind
    }

    /// Shows the states of all engines.
    #[must_use]
    pub fn watch(&self) -> &EngineWatch {
        &self.watch
    }

    /// Runs `work` on the engine of a request. If the engine in use fails at what the one before
    /// can do, that one takes over and its answer is returned.
    ///
    /// # Errors
    /// Those of `work`; [`EmbedError::Replaced`] if the request has answers of an engine that has
    /// failed since: it has to begin anew, with another lease.
    pub fn run<T>(
        &mut self,
        lease: &mut EngineLease,
        mut work: impl FnMut(&mut dyn Engine) -> Result<T, EmbedError>,
    ) -> Result<T, EmbedError> {
        let is_first = lease.0.is_none();
        if is_first {
            self.take_over();
            lease.0 = Some(Arc::clone(&self.in_use().lease));
        }
        self.watch.count_run();
        let place = self.place(lease).ok_or(EmbedError::Replaced)?;
        let error = match work(self.engines[place].running.engine.as_mut()) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if place == 0 || place + 1 < self.engines.len() {
            return Err(error);
        }
        // It judges as well: what it cannot do either is the fault of the image.
        let before = &mut self.engines[place - 1];
        let Ok(done) = work(before.running.engine.as_mut()) else { return Err(error) };
        let lease_before = Arc::clone(&before.lease);
        self.fall_back(&error);
        if !is_first {
            return Err(EmbedError::Replaced);
        }
        lease.0 = Some(lease_before);
        Ok(done)
    }

    fn in_use(&self) -> &Placed {
        self.engines.last().expect("invariant: one engine at least")
    }

    fn place(&self, lease: &EngineLease) -> Option<usize> {
        let wanted = lease.0.as_ref()?;
        self.engines.iter().position(|placed| Arc::ptr_eq(&placed.lease, wanted))
    }

    /// Takes in what is ready; the last one wins.
    fn take_over(&mut self) {
        let Some(ready) = &self.ready else { return };
        let mut is_new = false;
        while let Ok(running) = ready.try_recv() {
            self.watch.update(|states| states.serve(running.kind, running.ms));
            self.engines.push(Placed::new(running));
            is_new = true;
        }
        if is_new || self.engines.len() > 2 {
            self.drop_unused();
        }
    }

    fn drop_unused(&mut self) {
        let needed = self.engines.len().saturating_sub(2);
        let mut index = 0;
        self.engines.retain(|placed| {
            index += 1;
            index > needed || Arc::strong_count(&placed.lease) > 1
        });
    }

    /// Gives the place back to the engine before.
    fn fall_back(&mut self, error: &EmbedError) {
        let Some(failed) = self.engines.pop() else { return };
        let before = &self.in_use().running;
        let serving = Serving::from_now(before.kind, before.ms);
        self.watch.update(|states| {
            // It may have been measured since it started.
            let ms = serving.ms.or(states.ms_of(serving.kind));
            states.serving = Serving { ms, ..serving };
            states.set(serving.kind, None);
            let reason = format!("it failed after it took over: {error}");
            let refused = CandidateState::Refused { reason, until: None };
            states.set(failed.running.kind, Some(refused));
        });
    }
}
