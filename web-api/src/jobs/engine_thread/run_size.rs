//! How many inputs a run of the engine may have: as many as take hardly longer than one.
//!
//! A call that comes during a run waits for its end. On a GPU, a run of many inputs takes little
//! longer than that of one, and all gain. On a processor it takes as many times as long, so that
//! nobody gains and the call waits longer. The times of its runs show which kind an engine is.

use std::time::Duration;

use edge::engine::EngineKind;

/// A run may take twice as long as one of a single input, and this much longer.
const SLACK: Duration = Duration::from_millis(2);

/// Runs become longer if one takes at most this part of the time of its inputs one by one.
const GAIN: f64 = 0.75;

/// After this number of runs, one has a single input again: the speed of a machine changes.
const RUNS: u32 = 64;

/// What the times of runs have shown.
#[derive(Debug)]
pub(super) struct RunSize {
    /// The engine of the times.
    engine: Option<EngineKind>,
    most: usize,
    /// The time of the last run of a single input, and how many runs there were since.
    single: Option<Duration>,
    since: u32,
}

impl RunSize {
    pub(super) fn new() -> Self {
        Self { engine: None, most: usize::MAX, single: None, since: 0 }
    }

    /// The most inputs of the next run.
    pub(super) fn most(&self) -> usize {
        if self.single.is_none() || self.since >= RUNS { 1 } else { self.most }
    }

    /// A run of this number of inputs took this time on the engine.
    pub(super) fn record(&mut self, engine: EngineKind, n_inputs: usize, took: Duration) {
        if self.engine != Some(engine) {
            *self = Self { engine: Some(engine), ..Self::new() };
        }
        self.since += 1;
        if n_inputs == 1 {
            self.single = Some(took);
            self.since = 0;
        }
        let Some(single) = self.single else { return };
        if took > 2 * single + SLACK {
            self.most = (n_inputs / 2).max(1);
        } else if n_inputs >= self.most && took <= single.mul_f64(n_inputs as f64 * GAIN) {
            self.most = self.most.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use edge::engine::Provider;
    use models::bundle::Precision;

    use super::*;

    const CPU: EngineKind = EngineKind { provider: Provider::Cpu, precision: Precision::Fp32 };

    /// The sizes of runs of an engine while many wait.
    fn sizes(time: impl Fn(u32) -> u32, runs: usize) -> Vec<u32> {
        let mut size = RunSize::new();
        let each = (0..runs).map(|_| {
            let n_inputs = size.most().min(16);
            let count = u32::try_from(n_inputs).unwrap_or(u32::MAX);
            size.record(CPU, n_inputs, Duration::from_millis(time(count).into()));
            count
        });
        each.collect()
    }

    #[test]
    fn an_engine_that_gains_has_full_runs() {
        assert_eq!(sizes(|_| 50, 5), [1, 16, 16, 16, 16]);
        assert_eq!(sizes(|n| 40 + n, 4), [1, 16, 16, 16]);
    }

    #[test]
    fn an_engine_that_gains_nothing_has_short_runs() {
        let sizes = sizes(|n| 10 * n, 40);
        assert!(sizes[5..].iter().all(|n| (1..=2).contains(n)), "{sizes:?}");
    }

    #[test]
    fn an_engine_that_becomes_faster_is_noticed() {
        let mut size = RunSize::new();
        size.record(CPU, 1, Duration::from_millis(10));
        size.record(CPU, 16, Duration::from_millis(160));
        assert_eq!(size.most(), 8);
        for _ in 0..RUNS {
            size.record(CPU, 8, Duration::from_millis(80));
        }
        assert_eq!(size.most(), 1, "measured again");
        size.record(CPU, 1, Duration::from_millis(40));
        assert!(size.most() > 1);
    }
    #[test]
    fn another_engine_is_measured_anew() {
        let mut size = RunSize::new();
        size.record(CPU, 1, Duration::from_millis(10));
        size.record(CPU, 16, Duration::from_millis(160));
        size.record(CPU, 8, Duration::from_millis(80));
        assert_eq!(size.most(), 4);
        let gpu = EngineKind { provider: Provider::Cuda, ..CPU };
        size.record(gpu, 1, Duration::from_millis(2));
        assert_eq!(size.most(), usize::MAX);
    }
}
