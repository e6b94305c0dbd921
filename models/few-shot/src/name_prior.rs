//! The name prior: how many example images the semantic prototype of a class counts as.

use std::str::FromStr;

/// The weight of a semantic prototype, as a pseudo-count of example images.
///
/// With a decay of 1 the weight is that of a normal prior, which is right where the errors of
/// semantic and mean prototypes are independent. Where names stay useful at many shots, a lower
/// decay is better.
///
/// # Examples
/// ```
/// use few_shot::name_prior::NamePrior;
///
/// let prior: NamePrior = "2".parse()?;
/// assert_eq!([0, 2, 8].map(|k_shot| prior.share(k_shot)), [1.0, 0.5, 0.2]);
/// # Ok::<(), few_shot::name_prior::NamePriorError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamePrior {
    pseudo_count: f32,
    decay: f32,
}

impl NamePrior {
    /// One image, with a decay of 1.
    pub const ONE: Self = Self { pseudo_count: 1.0, decay: 1.0 };

    /// The greatest pseudo-count.
    pub const MAX_PSEUDO_COUNT: f32 = 1e3;

    /// The greatest decay.
    pub const MAX_DECAY: f32 = 4.0;

    /// A prior of `pseudo_count` images, whose share falls with `decay`. `None` unless both are
    /// above 0 and at most [`NamePrior::MAX_PSEUDO_COUNT`] and [`NamePrior::MAX_DECAY`].
    pub const fn new(pseudo_count: f32, decay: f32) -> Option<Self> {
        // NaN fails every comparison, so it is refused as well.
        let has_count = pseudo_count > 0.0 && pseudo_count <= Self::MAX_PSEUDO_COUNT;
        match has_count && decay > 0.0 && decay <= Self::MAX_DECAY {
            true => Some(Self { pseudo_count, decay }),
            false => None,
        }
    }

    /// The number of shots at which the semantic prototype has half of the weight.
    pub fn pseudo_count(self) -> f32 {
        self.pseudo_count
    }

    /// How fast the share falls with more shots.
    pub fn decay(self) -> f32 {
        self.decay
    }

    /// The share of the semantic prototype at `k_shot` shots,
    /// `1 / (1 + (k_shot / pseudo_count)^decay)`; 1 at 0 shots.
    pub fn share(self, k_shot: usize) -> f32 {
        // With a decay of 1 this is c / (c + k), the weight of the prior's mean in the posterior
        // mean of a normal distribution after k observations (DeGroot 1970).
        (1.0 + (k_shot as f32 / self.pseudo_count).powf(self.decay)).recip()
    }
}

/// A text that is no [`NamePrior`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a name prior: expected a number of images above 0 and at most {count}, as in `0.5`, or \
     with a decay above 0 and at most {decay}, as in `0.5:0.85`",
    count = NamePrior::MAX_PSEUDO_COUNT,
    decay = NamePrior::MAX_DECAY
)]
pub struct NamePriorError;

/// `0.5`, or `0.5:0.85` with another decay than 1.
impl FromStr for NamePrior {
    type Err = NamePriorError;

    fn from_str(text: &str) -> Result<Self, NamePriorError> {
        let (pseudo_count, decay) = text.split_once(':').unwrap_or((text, "1"));
        Self::new(number(pseudo_count)?, number(decay)?).ok_or(NamePriorError)
    }
}

fn number(text: &str) -> Result<f32, NamePriorError> {
    text.parse().map_err(|_| NamePriorError)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<(f32, f32), NamePriorError> {
        text.parse().map(|prior: NamePrior| (prior.pseudo_count(), prior.decay()))
    }

    #[test]
    fn name_prior_weight_falls_with_more_images() {
        assert_eq!([0, 1, 4].map(|k_shot| NamePrior::ONE.share(k_shot)), [1.0, 0.5, 0.2]);
        let slow: NamePrior = "1:0.5".parse().unwrap();
        assert_eq!([0, 1, 16].map(|k_shot| slow.share(k_shot)), [1.0, 0.5, 0.2]);
    }

    #[test]
    fn a_name_prior_is_read_from_text_within_its_limits() {
        assert_eq!(read("0.25"), Ok((0.25, 1.0)));
        assert_eq!(read("1000:0.85"), Ok((1000.0, 0.85)));
        for text in
            ["", "x", "0", "-1", "1001", "NaN", "inf", "1:0", "1:5", "1:NaN", "1:", ":1", "1:1:1"]
        {
            assert_eq!(read(text), Err(NamePriorError), "{text}");
        }
    }
}
