//! Galleries of which some classes have pictures and others only a name.
//!
//! All pictures are farther from the prototype of a name than from that of pictures, so that classes without pictures would
//! hardly ever be the answer. [`lift`] makes up for it.

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compare::Known;
use super::episode::{EpisodeSpec, Sampler};
use super::evaluate::{Chosen, EvaluateError, check, mean_and_ci95};
use super::space::Space;
use super::{fusion, metric};

/// The lift beside infinitely many pictures in a space without a center. Chosen on CIFAR-FS's validation classes: with two
/// of five classes by name only and five pictures of the others it takes recall from 58 and 83 % to about 73 % each.
const FULL_LIFT: f32 = 0.14;

/// What is added to the cosine of a class of which only the name is known, where the others usually have `usual` pictures.
pub fn lift(usual: usize, space: &Space) -> f32 {
    if usual == 0 { 0.0 } else { FULL_LIFT * space.spread() * (1.0 - fusion::share(usual)) }
}

/// How often queries of both kinds of classes are recognized by [`fusion::Fusion::Trusted`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixed {
    /// Classes of an episode that have no picture; the others have `k_shot`.
    pub name_only: usize,
    /// Of queries of classes without pictures.
    pub named: Recall,
    /// Of queries of classes with pictures.
    pub pictured: Recall,
}

/// A share of queries that are recognized.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Mean over episodes, 0..=1.
    pub recall: f64,
    /// Half width of its 95 % interval.
    pub ci95: f64,
}

impl Recall {
    fn of(shares: &[f64]) -> Self {
        let (recall, ci95) = mean_and_ci95(shares);
        Self { recall, ci95 }
    }
}

/// Recall over `episodes` episodes whose first `name_only` classes are known by their names alone. Episodes are those of
/// [`evaluate`](super::evaluate::evaluate).
///
/// # Errors
/// Those of `evaluate`; `name_only` that leaves no class of one kind.
pub fn mixed(
    embeddings: &[Array2<f32>],
    known: &Known,
    spec: EpisodeSpec,
    name_only: usize,
    episodes: u64,
    seed: u64,
) -> Result<Mixed, EvaluateError> {
    check(embeddings, episodes)?;
    if name_only == 0 || name_only >= spec.n_way {
        return Err(EvaluateError::NameOnly { got: name_only, n_way: spec.n_way });
    }
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed)?;
    let shares: Vec<(f64, f64)> = (0..episodes)
        .into_par_iter()
        .map(|index| {
            let episode = sampler.episode(index);
            let chosen = Chosen::of(embeddings, &episode);
            let semantic = known.semantic.select(Axis(0), &episode.classes);
            recalls(&chosen, &semantic, known, name_only, spec)
        })
        .collect();
    let (named, pictured): (Vec<f64>, Vec<f64>) = shares.into_iter().unzip();
    Ok(Mixed { name_only, named: Recall::of(&named), pictured: Recall::of(&pictured) })
}

/// The shares of right queries of classes without and with pictures.
fn recalls(
    chosen: &Chosen,
    semantic: &Array2<f32>,
    known: &Known,
    name_only: usize,
    spec: EpisodeSpec,
) -> (f64, f64) {
    let pictured: Vec<usize> = (name_only..spec.n_way).collect();
    let of = |all: &Array2<f32>| all.select(Axis(0), &pictured);
    let (means, beside) = (of(&chosen.means()), of(semantic));
    let share = fusion::share(spec.k_shot);
    let fused = fusion::trusted(means.view(), beside.view(), share, &known.space);
    let mut prototypes = semantic.clone();
    for (row, &way) in fused.rows().into_iter().zip(&pictured) {
        prototypes.row_mut(way).assign(&row);
    }
    let lift = lift(spec.k_shot, &known.space);
    let scores = metric::cosine(chosen.query.view(), prototypes.view());
    let best = |row: ndarray::ArrayView1<'_, f32>| {
        let lifted =
            row.iter().enumerate().map(|(way, x)| if way < name_only { x + lift } else { *x });
        let best = lifted.enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        best.map_or(0, |(way, _)| way)
    };
    let right: Vec<bool> = scores
        .rows()
        .into_iter()
        .enumerate()
        .map(|(query, row)| best(row) == query / spec.n_query)
        .collect();
    let share_of =
        |right: &[bool]| right.iter().filter(|&&right| right).count() as f64 / right.len() as f64;
    let (named, pictured) = right.split_at(name_only * spec.n_query);
    (share_of(named), share_of(pictured))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_lift_grows_with_the_pictures_of_the_others() {
        let space = Space::new(array![0.0, 1.0], 1.0);
        let lift = |usual| lift(usual, &space);
        assert_eq!(lift(0), 0.0);
        assert!(lift(1) < lift(5) && lift(5) < lift(50) && lift(50) < 0.5 * FULL_LIFT);
    }
}
