//! How many inputs a run of the engine may have: as many as gain from it.
//!
//! A call that comes during a run waits for its end. On a GPU, a run of many inputs takes little
//! longer than that of one, and all gain. On a processor it takes as many times as long, so that
//! nobody gains and the call waits longer. The times of its runs show which kind an engine is: runs
//! begin with a single input, and double as long as each doubling gains. Of another engine nothing
//! is known.

use std::time::Duration;

use edge::engine::EngineKind;

/// A run may take twice as long as one of a single input, and this much longer.
const SLACK: Duration = Duration::from_millis(2);

/// A run this short makes nobody wait, and its time shows little.
const BRIEF: Duration = Duration::from_millis(1);

/// After this number of runs, one has a single input again, and a size that has gained nothing is
/// tried again: the speed of a machine changes.
const RUNS: u32 = 64;

/// The weight of the earlier runs of a single input in their time, of one more than this.
const EARLIER: u32 = 3;

/// What the times of runs have shown.
#[derive(Debug)]
pub(super) struct RunSize {
    engine: EngineKind,
    most: usize,
    /// The time of a run of a single input, and how many runs there were since the last one.
    single: Option<Duration>,
    since: u32,
    /// How many runs are left before the size may grow again.
    rest: u32,
}

impl RunSize {
    /// For an engine of which nothing is known.
    pub(super) fn new(engine: EngineKind) -> Self {
        Self { engine, most: 1, single: None, since: 0, rest: 0 }
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
        if n_inputs == 1 {
            // One time by itself may be that of a moment in which other programs ran.
            let smoothed = self.single.map(|before| (EARLIER * before + took) / (EARLIER + 1));
            self.single = Some(smoothed.unwrap_or(took));
            self.since = 0;
        }
        let Some(single) = self.single else { return };
        if n_inputs > 1 && !gains(n_inputs, took, single) {
            self.most = (n_inputs / 2).max(1);
            self.rest = RUNS;
        } else if n_inputs >= self.most && self.rest == 0 {
            self.most = self.most.saturating_mul(2);
        }
    }
}

/// Whether a run of several inputs takes a quarter less than they would one by one, and delays the
/// first of them little.
fn gains(n_inputs: usize, took: Duration, single: Duration) -> bool {
    // A run has at most 4096 inputs.
    let one_by_one = single * u32::try_from(n_inputs).unwrap_or(u32::MAX);
    took <= BRIEF || (4 * took <= 3 * one_by_one && took <= 2 * single + SLACK)
}

#[cfg(test)]
mod tests {
    use edge::engine::Provider;
    use models::bundle::Precision;

    use super::*;

    const CPU: EngineKind = EngineKind { provider: Provider::Cpu, precision: Precision::Fp32 };
    const GPU: EngineKind = EngineKind { provider: Provider::Cuda, precision: Precision::Fp16 };

    /// The sizes of the next runs of an engine while many wait; `time` is that of a run in
    /// milliseconds.
    fn runs(size: &mut RunSize, engine: EngineKind, time: fn(u32) -> u32, n: usize) -> Vec<usize> {
        let each = (0..n).map(|_| {
            let n_inputs = size.most().min(16);
            let took = time(u32::try_from(n_inputs).unwrap());
            size.record(engine, n_inputs, Duration::from_millis(took.into()));
            n_inputs
        });
        each.collect()
    }

    #[test]
    fn an_engine_that_gains_has_full_runs() {
        let times: [fn(u32) -> u32; 2] = [|_| 50, |n| 40 + n];
        for time in times {
            let mut size = RunSize::new(GPU);
            assert_eq!(runs(&mut size, GPU, time, 6), [1, 2, 4, 8, 16, 16]);
        }
    }

    #[test]
    fn an_engine_that_gains_nothing_has_runs_of_one() {
        let times: [fn(u32) -> u32; 3] = [|n| 10 * n, |n| 2 * n, |n| 2 + 9 * n];
        for time in times {
            let mut size = RunSize::new(CPU);
            let sizes = runs(&mut size, CPU, time, 1000);
            assert_eq!(sizes[..4], [1, 2, 1, 1]);
            let n_longer = sizes.iter().filter(|n| **n > 1).count();
            assert!(sizes.iter().all(|n| (1..=2).contains(n)), "{sizes:?}");
            assert!(n_longer <= 1000 / 60, "{n_longer}");
        }
    }

    #[test]
    fn an_engine_that_gains_up_to_a_size_keeps_it() {
        // Four inputs at once take no longer than one.
        let mut size = RunSize::new(GPU);
        let sizes = runs(&mut size, GPU, |n| 10 * n.div_ceil(4).pow(2), 60);
        assert_eq!(sizes[..5], [1, 2, 4, 8, 4]);
        assert!(sizes[4..].iter().all(|n| *n == 4), "{sizes:?}");
    }

    #[test]
    fn runs_that_make_nobody_wait_have_any_size() {
        let mut size = RunSize::new(CPU);
        for n_inputs in [1, 2, 4, 8] {
            size.record(CPU, n_inputs, Duration::from_micros(50 * n_inputs as u64));
        }
        assert_eq!(size.most(), 16);
    }

    #[test]
    fn another_engine_is_measured_anew() {
        let mut size = RunSize::new(GPU);
        runs(&mut size, GPU, |_| 5, 6);
        assert!(size.most() >= 16);
        // The first run may still have the size of the engine before.
        size.record(CPU, 16, Duration::from_millis(320));
        assert_eq!(size.most(), 1);
        let sizes = runs(&mut size, CPU, |n| 20 * n, 40);
        assert_eq!(sizes[..4], [1, 2, 1, 1]);
        // What was learned of this one does not hold the next one down.
        size.record(GPU, 1, Duration::from_millis(5));
        assert_eq!(runs(&mut size, GPU, |_| 5, 4), [2, 4, 8, 16]);
    }

    #[test]
    fn an_engine_that_becomes_faster_is_noticed() {
        let mut size = RunSize::new(GPU);
        runs(&mut size, GPU, |n| 10 * n, 10);
        assert_eq!(size.most(), 1);
        let sizes = runs(&mut size, GPU, |_| 10, 80);
        assert_eq!(sizes.last(), Some(&16), "{sizes:?}");
        let n_single = sizes[70..].iter().filter(|n| **n == 1).count();
        assert_eq!(n_single, 0, "{sizes:?}");
        // And its time by itself is measured again after a while.
        assert!(runs(&mut size, GPU, |_| 10, 70).contains(&1));
    }
}
