//! Accuracy over many episodes, with its 95 % interval.

use ndarray::{Array2, ArrayView2, Axis, concatenate, stack};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compare::{ClassKnowledge, Conditions, LabelNoise, Unlabeled, compare};
use super::completer::Completer;
use super::episode::{Episode, EpisodeError, EpisodeSpec, Sampler};
use super::fusion::{Fusion, Setting};
use super::gallery::{GeneralizedZeroShot, generalized_zero_shot};
use super::{metric, prototype};
use models::dataset::Split;
use models::fault::{Blame, Fault};

/// How an evaluation is made: two programs with the same protocol and images draw the same episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// The classes to draw from.
    pub split: Split,
    /// Ways, shots and queries of an episode.
    pub spec: EpisodeSpec,
    /// How many episodes, at least 2.
    pub episodes: u64,
    /// Their seed.
    pub seed: u64,
}

impl Protocol {
    /// Checks that the split's classes suffice, each a name and a number of images, before any is embedded.
    ///
    /// # Errors
    /// Fewer than 2 episodes; what the split lacks.
    pub fn check<'a>(
        &self,
        classes: impl IntoIterator<Item = (&'a str, usize)>,
    ) -> Result<(), EvaluateError> {
        check_episodes(self.episodes)?;
        let unfit = |reason| EvaluateError::Split { split: self.split, reason };
        self.spec.check(classes).map_err(unfit)
    }

    /// The accuracy on the split's embeddings; see [`evaluate`].
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn report(&self, embeddings: &[Array2<f32>]) -> Result<Report, EvaluateError> {
        let outcome = evaluate(embeddings, self.spec, self.episodes, self.seed)?;
        Ok(self.of(vec![outcome]))
    }

    /// The accuracy of every policy on the split's embeddings; see [`compare`].
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn compare(
        &self,
        embeddings: &[Array2<f32>],
        known: &ClassKnowledge,
        completer: &dyn Completer,
        conditions: Conditions,
    ) -> Result<Report, EvaluateError> {
        let Self { spec, episodes, seed, .. } = *self;
        let results = compare(embeddings, known, completer, spec, conditions, episodes, seed)?;
        let Conditions { names, unlabeled } = conditions;
        let names = (names != LabelNoise::None).then_some(names);
        Ok(Report { names, unlabeled, ..self.of(results) })
    }

    /// The recall of classes with and without images; see [`generalized_zero_shot`].
    ///
    /// # Errors
    /// Those of [`generalized_zero_shot`].
    pub fn generalized_zero_shot(
        &self,
        embeddings: &[Array2<f32>],
        known: &ClassKnowledge,
        name_only: usize,
    ) -> Result<GeneralizedZeroShot, EvaluateError> {
        generalized_zero_shot(embeddings, known, self.spec, name_only, self.episodes, self.seed)
    }

    fn of(&self, results: Vec<Outcome>) -> Report {
        let Self { split, spec, episodes, seed } = *self;
        let EpisodeSpec { n_way, k_shot, n_query } = spec;
        Report {
            n_way,
            k_shot,
            n_query,
            episodes,
            seed,
            split,
            names: None,
            completer: None,
            unlabeled: None,
            generalized_zero_shot: None,
            results,
        }
    }
}

/// An evaluation: the protocol and a figure for each way of making prototypes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Classes of an episode.
    pub n_way: usize,
    /// Labeled images of each class.
    pub k_shot: usize,
    /// Images of each class to be recognized.
    pub n_query: usize,
    /// Number of episodes.
    pub episodes: u64,
    /// Seed of the episodes.
    pub seed: u64,
    /// The classes they were drawn from.
    pub split: Split,
    /// How names were made wrong, where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<LabelNoise>,
    /// What completed prototypes, where it was not knowledge alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completer: Option<String>,
    /// What a transductive policy saw, where it was not just the queries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlabeled: Option<Unlabeled>,
    /// How classes without images fared among others, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalized_zero_shot: Option<GeneralizedZeroShot>,
    /// One figure for each way of making prototypes, all on the same episodes.
    pub results: Vec<Outcome>,
}

