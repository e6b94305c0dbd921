//! Known and unknown images in the order of a value that should be greater for known ones.

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// A query of a known class, and its class has won.
    Right,
    /// A query of a known class, and another class has won.
    Wrong,
    /// A query of an unknown class.
    Unknown,
}

/// The images of several episodes, greatest value first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranking {
    images: Vec<Ranked>,
}

#[derive(Debug, Clone, Copy)]
struct Ranked {
    episode: u32,
    truth: Truth,
    /// Whether the next image has another value.
    ends_tie: bool,
}

/// Numbers of images with at least a certain value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    known: u64,
    right: u64,
    unknown: u64,
}

/// What a ranking is measured by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Areas {
    /// The share of pairs of a known and an unknown image in which the known one has the greater
    /// value; half of the pairs with equal values.
    pub(crate) auroc: f64,
    /// The share of unknown images above the greatest value that 95 % of the known images reach.
    pub(crate) fpr95: f64,
    /// The area under the share of known images that are right and accepted, over the share of
    /// unknown images that are accepted.
    pub(crate) oscr: f64,
}

impl Ranking {
    /// Of images, each a value, the position of its episode and what it is.
    pub(crate) fn new(images: impl IntoIterator<Item = (f32, usize, Truth)>) -> Self {
        let mut images: Vec<_> = images.into_iter().collect();
        // Stable, so that the order, and with it each sum, is that of the episodes.
        images.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let next = images.iter().skip(1).map(|(value, ..)| Some(*value)).chain([None]);
        let ranked = images.iter().zip(next).map(|(&(value, episode, truth), next)| Ranked {
            episode: episode as u32,
            truth,
            ends_tie: next != Some(value),
        });
        Self { images: ranked.collect() }
    }

    /// The areas where the episode at each position counts `weights` times.
    pub(crate) fn areas(&self, weights: &[u32]) -> Areas {
        let mut unknown_below_known = 0.0;
        let mut unknown_below_right = 0.0;
        let mut at_95 = None;
        let total = self.total(weights);
        self.sweep(weights, |before, after| {
            // The area of a trapezoid: images with equal values are on its slope.
            let width = (after.unknown - before.unknown) as f64;
            unknown_below_known += width * (before.known + after.known) as f64;
            unknown_below_right += width * (before.right + after.right) as f64;
            if after.known * 100 >= total.known * 95 {
                at_95.get_or_insert(after.unknown);
            }
        });
        let pairs = 2.0 * total.known as f64 * total.unknown as f64;
        Areas {
            auroc: unknown_below_known / pairs,
            fpr95: at_95.unwrap_or(total.unknown) as f64 / total.unknown as f64,
            oscr: unknown_below_right / pairs,
        }
    }

    /// The share of known images that are accepted where these shares of the unknown images are,
    /// linear between the values of images.
    pub(super) fn roc(&self, weights: &[u32], shares: &[f64]) -> Vec<f64> {
        let total = self.total(weights);
        let mut found = Vec::new();
        self.sweep(weights, |before, after| {
            let x = |counts: Counts| counts.unknown as f64 / total.unknown as f64;
            let y = |counts: Counts| counts.known as f64 / total.known as f64;
            // A share belongs to the last tie that begins at or below it: the curve may go straight
            // up, and its upper end counts.
            while let Some(&share) = shares.get(found.len()).filter(|share| **share < x(after)) {
                let part = (share - x(before)) / (x(after) - x(before));
                found.push(y(before) + part * (y(after) - y(before)));
            }
        });
        found.resize(shares.len(), 1.0);
        found
    }

    fn total(&self, weights: &[u32]) -> Counts {
        let mut total = Counts::default();
        for image in &self.images {
            total.add(image.truth, weights[image.episode as usize]);
        }
        total
    }

    /// Calls `visit` with the counts before and after each tie, greatest value first.
    fn sweep(&self, weights: &[u32], mut visit: impl FnMut(Counts, Counts)) {
        let mut before = Counts::default();
        let mut after = Counts::default();
        for image in &self.images {
            after.add(image.truth, weights[image.episode as usize]);
            if image.ends_tie {
                visit(before, after);
                before = after;
            }
        }
    }
}

impl Counts {
    fn add(&mut self, truth: Truth, weight: u32) {
        let weight = u64::from(weight);
        // Without branches: the order of the images is as good as random.
        self.known += weight * u64::from(truth != Truth::Unknown);
        self.right += weight * u64::from(truth == Truth::Right);
        self.unknown += weight * u64::from(truth == Truth::Unknown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Truth::{Right, Unknown, Wrong};

    fn ranking(images: &[(f32, Truth)]) -> Ranking {
        Ranking::new(images.iter().map(|&(value, truth)| (value, 0, truth)))
    }

    fn areas(images: &[(f32, Truth)]) -> Areas {
        ranking(images).areas(&[1])
    }

    #[test]
    fn areas_are_those_of_counted_pairs() {
        // Known 0.9 and 0.7 are above both unknown images, 0.4 is above one, 0.1 above none.
        let images = [
            (0.9, Right),
            (0.7, Wrong),
            (0.5, Unknown),
            (0.4, Right),
            (0.2, Unknown),
            (0.1, Right),
        ];
        let Areas { auroc, fpr95, oscr } = areas(&images);
        assert_eq!(auroc, 5.0 / 8.0);
        assert_eq!(oscr, 3.0 / 8.0, "the pairs of right images");
        assert_eq!(fpr95, 1.0, "all four known images are 95 % of them");
    }

    #[test]
    fn equal_values_count_half() {
        let all = [(0.5, Right), (0.5, Wrong), (0.5, Unknown), (0.5, Unknown)];
        assert_eq!(areas(&all), Areas { auroc: 0.5, fpr95: 1.0, oscr: 0.25 });
        let some = [(0.8, Right), (0.5, Right), (0.5, Unknown), (0.1, Unknown)];
        assert_eq!(areas(&some), Areas { auroc: 3.5 / 4.0, fpr95: 0.5, oscr: 3.5 / 4.0 });
    }

    #[test]
    fn one_known_image_in_twenty_may_be_below() {
        let mut images: Vec<_> = (0..19).map(|_| (0.9, Right)).collect();
        images.extend([(0.5, Unknown), (0.1, Right)]);
        assert_eq!(areas(&images).fpr95, 0.0);
        images.extend([(0.1, Right)]);
        assert_eq!(areas(&images).fpr95, 1.0, "19 of 21 are less than 95 %");
    }

    #[test]
    fn an_episode_that_counts_twice_is_there_twice() {
        let images = [
            (0.9, 0, Right),
            (0.6, 1, Unknown),
            (0.5, 0, Unknown),
            (0.4, 1, Right),
            (0.3, 0, Wrong),
        ];
        let twice = images.iter().chain(images.iter().filter(|(_, episode, _)| *episode == 1));
        let expected = Ranking::new(twice.copied()).areas(&[1, 1]);
        assert_eq!(Ranking::new(images).areas(&[1, 2]), expected);
        let one = Ranking::new(images.iter().filter(|(_, episode, _)| *episode == 0).copied());
        assert_eq!(Ranking::new(images).areas(&[1, 0]), one.areas(&[1]));
    }

    #[test]
    fn the_curve_goes_through_its_corners_and_ties() {
        let images = [(0.9, Right), (0.5, Right), (0.5, Unknown), (0.4, Unknown), (0.1, Wrong)];
        let curve = ranking(&images).roc(&[1], &[0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(curve, [1.0 / 3.0, 0.5, 2.0 / 3.0, 2.0 / 3.0, 1.0]);
    }
}
