//! Random numbers that are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// A uniform number in 0..`n`.
// The high half of a product (Lemire 2019). Without his rejection the bias is `n / 2^64`, and each
// number takes exactly one draw.
pub fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn every_number_below_comes_and_no_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 7];
        (0..7_000).for_each(|_| counts[below(&mut rng, 7)] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(below(&mut rng, 1), 0);
    }
}