impl Report {
    /// The figures as a Markdown table, in percent.
    pub fn to_markdown(&self) -> String {
        let Self { n_way, k_shot, n_query, episodes, seed, split, .. } = self;
        let names = self.names.map_or(String::new(), |names| format!(", names {names}"));
        let completer =
            self.completer.as_ref().map_or(String::new(), |what| format!(", completer {what}"));
        let unlabeled = self.unlabeled.map_or(String::new(), |kind| {
            let Unlabeled { per_class, distractors, unbalanced } = kind;
            let unbalanced = if unbalanced { ", unbalanced" } else { "" };
            format!(", unlabeled {per_class} and {distractors} distractors a class{unbalanced}")
        });
        let mut table = format!(
            "{n_way}-way {k_shot}-shot, {n_query} queries, {episodes} episodes, seed {seed}, {split}{names}{completer}{unlabeled}\n\n\
             | fusion         | setting      | accuracy      | against mean  |\n\
             |----------------|--------------|---------------|---------------|\n"
        );
        let percent = |value: f64, ci95: f64| format!("{:.2} ± {:.2}", 100.0 * value, 100.0 * ci95);
        for outcome in &self.results {
            let accuracy = percent(outcome.accuracy, outcome.ci95);
            let gain =
                |gain: Gain| format!("{:+.2} ± {:.2}", 100.0 * gain.accuracy, 100.0 * gain.ci95);
            let gain = outcome.gain.map_or(String::new(), gain);
            let (fusion, setting) = (outcome.fusion, outcome.setting);
            table += &format!("| {fusion:<14} | {setting:<12} | {accuracy:<13} | {gain:<13} |\n");
        }
        if let Some(GeneralizedZeroShot { name_only, named, with_images }) =
            self.generalized_zero_shot
        {
            let (named, with_images) =
                (percent(named.recall, named.ci95), percent(with_images.recall, with_images.ci95));
            table += &format!(
                "\n{name_only} of {n_way} classes by name only, trusted: recall {named} of those, {with_images} of the others\n"
            );
        }
        table
    }
}

/// One figure of a [`Report`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// How prototypes were made.
    pub fusion: Fusion,
    /// What the classifier saw.
    pub setting: Setting,
    /// Mean over episodes of the share of right queries, 0..=1.
    pub accuracy: f64,
    /// Half width of the 95 % interval of `accuracy`: `1.96 * std / sqrt(episodes)`, `std` with `episodes - 1`.
    pub ci95: f64,
    /// How much more accurate than mean prototypes on the same episodes, and the half width of that difference's own
    /// interval; absent for the mean itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
}

/// A paired difference to mean prototypes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gain {
    /// Mean over episodes of the difference of the shares of right queries, -1..=1.
    pub accuracy: f64,
    /// Half width of its 95 % interval.
    pub ci95: f64,
}

/// Why an evaluation cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Foreign images are wanted, and all classes are in the episode.
    #[error(
        "foreign images come from classes outside of an episode, but all {n_way} classes are in it"
    )]
    NoDistractors {
        /// Classes of an episode.
        n_way: usize,
    },
    /// More unlabeled images than there are queries.
    #[error("{got} unlabeled images of a class: expected at most its {n_query} queries")]
    Unlabeled {
        /// As asked for.
        got: usize,
        /// Queries of a class.
        n_query: usize,
    },
    /// Classes by name only that leave none of one kind.
    #[error("{got} of {n_way} classes by name only: expected 1 to {}", n_way - 1)]
    NameOnly {
        /// As asked for.
        got: usize,
        /// Classes of an episode.
        n_way: usize,
    },
    /// No episode can be drawn.
    #[error(transparent)]
    Episode(#[from] EpisodeError),
    /// The split cannot serve the protocol.
    #[error("the {split} split does not fit the protocol: {reason}")]
    Split {
        /// The split.
        split: Split,
        /// What is missing.
        reason: EpisodeError,
    },
    /// An interval needs two episodes.
    #[error("an evaluation needs at least 2 episodes, got {got}")]
    TooFewEpisodes {
        /// Episodes asked for.
        got: u64,
    },
    /// Classes have embeddings of different sizes.
    #[error(
        "embeddings of class number {class} have {got} values, those of the first class {expected}"
    )]
    Size {
        /// Position of the class, from 0.
        class: usize,
        /// Values of an embedding of the first class.
        expected: usize,
        /// Values of an embedding of this class.
        got: usize,
    },
    /// An embedding is infinite or not a number.
    #[error("embedding {image} of class number {class} holds a value that is not finite")]
    NotFinite {
        /// Position of the class, from 0.
        class: usize,
        /// Position of the image within its class, from 0.
        image: usize,
    },
}

