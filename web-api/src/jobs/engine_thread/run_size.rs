//! How many inputs a run of the engine may have: as many as gain from it.
//!
//! A call that comes during a run waits for its end. On a GPU, a run of many inputs takes little
//! longer than that of one, and all gain. On one core it takes as many times as long, so that
//! nobody gains and the call waits longer; several cores are in between, as the threads of a run
//! wait for each other less often. The times of its runs show which kind an engine is: runs begin
//! with a single input, and double as long as each doubling gains. Of another engine nothing is
//! known.

use std::time::Duration;

use edge::engine::EngineKind;

/// Runs of one size before it is judged, by the shortest of them: whatever else runs on the machine
/// makes a run longer, never shorter.
const TRIES: u32 = 4;

/// A run may take twice as long as one of a single input, and this much longer.
const SLACK: Duration = Duration::from_millis(2);

/// A run this short makes nobody wait, and its time shows little.
const BRIEF: Duration = Duration::from_millis(1);

/// After this number of runs, the next ones have a single input again, and a size that has gained
/// nothing is tried again: the speed of a machine changes.
const RUNS: u32 = 256;

/// What the times of runs have shown.
#[derive(Debug)]
pub(super) struct RunSize {
    engine: EngineKind,
    most: usize,
    /// The time of a run of a single input, and how many runs there were since it was measured.
    single: Option<Duration>,
    since: u32,
    /// How many runs are left before the size may grow again.
    rest: u32,
    /// The runs of single inputs, and those of more, by the time of an input.
    singles: Shortest,
    shared: Shortest,
}

/// The shortest time of a few runs.
#[derive(Debug)]
struct Shortest {
    time: Duration,
    n_runs: u32,
}

impl Shortest {
    const NONE: Self = Self { time: Duration::MAX, n_runs: 0 };

    /// Adds a run; the shortest time after the last one of a few.
    fn add(&mut self, took: Duration) -> Option<Duration> {
        let time = self.time.min(took);
        let n_runs = self.n_runs + 1;
        let is_last = n_runs == TRIES;
        *self = if is_last { Self::NONE } else { Self { time, n_runs } };
        is_last.then_some(time)
    }
}

impl RunSize {
    /// For an engine of which nothing is known.
    pub(super) fn new(engine: EngineKind) -> Self {
        let (singles, shared) = (Shortest::NONE, Shortest::NONE);
        Self { engine, most: 1, single: None, since: 0, rest: 0, singles, shared }
    }

    /// The most inputs of the next run.
    pub(super) fn most(&self) -> usize {
        if self.since >= RUNS { 1 } else { self.most }
    }

    /// A run of this number of inputs took this time on this engine.
    pub(super) fn record(&mut self, engine: EngineKind, n_inputs: usize, took: Duration) {
        if engine != self.engine {
            *self = Self::new(engine);
        }
        self.since += 1;
        self.rest = self.rest.saturating_sub(1);
        match self.single {
            _ if n_inputs <= 1 => self.record_single(took),
            // Shorter ones were judged before the size grew.
            Some(single) if 2 * n_inputs > self.most => self.record_shared(n_inputs, took, single),
            _ => {}
        }
    }

    fn record_single(&mut self, took: Duration) {
        if let Some(single) = self.singles.add(took) {
            self.single = Some(single);
            self.since = 0;
            if self.most == 1 {
                self.grow();
            }
        }
    }

    fn record_shared(&mut self, n_inputs: usize, took: Duration, single: Duration) {
        // A run has at most 4096 inputs.
        let n = u32::try_from(n_inputs).unwrap_or(u32::MAX);
        let Some(each) = self.shared.add(took / n) else { return };
        if gains(each, n, single) {
            self.grow();
        } else {
            self.most = (self.most / 2).max(1);
            self.rest = RUNS;
        }
    }

    fn grow(&mut self) {
        if self.rest == 0 {
            self.most = self.most.saturating_mul(2);
            self.shared = Shortest::NONE;
        }
    }
}

/// Whether an input takes a tenth less in a run of `n` than by itself, and the run delays none of
/// them much.
fn gains(each: Duration, n: u32, single: Duration) -> bool {
    let took = each * n;
    took <= BRIEF || (10 * each <= 9 * single && took <= 2 * single + SLACK)
}

#[cfg(test)]
mod tests {
    use edge::engine::Provider;
    use models::bundle::Precision;

    use super::*;

