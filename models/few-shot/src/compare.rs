//! Every fusion policy on the same episodes, so that their differences are not those of the draw.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::completer::{Completer, Support};
use super::embedding_frame::EmbeddingFrame;
use super::episode::{Episode, EpisodeSpec, Sampler};
use super::evaluate::{
    EpisodeData, EvaluateError, Gain, Outcome, check, joined, mean_and_ci95, n_nearest,
};
use super::fusion::{self, ErrorVariances, Fusion};
use super::name_bias::NameBias;
use models::random::below;

/// Mixed into the seed of what is drawn beside the episode.
const DISTRACTORS: u64 = 0x666f_7265_6967_6e00;

/// What the policies need of the classes besides their images.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassKnowledge {
    /// In which names are held against images.
    pub frame: EmbeddingFrame,
    /// Each class by knowledge alone, raw, `[classes, s]`; the space's center where nothing is known.
    pub semantic: Array2<f32>,
    /// What mean and semantic prototypes are off by on base classes, for this `k_shot`; without it there is no
    /// [`Fusion::ErrorVariance`].
    pub errors: Option<ErrorVariances>,
    /// What classes without images are lifted by, beside others with some.
    pub name_bias: NameBias,
}

impl ClassKnowledge {
    /// Knowledge prototypes `[n, s]` to mix with means `[n, s]`: where nothing is known, the mean.
    fn beside(&self, mean: ArrayView2<'_, f32>, mut semantic: Array2<f32>) -> Array2<f32> {
        for (mut row, mean) in semantic.rows_mut().into_iter().zip(mean.rows()) {
            if row == self.frame.center() {
                row.assign(&mean);
            }
        }
        semantic
    }
}

/// The mean moved towards knowledge by its [share](Space::share).
impl Completer for ClassKnowledge {
    fn complete(&self, support: Support<'_>, names: &[usize]) -> Array2<f32> {
        let mean = support.mean;
        let beside = self.beside(mean, self.semantic.select(Axis(0), names));
        let weights = Array1::from_elem(mean.nrows(), self.frame.share(support.k_shot()));
        fusion::interpolated(mean, beside.view(), weights.view())
    }
}

/// Under what conditions policies are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Which names classes bear.
    pub names: LabelNoise,
    /// What a transductive policy sees besides the support; the queries unless something else is said.
    pub unlabeled: Option<Unlabeled>,
}

impl Conditions {
    /// Right names, and the queries as unlabeled images.
    pub const PLAIN: Self = Self { names: LabelNoise::None, unlabeled: None };

    fn check(self, spec: EpisodeSpec, classes: usize) -> Result<(), EvaluateError> {
        let EpisodeSpec { n_way, n_query, .. } = spec;
        match self.unlabeled {
            Some(Unlabeled { distractors, .. }) if distractors > 0 && classes <= n_way => {
                Err(EvaluateError::NoDistractors { n_way })
            }
            Some(Unlabeled { per_class: got, .. }) if got > n_query => {
                Err(EvaluateError::Unlabeled { got, n_query })
            }
            _ => Ok(()),
        }
    }
}

/// The unlabeled images of an episode, where they are not just its queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlabeled {
    /// Of each class of the episode, so many of its queries; at most all. Without any there is no transductive figure.
    pub per_class: usize,
    /// Images of classes outside the episode, for each class in it.
    pub distractors: usize,
    /// Whether the first class has them all, the last almost none, and those between a number between.
    pub unbalanced: bool,
}

impl Unlabeled {
    /// How many the class at `way` of `n_way` has.
    fn of_way(self, way: usize, n_way: usize) -> usize {
        match self.unbalanced {
            true => (self.per_class * (n_way - way)).div_ceil(n_way),
            false => self.per_class,
        }
    }
}

/// Which name each class of an episode bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelNoise {
    /// Its own.
    None,
    /// That of another class of the episode, all of them.
    Wrong,
    /// That of one class, all of them.
    Equal,
    /// One of them that of a class outside of the episode.
    OneWrong,
    /// Two of them each other's.
    Swapped,
}

impl LabelNoise {
    /// Every way.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Wrong, Self::Equal, Self::OneWrong, Self::Swapped];

