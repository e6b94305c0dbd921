//! Draws the unknown classes of episodes.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::evaluation::episode::{Episode, Episodes, draw};

/// Mixed into the seed, so that unknown classes are not drawn from the streams of episodes.
const UNKNOWN: u64 = 0x756e_6b6e_6f77_6e00;

/// Draws unknown classes; the documentation of the parent module has the exact procedure.
pub(super) struct UnknownSampler {
    class_sizes: Vec<usize>,
    n_unknown: usize,
    n_query: usize,
    generator: ChaCha8Rng,
}

/// The unknown classes of an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownClasses {
    /// None of them is a class of the episode.
    pub(super) classes: Vec<usize>,
    /// `query[c]`: images of `classes[c]`.
    pub(super) query: Vec<Vec<usize>>,
}

impl UnknownSampler {
    /// A sampler of `n_unknown` classes beside those of `episodes`. There are enough of them, and
    /// an episode can be drawn of each class.
    pub(super) fn new(embeddings: &[Array2<f32>], episodes: Episodes, n_unknown: usize) -> Self {
        Self {
            class_sizes: embeddings.iter().map(Array2::nrows).collect(),
            n_unknown,
            n_query: episodes.spec.n_query,
            generator: ChaCha8Rng::seed_from_u64(episodes.seed ^ UNKNOWN),
        }
    }

    /// Those of `episode`, which is number `index`.
    pub(super) fn classes(&self, episode: &Episode, index: u64) -> UnknownClasses {
        let mut generator = self.generator.clone();
        generator.set_stream(index);
        let others: Vec<usize> =
            (0..self.class_sizes.len()).filter(|class| !episode.classes.contains(class)).collect();
        let drawn = draw(others.len(), self.n_unknown, &mut generator);
        let classes: Vec<usize> = drawn.into_iter().map(|position| others[position]).collect();
        let sizes = classes.iter().map(|&class| self.class_sizes[class]);
        let query = sizes.map(|size| draw(size, self.n_query, &mut generator)).collect();
        UnknownClasses { classes, query }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::evaluation::episode::EpisodeSpec;

    #[test]
    fn unknown_classes_are_others_and_depend_on_seed_and_index_only() {
        let embeddings = vec![Array2::zeros((6, 2)); 7];
        let spec = EpisodeSpec { n_way: 3, k_shot: 1, n_query: 5 };
        let episodes = Episodes { spec, count: 20, seed: 7 };
        let known = episodes.sampler(&embeddings).unwrap();
        let sampler = UnknownSampler::new(&embeddings, episodes, 4);
        for index in 0..20 {
            let episode = known.episode(index);
            let UnknownClasses { classes, query } = sampler.classes(&episode, index);
            let mut all = [&classes[..], &episode.classes].concat();
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3, 4, 5, 6], "all classes, each once");
            for mut images in query {
                images.sort_unstable();
                images.dedup();
                assert_eq!(images.len(), 5);
            }
            let again = UnknownSampler::new(&embeddings, episodes, 4).classes(&episode, index);
            assert_eq!(again.classes, classes);
        }
    }

    #[test]
    fn the_first_unknown_classes_stay_where_more_are_drawn() {
        let embeddings = vec![Array2::zeros((4, 2)); 9];
        let spec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 2 };
        let episodes = Episodes { spec, count: 5, seed: 3 };
        let episode = episodes.sampler(&embeddings).unwrap().episode(4);
        let two = UnknownSampler::new(&embeddings, episodes, 2).classes(&episode, 4);
        let five = UnknownSampler::new(&embeddings, episodes, 5).classes(&episode, 4);
        assert_eq!(two.classes, five.classes[..2]);
    }
}
