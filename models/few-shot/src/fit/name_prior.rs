//! Chooses the name prior of a backbone on validation classes.
//!
//! Base classes would give a wrong answer. Where a backbone was trained on them, they lie closer
//! together than new classes, so that one image of them counts more: on the base classes of
//! CIFAR-FS the name prior would be smaller than on its validation classes.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::class_prototypes::ClassPrototypes;
use crate::embedding_frame::EmbeddingFrame;
use crate::evaluation::accuracy::n_right;
use crate::evaluation::episode::{Episode, EpisodeSpec, Episodes};
use crate::evaluation::episode_data::EpisodeData;
use crate::evaluation::label_noise::LabelNoise;
use crate::name_bias::NameBias;
use crate::name_prior::NamePrior;

/// The pseudo-counts to choose from, the least first.
const CANDIDATES: [f32; 11] = [0.25, 0.35, 0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.4, 2.0, 2.8];

/// Episodes for each of [`SHOTS`].
const EPISODES: u64 = 1000;
/// Images of a class, and whether the accuracy with right names counts at that number; wrong names
/// must do no harm at any of them.
const SHOTS: [(usize, bool); 4] = [(1, true), (2, false), (5, true), (10, false)];
/// The label noise that a user may cause by mistake.
const MISTAKES: [LabelNoise; 2] = [LabelNoise::OneWrong, LabelNoise::Swapped];
const N_WAY: usize = 5;
const N_QUERY: usize = 15;

/// A number for each candidate.
type PerCandidate<T> = [T; CANDIDATES.len()];

/// The name prior with which [trusted](ClassPrototypes::trusted) prototypes recognize most queries
/// of validation classes at one and five shots. Candidates with which one wrong name or two swapped
/// ones make them worse than means, at one to ten shots, are left out; without any other the least
/// one is chosen. `None` where there are too few classes or images to choose.
///
/// # Shapes
/// Row `c` of `semantic` `[n, s]` is the semantic prototype of the class of `embeddings[c]`
/// `[images, s]`; both are raw. The answer is a function of `seed`.
///
/// # Examples
/// ```
/// use few_shot::embedding_frame::EmbeddingFrame;
/// use few_shot::fit::name_prior::chosen;
/// use ndarray::{Array1, Array2};
///
/// let frame = EmbeddingFrame::new(Array1::zeros(2), 1.0);
/// let embeddings = vec![Array2::ones((30, 2)); 4];
/// // An episode takes five classes.
/// assert_eq!(chosen(Array2::zeros((4, 2)).view(), &embeddings, &frame, 1), None);
/// ```
pub fn chosen(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    frame: &EmbeddingFrame,
    seed: u64,
) -> Option<NamePrior> {
    let priors = CANDIDATES.map(|count| {
        NamePrior::new(count, 1.0).expect("invariant: candidates are within the limits")
    });
    let frames = priors.map(|prior| frame.clone().with_name_prior(prior));
    let validation = Validation { semantic, embeddings, frames: &frames, seed };
    let mut right = [0; CANDIDATES.len()];
    let mut is_safe = [true; CANDIDATES.len()];
    for (k_shot, right_counts) in SHOTS {
        let counts = match validation.counts(k_shot, right_counts) {
            Some(counts) => counts,
            // Classes with few images allow the smaller numbers of shots only.
            None if !right_counts => continue,
            None => return None,
        };
        for candidate in 0..CANDIDATES.len() {
            right[candidate] += counts.right[candidate];
            is_safe[candidate] &=
                counts.misled.iter().all(|misled| misled[candidate] >= counts.means);
        }
    }
    // Of equally good candidates `max_by_key` takes the last, which is the greatest.
    let safe = (0..CANDIDATES.len()).filter(|&candidate| is_safe[candidate]);
    let best = safe.max_by_key(|&candidate| right[candidate]).unwrap_or(0);
    Some(priors[best])
}

/// The validation classes, and a frame for each candidate.
struct Validation<'a> {
    semantic: ArrayView2<'a, f32>,
    embeddings: &'a [Array2<f32>],
    frames: &'a PerCandidate<EmbeddingFrame>,
    seed: u64,
}

