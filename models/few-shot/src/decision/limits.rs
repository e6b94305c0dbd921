//! The limits of a calibrated score, by the rate of unknown images that reach them.
//!
//! # Examples
//! ```
//! use std::collections::BTreeMap;
//!
//! use few_shot::decision::limits::{Limits, Winner};
//!
//! let by_classes = BTreeMap::from([(1, vec![0.5, 0.2]), (2, vec![0.4, 0.1])]);
//! let by_name = BTreeMap::from([(2, vec![0.3, 0.1])]);
//! let limits = Limits { rates: vec![0.01, 0.1], by_classes, by_name, table_classes: 20.0 };
//! let row = limits.row(Winner::WithImages(2));
//! assert_eq!(row.at(0.01), 0.4);
//! let rate = row.false_accept_rate(0.25);
//! assert!(0.01 < rate && rate < 0.1);
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Calibrated scores that unknown images reach at each of several rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The rates, ascending, each above 0 and below 1.
    pub rates: Vec<f64>,
    /// The limit at each rate, by the number of classes, for a winner with images. The entry of one
    /// class also serves galleries without evidence about themselves.
    pub by_classes: BTreeMap<usize, Vec<f64>>,
    /// The limit at each rate, by the number of classes, for a winner from its name only.
    pub by_name: BTreeMap<usize, Vec<f64>>,
    /// The number of classes of a gallery whose evidence weighs as much as this table, see
    /// [`Evidence::raised`](super::calibration::Evidence::raised).
    pub table_classes: f64,
}

/// What a limit depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The winner has images, in a gallery of this number of classes that calibrated itself.
    WithImages(usize),
    /// The winner has images, in a gallery without evidence about itself.
    WithoutEvidence,
    /// The winner has a name only, in a gallery of this number of classes.
    NameOnly(usize),
}

/// The limit of a calibrated score at each of several rates.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitRow {
    /// Their logarithms, ascending.
    ln_rates: Vec<f64>,
    /// None above the one before.
    limits: Vec<f64>,
}

impl Limits {
    /// The limits of a kind of winner. Between numbers of classes they are linear in `ln n`.
    pub fn row(&self, winner: Winner) -> LimitRow {
        let limits = match winner {
            Winner::NameOnly(classes) => self.between(&self.by_name, 1, classes),
            Winner::WithoutEvidence | Winner::WithImages(0 | 1) => {
                self.by_classes.get(&1).cloned().unwrap_or_default()
            }
            // A single class has no evidence, so that its entry is not one of this row.
            Winner::WithImages(classes) => self.between(&self.by_classes, 2, classes),
        };
        LimitRow::new(&self.rates, limits)
    }

    /// The limits at this number of classes, between those of tables of at least `least` classes.
    fn between(
        &self,
        tables: &BTreeMap<usize, Vec<f64>>,
        least: usize,
        classes: usize,
    ) -> Vec<f64> {
        let rows: Vec<(f64, &Vec<f64>)> =
            tables.range(least..).map(|(&n, row)| ((n as f64).ln(), row)).collect();
        let positions: Vec<f64> = rows.iter().map(|(position, _)| *position).collect();
        let at_rate = |rate: usize| {
            let values: Vec<f64> = rows.iter().map(|(_, row)| row[rate]).collect();
            interpolated((classes as f64).ln(), &positions, &values)
        };
        (0..self.rates.len()).map(at_rate).collect()
    }
}

impl LimitRow {
    /// From ascending rates and their limits, none above the one before.
    pub fn new(rates: &[f64], limits: Vec<f64>) -> Self {
        Self { ln_rates: rates.iter().map(|rate| rate.ln()).collect(), limits }
    }

    /// The least calibrated score that is accepted, so that the share `rate` of unknown images is.
    /// Linear in `ln rate` between the rates of the row, constant beyond them.
    pub fn at(&self, rate: f64) -> f64 {
        interpolated(rate.ln(), &self.ln_rates, &self.limits)
    }

    /// The share of unknown images that score at least `calibrated`: [`LimitRow::at`] read
    /// backwards, between the least and the largest rate of the row.
    pub fn false_accept_rate(&self, calibrated: f64) -> f64 {
        // Limits fall with the rate, and interpolation needs ascending positions.
        let limits: Vec<f64> = self.limits.iter().rev().copied().collect();
        let ln_rates: Vec<f64> = self.ln_rates.iter().rev().copied().collect();
        interpolated(calibrated, &limits, &ln_rates).exp()
    }

    /// The rates.
    pub fn rates(&self) -> Vec<f64> {
        self.ln_rates.iter().map(|rate| rate.exp()).collect()
    }

    /// Moved towards the limits `own` by a share, where that is up.
    pub(super) fn raised(self, own: &[f64], share: f64) -> Self {
        let limits = self.limits.iter().zip(own);
        let limits = limits.map(|(&limit, &own)| limit + share * (own - limit).max(0.0)).collect();
        Self { limits, ..self }
    }
}

/// The value at `x`, linear between ascending positions and constant beyond them; 0 without any.
pub(crate) fn interpolated(x: f64, positions: &[f64], values: &[f64]) -> f64 {
    let above = positions.partition_point(|&position| position <= x);
    match (above.checked_sub(1), positions.get(above)) {
        (None, _) => values.first().copied().unwrap_or(0.0),
        (Some(below), None) => values[below],
        (Some(below), Some(next)) => {
            let share = (x - positions[below]) / (next - positions[below]);
            values[below] + share * (values[above] - values[below])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let by_classes = BTreeMap::from([
            (1, vec![0.5, 0.3, 0.1]),
            (2, vec![0.4, 0.2, 0.0]),
            (8, vec![0.8, 0.6, 0.4]),
        ]);
        let by_name = BTreeMap::from([(1, vec![0.3, 0.2, 0.1]), (4, vec![0.7, 0.6, 0.5])]);
        Limits { rates: vec![0.01, 0.1, 1.0], by_classes, by_name, table_classes: 20.0 }
    }

    #[test]
    fn limits_are_interpolated_in_the_logarithms_of_rate_and_classes() {
        let limits = limits();
        let close = |rate: f64, winner: Winner, expected: f64| {
            let got = limits.row(winner).at(rate);
            assert!((got - expected).abs() < 1e-12, "{winner:?}: {got}");
        };
        close(0.1, Winner::WithImages(2), 0.2);
        close(0.1, Winner::WithImages(4), 0.4);
        close(10_f64.powf(-1.5), Winner::WithImages(2), 0.3);
        close(0.1, Winner::WithImages(1), 0.3);
        close(0.1, Winner::WithoutEvidence, 0.3);
        close(0.1, Winner::NameOnly(1), 0.2);
        close(0.1, Winner::NameOnly(2), 0.4);
        close(0.1, Winner::NameOnly(9), 0.6);
        close(1e-9, Winner::WithImages(100), 0.8);
    }

    #[test]
    fn the_false_accept_rate_of_a_limit_is_its_rate() {
        for winner in [Winner::WithImages(3), Winner::WithoutEvidence, Winner::NameOnly(3)] {
            let row = limits().row(winner);
            for rate in [0.01, 0.03, 0.1, 0.7, 1.0] {
                let back = row.false_accept_rate(row.at(rate));
                assert!((back - rate).abs() < 1e-12, "{winner:?}: {rate} {back}");
            }
            let least = row.false_accept_rate(9.0);
            assert!((least - 0.01).abs() < 1e-12, "the least rate of the table, not {least}");
        }
    }
}
