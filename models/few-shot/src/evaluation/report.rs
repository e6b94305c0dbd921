//! The protocol of an evaluation and its report, in the one form that every program writes.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::evaluation::accuracy::{EvaluateError, Outcome, check_count};
use crate::evaluation::class_knowledge::ClassKnowledge;
use crate::evaluation::comparison::compare;
use crate::evaluation::conditions::Conditions;
use crate::evaluation::episode::{EpisodeSpec, Episodes};
use crate::evaluation::generalized_zero_shot::{self, GeneralizedZeroShot};
use crate::evaluation::label_noise::LabelNoise;
use crate::evaluation::policies::Inputs;
use crate::evaluation::unknown::{self, UnknownImages, check_unknown};
use crate::evaluation::unlabeled::Unlabeled;
use crate::evaluation::{rejection_chart, tables};
use models::dataset::{Half, LeftOut, Split};

/// The protocol of an evaluation: two programs with the same protocol and images draw the same
/// episodes.
///
/// # Examples
/// ```
/// use few_shot::evaluation::episode::EpisodeSpec;
/// use few_shot::evaluation::report::Protocol;
/// use models::dataset::Split;
/// use ndarray::array;
///
/// let spec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 1 };
/// let protocol = Protocol { split: Split::Val, half: None, spec, episodes: 50, seed: 7 };
/// let embeddings = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
/// let report = protocol.report(&embeddings)?;
/// assert_eq!(report.results[0].accuracy, 1.0);
/// # Ok::<(), few_shot::evaluation::accuracy::EvaluateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// The classes to draw from.
    pub split: Split,
    /// Only these of them.
    pub half: Option<Half>,
    /// Ways, shots and queries of an episode.
    pub spec: EpisodeSpec,
    /// How many episodes, at least 2.
    pub episodes: u64,
    /// Their seed.
    pub seed: u64,
}

impl Protocol {
    /// The classes to draw from, of all classes of the split in the order of their names.
    pub fn classes<T>(&self, all: Vec<T>) -> Vec<T> {
        match self.half {
            Some(half) => half.of(all),
            None => all,
        }
    }

    /// Checks before any image is embedded that the [classes](Self::classes) suffice, each a name
    /// and a number of images.
    ///
    /// # Errors
    /// Fewer than 2 episodes; what the split lacks.
    pub fn check<'a>(
        &self,
        classes: impl IntoIterator<Item = (&'a str, usize)>,
    ) -> Result<(), EvaluateError> {
        check_count(self.episodes)?;
        let split = self.split;
        self.spec.check(classes).map_err(|reason| EvaluateError::Split { split, reason })
    }

    /// Checks before any image is embedded that there are `n_unknown` classes beside those of an
    /// episode, of `n_classes` to draw from.
    ///
    /// # Errors
    /// [`EvaluateError::UnknownClasses`].
    pub fn check_unknown(&self, n_unknown: usize, n_classes: usize) -> Result<(), EvaluateError> {
        let classes = match self.half {
            Some(half) => format!("the {half} of the {} split", self.split),
            None => format!("the {} split", self.split),
        };
        check_unknown(n_unknown, self.spec.n_way, &classes, n_classes)
    }

    /// The accuracy of mean prototypes on the embeddings of the classes, `[images, s]` of each
    /// class.
    ///
    /// # Errors
    /// Those of [`compare`].
    pub fn report(&self, embeddings: &[Array2<f32>]) -> Result<Report, EvaluateError> {
        self.compare(embeddings, Inputs::IMAGES_ONLY, Conditions::PLAIN)
    }

    /// The accuracy of every policy that `inputs` suffice for; see [`compare`].
    ///
    /// # Errors
    /// Those of [`compare`].
    pub fn compare(
        &self,
        embeddings: &[Array2<f32>],
        inputs: Inputs<'_>,
        conditions: Conditions,
    ) -> Result<Report, EvaluateError> {
        let policies = inputs.policies(conditions.has_unlabeled());
        let results = compare(embeddings, inputs, &policies, self.episodes(), conditions)?;
        Ok(self.report_of(results, conditions))
    }

    /// Adds what each policy of a report of [`compare`](Self::compare) rejects; see
    /// [`unknown::evaluate`].
    ///
    /// # Errors
    /// Those of [`unknown::evaluate`].
    pub fn with_unknown(
        &self,
        mut report: Report,
        embeddings: &[Array2<f32>],
        inputs: Inputs<'_>,
        conditions: Conditions,
        unknown: &UnknownImages,
    ) -> Result<Report, EvaluateError> {
        let policies: Vec<_> = report.results.iter().map(|outcome| outcome.fusion).collect();
        let episodes = self.episodes();
        let rejections =
            unknown::evaluate(embeddings, inputs, &policies, episodes, conditions, unknown)?;
        for (outcome, rejection) in report.results.iter_mut().zip(rejections) {
            outcome.unknown = Some(rejection.unknown);
            outcome.junk = rejection.junk;
        }
        Ok(Report { n_unknown: Some(unknown.n_unknown), ..report })
    }

    /// The recall of unseen and seen classes; see [`generalized_zero_shot::evaluate`].
    ///
    /// # Errors
    /// Those of [`generalized_zero_shot::evaluate`].
    pub fn generalized_zero_shot(
        &self,
        embeddings: &[Array2<f32>],
        knowledge: &ClassKnowledge,
        name_only: usize,
    ) -> Result<GeneralizedZeroShot, EvaluateError> {
        generalized_zero_shot::evaluate(embeddings, knowledge, self.episodes(), name_only)
    }

    fn episodes(&self) -> Episodes {
        Episodes { spec: self.spec, count: self.episodes, seed: self.seed }
    }

