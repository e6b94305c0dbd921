//! Constants that depend on the number of images of a class.

use std::collections::BTreeMap;

/// The value at the largest number of shots up to `shots`, or else at the smallest; 0 without any.
pub(super) fn at_shots(values: &BTreeMap<usize, f64>, shots: usize) -> f64 {
    let below = values.range(..=shots).next_back();
    below.or_else(|| values.first_key_value()).map_or(0.0, |(_, &value)| value)
}
