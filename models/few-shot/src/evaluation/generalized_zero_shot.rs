//! Generalized zero-shot recall: classes from their names only among classes with images.

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::class_prototypes::ClassPrototypes;
use crate::evaluation::accuracy::{Estimate, EvaluateError, answers, check};
use crate::evaluation::class_knowledge::ClassKnowledge;
use crate::evaluation::episode::{Episode, Episodes};
use crate::evaluation::episode_data::EpisodeData;

/// The recall of trusted prototypes for unseen and seen classes.
///
/// # Examples
/// ```
/// use few_shot::evaluation::generalized_zero_shot::{GeneralizedZeroShot, Recall};
///
/// let unseen = Recall { recall: 0.6, ci95: 0.01 };
/// let seen = Recall { recall: 0.7, ci95: 0.01 };
/// let report = GeneralizedZeroShot { name_only: 2, unseen, seen };
/// assert!(serde_json::to_string(&report)?.starts_with(r#"{"name_only":2,"unseen":"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneralizedZeroShot {
    /// Unseen classes of an episode: they have a name and no image. The others have `k_shot`
    /// images.
    pub name_only: usize,
    /// For queries of unseen classes.
    pub unseen: Recall,
    /// For queries of seen classes.
    pub seen: Recall,
}

/// The share of queries that are recognized.
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
        let estimate = Estimate::of(shares);
        Self { recall: estimate.mean, ci95: estimate.ci95 }
    }
}

/// The recall over the episodes of [`compare`](super::comparison::compare), in which the first
/// `name_only` classes have no image.
///
/// # Errors
/// Those of `compare`; a `name_only` that leaves no class with images, or none without.
pub fn evaluate(
    embeddings: &[Array2<f32>],
    knowledge: &ClassKnowledge,
    episodes: Episodes,
    name_only: usize,
) -> Result<GeneralizedZeroShot, EvaluateError> {
    check(embeddings, &episodes)?;
    let n_way = episodes.spec.n_way;
    if name_only == 0 || name_only >= n_way {
        return Err(EvaluateError::NameOnly { got: name_only, n_way });
    }
    let sampler = episodes.sampler(embeddings)?;
    let shares: Vec<Shares> = (0..episodes.count)
        .into_par_iter()
        .map(|index| Shares::of(embeddings, knowledge, &sampler.episode(index), name_only))
        .collect();
    let unseen: Vec<f64> = shares.iter().map(|shares| shares.unseen).collect();
    let seen: Vec<f64> = shares.iter().map(|shares| shares.seen).collect();
    Ok(GeneralizedZeroShot { name_only, unseen: Recall::of(&unseen), seen: Recall::of(&seen) })
}

/// The shares of right queries of an episode.
struct Shares {
    unseen: f64,
    seen: f64,
}

impl Shares {
    fn of(
        embeddings: &[Array2<f32>],
        knowledge: &ClassKnowledge,
        episode: &Episode,
        name_only: usize,
    ) -> Self {
        let data = EpisodeData::of(embeddings, episode);
        let n_way = episode.classes.len();
        let prototypes = ClassPrototypes::trusted(
            data.means(),
            // The classes of an episode are in random order, so the first ones are as good as any.
            (0..n_way).map(|way| if way < name_only { 0 } else { data.k_shot() }).collect(),
            knowledge.semantic.select(Axis(0), &episode.classes).view(),
            &knowledge.frame,
            &knowledge.name_bias,
        );
        let answers = answers(&prototypes.ranking_scores(data.query.view()));
        let n_query = answers.len() / n_way;
        let (unseen, seen) = answers.split_at(name_only * n_query);
        Self { unseen: share(unseen), seen: share(seen) }
    }
}

fn share(answers: &[bool]) -> f64 {
    answers.iter().filter(|&&right| right).count() as f64 / answers.len() as f64
}
