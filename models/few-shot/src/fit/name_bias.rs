//! Measures the name bias on base classes.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::class_prototypes::ClassPrototypes;
use crate::embedding_frame::EmbeddingFrame;
use crate::evaluation::episode::{Episode, EpisodeSpec, Episodes};
use crate::evaluation::episode_data::EpisodeData;
use crate::name_bias::NameBias;

/// Episodes that the bias is measured on: 5-way, two classes of which have no image.
const EPISODES: u64 = 400;
const N_WAY: usize = 5;
const NAME_ONLY: usize = 2;
const N_QUERY: usize = 10;

/// The share of the measured bias that is kept. Where a backbone was trained on the base classes,
/// their images are nearer to each other than those of new classes, so the measured bias is too
/// large for those. Chosen on validation classes (CIFAR-FS, Caltech) among 0.6 to 1 in tenths: the
/// recalls of both kinds of classes then differ by 5 points at 5 shots.
const SHRINKAGE: f32 = 0.75;

/// Halvings of the interval that holds the bias.
// The interval is 2 wide at first, so that 0.000002 of it is left.
const HALVINGS: usize = 20;

/// The name bias at each of `k_shots`; without those for which there are too few classes or images.
///
/// # Shapes
/// Row `c` of `semantic` `[K, s]` is the semantic prototype of the class of `embeddings[c]`
/// `[images, s]`, from a name regressor that did not learn from it; both are raw. The answer is a
/// function of `seed`.
///
/// # Examples
/// ```
/// use few_shot::embedding_frame::EmbeddingFrame;
/// use few_shot::fit::name_bias::measured;
/// use ndarray::{Array1, Array2};
///
/// let frame = EmbeddingFrame::new(Array1::zeros(4), 1.0);
/// let embeddings = vec![Array2::ones((3, 4)); 6];
/// let semantic = Array2::ones((6, 4));
/// // An episode takes at least one image and ten queries of a class.
/// assert!(measured(semantic.view(), &embeddings, &frame, [1], 7).is_empty());
/// ```
pub fn measured(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    frame: &EmbeddingFrame,
    k_shots: impl IntoIterator<Item = usize>,
    seed: u64,
) -> NameBias {
    k_shots
        .into_iter()
        .filter_map(|k_shot| Some((k_shot, at_shots(semantic, embeddings, frame, k_shot, seed)?)))
        .collect()
}

fn at_shots(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    frame: &EmbeddingFrame,
    k_shot: usize,
    seed: u64,
) -> Option<f32> {
    let spec = EpisodeSpec { n_way: N_WAY, k_shot, n_query: N_QUERY };
    let sampler = Episodes { spec, count: EPISODES, seed }.sampler(embeddings).ok()?;
    let limits: Vec<Limit> = (0..EPISODES)
        .into_par_iter()
        .flat_map_iter(|index| limits(semantic, embeddings, frame, &sampler.episode(index)))
        .collect();
    Some(SHRINKAGE * balance(&limits))
}

/// The limits of the queries of an episode.
fn limits(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    frame: &EmbeddingFrame,
    episode: &Episode,
) -> Vec<Limit> {
    let data = EpisodeData::of(embeddings, episode);
    let prototypes = ClassPrototypes::trusted(
        data.means(),
        // The classes of an episode are in random order, so the first ones are as good as any.
        (0..N_WAY).map(|way| if way < NAME_ONLY { 0 } else { data.k_shot() }).collect(),
        semantic.select(Axis(0), &episode.classes).view(),
        frame,
        &NameBias::default(),
    );
    let similarities = prototypes.similarities(data.query.view());
    let rows = similarities.rows().into_iter().enumerate();
    rows.map(|(query, row)| Limit::of(&row.to_vec(), query / N_QUERY)).collect()
}

/// The range of the bias in which a query is recognized.
enum Limit {
    /// Of a class without images: any bias above this.
    Above(f32),
    /// Of a class with images: any bias below this.
    Below(f32),
}

impl Limit {
    /// The limit of a query of the class at `way`, with these similarities. A query that is closer
    /// to another class of the same kind is never recognized.
    fn of(similarities: &[f32], way: usize) -> Self {
        let unseen = greatest_other(similarities, 0..NAME_ONLY, way);
        let seen = greatest_other(similarities, NAME_ONLY..similarities.len(), way);
        let own = similarities[way];
        match way < NAME_ONLY {
            true if own < unseen => Self::Above(f32::INFINITY),
            true => Self::Above(seen - own),
            false if own < seen => Self::Below(f32::NEG_INFINITY),
            false => Self::Below(own - unseen),
        }
    }

    /// Whether the query is recognized with this bias.
    fn allows(&self, bias: f32) -> bool {
        match *self {
            Self::Above(limit) => limit < bias,
            Self::Below(limit) => limit > bias,
        }
    }
}

fn greatest_other(similarities: &[f32], ways: std::ops::Range<usize>, way: usize) -> f32 {
    let others = ways.filter(|&other| other != way).map(|other| similarities[other]);
    others.fold(f32::NEG_INFINITY, f32::max)
}

/// The bias at which the recall of classes without images equals that of classes with images.
fn balance(limits: &[Limit]) -> f32 {
    let (unseen, seen): (Vec<&Limit>, Vec<&Limit>) =
        limits.iter().partition(|limit| matches!(limit, Limit::Above(_)));
    // With more bias the first recall rises and the second falls, so that they meet once.
    let mut low = -1.0;
    let mut high = 1.0;
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if recall(&unseen, middle) < recall(&seen, middle) { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

fn recall(limits: &[&Limit], bias: f32) -> f64 {
    let right = limits.iter().filter(|limit| limit.allows(bias)).count();
    right as f64 / limits.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::random::below;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    /// Imprecise semantic prototypes among classes whose images are near to each other.
    #[test]
    fn the_bias_of_base_classes_grows_with_shots_and_needs_enough_images() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut noise = |scale: f32| scale * (below(&mut rng, 2001) as f32 / 1000.0 - 1.0);
        let center = Array2::from_shape_simple_fn((12, 16), || noise(1.0));
        let embeddings: Vec<Array2<f32>> = center
            .rows()
            .into_iter()
            .map(|row| Array2::from_shape_fn((20, 16), |(_, i)| 2.0 + row[i] + noise(0.8)))
            .collect();
        let semantic = Array2::from_shape_fn((12, 16), |at| 2.0 + center[at] + noise(1.0));
        let frame = EmbeddingFrame::new(ndarray::Array1::from_elem(16, 2.0), 2.0);
        let bias = measured(semantic.view(), &embeddings, &frame, [1, 5, 30], 7);
        let shots: Vec<usize> = bias.iter().map(|(k_shot, _)| k_shot).collect();
        assert_eq!(shots, [1, 5], "no class has 30 images and ten more");
        assert!(0.0 < bias.at_shots(1) && bias.at_shots(1) < bias.at_shots(5), "{bias:?}");
        assert_eq!(bias, measured(semantic.view(), &embeddings, &frame, [1, 5], 7));
    }

    #[test]
    fn the_balance_lies_where_both_recalls_are_equal() {
        let above = [0.1, 0.2, 0.3, f32::INFINITY].map(Limit::Above);
        let below = [0.15, 0.4, 0.5, f32::NEG_INFINITY].map(Limit::Below);
        let limits: Vec<Limit> = above.into_iter().chain(below).collect();
        // Two of four each between 0.2 and 0.3.
        assert!((0.199..=0.301).contains(&balance(&limits)), "{}", balance(&limits));
    }
}
