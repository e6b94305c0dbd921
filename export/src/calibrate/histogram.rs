//! How often values were seen, and the ranges that may be made of that.

use ndarray::ArrayD;

/// Bins on either side of 0.
const BINS: usize = 2048;

/// What of all values [`Histogram::kept`] keeps.
const KEPT: f64 = 0.9999;

/// Steps that 8 bits have on either side of 0.
const STEPS: usize = 128;

/// How often values were seen, in bins of one width on either side of 0, out to the greatest magnitude.
pub(super) struct Histogram {
    extremes: [f32; 2],
    counts: Vec<u64>,
    /// How many values were exactly 0, as half of what a rectifier lets through is.
    zeros: u64,
}

impl Histogram {
    /// Of values that lie between these two.
    pub(super) fn over(extremes: [f32; 2]) -> Self {
        Self { extremes, counts: vec![0; 2 * BINS], zeros: 0 }
    }

    /// Counts values.
    pub(super) fn add(&mut self, values: &ArrayD<f32>) {
        let width = self.width();
        for &x in values {
            // What is not a number falls into the first bin: the extremes tell of it.
            let bin = (x / width + BINS as f32) as usize;
            self.counts[bin.min(2 * BINS - 1)] += 1;
            self.zeros += u64::from(x == 0.0);
        }
    }

    /// The range without as few values on both sides as may be cut.
    pub(super) fn kept(&self) -> [f32; 2] {
        let total: u64 = self.counts.iter().sum();
        let cut = ((1.0 - KEPT) / 2.0 * total as f64) as u64;
        let inside = |counts: &mut dyn Iterator<Item = &u64>| {
            let mut sum = 0;
            counts
                .take_while(|&&n| {
                    sum += n;
                    sum <= cut
                })
                .count()
        };
        let below = BINS as f32 - inside(&mut self.counts.iter()) as f32;
        let above = BINS as f32 - inside(&mut self.counts.iter().rev()) as f32;
        self.within([-below * self.width(), above * self.width()])
    }

    /// The range that loses the least information: the divergence of what was seen from what its [`STEPS`] tell of it is
    /// the smallest.
    pub(super) fn most_telling(&self) -> [f32; 2] {
        let mut magnitudes: Vec<f64> =
            (0..BINS).map(|i| (self.counts[BINS + i] + self.counts[BINS - 1 - i]) as f64).collect();
        // 0 is told exactly with any range: its many must not speak for a narrow one.
        magnitudes[0] -= self.zeros as f64;
        let lost = (STEPS..=BINS).map(|bins| (bins, divergence(&magnitudes, bins)));
        let bins = lost.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(BINS, |(bins, _)| bins);
        let most = bins as f32 * self.width();
        self.within([-most, most])
    }

    fn width(&self) -> f32 {
        let [least, greatest] = self.extremes;
        greatest.max(-least).max(f32::MIN_POSITIVE) / BINS as f32
    }

    /// No wider than what was seen; extremes that are no numbers stay, so that they are found.
    fn within(&self, [least, greatest]: [f32; 2]) -> [f32; 2] {
        let [lowest, highest] = self.extremes;
        if !(lowest.is_finite() && highest.is_finite()) {
            return self.extremes;
        }
        [least.max(lowest), greatest.min(highest)]
    }
}

/// The Kullback-Leibler divergence of magnitudes, those above the first `bins` counted with the last of these, from what
/// [`STEPS`] equal steps tell of the first `bins`: a step spreads what it holds evenly over those bins that hold something.
fn divergence(magnitudes: &[f64], bins: usize) -> f64 {
    let (inside, outside) = magnitudes.split_at(bins);
    let cut: f64 = outside.iter().sum();
    let total = inside.iter().sum::<f64>() + cut;
    let held: f64 = inside.iter().sum();
    if total == 0.0 || held == 0.0 {
        return f64::INFINITY;
    }
    let mut divergence = 0.0;
    for step in 0..STEPS {
        let (first, end) = (step * bins / STEPS, (step + 1) * bins / STEPS);
        let filled = inside[first..end].iter().filter(|&&n| n > 0.0).count();
        let told = inside[first..end].iter().sum::<f64>() / filled.max(1) as f64 / held;
        for (bin, &n) in inside.iter().enumerate().take(end).skip(first) {
            let seen = (if bin + 1 == bins { n + cut } else { n }) / total;
            // A last bin that holds only what was cut is told nothing: as little as can be.
            let told = if n > 0.0 { told } else { f64::MIN_POSITIVE };
            if seen > 0.0 {
                divergence += seen * (seen / told).ln();
            }
        }
    }
    divergence
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, arr1};

    /// Values between -1 and 1, more of them the nearer they are to 0, and two far away.
    fn with_rare_values() -> Histogram {
        let mut histogram = Histogram::over([-1.0, 100.0]);
        let values: Vec<f32> =
            (0..100_000).map(|i| (i % 1000) as f32 / 500.0 - 1.0).map(|x| x * x.abs()).collect();
        histogram.add(&Array1::from(values).into_dyn());
        histogram.add(&arr1(&[100.0, 100.0]).into_dyn());
        histogram
    }

    #[test]
    fn rare_values_are_cut_and_the_rest_is_kept() {
        let [least, greatest] = with_rare_values().kept();
        assert!(least <= -0.9 && (0.97..1.2).contains(&greatest), "{least} {greatest}");
    }

    #[test]
    fn what_tells_most_ends_above_the_many_and_far_below_the_rare() {
        let [least, greatest] = with_rare_values().most_telling();
        assert!(least == -1.0 && (1.0..10.0).contains(&greatest), "{least} {greatest}");
    }

    #[test]
    fn values_that_fill_their_range_are_all_kept() {
        let mut histogram = Histogram::over([0.0, 6.0]);
        histogram.add(
            &(0..60_000).map(|i| (i % 6001) as f32 / 1000.0).collect::<Array1<_>>().into_dyn(),
        );
        let [least, greatest] = histogram.most_telling();
        assert!(least == 0.0 && greatest > 5.5, "{least} {greatest}");
    }

    #[test]
    fn zeros_do_not_speak_for_a_narrow_range() {
        let mut histogram = Histogram::over([0.0, 6.0]);
        let values = (0..60_000).map(|i| (i % 6001) as f32 / 1000.0);
        histogram.add(&values.collect::<Array1<_>>().into_dyn());
        let without = histogram.most_telling();
        histogram.add(&Array1::zeros(100_000).into_dyn());
        assert_eq!(histogram.most_telling(), without);
    }

    #[test]
    fn nothing_and_no_numbers_are_told_as_they_are() {
        assert_eq!(Histogram::over([0.0, 0.0]).most_telling(), [0.0, 0.0]);
        let broken = Histogram::over([f32::NEG_INFINITY, 1.0]).most_telling();
        assert_eq!(broken, [f32::NEG_INFINITY, 1.0]);
    }
}
