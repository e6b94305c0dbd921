//! The fields of an evaluation report that tables show; docs/formats.md has all of them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// A report that `handful evaluate --json` or `handful-train evaluate --json` wrote.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    /// Classes of an episode.
    pub(super) n_way: usize,
    /// Labeled images of each class.
    pub(super) k_shot: usize,
    /// Images of each class to classify.
    pub(super) n_query: usize,
    /// Number of episodes.
    pub(super) episodes: u64,
    /// Seed of the episodes.
    pub(super) seed: u64,
    /// The classes that episodes draw from.
    pub(super) split: String,
    /// One outcome per policy, all on the same episodes.
    pub(super) results: Vec<Outcome>,
}

/// The accuracy of one policy.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    /// The policy, such as `trusted`.
    pub(super) fusion: String,
    /// `inductive` or `transductive`.
    pub(super) setting: String,
    /// Mean share of right answers, 0 to 1.
    accuracy: f64,
    /// Half of the 95 % confidence interval, 0 to 1.
    ci95: f64,
    /// Of an evaluation with unknown classes.
    unknown: Option<Unknown>,
}

/// How unknown images were rejected; all shares 0 to 1.
#[derive(Debug, Deserialize)]
pub(super) struct Unknown {
    /// Area under the ROC curve of the score.
    pub(super) auroc: f64,
    /// Half of its interval.
    pub(super) auroc_ci95: f64,
    /// The same of the plain cosine.
    pub(super) auroc_cosine: f64,
    /// Expected calibration error of the confidence.
    pub(super) ece: f64,
    /// What is accepted at each stated rate.
    pub(super) stated: Vec<Stated>,
}

/// What is accepted at a stated rate.
#[derive(Debug, Deserialize)]
pub(super) struct Stated {
    rate: f64,
    /// Share of unknown images that are accepted.
    pub(super) false_accept_rate: f64,
    /// Share of known images that are accepted.
    pub(super) true_accept_rate: f64,
}

impl Report {
    /// Reads a report.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))
    }

    /// The outcome of a policy in a setting, `inductive` or `transductive`.
    ///
    /// # Errors
    /// The report has none: a table would show nothing where it promises a figure.
    pub(super) fn outcome(&self, fusion: &str, setting: &str) -> Result<&Outcome> {
        let mut outcomes = self.results.iter();
        let found = outcomes.find(|outcome| outcome.fusion == fusion && outcome.setting == setting);
        found.with_context(|| {
            format!("the report at {} shots has no {setting} policy `{fusion}`", self.k_shot)
        })
    }

    /// True if both reports drew their episodes in the same way, but for the number of shots.
    pub(super) fn has_protocol_of(&self, other: &Self) -> bool {
        self.n_way == other.n_way
            && self.n_query == other.n_query
            && self.episodes == other.episodes
            && self.seed == other.seed
            && self.split == other.split
    }
}

impl Unknown {
    /// What is accepted at a stated rate.
    pub(super) fn at(&self, rate: f64) -> Result<&Stated> {
        let found = self.stated.iter().find(|stated| stated.rate == rate);
        found.with_context(|| format!("the report has no stated rate {rate}"))
    }
}

impl Outcome {
    /// How unknown images were rejected.
    ///
    /// # Errors
    /// The evaluation had no unknown classes.
    pub(super) fn unknown(&self) -> Result<&Unknown> {
        let missing = || format!("policy `{}` was measured without --unknown", self.fusion);
        self.unknown.as_ref().with_context(missing)
    }

    /// Accuracy and interval in percent.
    pub(super) fn percent(&self, decimals: usize) -> String {
        let accuracy = 100.0 * self.accuracy;
        let ci95 = 100.0 * self.ci95;
        format!("{accuracy:.decimals$} ± {ci95:.decimals$}")
    }
}

/// The reports of one stem, at least one, by ascending number of shots.
pub(super) fn reports(stem: &str, folder: &Path) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(shots) = shots(&file, stem) else { continue };
        let report = Report::read(&path)?;
        if report.k_shot != shots {
            bail!("{file} is a report at {} shots", report.k_shot);
        }
        reports.push(report);
    }
    ensure!(!reports.is_empty(), "no report {stem}-Kshot.json in {}", folder.display());
    reports.sort_by_key(|report| report.k_shot);
    Ok(reports)
}

/// `K` of `STEM-Kshot.json`.
fn shots(file: &str, stem: &str) -> Option<usize> {
    let rest = file.strip_prefix(stem)?.strip_prefix('-')?;
    rest.strip_suffix("shot.json")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_shots_is_read_from_the_file_name() {
        assert_eq!(shots("a-b-10shot.json", "a-b"), Some(10));
        assert_eq!(shots("a-b-10shot.json", "a"), None);
        assert_eq!(shots("a-b.json", "a-b"), None);
    }
}
