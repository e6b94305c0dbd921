//! Contestants that take turns, in blocks of several runs of which the first few do not count: each
//! finds its own weights in the caches, and a busy machine slows all of them alike. In turns of
//! single runs, each would find the caches full of the weights of the others.

use std::hint::black_box;
use std::time::Instant;

/// Runs of a block that warm the caches, and those that count.
const WARM: usize = 3;
const COUNTED: usize = 15;

/// A way to do the work that is measured.
pub(crate) type Contestant<'a> = Box<dyn FnMut() + 'a>;

/// The median of each block of each contestant, in seconds.
pub(crate) fn turns(rounds: usize, contestants: &mut [Contestant<'_>]) -> Vec<Vec<f64>> {
    let mut medians = vec![Vec::new(); contestants.len()];
    for _ in 0..rounds {
        for (contestant, medians) in contestants.iter_mut().zip(&mut medians) {
            medians.push(block(contestant));
        }
    }
    medians
}

fn block(work: &mut Contestant<'_>) -> f64 {
    for _ in 0..WARM {
        work();
    }
    let times = (0..COUNTED).map(|_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    });
    median(times.collect())
}

/// The milliseconds of a run after something else had the caches: the median of a few.
pub(crate) fn cold(mut work: impl FnMut()) -> f64 {
    let mut other = vec![1_u8; 64 << 20];
    let times = (0..5).map(|_| {
        other.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        black_box(&other);
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    });
    median(times.collect()) * 1e3
}

/// The median over the rounds of the ratio of two contestants.
pub(crate) fn ratio(one: &[f64], other: &[f64]) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| one / other).collect())
}

pub(crate) fn milliseconds(medians: &[f64]) -> f64 {
    median(medians.to_vec()) * 1e3
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
