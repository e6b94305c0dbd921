//! Peak arithmetic of the processor: multiply-adds of 32-bit floats on registers only.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};

/// Independent sums: enough to hide the latency of one multiply-add.
const CHAINS: usize = 12;

/// Steps of each chain: some milliseconds.
const STEPS: usize = 1 << 20;

/// Runs, of which the fastest counts: the processor may still be at a low clock, or busy.
const ROUNDS: usize = 8;

/// GFLOP/s of `threads` threads at once; a multiply-add counts as two operations.
pub(crate) fn gflop_per_second(threads: usize) -> f64 {
    thread::scope(|scope| {
        // Collected, so that all threads run before the first one is joined.
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(best)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("invariant: counting cannot panic"))
            .sum()
    })
}

fn best() -> f64 {
    let arch = Arch::new();
    (0..ROUNDS).map(|_| arch.dispatch(Chains)).fold(0.0, f64::max)
}

struct Chains;

impl WithSimd for Chains {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        // x / 2 + 1 tends to 2: no chain overflows or becomes subnormal, which would be slow.
        let factor = simd.splat_f32s(black_box(0.5));
        let addend = simd.splat_f32s(black_box(1.0));
        // Hidden from the optimizer, which would merge equal chains into one.
        let mut chains = black_box([simd.splat_f32s(1.0); CHAINS]);
        let begun = Instant::now();
        for _ in 0..STEPS {
            for chain in &mut chains {
                *chain = simd.mul_add_f32s(*chain, factor, addend);
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        // Used, because the compiler would remove a loop without a result.
        black_box(chains.map(|chain| simd.reduce_sum_f32s(chain)));
        (2 * S::F32_LANES * CHAINS * STEPS) as f64 / seconds / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_does_something() {
        let peak = gflop_per_second(2);
        assert!(peak.is_finite() && peak > 0.0, "{peak}");
    }
}
