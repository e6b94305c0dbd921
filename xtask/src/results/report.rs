//! The fields of an evaluation report that tables show; docs/formats.md has all of them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
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
}

impl Report {
    /// Reads a report.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))
    }

    /// The outcome of a policy.
    pub(super) fn outcome(&self, fusion: &str) -> Option<&Outcome> {
        self.results.iter().find(|outcome| outcome.fusion == fusion)
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

impl Outcome {
    /// Accuracy and interval in percent.
    pub(super) fn percent(&self, decimals: usize) -> String {
        let accuracy = 100.0 * self.accuracy;
        let ci95 = 100.0 * self.ci95;
        format!("{accuracy:.decimals$} ± {ci95:.decimals$}")
    }
}
