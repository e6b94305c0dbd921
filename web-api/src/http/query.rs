//! Values of query parameters, whose errors are in the words of the API and not in those of the
//! parser of numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The most items of one answer.
const MAX_COUNT: usize = 1000;

/// A number of items: 1 to 1000.
///
/// # Errors
/// With the range and what was given.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    let count = text.parse::<usize>().ok().filter(|count| (1..=MAX_COUNT).contains(count));
    count.ok_or_else(|| D::Error::custom(format_args!("expected 1 to {MAX_COUNT}, got `{text}`")))
}

/// A number.
///
/// # Errors
/// With what was given.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.parse::<f64>().map(Some);
    number.map_err(|_| D::Error::custom(format_args!("expected a number, got `{text}`")))
}

/// True or false.
///
/// # Errors
/// With what was given.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    let flag = text.parse::<bool>();
    flag.map_err(|_| D::Error::custom(format_args!("expected true or false, got `{text}`")))
}
