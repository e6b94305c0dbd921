//! Whether the two best classes can be told apart.
//!
//! # Examples
//! ```
//! use few_shot::decision::ambiguity::Ambiguity;
//!
//! let ambiguity = Ambiguity { rates: vec![0.01, 0.1], shares: vec![0.1, 0.3] };
//! assert_eq!(ambiguity.rival(&[0.7, 0.2, 0.1], 0, 0.01), Some(1));
//! assert_eq!(ambiguity.rival(&[0.7, 0.2, 0.1], 0, 0.1), None);
//! ```

use serde::{Deserialize, Serialize};

use super::limits::interpolated;

/// The largest share of the second class, of its share and that of the winner together, at which
/// the winner is still an answer of its own, by the rate of wrong answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ambiguity {
    /// The rates, ascending, each above 0 and below 1.
    pub rates: Vec<f64>,
    /// The largest share at each rate; 0.5 or more: no answer is ambiguous.
    pub shares: Vec<f64>,
}

impl Ambiguity {
    /// The class that cannot be told apart from the `winner` at this rate, from the shares of all
    /// classes, `[n]`.
    pub fn rival(&self, shares: &[f64], winner: usize, rate: f64) -> Option<usize> {
        let others = (0..shares.len()).filter(|&class| class != winner);
        let second = others.max_by(|&a, &b| shares[a].total_cmp(&shares[b]))?;
        let share = shares[second] / (shares[second] + shares[winner]);
        (share > self.at(rate)).then_some(second)
    }

    /// The largest share at this rate, linear in `ln rate`.
    fn at(&self, rate: f64) -> f64 {
        let rates: Vec<f64> = self.rates.iter().map(|rate| rate.ln()).collect();
        interpolated(rate.ln(), &rates, &self.shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_has_no_rival_and_a_share_of_one_half_is_the_most() {
        let ambiguity = Ambiguity { rates: vec![0.05], shares: vec![0.2] };
        assert_eq!(ambiguity.rival(&[1.0], 0, 0.05), None);
        assert_eq!(ambiguity.rival(&[0.5, 0.5], 0, 0.05), Some(1));
        let never = Ambiguity { rates: vec![0.05], shares: vec![0.5] };
        assert_eq!(never.rival(&[0.5, 0.5], 0, 0.05), None);
    }
}
