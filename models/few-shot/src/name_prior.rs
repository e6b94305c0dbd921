//! How many images a name is worth to a backbone: chosen on validation classes.
//!
//! Base classes cannot tell. Where a backbone was trained on them they lie closer together than new ones, so that one image of them
//! says more: on the base classes of CIFAR-FS a name would be worth less than on its validation classes.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::compare::LabelNoise;
use super::embedding_frame::{EmbeddingFrame, NamePrior};
use super::episode::{EpisodeSpec, Sampler};
use super::evaluate::{EpisodeData, n_nearest};
use super::fusion;

/// What is chosen among, the least first.
const CANDIDATES: [f32; 11] = [0.25, 0.35, 0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.4, 2.0, 2.8];

/// Episodes for each of [`SHOTS`].
const EPISODES: u64 = 1000;
/// Images of a class, and whether right names count beside them; wrong ones must do no harm beside any number.
const SHOTS: [(usize, bool); 4] = [(1, true), (2, false), (5, true), (10, false)];
/// A mistake that a person may make.
const MISTAKES: [LabelNoise; 2] = [LabelNoise::OneWrong, LabelNoise::Swapped];
const N_WAY: usize = 5;
const N_QUERY: usize = 15;

/// The worth with which [trusted](fusion::trusted) prototypes recognize most queries of validation classes beside one and five
/// images, among those with which neither one wrong name nor two swapped ones make them worse than means beside one to ten
/// images, or else the least; `None` where there are too few classes or images to tell.
///
/// # Shapes
/// Row `c` of `semantic` `[n, s]` is what knowledge says of the class of `embeddings[c]` `[images, s]`; both are raw. The
/// answer is a function of `seed`.
pub fn chosen(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    frame: &EmbeddingFrame,
    seed: u64,
) -> Option<NamePrior> {
    let name_prior = CANDIDATES.map(NamePrior::of_images);
    let candidates = name_prior.map(|name_prior| frame.clone().with_name_prior(name_prior));
    let mut right = [0; CANDIDATES.len()];
    let mut is_safe = [true; CANDIDATES.len()];
    for (k_shot, right_counts) in SHOTS {
        let spec = EpisodeSpec { n_way: N_WAY, k_shot, n_query: N_QUERY };
        let sizes = embeddings.iter().map(Array2::nrows).collect();
        let sampler = match Sampler::new(sizes, spec, seed) {
            Ok(sampler) => sampler,
            // Classes with few images tell what they can.
            Err(_) if !right_counts => continue,
            Err(_) => return None,
        };
        let counts: Vec<_> = (0..EPISODES)
            .into_par_iter()
            .map(|index| {
                let episode = sampler.episode(index);
                let chosen = EpisodeData::of(embeddings, &episode);
                let bearing = |names: LabelNoise| {
                    let names = names.of(&episode, embeddings.len(), seed, index);
                    semantic.select(Axis(0), &names)
                };
                Counts::of(&chosen, bearing, right_counts, &candidates, k_shot)
            })
            .collect();
        let means: usize = counts.iter().map(|count| count.means).sum();
        for candidate in 0..CANDIDATES.len() {
            right[candidate] += counts.iter().map(|count| count.right[candidate]).sum::<usize>();
            is_safe[candidate] &= (0..MISTAKES.len()).all(|mistake| {
                let misled = counts.iter().map(|count| count.misled[mistake][candidate]);
                misled.sum::<usize>() >= means
            });
        }
    }
    let safe = (0..CANDIDATES.len()).filter(|&candidate| is_safe[candidate]);
    let best = safe.max_by_key(|&candidate| right[candidate]).unwrap_or(0);
    Some(name_prior[best])
}

/// Queries of an episode that are recognized: by means, and with each candidate by trusted prototypes.
struct Counts {
    means: usize,
    /// With right names, where these count.
    right: [usize; CANDIDATES.len()],
    /// With each of [`MISTAKES`].
    misled: [[usize; CANDIDATES.len()]; MISTAKES.len()],
}

impl Counts {
    /// Counts with what knowledge says of the names that classes bear.
    fn of(
        chosen: &EpisodeData,
        bearing: impl Fn(LabelNoise) -> Array2<f32>,
        right_counts: bool,
        candidates: &[EmbeddingFrame; CANDIDATES.len()],
        k_shot: usize,
    ) -> Self {
        let means = chosen.means();
        let of = |names: LabelNoise| {
            let semantic = bearing(names);
            candidates.each_ref().map(|frame| {
                let trusted = fusion::trusted(means.view(), semantic.view(), k_shot, frame);
                n_nearest(chosen.query.view(), trusted.view())
            })
        };
        Self {
            means: n_nearest(chosen.query.view(), means.view()),
            right: if right_counts { of(LabelNoise::None) } else { [0; CANDIDATES.len()] },
            misled: MISTAKES.map(of),
        }
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

    /// Six classes far from each other, images `noise` around them, and what knowledge says, `error` beside the truth.
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
        chosen(semantic.view(), &embeddings, &frame, 1).map(NamePrior::images)
    }

    #[test]
    fn a_name_is_worth_more_the_less_an_image_says() {
        assert_eq!((chosen_with(3.0, 0.1), chosen_with(1.0, 1.3)), (Some(2.8), Some(0.5)));
    }

    /// Were only right names looked at, 1.2 would be best.
    #[test]
    fn a_name_is_worth_no_more_than_mistakes_allow() {
        assert_eq!(chosen_with(1.4, 1.3), Some(1.1));
    }

    #[test]
    fn too_few_classes_choose_nothing() {
        let embeddings = vec![Array2::ones((30, 2)); 4];
        let frame = EmbeddingFrame::new(Array1::zeros(2), 1.0);
        assert_eq!(chosen(Array2::zeros((4, 2)).view(), &embeddings, &frame, 1), None);
    }
}
