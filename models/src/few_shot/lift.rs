//! What makes classes that are known by name only a match for those with pictures.
//!
//! All pictures are farther from the prototype of a name than from that of pictures, so that classes without pictures
//! would hardly ever be the answer. How much farther depends on the backbone: it is measured on base classes.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::episode::{EpisodeSpec, Sampler};
use super::evaluate::Chosen;
use super::gallery::Prototypes;
use super::space::Space;

/// Episodes that a lift is measured on: 5-way, two classes of which have no picture.
const EPISODES: u64 = 400;
const N_WAY: usize = 5;
const NAME_ONLY: usize = 2;
const N_QUERY: usize = 10;

/// Pictures of base classes are nearer to each other than those of new classes, where a backbone was trained on them: a
/// measured lift is too large for new ones. Chosen on validation classes (CIFAR-FS, Caltech) among 0.6 to 1 in tenths:
/// recalls of both kinds of classes then differ by 5 points beside five pictures.
const SHRUNK: f32 = 0.75;

/// Halvings of the interval that holds a lift.
const HALVINGS: usize = 20;

/// What is added to the cosine of a class without pictures, by the usual number of pictures of the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lifts(BTreeMap<usize, f32>);

impl Lifts {
    /// The lifts beside so many pictures, as base classes need them. Numbers for which there are too few classes or pictures
    /// are left out.
    ///
    /// # Shapes
    /// Row `c` of `semantic` `[K, s]` is what knowledge says of the class of `embeddings[c]` `[pictures, s]`, without
    /// having learned from it; both are raw. The answer is a function of `seed`.
    pub fn measured(
        semantic: ArrayView2<'_, f32>,
        embeddings: &[Array2<f32>],
        space: &Space,
        k_shots: impl IntoIterator<Item = usize>,
        seed: u64,
    ) -> Self {
        let of = |k_shot| Some((k_shot, measured(semantic, embeddings, space, k_shot, seed)?));
        k_shots.into_iter().filter_map(of).collect()
    }

    /// The lift where the others have so many pictures: as measured at the largest number that is not above it, or else at
    /// the smallest; 0 where nothing was measured, or they have none.
    pub fn beside(&self, pictures: usize) -> f32 {
        let below = self.0.range(..=pictures).next_back();
        let lift = below.or_else(|| self.0.first_key_value()).map_or(0.0, |(_, lift)| *lift);
        if pictures == 0 { 0.0 } else { lift }
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Numbers of pictures and their lifts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        self.0.iter().map(|(&k_shot, &lift)| (k_shot, lift))
    }
}

impl FromIterator<(usize, f32)> for Lifts {
    fn from_iter<I: IntoIterator<Item = (usize, f32)>>(lifts: I) -> Self {
        Self(lifts.into_iter().collect())
    }
}

impl<const N: usize> From<[(usize, f32); N]> for Lifts {
    fn from(lifts: [(usize, f32); N]) -> Self {
        Self(lifts.into())
    }
}

fn measured(
    semantic: ArrayView2<'_, f32>,
    embeddings: &[Array2<f32>],
    space: &Space,
    k_shot: usize,
    seed: u64,
) -> Option<f32> {
    let spec = EpisodeSpec { n_way: N_WAY, k_shot, n_query: N_QUERY };
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed).ok()?;
    let limits: Vec<Limit> = (0..EPISODES)
        .into_par_iter()
        .flat_map_iter(|index| {
            let episode = sampler.episode(index);
            let chosen = Chosen::of(embeddings, &episode);
            let semantic = semantic.select(Axis(0), &episode.classes);
            let pictures = (0..N_WAY).map(|way| if way < NAME_ONLY { 0 } else { k_shot });
            let prototypes = Prototypes::trusted(
                chosen.means(),
                pictures.collect(),
                semantic.view(),
                space,
                &Lifts::default(),
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
    /// Of a class without pictures: any above this.
    Above(f32),
    /// Of a class with pictures: any below this.
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
        let (named, pictured) = (best(0..NAME_ONLY), best(NAME_ONLY..scores.len()));
        let own = scores[way];
        match way < NAME_ONLY {
            true if own < named => Self::Above(f32::INFINITY),
            true => Self::Above(pictured - own),
            false if own < pictured => Self::Below(f32::NEG_INFINITY),
            false => Self::Below(own - named),
        }
    }
}

/// The lift at which as many of one kind as of the other are recognized.
fn balance(limits: &[Limit]) -> f32 {
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for limit in limits {
        match *limit {
            Limit::Above(lift) => above.push(lift),
            Limit::Below(lift) => below.push(lift),
        }
    }
    let share = |right: usize, all: &[f32]| right as f64 / all.len().max(1) as f64;
    let (mut low, mut high) = (-1.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        let named = share(above.iter().filter(|&&lift| lift < middle).count(), &above);
        let pictured = share(below.iter().filter(|&&lift| lift > middle).count(), &below);
        if named < pictured { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::below;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn a_lift_is_that_of_the_nearest_number_below() {
        let lifts = Lifts::from([(2, 0.1), (5, 0.2)]);
        assert_eq!([0, 1, 2, 4, 5, 99].map(|n| lifts.beside(n)), [0.0, 0.1, 0.1, 0.1, 0.2, 0.2]);
        assert_eq!(Lifts::default().beside(5), 0.0);
    }

    /// Knowledge is vague, pictures are near to each other: without a lift names would lose.
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
        let space = Space::new(ndarray::Array1::from_elem(16, 2.0), 2.0);
        let lifts = Lifts::measured(semantic.view(), &embeddings, &space, [1, 5, 30], 7);
        let shots: Vec<usize> = lifts.iter().map(|(k_shot, _)| k_shot).collect();
        assert_eq!(shots, [1, 5], "no class has 30 pictures and ten more");
        assert!(0.0 < lifts.beside(1) && lifts.beside(1) < lifts.beside(5), "{lifts:?}");
        assert_eq!(lifts, Lifts::measured(semantic.view(), &embeddings, &space, [1, 5], 7));
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
