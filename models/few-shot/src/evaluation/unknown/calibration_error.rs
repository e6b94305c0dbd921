//! The expected calibration error (Guo et al. 2017): how far confidence is from the share of right
//! answers.

/// Bins of equal width between 0 and 1.
const BINS: usize = 15;

/// For the images of some episodes, by bin of their confidence: the sum of confidence less 1 for
/// each right answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Excess {
    /// Of known images. An answer is right where the class of the image has won.
    known: [f64; BINS],
    /// Of unknown images, for which no answer is right.
    unknown: [f64; BINS],
}

impl Excess {
    /// Counts a query of a known class.
    pub(super) fn add_known(&mut self, confidence: f64, is_right: bool) {
        self.known[bin(confidence)] += confidence - f64::from(u8::from(is_right));
    }

    /// Counts a query of an unknown class.
    pub(super) fn add_unknown(&mut self, confidence: f64) {
        self.unknown[bin(confidence)] += confidence;
    }

    /// Counts the images of an episode `weight` times.
    pub(super) fn add(&mut self, episode: &Self, weight: f64) {
        for (sum, value) in self.known.iter_mut().zip(episode.known) {
            *sum += weight * value;
        }
        for (sum, value) in self.unknown.iter_mut().zip(episode.unknown) {
            *sum += weight * value;
        }
    }

    /// The error over this number of known and of unknown images. Both kinds have the same weight
    /// in all, as where half of all images are unknown.
    pub(super) fn error(&self, known: f64, unknown: f64) -> f64 {
        let bins = self.known.iter().zip(self.unknown);
        bins.map(|(in_known, in_unknown)| (in_known / known + in_unknown / unknown).abs() / 2.0)
            .sum()
    }
}

fn bin(confidence: f64) -> usize {
    // 1 is in the last bin.
    ((confidence * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_that_of_each_bin() {
        let mut excess = Excess::default();
        // One bin: confidence 0.5 for a right and a wrong answer is no error.
        excess.add_known(0.5, true);
        excess.add_known(0.5, false);
        assert_eq!(excess.error(2.0, 1.0), 0.0);
        // Another bin: sure and wrong. A quarter of the weight is off by 0.9.
        excess.add_unknown(0.9);
        excess.add_unknown(0.0);
        assert!((excess.error(2.0, 2.0) - 0.9 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn errors_of_two_bins_do_not_cancel_out() {
        let mut excess = Excess::default();
        excess.add_known(1.0, true);
        excess.add_known(0.2, true);
        excess.add_unknown(0.8);
        assert!((excess.error(2.0, 1.0) - (0.8 / 2.0 + 0.8) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn known_and_unknown_images_have_the_same_weight() {
        let mut excess = Excess::default();
        excess.add_known(0.5, true);
        (0..9).for_each(|_| excess.add_unknown(0.5));
        assert_eq!(excess.error(1.0, 9.0), 0.0);
    }

    #[test]
    fn an_episode_counts_as_often_as_its_weight() {
        let mut episode = Excess::default();
        episode.add_known(0.3, false);
        let mut sum = Excess::default();
        sum.add(&episode, 3.0);
        assert!((sum.error(3.0, 1.0) - 0.15).abs() < 1e-12);
    }
}