    const CPU: EngineKind = EngineKind { provider: Provider::Cpu, precision: Precision::Fp32 };
    const GPU: EngineKind = EngineKind { provider: Provider::Cuda, precision: Precision::Fp16 };

    /// The time of a run of this number of inputs, in microseconds.
    type Time = fn(u64) -> u64;

    /// The sizes of the next runs of an engine while many wait.
    fn runs(size: &mut RunSize, engine: EngineKind, time: Time, n: usize) -> Vec<usize> {
        let each = (0..n).map(|_| {
            let n_inputs = size.most().min(16);
            size.record(engine, n_inputs, Duration::from_micros(time(n_inputs as u64)));
            n_inputs
        });
        each.collect()
    }

    /// Each size as often as it comes one after another.
    fn counted(sizes: &[usize]) -> Vec<(usize, usize)> {
        sizes.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect()
    }

    #[test]
    fn an_engine_that_gains_has_full_runs() {
        let times: [Time; 2] = [|_| 50_000, |n| 40_000 + 1000 * n];
        for time in times {
            let sizes = runs(&mut RunSize::new(GPU), GPU, time, 20);
            assert_eq!(counted(&sizes), [(1, 4), (2, 4), (4, 4), (8, 4), (16, 4)]);
        }
    }

    #[test]
    fn an_engine_that_gains_nothing_has_runs_of_one() {
        let times: [Time; 3] = [|n| 10_000 * n, |n| 2000 * n, |n| 500 + 9000 * n];
        for time in times {
            let sizes = runs(&mut RunSize::new(CPU), CPU, time, 1000);
            assert!(sizes.iter().all(|n| (1..=2).contains(n)), "{sizes:?}");
            let n_longer = sizes.iter().filter(|n| **n > 1).count();
            assert!((4..=16).contains(&n_longer), "tried at times: {n_longer}");
        }
    }

    #[test]
    fn an_engine_that_gains_up_to_a_size_keeps_it() {
        // As two cores do with a network in 8 bits: four save more, but take too long.
        let mut size = RunSize::new(CPU);
        let time: Time = |n| if n == 1 { 2800 } else { 2300 * n };
        let sizes = runs(&mut size, CPU, time, 250);
        assert_eq!(counted(&sizes), [(1, 4), (2, 4), (4, 4), (2, 238)]);
        // And its time by itself is measured again after a while.
        assert_eq!(counted(&runs(&mut size, CPU, time, 14)), [(2, 10), (1, 4)]);
    }

    #[test]
    fn what_else_runs_changes_nothing() {
        for (time, usual) in [((|n| 10_000 * n) as Time, 1), (|n| 10_000 + 1000 * n, 8)] {
            let mut size = RunSize::new(CPU);
            for run in 0..600 {
                let n_inputs = size.most().min(8);
                let delay = if run % 4 == 1 { 1 } else { 3 };
                let took = delay * time(n_inputs as u64);
                size.record(CPU, n_inputs, Duration::from_micros(took));
            }
            assert_eq!(size.most().min(8), usual);
        }
    }

    #[test]
    fn runs_that_make_nobody_wait_have_any_size() {
        let sizes = runs(&mut RunSize::new(CPU), CPU, |n| 50 * n, 17);
        assert_eq!(sizes.last(), Some(&16), "{sizes:?}");
    }

    #[test]
    fn another_engine_is_measured_anew() {
        let mut size = RunSize::new(GPU);
        runs(&mut size, GPU, |_| 5000, 20);
        assert!(size.most() >= 16);
        // The first run may still have the size of the engine before.
        size.record(CPU, 16, Duration::from_millis(320));
        assert_eq!(size.most(), 1);
        let sizes = runs(&mut size, CPU, |n| 20_000 * n, 40);
        assert_eq!(counted(&sizes), [(1, 4), (2, 4), (1, 32)]);
        // What was learned of this one does not hold the next one down.
        size.record(GPU, 1, Duration::from_millis(5));
        let sizes = runs(&mut size, GPU, |_| 5000, 16);
        assert_eq!(counted(&sizes), [(1, 3), (2, 4), (4, 4), (8, 4), (16, 1)]);
    }

    #[test]
    fn an_engine_that_becomes_faster_is_noticed() {
        let mut size = RunSize::new(GPU);
        runs(&mut size, GPU, |n| 10_000 * n, 10);
        assert_eq!(size.most(), 1);
        let sizes = runs(&mut size, GPU, |_| 10_000, 280);
        assert_eq!(sizes.last(), Some(&16), "{sizes:?}");
    }
}
