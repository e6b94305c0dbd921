//! Quantiles of weighted values.

use super::limits::interpolated;

/// Values with weights.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weighted(Vec<(f64, f64)>);

impl Weighted {
    /// Adds values that weigh one together, so that large samples do not outweigh small ones.
    pub(crate) fn add(&mut self, values: &[f64]) {
        let weight = 1.0 / values.len().max(1) as f64;
        self.0.extend(values.iter().map(|&value| (value, weight)));
    }

    /// For each share, the value that this share of the weight lies above; linear between values.
    /// `None` without values.
    pub(crate) fn upper(mut self, shares: &[f64]) -> Option<Vec<f64>> {
        self.0.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut above = 0.0;
        let mut positions = Vec::new();
        for (_, weight) in &self.0 {
            // The middle of the value's weight is its position.
            positions.push((above + weight / 2.0) / total);
            above += weight;
        }
        let values: Vec<f64> = self.0.iter().map(|(value, _)| *value).collect();
        let at = |&share: &f64| interpolated(share, &positions, &values);
        (!values.is_empty()).then(|| shares.iter().map(at).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sample_of_any_size_weighs_the_same() {
        let mut values = Weighted::default();
        values.add(&[1.0; 100]);
        values.add(&[3.0]);
        // The weight of 3 is the upper half, and its middle lies at a quarter.
        assert_eq!(values.clone().upper(&[0.1, 0.2]).unwrap(), [3.0, 3.0]);
        assert_eq!(values.upper(&[0.505, 0.9]).unwrap(), [1.0, 1.0]);
        assert_eq!(Weighted::default().upper(&[0.5]), None);
    }

    #[test]
    fn quantiles_of_a_ramp_are_linear() {
        let ramp: Vec<f64> = (0..1000).map(|step| f64::from(step) / 1000.0).collect();
        let mut values = Weighted::default();
        values.add(&ramp);
        let found = values.upper(&[0.05, 0.5]).unwrap();
        assert!((found[0] - 0.95).abs() < 1e-3 && (found[1] - 0.5).abs() < 1e-3, "{found:?}");
    }
}
