//! The limits of a calibrated score, by the rate of unknown images that reach them.
//!
//! # Examples
//! ```
//! use std::collections::BTreeMap;
//!
//! use few_shot::decision::limits::{Limits, Winner};
//!
//! let by_classes = BTreeMap::from([(1, vec![0.5, 0.2]), (2, vec![0.4, 0.1])]);
//! let limits = Limits { rates: vec![0.01, 0.1], by_classes, by_name: vec![0.3, 0.1] };
//! assert_eq!(limits.at(0.01, Winner::WithImages(2)), 0.4);
//! let rate = limits.false_accept_rate(0.25, Winner::WithImages(2));
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
    /// The limit at each rate, for a winner from its name only.
    pub by_name: Vec<f64>,
}

/// What a limit depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The winner has images, in a gallery of this number of classes that calibrated itself.
    WithImages(usize),
    /// The winner has images, in a gallery without evidence about itself.
    WithoutEvidence,
    /// The winner has a name only.
    NameOnly,
}

impl Limits {
    /// The least calibrated score that is accepted, so that the share `rate` of unknown images is.
    /// Linear in `ln rate` between the rates of the table, constant beyond them.
    pub fn at(&self, rate: f64, winner: Winner) -> f64 {
        let rates: Vec<f64> = self.rates.iter().map(|rate| rate.ln()).collect();
        interpolated(rate.ln(), &rates, &self.row(winner))
    }

    /// The share of unknown images that score at least `calibrated`: [`Limits::at`] read backwards,
    /// between the least and the largest rate of the table.
    pub fn false_accept_rate(&self, calibrated: f64, winner: Winner) -> f64 {
        // Limits fall with the rate, and interpolation needs ascending positions.
        let limits: Vec<f64> = self.row(winner).into_iter().rev().collect();
        let rates: Vec<f64> = self.rates.iter().rev().map(|rate| rate.ln()).collect();
        interpolated(calibrated, &limits, &rates).exp()
    }

    /// The limits at all rates. Between numbers of classes they are linear in `ln n`.
    fn row(&self, winner: Winner) -> Vec<f64> {
        let classes = match winner {
            Winner::NameOnly => return self.by_name.clone(),
            Winner::WithoutEvidence | Winner::WithImages(0 | 1) => {
                return self.by_classes.get(&1).cloned().unwrap_or_default();
            }
            Winner::WithImages(classes) => classes,
        };
        let rows: Vec<(f64, &Vec<f64>)> =
            self.by_classes.range(2..).map(|(&n, row)| ((n as f64).ln(), row)).collect();
        let positions: Vec<f64> = rows.iter().map(|(position, _)| *position).collect();
        let at_rate = |rate: usize| {
            let values: Vec<f64> = rows.iter().map(|(_, row)| row[rate]).collect();
            interpolated((classes as f64).ln(), &positions, &values)
        };
        (0..self.rates.len()).map(at_rate).collect()
    }
}

/// The value at `x`, linear between ascending positions and constant beyond them; 0 without any.
pub(super) fn interpolated(x: f64, positions: &[f64], values: &[f64]) -> f64 {
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
        Limits { rates: vec![0.01, 0.1, 1.0], by_classes, by_name: vec![0.3, 0.2, 0.1] }
    }

    #[test]
    fn limits_are_interpolated_in_the_logarithms_of_rate_and_classes() {
        let limits = limits();
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got}");
        close(limits.at(0.1, Winner::WithImages(2)), 0.2);
        close(limits.at(0.1, Winner::WithImages(4)), 0.4);
        close(limits.at(10_f64.powf(-1.5), Winner::WithImages(2)), 0.3);
        close(limits.at(0.1, Winner::WithImages(1)), 0.3);
        close(limits.at(0.1, Winner::WithoutEvidence), 0.3);
        close(limits.at(0.1, Winner::NameOnly), 0.2);
        close(limits.at(1e-9, Winner::WithImages(100)), 0.8);
    }

    #[test]
    fn the_false_accept_rate_of_a_limit_is_its_rate() {
        let limits = limits();
        for winner in [Winner::WithImages(3), Winner::WithoutEvidence, Winner::NameOnly] {
            for rate in [0.01, 0.03, 0.1, 0.7, 1.0] {
                let back = limits.false_accept_rate(limits.at(rate, winner), winner);
                assert!((back - rate).abs() < 1e-12, "{winner:?}: {rate} {back}");
            }
            let least = limits.false_accept_rate(9.0, winner);
            assert!((least - 0.01).abs() < 1e-12, "the least rate of the table, not {least}");
        }
    }
}
