//! What the images of a gallery show about unknown images: each is one to the other classes.
//!
//! # Examples
//! ```
//! use few_shot::decision::calibration::Evidence;
//!
//! // Classes of examples, and how far each scores above what unknown images are expected to.
//! let evidence = Evidence::of([(0, 0.1), (0, 0.3), (1, 0.0)]);
//! let calibration = evidence.calibration().expect("there is evidence");
//! assert!((calibration.offset - 0.1).abs() < 1e-12 && calibration.evidence == 3);
//! ```

use std::collections::BTreeMap;

use super::limits::LimitRow;
use super::quantile::Weighted;

/// Evidence that is this far above its median counts as this far: two classes that look alike must
/// not raise the limits of all others.
const CLIP: f64 = 0.25;

/// How far the scores of unknown images lie from those that are expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// The mean over classes of the mean differences of their examples.
    pub offset: f64,
    /// The number of examples that served as unknown images.
    pub evidence: usize,
}

/// Examples that served as unknown images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// How far the examples of each class score above what is expected.
    by_class: BTreeMap<usize, Vec<f64>>,
}

impl Evidence {
    /// From the class of each example, and its score above the expected one.
    pub fn of(examples: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut by_class: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (class, above) in examples {
            by_class.entry(class).or_default().push(above);
        }
        Self { by_class }
    }

    /// The calibration; `None` without evidence.
    pub fn calibration(&self) -> Option<Calibration> {
        let all: Vec<f64> = self.by_class.values().flatten().copied().collect();
        let evidence = all.len();
        let most = median(all)? + CLIP;
        // A mean of means, so that a class with many examples does not outweigh the others.
        let means = self.by_class.values().map(|of_class| {
            let clipped = of_class.iter().map(|above| above.min(most));
            clipped.sum::<f64>() / of_class.len() as f64
        });
        let offset = means.sum::<f64>() / self.by_class.len() as f64;
        Some(Calibration { offset, evidence })
    }

    /// The limits `row` raised to where this evidence, less its `offset`, lies at the same rates.
    /// The evidence of `c` classes weighs `c / (c + table)` against the row. A gallery of near
    /// duplicates can expect unknown images that are near duplicates too.
    #[must_use]
    pub fn raised(&self, row: LimitRow, offset: f64, table: f64) -> LimitRow {
        let mut scores = Weighted::default();
        for of_class in self.by_class.values() {
            let of_class: Vec<f64> = of_class.iter().map(|above| above - offset).collect();
            scores.add(&of_class);
        }
        let classes = self.by_class.len() as f64;
        match scores.upper(&row.rates()) {
            Some(own) => row.raised(&own, classes / (classes + table)),
            None => row,
        }
    }
}

/// The middle value, or the mean of the two in the middle; `None` without any.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = if values.len().is_multiple_of(2) { values[middle - 1] } else { upper };
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_example_far_above_the_others_counts_no_more_than_the_clip() {
        let evidence = Evidence::of([(0, 0.0), (1, 0.0), (2, 9.0)]);
        let offset = evidence.calibration().unwrap().offset;
        assert!((offset - CLIP / 3.0).abs() < 1e-12, "{offset}");
        assert_eq!(Evidence::default().calibration(), None);
    }

    #[test]
    fn evidence_raises_limits_and_never_lowers_them() {
        let row_of = |limits: [f64; 2]| LimitRow::new(&[0.01, 0.5], limits.to_vec());
        let row = row_of([0.5, 0.25]);
        let high = Evidence::of((0..20).map(|class| (class, 1.0)));
        // Twenty classes weigh as much as the table.
        assert_eq!(high.raised(row.clone(), 0.25, 20.0), row_of([0.625, 0.5]));
        let low = Evidence::of((0..20).map(|class| (class, -1.0)));
        assert_eq!(low.raised(row.clone(), 0.0, 20.0), row);
        assert_eq!(
            high.raised(row.clone(), 0.25, f64::INFINITY),
            row,
            "the table is all that counts"
        );
    }
}
