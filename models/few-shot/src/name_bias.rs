//! What makes classes that are known by name only a match for those with images.
//!
//! All images are farther from the prototype of a name than from that of images, so that classes without images
//! would hardly ever be the answer. How much farther depends on the backbone: it is measured on base classes.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::embedding_frame::EmbeddingFrame;
use super::episode::{EpisodeSpec, Sampler};
use super::evaluate::EpisodeData;
use super::gallery::Prototypes;

/// Episodes that a lift is measured on: 5-way, two classes of which have no image.
const EPISODES: u64 = 400;
const N_WAY: usize = 5;
const NAME_ONLY: usize = 2;
const N_QUERY: usize = 10;

/// Images of base classes are nearer to each other than those of new classes, where a backbone was trained on them: a
/// measured lift is too large for new ones. Chosen on validation classes (CIFAR-FS, Caltech) among 0.6 to 1 in tenths:
/// recalls of both kinds of classes then differ by 5 points beside five images.
const SHRUNK: f32 = 0.75;

/// Halvings of the interval that holds a lift.
const HALVINGS: usize = 20;

/// What is added to the cosine of a class without images, by the usual number of images of the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NameBias(BTreeMap<usize, f32>);

impl NameBias {
    /// The lifts beside so many images, as base classes need them. Numbers for which there are too few classes or images
    /// are left out.
    ///
    /// # Shapes
    /// Row `c` of `semantic` `[K, s]` is what knowledge says of the class of `embeddings[c]` `[images, s]`, without
    /// having learned from it; both are raw. The answer is a function of `seed`.
    pub fn measured(
        semantic: ArrayView2<'_, f32>,
        embeddings: &[Array2<f32>],
        frame: &EmbeddingFrame,
        k_shots: impl IntoIterator<Item = usize>,
        seed: u64,
    ) -> Self {
        let of = |k_shot| Some((k_shot, measured(semantic, embeddings, frame, k_shot, seed)?));
        k_shots.into_iter().filter_map(of).collect()
    }

    /// The lift where the others have so many images: as measured at the largest number that is not above it, or else at
    /// the smallest; 0 where nothing was measured, or they have none.
    pub fn beside(&self, images: usize) -> f32 {
        let below = self.0.range(..=images).next_back();
        let name_bias =
            below.or_else(|| self.0.first_key_value()).map_or(0.0, |(_, name_bias)| *name_bias);
        if images == 0 { 0.0 } else { name_bias }
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Numbers of images and their lifts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        self.0.iter().map(|(&k_shot, &name_bias)| (k_shot, name_bias))
    }
}

impl FromIterator<(usize, f32)> for NameBias {
    fn from_iter<I: IntoIterator<Item = (usize, f32)>>(name_bias: I) -> Self {
        Self(name_bias.into_iter().collect())
    }
}

impl<const N: usize> From<[(usize, f32); N]> for NameBias {
    fn from(name_bias: [(usize, f32); N]) -> Self {
        Self(name_bias.into())
    }
}

fn measured(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    frame: &EmbeddingFrame,
    k_shot: usize,
    seed: u64,
) -> Option<f32> {
    let spec = EpisodeSpec { n_way: N_WAY, k_shot, n_query: N_QUERY };
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed).ok()?;
    let limits: Vec<Limit> = (0..EPISODES)
        .into_par_iter()
        .flat_map_iter(|index| {
            let episode = sampler.episode(index);
            let chosen = EpisodeData::of(embeddings, &episode);
            let semantic = semantic.select(Axis(0), &episode.classes);
            let images = (0..N_WAY).map(|way| if way < NAME_ONLY { 0 } else { k_shot });
            let prototypes = Prototypes::trusted(
                chosen.means(),
                images.collect(),
                semantic.view(),
                frame,
                &NameBias::default(),
            );
            let scores = prototypes.scores(chosen.query.view());
            let rows = scores.rows().into_iter().enumerate();
            rows.map(|(query, row)| Limit::of(&row.to_vec(), query / N_QUERY)).collect::<Vec<_>>()
        })
        .collect();
    Some(SHRUNK * balance(&limits))
}

/// Between which lifts a query is recognized.
enum Limit {
    /// Of a class without images: any above this.
    Above(f32),
    /// Of a class with images: any below this.
    Below(f32),
}

impl Limit {
    /// That of a query of the class at `way`, with these scores. A query that another class of its own kind takes is never
    /// recognized.
    fn of(scores: &[f32], way: usize) -> Self {
        let best = |ways: std::ops::Range<usize>| {
            let others = ways.filter(|&other| other != way).map(|other| scores[other]);
            others.fold(f32::NEG_INFINITY, f32::max)
        };
        let (named, with_images) = (best(0..NAME_ONLY), best(NAME_ONLY..scores.len()));
        let own = scores[way];
        match way < NAME_ONLY {
            true if own < named => Self::Above(f32::INFINITY),
            true => Self::Above(with_images - own),
            false if own < with_images => Self::Below(f32::NEG_INFINITY),
            false => Self::Below(own - named),
        }
    }
}

/// The lift at which as many of one kind as of the other are recognized.
fn balance(limits: &[Limit]) -> f32 {
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for limit in limits {
        match *limit {
            Limit::Above(name_bias) => above.push(name_bias),
            Limit::Below(name_bias) => below.push(name_bias),
        }
    }
    let share = |right: usize, all: &[f32]| right as f64 / all.len().max(1) as f64;
    let (mut low, mut high) = (-1.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        let named = share(above.iter().filter(|&&name_bias| name_bias < middle).count(), &above);
        let with_images =
            share(below.iter().filter(|&&name_bias| name_bias > middle).count(), &below);
        if named < with_images { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use models::random::below;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn a_lift_is_that_of_the_nearest_number_below() {
        let name_bias = NameBias::from([(2, 0.1), (5, 0.2)]);
        assert_eq!(
            [0, 1, 2, 4, 5, 99].map(|n| name_bias.beside(n)),
            [0.0, 0.1, 0.1, 0.1, 0.2, 0.2]
        );
        assert_eq!(NameBias::default().beside(5), 0.0);
    }

    /// Knowledge is vague, images are near to each other: without a lift names would lose.
    #[test]
    fn both_kinds_are_recognized_alike_with_the_lift_that_is_measured() {
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
        let name_bias = NameBias::measured(semantic.view(), &embeddings, &frame, [1, 5, 30], 7);
        let shots: Vec<usize> = name_bias.iter().map(|(k_shot, _)| k_shot).collect();
        assert_eq!(shots, [1, 5], "no class has 30 images and ten more");
        assert!(
            0.0 < name_bias.beside(1) && name_bias.beside(1) < name_bias.beside(5),
            "{name_bias:?}"
        );
        assert_eq!(name_bias, NameBias::measured(semantic.view(), &embeddings, &frame, [1, 5], 7));
    }

    #[test]
    fn the_balance_lies_where_both_are_right() {
        let above = [0.1, 0.2, 0.3, f32::INFINITY].map(Limit::Above);
        let below = [0.15, 0.4, 0.5, f32::NEG_INFINITY].map(Limit::Below);
        let limits: Vec<Limit> = above.into_iter().chain(below).collect();
        // Two of four each between 0.2 and 0.3.
        assert!((0.199..=0.301).contains(&balance(&limits)), "{}", balance(&limits));
    }
}
