//! Episodes: small classification problems drawn from many classes.
//!
//! An episode is a pure function of (seed, index), so any number of threads, and any program that
//! has the same images, draws the same ones.
//!
//! The exact procedure, so that other programs can repeat it: the key of a ChaCha8 generator is
//! eight successive outputs of PCG32 (XSH-RR; state = seed, increment 11634580027462260723), its
//! stream is the index of the episode, its words are taken in pairs, the low one first. A number
//! below `n` is `(next_u64 * n) >> 64` in 128 bits. To draw `k` of `n` without replacement, the
//! list `0..n` is shuffled in place for its first `k` positions: position `i` is exchanged with
//! position `i + below(n - i)`. First `n_way` classes are drawn, then for each of them, in the
//! order drawn, `k_shot + n_query` images: the support first, then the queries.

use std::fmt;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use models::fault::{Blame, Fault};
use models::random::below;

/// The size of every episode of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpisodeSpec {
    /// Classes of an episode.
    pub n_way: usize,
    /// Labeled images of each class (the support).
    pub k_shot: usize,
    /// Images of each class to be recognized (the queries).
    pub n_query: usize,
}

impl EpisodeSpec {
    /// Images that an episode takes of a class: `k_shot + n_query`.
    pub fn images_per_class(&self) -> usize {
        // Either may be absurd on a command line: then classes are too small, without an overflow.
        self.k_shot.saturating_add(self.n_query)
    }

    /// Checks that episodes can be drawn from these classes, each a name and a number of images.
    ///
    /// # Errors
    /// A zero in the specification, too few classes, or the first class that is too small.
    pub fn check<N: fmt::Display>(
        &self,
        classes: impl IntoIterator<Item = (N, usize)>,
    ) -> Result<(), EpisodeError> {
        let parts = [("n_way", self.n_way), ("k_shot", self.k_shot), ("n_query", self.n_query)];
        if let Some((field, _)) = parts.into_iter().find(|(_, value)| *value == 0) {
            return Err(EpisodeError::Zero { field });
        }
        let classes: Vec<(N, usize)> = classes.into_iter().collect();
        if classes.len() < self.n_way {
            return Err(EpisodeError::TooFewClasses { expected: self.n_way, got: classes.len() });
        }
        let expected = self.images_per_class();
        match classes.into_iter().find(|(_, size)| *size < expected) {
            Some((name, got)) => {
                Err(EpisodeError::ClassTooSmall { class: name.to_string(), expected, got })
            }
            None => Ok(()),
        }
    }
}

/// The episodes of an evaluation: those with the indices `0..count`.
///
/// # Examples
/// ```
/// use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
/// use ndarray::Array2;
///
/// let spec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 3 };
/// let embeddings = vec![Array2::zeros((4, 8)); 5];
/// let sampler = Episodes { spec, count: 100, seed: 7 }.sampler(&embeddings)?;
/// let episode = sampler.episode(0);
/// assert_eq!(episode.classes.len(), 2);
/// assert_eq!((episode.support[0].len(), episode.query[0].len()), (1, 3));
/// # Ok::<(), few_shot::evaluation::episode::EpisodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episodes {
    /// The size of each.
    pub spec: EpisodeSpec,
    /// How many there are.
    pub count: u64,
    /// The seed that they are drawn with.
    pub seed: u64,
}

impl Episodes {
    /// A sampler over classes with these embeddings, `[images, s]` each.
    ///
    /// # Errors
    /// As for [`Sampler::new`].
    pub fn sampler(&self, embeddings: &[Array2<f32>]) -> Result<Sampler, EpisodeError> {
        Sampler::new(embeddings.iter().map(Array2::nrows).collect(), self.spec, self.seed)
    }
}

/// One drawn problem. The way `w` stands for class `classes[w]`; images are positions within their
/// class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// The classes, `n_way` different ones.
    pub classes: Vec<usize>,
    /// `support[w]`: `k_shot` images of `classes[w]`.
    pub support: Vec<Vec<usize>>,
    /// `query[w]`: `n_query` other images of `classes[w]`.
    pub query: Vec<Vec<usize>>,
}