impl Fault for EvaluateError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// Accuracy of mean prototypes and cosine over `episodes` episodes with indices `0..episodes`.
///
/// `embeddings[c]` is `[images, s]`, raw, for class `c` (classes sorted by name, images by path: then every
/// program that has the same images draws the same episodes). A tie goes to the class drawn first. The answer is
/// the same for any number of threads.
///
/// # Errors
/// Classes too few or too small, embeddings that differ in size or are not finite, fewer than 2 episodes.
pub fn evaluate(
    embeddings: &[Array2<f32>],
    spec: EpisodeSpec,
    episodes: u64,
    seed: u64,
) -> Result<Outcome, EvaluateError> {
    check(embeddings, episodes)?;
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed)?;
    let right: Vec<usize> = (0..episodes)
        .into_par_iter()
        .map(|index| n_right(embeddings, &sampler.episode(index)))
        .collect();
    let n_queries = (spec.n_way * spec.n_query) as f64;
    let shares: Vec<f64> = right.iter().map(|&right| right as f64 / n_queries).collect();
    let (accuracy, ci95) = mean_and_ci95(&shares);
    Ok(Outcome { fusion: Fusion::Mean, setting: Setting::Inductive, accuracy, ci95, gain: None })
}

pub(super) fn check(embeddings: &[Array2<f32>], episodes: u64) -> Result<(), EvaluateError> {
    check_episodes(episodes)?;
    let expected = embeddings.first().map_or(0, Array2::ncols);
    for (class, rows) in embeddings.iter().enumerate() {
        if rows.ncols() != expected {
            return Err(EvaluateError::Size { class, expected, got: rows.ncols() });
        }
        let broken = rows.axis_iter(Axis(0)).position(|row| row.iter().any(|x| !x.is_finite()));
        if let Some(image) = broken {
            return Err(EvaluateError::NotFinite { class, image });
        }
    }
    Ok(())
}

fn check_episodes(episodes: u64) -> Result<(), EvaluateError> {
    if episodes < 2 {
        return Err(EvaluateError::TooFewEpisodes { got: episodes });
    }
    Ok(())
}

/// Number of queries of an episode that are nearest to their own class's mean prototype.
fn n_right(embeddings: &[Array2<f32>], episode: &Episode) -> usize {
    let chosen = EpisodeData::of(embeddings, episode);
    n_nearest(chosen.query.view(), chosen.means().view())
}

/// The embeddings that an episode takes.
pub(super) struct EpisodeData {
    /// Of each class `[k_shot, s]`.
    pub(super) support: Vec<Array2<f32>>,
    /// Of all classes, one after the other, `[n_way * n_query, s]`.
    pub(super) query: Array2<f32>,
}

impl EpisodeData {
    pub(super) fn of(embeddings: &[Array2<f32>], episode: &Episode) -> Self {
        let select = |images: &[Vec<usize>]| -> Vec<Array2<f32>> {
            let ways = episode.classes.iter().zip(images);
            ways.map(|(&class, images)| embeddings[class].select(Axis(0), images)).collect()
        };
        Self { support: select(&episode.support), query: joined(&select(&episode.query)) }
    }

    /// The mean prototypes, `[n_way, s]`.
    pub(super) fn means(&self) -> Array2<f32> {
        let means: Vec<_> = self.support.iter().map(|rows| prototype::mean(rows.view())).collect();
        let means: Vec<_> = means.iter().map(|mean| mean.view()).collect();
        stack(Axis(0), &means).expect("invariant: embeddings have one size")
    }
}

/// All rows of all parts, `[n, s]`.
pub(super) fn joined(parts: &[Array2<f32>]) -> Array2<f32> {
    let views: Vec<_> = parts.iter().map(|rows| rows.view()).collect();
    concatenate(Axis(0), &views).expect("invariant: embeddings have one size")
}

/// Number of queries that are nearest to their own class's prototype; the classes have equally many, one after the
/// other.
pub(super) fn n_nearest(query: ArrayView2<'_, f32>, prototypes: ArrayView2<'_, f32>) -> usize {
    let similarity = metric::cosine(query, prototypes);
    let n_query = query.nrows() / prototypes.nrows();
    let rows = similarity.axis_iter(Axis(0)).enumerate();
    rows.filter(|(q, row)| first_greatest(row.iter()) == q / n_query).count()
}