impl Validation<'_> {
    /// The counts of all episodes at `k_shot` shots; `None` where classes do not suffice for them.
    fn counts(&self, k_shot: usize, right_counts: bool) -> Option<Counts> {
        let spec = EpisodeSpec { n_way: N_WAY, k_shot, n_query: N_QUERY };
        let episodes = Episodes { spec, count: EPISODES, seed: self.seed };
        let sampler = episodes.sampler(self.embeddings).ok()?;
        let counts = (0..EPISODES)
            .into_par_iter()
            .map(|index| self.of_episode(&sampler.episode(index), index, right_counts));
        // Integers: the sum does not depend on how threads share the episodes.
        Some(counts.reduce(Counts::default, Counts::plus))
    }

    fn of_episode(&self, episode: &Episode, index: u64, right_counts: bool) -> Counts {
        let data = EpisodeData::of(self.embeddings, episode);
        let images = vec![data.k_shot(); N_WAY];
        let means = ClassPrototypes::of_means(data.means(), images);
        Counts {
            means: n_right(&means.ranking_scores(data.query.view())),
            right: match right_counts {
                true => self.n_right(&data, episode, index, LabelNoise::None),
                false => [0; CANDIDATES.len()],
            },
            misled: MISTAKES.map(|noise| self.n_right(&data, episode, index, noise)),
        }
    }

    /// The right queries with trusted prototypes and this label noise, for each candidate.
    fn n_right(
        &self,
        data: &EpisodeData,
        episode: &Episode,
        index: u64,
        noise: LabelNoise,
    ) -> PerCandidate<usize> {
        let names = noise.names(episode, self.embeddings.len(), self.seed, index);
        let semantic = self.semantic.select(Axis(0), &names);
        let means = data.means();
        self.frames.each_ref().map(|frame| {
            let images = vec![data.k_shot(); N_WAY];
            let no_bias = NameBias::default();
            let trusted =
                ClassPrototypes::trusted(means.clone(), images, semantic.view(), frame, &no_bias);
            n_right(&trusted.ranking_scores(data.query.view()))
        })
    }
}

/// Numbers of queries that are recognized.
#[derive(Default)]
struct Counts {
    /// With mean prototypes.
    means: usize,
    /// With trusted prototypes and right names, where these count.
    right: PerCandidate<usize>,
    /// With trusted prototypes and each of [`MISTAKES`].
    misled: [PerCandidate<usize>; MISTAKES.len()],
}

impl Counts {
    fn plus(mut self, other: Self) -> Self {
        self.means += other.means;
        add(&mut self.right, &other.right);
        for (own, other) in self.misled.iter_mut().zip(&other.misled) {
            add(own, other);
        }
        self
    }
}

fn add(own: &mut PerCandidate<usize>, other: &PerCandidate<usize>) {
    for (own, other) in own.iter_mut().zip(other) {
        *own += other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::random::below;
    use ndarray::Array1;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    const SIZE: usize = 16;

    /// The pseudo-count for six classes far from each other, images `noise` around them, and
    /// semantic prototypes with an `error`.
    fn chosen_with(noise: f32, error: f32) -> Option<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut value = |scale: f32| scale * (below(&mut rng, 2001) as f32 / 1000.0 - 1.0);
        let truth = Array2::from_shape_simple_fn((6, SIZE), || value(1.0));
        let embeddings: Vec<_> = truth
            .rows()
            .into_iter()
            .map(|class| Array2::from_shape_fn((30, SIZE), |(_, i)| class[i] + value(noise)))
            .collect();
        let semantic = truth.mapv(|x| x + value(error));
        let frame = EmbeddingFrame::new(Array1::zeros(SIZE), 1.0);
        chosen(semantic.view(), &embeddings, &frame, 1).map(NamePrior::pseudo_count)
    }

    #[test]
    fn the_name_prior_grows_with_the_noise_of_images() {
        assert_eq!((chosen_with(3.0, 0.1), chosen_with(1.0, 1.3)), (Some(2.8), Some(0.5)));
    }

    /// With right names only, 1.2 would be best.
    #[test]
    fn the_name_prior_is_limited_by_what_wrong_names_cost() {
        assert_eq!(chosen_with(1.4, 1.3), Some(1.1));
    }

    #[test]
    fn too_few_classes_give_no_name_prior() {
        let embeddings = vec![Array2::ones((30, 2)); 4];
        let frame = EmbeddingFrame::new(Array1::zeros(2), 1.0);
        assert_eq!(chosen(Array2::zeros((4, 2)).view(), &embeddings, &frame, 1), None);
    }
}