    fn report_of(&self, results: Vec<Outcome>, conditions: Conditions) -> Report {
        let Conditions { label_noise, unlabeled } = conditions;
        Report {
            n_way: self.spec.n_way,
            k_shot: self.spec.k_shot,
            n_query: self.spec.n_query,
            episodes: self.episodes,
            seed: self.seed,
            split: self.split,
            classes: self.half,
            n_unknown: None,
            label_noise: (label_noise != LabelNoise::None).then_some(label_noise),
            completer: None,
            unlabeled,
            generalized_zero_shot: None,
            left_out: Vec::new(),
            results,
        }
    }
}

/// An evaluation: its protocol, its conditions, the accuracy of each policy and what it rejects.
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
    /// Which of these classes, if it was not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Half>,
    /// Unknown classes of an episode, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_unknown: Option<usize>,
    /// How names were made wrong, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_noise: Option<LabelNoise>,
    /// What completed prototypes, if it was not the name regressor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completer: Option<String>,
    /// The unlabeled images of transductive policies, if they were not just the queries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlabeled: Option<Unlabeled>,
    /// The recall of unseen and seen classes, if it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalized_zero_shot: Option<GeneralizedZeroShot>,
    /// What the data set left out, if anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The accuracy of each policy, all on the same episodes.
    pub results: Vec<Outcome>,
}

impl Report {
    /// The report as Markdown tables, in percent.
    pub fn to_markdown(&self) -> String {
        let accuracy = tables::accuracy(&self.results);
        let mut text = format!("{}\n\n{accuracy}", self.heading());
        if let Some(recalls) = self.generalized_zero_shot {
            let GeneralizedZeroShot { name_only, unseen, seen } = recalls;
            let unseen = tables::percent(unseen.recall, unseen.ci95);
            let seen = tables::percent(seen.recall, seen.ci95);
            let n_way = self.n_way;
            text += &format!(
                "\n{name_only} of {n_way} classes by name only, trusted: recall {unseen} of those, \
                 {seen} of the others\n"
            );
        }
        text + &self.rejection_markdown()
    }

    /// What the report says about unknown images and junk as Markdown tables; nothing if it does
    /// not.
    pub fn rejection_markdown(&self) -> String {
        let tables = [tables::unknown(&self.results), tables::junk(&self.results)];
        tables.iter().filter(|table| !table.is_empty()).map(|table| format!("\n{table}")).collect()
    }

    /// ROC curves, and achieved against stated false-accept rates, as an SVG.
    pub fn rejection_svg(&self) -> String {
        rejection_chart::svg(&self.results)
    }

    /// The protocol and the conditions in one line.
    fn heading(&self) -> String {
        let Self { n_way, k_shot, n_query, episodes, seed, split, .. } = self;
        let mut line = format!(
            "{n_way}-way {k_shot}-shot, {n_query} queries, {episodes} episodes, seed {seed}, {split}"
        );
        if let Some(classes) = self.classes {
            line += &format!(", {classes} of the classes");
        }
        if let Some(n_unknown) = self.n_unknown {
            line += &format!(", {n_unknown} unknown classes");
        }
        if let Some(noise) = self.label_noise {
            line += &format!(", label noise {noise}");
        }
        if let Some(completer) = &self.completer {
            line += &format!(", completer {completer}");
        }
        if let Some(Unlabeled { per_class, distractors, unbalanced }) = self.unlabeled {
            let unbalanced = if unbalanced { ", unbalanced" } else { "" };
            line += &format!(
                ", unlabeled {per_class} and {distractors} distractors a class{unbalanced}"
            );
        }
        line
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::evaluation::comparison::evaluate;
    use crate::evaluation::policies::Policy;
    use crate::fusion::Setting;
    use ndarray::array;

    const SPEC: EpisodeSpec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 1 };

    const PROTOCOL: Protocol =
        Protocol { split: Split::Val, half: None, spec: SPEC, episodes: 50, seed: 7 };

    fn lacking(classes: &[(&'static str, usize)]) -> String {
        PROTOCOL.check(classes.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn a_protocol_names_what_the_split_lacks() {
        PROTOCOL.check([("fig", 2), ("pear", 9)]).unwrap();
        let text = lacking(&[("fig", 2), ("pear", 1)]);
        assert!(text.contains("the val split") && text.contains("class pear has 1 "), "{text}");
        assert!(lacking(&[]).contains("needs 2 classes (n_way) but there are 0"));
        let one = Protocol { episodes: 1, ..PROTOCOL };
        let error = one.check([("fig", 2), ("pear", 9)]).unwrap_err();
        assert_eq!(error, EvaluateError::TooFewEpisodes { got: 1 });
    }

    #[test]
    fn a_report_has_the_protocol_and_its_outcome() {
        let embeddings = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
        let report = PROTOCOL.report(&embeddings).unwrap();
        assert_eq!(report.results, [evaluate(&embeddings, PROTOCOL.episodes()).unwrap()]);
        assert_eq!((report.n_way, report.k_shot, report.n_query), (2, 1, 1));
        assert_eq!((report.split, report.episodes, report.seed), (Split::Val, 50, 7));
    }

    #[test]
    fn the_report_has_the_published_fields() {
        let outcome = Outcome {
            fusion: Policy::Mean,
            setting: Setting::Inductive,
            accuracy: 0.5,
            ci95: 0.25,
            gain: None,
            unknown: None,
            junk: None,
        };
        let report = Report {
            n_way: 5,
            k_shot: 1,
            n_query: 15,
            episodes: 2000,
            seed: 7,
            split: Split::Val,
            classes: None,
            n_unknown: None,
            label_noise: None,
            completer: None,
            unlabeled: None,
            generalized_zero_shot: None,
            left_out: Vec::new(),
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