/// Position of the greatest value, the first one of equals.
pub(super) fn first_greatest<'a>(values: impl Iterator<Item = &'a f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &value) in values.enumerate() {
        if value > best.1 {
            best = (i, value);
        }
    }
    best.0
}

/// The mean of values and the half width of its 95 % interval. Sums run in the episodes' order.
pub(super) fn mean_and_ci95(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, 1.96 * (squares / (n - 1.0)).sqrt() / n.sqrt())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    const SPEC: EpisodeSpec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 1 };

    #[test]
    fn the_interval_is_that_of_the_definition() {
        // Shares 1, 0.5, 0.5, 0: mean 0.5, variance 0.5 / 3.
        let (mean, ci95) = mean_and_ci95(&[1.0, 0.5, 0.5, 0.0]);
        assert!((mean - 0.5).abs() < 1e-12);
        assert!((ci95 - 1.96 * (0.5_f64 / 3.0).sqrt() / 2.0).abs() < 1e-12);
    }

    #[test]
    fn separate_classes_are_always_right_and_zeros_are_chance() {
        let apart = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
        assert_eq!(evaluate(&apart, SPEC, 50, 7).unwrap().accuracy, 1.0);
        let zeros = [Array2::zeros((2, 4)), Array2::zeros((2, 4))];
        let outcome = evaluate(&zeros, SPEC, 50, 7).unwrap();
        assert_eq!((outcome.accuracy, outcome.ci95), (0.5, 0.0));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let sizes = [Array2::zeros((2, 4)), Array2::zeros((2, 3))];
        assert_eq!(
            evaluate(&sizes, SPEC, 2, 0).unwrap_err(),
            EvaluateError::Size { class: 1, expected: 4, got: 3 }
        );
        let broken = [array![[1.0], [2.0]], array![[1.0], [f32::NAN]]];
        assert_eq!(
            evaluate(&broken, SPEC, 2, 0).unwrap_err(),
            EvaluateError::NotFinite { class: 1, image: 1 }
        );
        assert_eq!(
            evaluate(&sizes, SPEC, 1, 0).unwrap_err(),
            EvaluateError::TooFewEpisodes { got: 1 }
        );
    }

    const PROTOCOL: Protocol = Protocol { split: Split::Val, spec: SPEC, episodes: 50, seed: 7 };

    #[test]
    fn a_protocol_says_what_the_split_lacks() {
        PROTOCOL.check([("fig", 2), ("pear", 9)]).unwrap();
        let lacks = |classes: &[(&'static str, usize)]| {
            PROTOCOL.check(classes.iter().copied()).unwrap_err().to_string()
        };
        let text = lacks(&[("fig", 2), ("pear", 1)]);
        assert!(text.contains("the val split") && text.contains("class pear has 1 "), "{text}");
        assert!(lacks(&[]).contains("needs 2 classes (n_way) but there are 0"));
        let one = Protocol { episodes: 1, ..PROTOCOL };
        let error = one.check([("fig", 2), ("pear", 9)]).unwrap_err();
        assert_eq!(error, EvaluateError::TooFewEpisodes { got: 1 });
    }

    #[test]
    fn a_report_is_the_protocol_and_its_outcome() {
        let embeddings = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
        let report = PROTOCOL.report(&embeddings).unwrap();
        assert_eq!(report.results, [evaluate(&embeddings, SPEC, 50, 7).unwrap()]);
        assert_eq!((report.n_way, report.k_shot, report.n_query), (2, 1, 1));
        assert_eq!((report.split, report.episodes, report.seed), (Split::Val, 50, 7));
    }

    #[test]
    fn the_report_has_the_published_fields() {
        let outcome = Outcome {
            fusion: Fusion::Mean,
            setting: Setting::Inductive,
            accuracy: 0.5,
            ci95: 0.25,
            gain: None,
        };
        let report = Report {
            n_way: 5,
            k_shot: 1,
            n_query: 15,
            episodes: 2000,
            seed: 7,
            split: Split::Val,
            names: None,
            completer: None,
            unlabeled: None,
            generalized_zero_shot: None,
            results: vec![outcome],
        };
        let json = serde_json::to_string(&report).unwrap();
        let expected = concat!(
            r#"{"n_way":5,"k_shot":1,"n_query":15,"episodes":2000,"seed":7,"split":"val","#,
            r#""results":[{"fusion":"mean","setting":"inductive","accuracy":0.5,"ci95":0.25}]}"#
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}
