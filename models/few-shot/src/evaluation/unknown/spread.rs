//! How far figures vary: over resamples of the episodes, and over galleries.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use models::random::below;

/// How often episodes are resampled.
const RESAMPLES: usize = 200;

/// Mixed into the seed, so that resamples are not drawn from the streams of episodes.
const BOOTSTRAP: u64 = 0x7265_7361_6d70_6c65;

/// How often each of `episodes` episodes counts in each resample (the bootstrap, Efron 1979); a
/// function of `seed`.
pub(super) fn resamples(episodes: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed ^ BOOTSTRAP);
    let mut all = vec![vec![0; episodes]; RESAMPLES];
    for weights in &mut all {
        (0..episodes).for_each(|_| weights[below(&mut generator, episodes)] += 1);
    }
    all
}

/// Half of the width of the 95 % interval of a figure, from its values in resamples.
pub(super) fn half_width(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    1.96 * (squares / (n - 1.0)).sqrt()
}

/// A share of all, and its 95 % interval where the episodes are the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ratio {
    /// Hits of all episodes, divided by tries of all episodes; 0 without tries.
    pub(super) value: f64,
    /// Half of the width of the interval (the estimator of a ratio for clusters, Cochran 1977,
    /// section 6.3).
    pub(super) ci95: f64,
}

impl Ratio {
    /// Of hits and tries, one pair for each episode.
    pub(super) fn of(episodes: &[(u32, u32)]) -> Self {
        let sum = |part: fn(&(u32, u32)) -> u32| -> f64 {
            episodes.iter().map(|episode| f64::from(part(episode))).sum()
        };
        let tries = sum(|(_, tries)| *tries);
        if tries == 0.0 {
            return Self { value: 0.0, ci95: 0.0 };
        }
        let value = sum(|(hits, _)| *hits) / tries;
        let n = episodes.len() as f64;
        // Images of one episode have one gallery: whole episodes are independent, images are not.
        let squares = episodes.iter().map(|&(hits, tries)| {
            let residual = f64::from(hits) - value * f64::from(tries);
            residual * residual
        });
        let deviation = (squares.sum::<f64>() / (n - 1.0)).sqrt() / (tries / n);
        Self { value, ci95: 1.96 * deviation / n.sqrt() }
    }
}

/// The value below which this share of `values` lies, linear between neighbors.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resamples_have_as_many_episodes_and_are_a_function_of_the_seed() {
        let drawn = resamples(30, 7);
        assert_eq!(drawn.len(), 200);
        assert!(drawn.iter().all(|weights| weights.iter().sum::<u32>() == 30));
        assert_eq!(drawn, resamples(30, 7));
        assert_ne!(drawn, resamples(30, 8));
        assert_ne!(drawn[0], drawn[1]);
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_its_resamples() {
        // Half of 100 episodes have the value 1: the deviation of the mean is 0.05.
        let means = resamples(100, 1).into_iter().map(|weights| {
            weights.iter().skip(1).step_by(2).map(|&weight| f64::from(weight)).sum::<f64>() / 100.0
        });
        let width = half_width(&means.collect::<Vec<_>>());
        assert!((width / (1.96 * 0.05) - 1.0).abs() < 0.15, "{width}");
    }

    #[test]
    fn a_ratio_with_equal_tries_has_the_interval_of_a_mean() {
        let ratio = Ratio::of(&[(4, 4), (2, 4), (2, 4), (0, 4)]);
        assert_eq!(ratio.value, 0.5);
        assert!((ratio.ci95 - 1.96 * (0.5_f64 / 3.0).sqrt() / 2.0).abs() < 1e-12);
        assert_eq!(Ratio::of(&[(1, 1), (0, 3)]).value, 0.25);
        assert_eq!(Ratio::of(&[(0, 0), (0, 0)]), Ratio { value: 0.0, ci95: 0.0 });
    }

    #[test]
    fn percentiles_lie_between_neighbors() {
        let values = [3.0, 0.0, 1.0, 2.0];
        assert_eq!(percentile(&values, 0.0), 0.0);
        assert_eq!(percentile(&values, 0.5), 1.5);
        assert_eq!(percentile(&values, 1.0), 3.0);
        assert_eq!(percentile(&[4.0], 0.9), 4.0);
    }
}