    /// The classes whose names the classes of an episode bear; a function of `seed` and `index`.
    pub(super) fn of(
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
        let first = below(&mut rng, n);
        match self {
            Self::None => {}
            // Rotation leaves none in its place, and the classes' order is random already.
            Self::Wrong => names.rotate_left(1),
            Self::Equal => names.fill(episode.classes[first]),
            Self::Swapped => names.swap(first, (first + 1) % n),
            Self::OneWrong => {
                let outside: Vec<usize> =
                    (0..n_classes).filter(|class| !episode.classes.contains(class)).collect();
                // Without a class outside it is the next one's: never its own.
                names[first] = match outside.is_empty() {
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

/// A word that says nothing of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not a label noise; expected none, wrong, equal, one-wrong or swapped")]
pub struct LabelNoiseError {
    /// The word.
    pub got: String,
}

impl FromStr for LabelNoise {
    type Err = LabelNoiseError;

    fn from_str(text: &str) -> Result<Self, LabelNoiseError> {
        let known = Self::ALL.into_iter().find(|names| names.to_string() == text);
        known.ok_or_else(|| LabelNoiseError { got: text.to_owned() })
    }
}

/// The accuracy of every policy over `episodes` episodes, the mean first; each of the others with its paired difference
/// to it.
///
/// Episodes are those of [`evaluate`](super::evaluate::evaluate), and so is the figure of the mean. The answer is the
/// same for any number of threads. Completed prototypes are `completer`'s; [`ClassKnowledge`] is one, that of knowledge alone.
///
/// # Errors
/// Those of `evaluate`.
pub fn compare(
    embeddings: &[Array2<f32>],
    known: &ClassKnowledge,
    completer: &dyn Completer,
    spec: EpisodeSpec,
    conditions: Conditions,
    episodes: u64,
    seed: u64,
) -> Result<Vec<Outcome>, EvaluateError> {
    check(embeddings, episodes)?;
    conditions.check(spec, embeddings.len())?;
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed)?;
    let shares: Vec<Vec<f64>> = (0..episodes)
        .into_par_iter()
        .map(|index| {
            let episode = sampler.episode(index);
            let names = conditions.names.of(&episode, embeddings.len(), seed, index);
            let semantic = known.semantic.select(Axis(0), &names);
            let chosen = EpisodeData::of(embeddings, &episode);
            let unlabeled = match conditions.unlabeled {
                None => chosen.query.clone(),
                Some(kind) => unlabeled(kind, embeddings, &episode, &chosen.query, seed, index),
            };
            let means = chosen.means();
            let support = Support { images: &chosen.support, mean: means.view() };
            let completed = completer.complete(support, &names);
            let problem = Problem::new(&chosen, means, completed, unlabeled, semantic, known);
            let of = |fusion| Some(problem.n_right(problem.prototypes(fusion)?.view()));
            let n_queries = problem.query.nrows() as f64;
            Fusion::ALL.into_iter().filter_map(of).map(|n| n as f64 / n_queries).collect()
        })
        .collect();
    let without_unlabeled =
        conditions.unlabeled.is_some_and(|kind| kind.per_class + kind.distractors == 0);
    let skips = |fusion: &Fusion| match fusion {
        Fusion::ErrorVariance => known.errors.is_none(),
        Fusion::Gaussian | Fusion::SoftKMeans => without_unlabeled,
        _ => false,
    };
    let policies = Fusion::ALL.into_iter().filter(|fusion| !skips(fusion)).enumerate();
    Ok(policies.map(|(column, fusion)| outcome(fusion, column, &shares)).collect())
}

/// The unlabeled images of an episode, `[u, s]`; a function of `seed` and `index`.
fn unlabeled(
    kind: Unlabeled,
    embeddings: &[Array2<f32>],
    episode: &Episode,
    query: &Array2<f32>,
    seed: u64,
    index: u64,
) -> Array2<f32> {
    let n_way = episode.classes.len();
    let n_query = query.nrows() / n_way;
    let own = (0..n_way).flat_map(|way| {
        let count = kind.of_way(way, n_way);
        way * n_query..way * n_query + count
    });
    let own = query.select(Axis(0), &own.collect::<Vec<_>>());
    let outside: Vec<usize> =
        (0..embeddings.len()).filter(|class| !episode.classes.contains(class)).collect();
    // Neither the streams of episodes nor those of names.
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ DISTRACTORS);
    rng.set_stream(index);
    let distractors: Vec<usize> =
        (0..n_way * kind.distractors).map(|_| outside[below(&mut rng, outside.len())]).collect();
    let mut rows = vec![own];
    for class in distractors {
        let image = below(&mut rng, embeddings[class].nrows());
        rows.push(embeddings[class].select(Axis(0), &[image]));
    }
    joined(&rows)
}

/// The figure of one column of `shares[episode]`; the mean's is column 0.
fn outcome(fusion: Fusion, column: usize, shares: &[Vec<f64>]) -> Outcome {
    let own: Vec<f64> = shares.iter().map(|shares| shares[column]).collect();
    let (accuracy, ci95) = mean_and_ci95(&own);
    let gains: Vec<f64> = shares.iter().map(|shares| shares[column] - shares[0]).collect();
    let gain = (column > 0).then(|| {
        let (accuracy, ci95) = mean_and_ci95(&gains);
        Gain { accuracy, ci95 }
    });
    Outcome { fusion, setting: fusion.setting(), accuracy, ci95, gain }
}

/// One episode.
struct Problem<'a> {
    known: &'a ClassKnowledge,
    /// Mean prototypes, `[n_way, s]`.
    mean: Array2<f32>,
    /// Completed prototypes, `[n_way, s]`.
    completed: Array2<f32>,
    /// Knowledge prototypes, `[n_way, s]`.
    semantic: Array2<f32>,
    /// The same to mix with means: where nothing is known, the mean.
    beside: Array2<f32>,
    support: Array2<f32>,
    labels: Vec<usize>,
    query: Array2<f32>,
    unlabeled: Array2<f32>,
    k_shot: usize,
}

impl<'a> Problem<'a> {
    fn new(
        chosen: &EpisodeData,
        mean: Array2<f32>,
        completed: Array2<f32>,
        unlabeled: Array2<f32>,
        semantic: Array2<f32>,
        known: &'a ClassKnowledge,
    ) -> Self {
        let k_shot = chosen.support.first().map_or(0, Array2::nrows);
        Self {
            known,
            beside: known.beside(mean.view(), semantic.clone()),
            mean,
            completed,
            semantic,
            support: joined(&chosen.support),
            labels: (0..chosen.support.len()).flat_map(|way| vec![way; k_shot]).collect(),
            query: chosen.query.clone(),
            unlabeled,
            k_shot,
        }
    }

    /// The prototypes of a policy, `[n_way, s]`; none where what it needs is not known.
    fn prototypes(&self, policy: Fusion) -> Option<Array2<f32>> {
        let (mean, semantic) = (self.mean.view(), self.semantic.view());
        Some(match policy {
            Fusion::Mean => self.mean.clone(),
            Fusion::Completed => self.completed.clone(),
            Fusion::Average => (&self.mean + &self.completed) * 0.5,
            Fusion::Semantic => self.semantic.clone(),
            Fusion::ErrorVariance => {
                let weight = self.known.errors.as_ref()?.weight_of_mean();
                fusion::weighted(mean, self.beside.view(), weight.view())
            }
            Fusion::Trusted => fusion::trusted(mean, semantic, self.k_shot, &self.known.frame),
            Fusion::Gaussian | Fusion::SoftKMeans if self.unlabeled.is_empty() => return None,
            Fusion::Gaussian => {
                let completed = self.completed.view();
                let (support, unlabeled) = (self.support.view(), self.unlabeled.view());
                fusion::gaussian(mean, completed, support, &self.labels, unlabeled)
            }
            Fusion::SoftKMeans => {
                let trusted = self.prototypes(Fusion::Trusted)?;
                let images = vec![self.labels.len() / trusted.nrows(); trusted.nrows()];
                fusion::soft_k_means(trusted.view(), &images, self.unlabeled.view())
            }
        })
    }

    fn n_right(&self, prototypes: ArrayView2<'_, f32>) -> usize {
        n_nearest(self.query.view(), prototypes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn episode() -> Episode {
        Episode { classes: vec![4, 1, 3], support: Vec::new(), query: Vec::new() }
    }

    #[test]
    fn names_are_wrong_as_they_say() {
        for index in 0..20 {
            let of = |names: LabelNoise| names.of(&episode(), 6, 7, index);
            let n_own =
                |names: &[usize]| names.iter().zip([4, 1, 3]).filter(|(a, b)| *a == b).count();
            assert_eq!(of(LabelNoise::None), [4, 1, 3]);
            assert_eq!(n_own(&of(LabelNoise::Wrong)), 0);
            assert_eq!((n_own(&of(LabelNoise::Equal)), n_own(&of(LabelNoise::Swapped))), (1, 1));
            let one_wrong = of(LabelNoise::OneWrong);
            assert_eq!(n_own(&one_wrong), 2);
            assert!(one_wrong.iter().all(|name| [0, 2, 5, 4, 1, 3].contains(name)));
            assert_eq!(of(LabelNoise::OneWrong), one_wrong, "a function of seed and index");
        }
        let alone = LabelNoise::OneWrong.of(&Episode { classes: vec![1, 0], ..episode() }, 2, 7, 0);
        assert_eq!(alone[0], alone[1], "the other's name where there is no third");
        for names in LabelNoise::ALL {
            assert_eq!(names.to_string().parse(), Ok(names));
        }
        assert!("odd".parse::<LabelNoise>().unwrap_err().to_string().contains("one-wrong"));
    }
}
