//! Whether the two best classes can be told apart.
//!
//! # Examples
//! ```
//! use few_shot::decision::ambiguity::Ambiguity;
//!
//! let ambiguity = Ambiguity { largest_share: 0.25, share_per_rate: 5.0 };
//! assert_eq!(ambiguity.rival(&[0.7, 0.2, 0.1], 0, None), None);
//! // At a rate of 1 %, a share of 0.05 is too much.
//! assert_eq!(ambiguity.rival(&[0.7, 0.2, 0.1], 0, Some(0.01)), Some(1));
//! ```

use serde::{Deserialize, Serialize};

/// The largest share of the second class, of its share and that of the winner together, at which
/// the winner is still an answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ambiguity {
    /// At any rate; 0.5 or more: no answer is ambiguous.
    pub largest_share: f64,
    /// For each unit of the rate: who allows few unknown images allows few wrong answers.
    pub share_per_rate: f64,
}

impl Ambiguity {
    /// The class that cannot be told apart from the `winner`, from the shares of all classes,
    /// `[n]`, where images are accepted at this rate; without one, at an absolute threshold.
    pub fn rival(&self, shares: &[f64], winner: usize, rate: Option<f64>) -> Option<usize> {
        let others = (0..shares.len()).filter(|&class| class != winner);
        let second = others.max_by(|&a, &b| shares[a].total_cmp(&shares[b]))?;
        let share = shares[second] / (shares[second] + shares[winner]);
        let of_rate = rate.map_or(f64::INFINITY, |rate| self.share_per_rate * rate);
        (share > self.largest_share.min(of_rate)).then_some(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_has_no_rival_and_a_share_of_one_half_is_the_most() {
        let ambiguity = Ambiguity { largest_share: 0.2, share_per_rate: 5.0 };
        assert_eq!(ambiguity.rival(&[1.0], 0, Some(0.05)), None);
        assert_eq!(ambiguity.rival(&[0.5, 0.5], 0, Some(0.05)), Some(1));
        let never = Ambiguity { largest_share: 0.5, share_per_rate: 500.0 };
        assert_eq!(never.rival(&[0.5, 0.5], 0, Some(0.05)), None);
    }
}
