//! The slot: the engine in use, and those before it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use super::watch::EngineWatch;
use crate::backbone::EmbedError;
use crate::engine::{
    CandidateState, Engine, EngineError, EngineKind, EngineStates, Serving, catch_panic,
};

/// An engine that has passed its self-test.
pub struct Running {
    /// Runs the backbone.
    pub engine: Box<dyn Engine>,
    /// Which one it is.
    pub kind: EngineKind,
    /// The time of one image in milliseconds, if it was measured.
    pub ms: Option<f64>,
}

/// Keeps a request on one engine: the first of its images that runs takes it. Clones are of the
/// same request. The engine is kept as long as one of them.
#[derive(Debug, Clone, Default)]
pub struct EngineLease(Arc<OnceLock<Arc<EngineKind>>>);

impl EngineLease {
    /// The engine of the request; `None` before its first image.
    #[must_use]
    pub fn kind(&self) -> Option<EngineKind> {
        self.taken().map(|kind| **kind)
    }

    fn taken(&self) -> Option<&Arc<EngineKind>> {
        self.0.get()
    }

    /// Takes this engine, unless the request has one.
    fn take(&self, kind: &Arc<EngineKind>) {
        self.0.get_or_init(|| Arc::clone(kind));
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
        lease: &EngineLease,
        work: impl FnMut(&mut dyn Engine) -> Result<T, EmbedError>,
    ) -> Result<T, EmbedError> {
        self.run_together(&[lease], work, &|_| false)
    }

    /// The places of those leases that can share runs, a list for each engine.
    pub(crate) fn sharing(&mut self, leases: &[EngineLease]) -> Vec<Vec<usize>> {
        if leases.iter().any(|lease| lease.taken().is_none()) {
            self.take_over();
        }
        let newest = self.engines.len() - 1;
        let mut sharing: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (place, lease) in leases.iter().enumerate() {
            let engine = lease.taken().map_or(Some(newest), |taken| self.place(taken));
            sharing.entry(engine).or_default().push(place);
        }
        sharing.into_values().collect()
    }

    /// Runs `work` for requests that [share](Self::sharing) an engine, as [`Slot::run`] does. The
    /// engine stays if several fail together: each is to be run by itself. It also stays if the
    /// output of one is wrong, but the engine `is_sound`.
    ///
    /// # Errors
    /// Those of [`Slot::run`].
    pub(crate) fn run_together<T>(
        &mut self,
        leases: &[&EngineLease],
        mut work: impl FnMut(&mut dyn Engine) -> Result<T, EmbedError>,
        is_sound: &dyn Fn(&mut dyn Engine) -> bool,
    ) -> Result<T, EmbedError> {
        let taken = leases.iter().find_map(|lease| lease.taken());
        let place = match taken {
            Some(taken) => self.place(taken).ok_or(EmbedError::Replaced)?,
            None => {
                self.take_over();
                self.engines.len() - 1
            }
        };
        self.watch.count_run();
        let may_fall_back = place > 0 && place + 1 == self.engines.len() && leases.len() == 1;
        let engine = &mut self.engines[place];
        let running = engine.running.engine.as_mut();
        let done = match may_fall_back {
            true => caught(|| work(&mut *running)),
            false => work(&mut *running),
        };
        let error = match done {
            Ok(done) => {
                leases.iter().for_each(|lease| lease.take(&engine.lease));
                return Ok(done);
            }
            Err(error) => error,
        };
        if !may_fall_back || matches!(error, EmbedError::Output { .. }) && is_sound(running) {
            return Err(error);
        }
        // It judges as well: what it cannot do either is the fault of the image.
        let before = &mut self.engines[place - 1];
        let Ok(done) = work(before.running.engine.as_mut()) else { return Err(error) };
        let engine_before = Arc::clone(&before.lease);
        self.fall_back(&error);
        if taken.is_some() {
            return Err(EmbedError::Replaced);
        }
        leases.iter().for_each(|lease| lease.take(&engine_before));
        Ok(done)
    }

    fn in_use(&self) -> &Placed {
        self.engines.last().expect("invariant: one engine at least")
    }

    fn place(&self, wanted: &Arc<EngineKind>) -> Option<usize> {
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

/// A panic of an engine as its failure: another one can take over.
fn caught<T>(work: impl FnOnce() -> Result<T, EmbedError>) -> Result<T, EmbedError> {
    catch_panic(work).unwrap_or_else(|reason| Err(EngineError::Refused(reason).into()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use models::bundle::Precision;
    use ndarray::{ArrayD, ArrayViewD};

    use super::*;
    use crate::engine::Provider;

    struct Named(Provider);

    impl Engine for Named {
        fn provider(&self) -> Provider {
            self.0
        }

        fn run(&mut self, _: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
            unreachable!("the work of these tests runs nothing")
        }
    }

    fn running(provider: Provider) -> Running {
        let kind = EngineKind { provider, precision: Precision::Fp16 };
        Running { engine: Box::new(Named(provider)), kind, ms: None }
    }

    /// The engine in use after the newer of two has failed at what the other one can do.
    fn after(
        error: fn() -> Result<(), EmbedError>,
        requests: usize,
        is_sound: bool,
    ) -> (Result<(), EmbedError>, Provider) {
        let (sender, ready) = channel();
        let slot = Slot::new(running(Provider::Cpu));
        let watch = slot.watch().clone();
        let mut slot = slot.replaced_by(ready, watch);
        sender.send(running(Provider::TensorRt)).unwrap();
        let leases: Vec<_> = (0..requests).map(|_| EngineLease::default()).collect();
        let shared: Vec<_> = leases.iter().collect();
        let work = |engine: &mut dyn Engine| match engine.provider() {
            Provider::Cpu => Ok(()),
            _ => error(),
        };
        let done = slot.run_together(&shared, work, &|_| is_sound);
        (done, slot.kind().provider)
    }

    fn wrong_output() -> Result<(), EmbedError> {
        Err(EmbedError::Output { expected: "finite values".to_owned(), got: "NaN".to_owned() })
    }

    #[test]
    fn a_sound_engine_stays_when_the_values_of_an_image_overflow() {
        let (done, provider) = after(wrong_output, 1, true);
        assert!(matches!(done, Err(EmbedError::Output { .. })), "{done:?}");
        assert_eq!(provider, Provider::TensorRt);
        let (done, provider) = after(wrong_output, 1, false);
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(provider, Provider::Cpu);
    }

    #[test]
    fn several_requests_that_fail_together_are_not_the_fault_of_the_engine() {
        let (done, provider) = after(wrong_output, 2, false);
        assert!(done.is_err());
        assert_eq!(provider, Provider::TensorRt);
    }

    #[test]
    fn an_engine_that_panics_gives_its_place_back() {
        let (done, provider) = after(|| panic!("the GPU is gone"), 1, true);
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(provider, Provider::Cpu);
    }
}