/// Why no episode can be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpisodeError {
    /// A part of the specification is zero.
    #[error("{field} is 0; an episode needs at least 1")]
    Zero {
        /// `n_way`, `k_shot` or `n_query`.
        field: &'static str,
    },
    /// There are fewer classes than an episode has ways.
    #[error(
        "an episode needs {expected} classes (n_way) but there are {got}; lower n_way or add classes"
    )]
    TooFewClasses {
        /// `n_way`.
        expected: usize,
        /// Classes at hand.
        got: usize,
    },
    /// A class has fewer images than an episode takes of it.
    #[error(
        "class {class} has {got} images but an episode takes {expected} of it (k_shot + n_query); \
         add images or lower n_query"
    )]
    ClassTooSmall {
        /// The class: its name, or `number 3` (from 0) where only sizes are known.
        class: String,
        /// `k_shot + n_query`.
        expected: usize,
        /// Images of that class.
        got: usize,
    },
}

impl Fault for EpisodeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// Draws episodes; the module's documentation has the exact procedure.
#[derive(Debug, Clone)]
pub struct Sampler {
    class_sizes: Vec<usize>,
    spec: EpisodeSpec,
    generator: ChaCha8Rng,
}

impl Sampler {
    /// A sampler over classes with these numbers of images.
    ///
    /// # Errors
    /// The first class that is too small, too few classes, or a zero in `spec`.
    pub fn new(
        class_sizes: Vec<usize>,
        spec: EpisodeSpec,
        seed: u64,
    ) -> Result<Self, EpisodeError> {
        let numbered = class_sizes.iter().enumerate();
        spec.check(numbered.map(|(class, &size)| (format!("number {class}"), size)))?;
        Ok(Self { class_sizes, spec, generator: ChaCha8Rng::seed_from_u64(seed) })
    }

    /// Episode number `index`.
    pub fn episode(&self, index: u64) -> Episode {
        // A stream for each index: an episode does not depend on which were drawn before it.
        let mut generator = self.generator.clone();
        generator.set_stream(index);
        let classes = draw(self.class_sizes.len(), self.spec.n_way, &mut generator);
        let mut support = Vec::new();
        let mut query = Vec::new();
        for &class in &classes {
            let size = self.class_sizes[class];
            // Support and queries in one draw, so that no image is in both.
            let mut images = draw(size, self.spec.images_per_class(), &mut generator);
            query.push(images.split_off(self.spec.k_shot));
            support.push(images);
        }
        Episode { classes, support, query }
    }
}

/// `count` different numbers below `n`, in the order drawn.
pub(crate) fn draw(n: usize, count: usize, generator: &mut ChaCha8Rng) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..n).collect();
    for i in 0..count {
        numbers.swap(i, i + below(generator, n - i));
    }
    numbers.truncate(count);
    numbers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SPEC: EpisodeSpec = EpisodeSpec { n_way: 5, k_shot: 1, n_query: 15 };

    fn too_small(class: &str) -> EpisodeError {
        EpisodeError::ClassTooSmall { class: class.to_owned(), expected: 16, got: 15 }
    }

    #[test]
    fn a_class_that_is_too_small_is_named() {
        let error = Sampler::new(vec![20, 20, 15, 20, 20], SPEC, 0).unwrap_err();
        assert_eq!(error, too_small("number 2"));
        let names = ["apple", "fig", "kiwi", "pear", "plum"];
        let error = SPEC.check(names.into_iter().zip([20, 20, 20, 15, 20])).unwrap_err();
        assert_eq!(error, too_small("pear"));
        let error = Sampler::new(vec![20; 4], SPEC, 0).unwrap_err();
        assert_eq!(error, EpisodeError::TooFewClasses { expected: 5, got: 4 });
    }

    #[test]
    fn a_zero_in_the_specification_is_refused() {
        for (spec, name) in [
            (EpisodeSpec { n_way: 0, ..SPEC }, "n_way"),
            (EpisodeSpec { k_shot: 0, ..SPEC }, "k_shot"),
            (EpisodeSpec { n_query: 0, ..SPEC }, "n_query"),
        ] {
            assert_eq!(
                Sampler::new(vec![20; 5], spec, 0).unwrap_err(),
                EpisodeError::Zero { field: name }
            );
        }
    }

    #[test]
    fn an_absurd_request_is_an_error_not_an_overflow() {
        let spec = EpisodeSpec { k_shot: usize::MAX, ..SPEC };
        assert!(matches!(
            Sampler::new(vec![20; 5], spec, 0),
            Err(EpisodeError::ClassTooSmall { .. })
        ));
    }
}
