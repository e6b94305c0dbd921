//! Label noise: names of the classes of an episode that are wrong on purpose.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::evaluation::episode::Episode;
use models::random::below;

/// Which names the classes of an episode have.
///
/// # Examples
/// ```
/// use few_shot::evaluation::label_noise::LabelNoise;
///
/// assert_eq!("one-wrong".parse(), Ok(LabelNoise::OneWrong));
/// assert_eq!(LabelNoise::Swapped.to_string(), "swapped");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelNoise {
    /// Each class has its own name.
    None,
    /// Each class has the name of another class of the episode.
    Wrong,
    /// All classes have the name of one of them.
    Equal,
    /// One class has the name of a class outside of the episode.
    OneWrong,
    /// Two classes have each other's names.
    Swapped,
}

impl LabelNoise {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Wrong, Self::Equal, Self::OneWrong, Self::Swapped];

    /// The classes whose names the classes of an episode have, one for each; a function of `seed`
    /// and `index`. There are `n_classes` classes in all.
    pub(crate) fn names(
        self,
        episode: &Episode,
        n_classes: usize,
        seed: u64,
        index: u64,
    ) -> Vec<usize> {
        let mut names = episode.classes.clone();
        // Streams from the other end: episodes are drawn from those from 0 on.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::MAX - index);
        let n = names.len();
        // Drawn for every kind: `OneWrong` and `Swapped` make the same class of an episode wrong.
        let first = below(&mut rng, n);
        match self {
            Self::None => {}
            // Rotation leaves none in its place, and the order of the classes is random already.
            Self::Wrong => names.rotate_left(1),
            Self::Equal => names.fill(episode.classes[first]),
            Self::Swapped => names.swap(first, (first + 1) % n),
            Self::OneWrong => {
                let outside: Vec<usize> =
                    (0..n_classes).filter(|class| !episode.classes.contains(class)).collect();
                names[first] = match outside.is_empty() {
                    // Without a class outside it is the name of the next class: never its own.
                    true => episode.classes[(first + 1) % n],
                    false => outside[below(&mut rng, outside.len())],
                };
            }
        }
        names
    }
}

impl fmt::Display for LabelNoise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Wrong => "wrong",
            Self::Equal => "equal",
            Self::OneWrong => "one-wrong",
            Self::Swapped => "swapped",
        })
    }
}

/// A word that is no [`LabelNoise`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not a label noise; expected none, wrong, equal, one-wrong or swapped")]
pub struct LabelNoiseError {
    /// The word.
    pub got: String,
}

impl FromStr for LabelNoise {
    type Err = LabelNoiseError;

    fn from_str(text: &str) -> Result<Self, LabelNoiseError> {
        let found = Self::ALL.into_iter().find(|noise| noise.to_string() == text);
        found.ok_or_else(|| LabelNoiseError { got: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn episode() -> Episode {
        Episode { classes: vec![4, 1, 3], support: Vec::new(), query: Vec::new() }
    }

    fn names(noise: LabelNoise, index: u64) -> Vec<usize> {
        noise.names(&episode(), 6, 7, index)
    }

    /// How many classes have their own name.
    fn n_right(noise: LabelNoise, index: u64) -> usize {
        names(noise, index).iter().zip([4, 1, 3]).filter(|(a, b)| *a == b).count()
    }

    #[test]
    fn each_kind_makes_its_number_of_names_wrong() {
        for index in 0..20 {
            assert_eq!(names(LabelNoise::None, index), [4, 1, 3]);
            assert_eq!(n_right(LabelNoise::Wrong, index), 0);
            assert_eq!(n_right(LabelNoise::Equal, index), 1);
            assert_eq!(n_right(LabelNoise::Swapped, index), 1);
            assert_eq!(n_right(LabelNoise::OneWrong, index), 2);
        }
    }

    #[test]
    fn names_are_a_function_of_seed_and_index() {
        let kinds = LabelNoise::ALL;
        assert_eq!(kinds.map(|noise| names(noise, 5)), kinds.map(|noise| names(noise, 5)));
    }

    #[test]
    fn one_wrong_name_without_a_class_outside_is_that_of_another_class() {
        let episode = Episode { classes: vec![1, 0], ..episode() };
        let names = LabelNoise::OneWrong.names(&episode, 2, 7, 0);
        assert!(names == [0, 0] || names == [1, 1], "{names:?}");
    }

    #[test]
    fn a_kind_is_written_and_read_by_its_word() {
        for noise in LabelNoise::ALL {
            assert_eq!(noise.to_string().parse(), Ok(noise));
            assert_eq!(serde_json::to_string(&noise).unwrap(), format!("\"{noise}\""));
        }
        assert!("".parse::<LabelNoise>().is_err());
    }
}
