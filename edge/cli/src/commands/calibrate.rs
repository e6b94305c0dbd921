//! `handful calibrate`: lists the thresholds of the gallery and what they rest on.

use std::fmt;

use clap::Args;
use edge::device::{Device, StoreAccess};
use edge::recognizer::{CalibrationEvidence, CalibrationReport, StatedThreshold};
use models::fault::AnyFault;
use serde::Serialize;
use terminal::note;

use super::gallery::SettingsAnswer;
use super::{check_classes, decision_off, open};
use crate::text::{Align, percent, rate, show, table};

const EXAMPLES: &str = "\
Examples:
  handful calibrate
  handful calibrate --json | jq '.thresholds[] | select(.known_kept > 0.9)'
  handful gallery settings --rate 0.02      accept 2 in 100 unknown images

rate        share of unknown images that are accepted
threshold   least score that is accepted
known kept  share of images of the classes that are still accepted and named rightly; measured with
            the enrolled images, each left out once";

/// List how many unknown images each threshold accepts, and how many known ones it keeps
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// Whether the gallery has evidence for the rates.
    stated: bool,
    /// Why not.
    reason: Option<&'static str>,
    #[serde(flatten)]
    settings: SettingsAnswer,
    thresholds: Vec<Row>,
    evidence: EvidenceAnswer,
    /// What would make the rates surer.
    advice: Vec<String>,
    revision: u64,
}

#[derive(Debug, Serialize)]
struct Row {
    rate: f64,
    threshold: f64,
    /// Null if no class has two images.
    known_kept: Option<f64>,
    #[serde(skip)]
    // Only in text: a program compares the rates.
    in_use: bool,
}

#[derive(Debug, Serialize)]
struct EvidenceAnswer {
    classes: usize,
    examples: usize,
    /// Examples that served as unknown images to the other classes.
    pseudo_unknowns: usize,
    background: usize,
    /// Examples that were left out to measure what is kept.
    left_out: usize,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open(device, StoreAccess::Snapshot)?;
    check_classes(&recognizer.summary(), &device.store_dir()?)?;
    if let Some(reason) = decision_off(&recognizer) {
        note!("note: {reason}");
    }
    let report = recognizer.calibrate()?;
    show(&Answer::new(report, recognizer.revision()), options.json)
}

impl Answer {
    fn new(report: CalibrationReport, revision: u64) -> Self {
        let CalibrationReport { settings, stated, reason, thresholds, evidence, advice } = report;
        let in_use = settings.threshold.is_none().then_some(settings.rate);
        Self {
            stated,
            reason,
            settings: SettingsAnswer::of(settings),
            thresholds: thresholds.into_iter().map(|one| Row::new(one, in_use)).collect(),
            evidence: EvidenceAnswer::of(evidence),
            advice,
            revision,
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let stated = match self.reason {
            None => "yes".to_owned(),
            Some(reason) => format!("no: {reason}"),
        };
        let mut facts = vec![("stated", stated), ("in use", self.settings.in_words())];
        facts.push(("evidence", self.evidence.to_string()));
        facts.extend(self.advice.iter().map(|advice| ("surer", advice.clone())));
        facts
    }
}

impl Row {
    /// `in_use` is the rate of the gallery.
    fn new(stated: StatedThreshold, in_use: Option<f64>) -> Self {
        let StatedThreshold { rate, threshold, known_kept } = stated;
        Self { rate, threshold, known_kept, in_use: in_use == Some(rate) }
    }

    /// The cells of [`COLUMNS`].
    fn cells(&self) -> Vec<String> {
        let mark = if self.in_use { "<- in use" } else { "" };
        vec![
            rate(self.rate),
            format!("{:.3}", self.threshold),
            self.known_kept.map_or_else(|| "-".to_owned(), percent),
            mark.to_owned(),
        ]
    }
}

impl EvidenceAnswer {
    fn of(evidence: CalibrationEvidence) -> Self {
        let CalibrationEvidence { classes, examples, pseudo_unknowns, background, left_out } =
            evidence;
        Self { classes, examples, pseudo_unknowns, background, left_out }
    }
}

impl fmt::Display for EvidenceAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { classes, examples, pseudo_unknowns, background, left_out } = self;
        write!(f, "{examples} images of {classes} classes: {pseudo_unknowns} served as unknown ")?;
        write!(f, "images to the other classes, {left_out} were left out once; ")?;
        write!(f, "background examples: {background}")
    }
}

const COLUMNS: [(&str, Align); 4] = [
    ("rate", Align::Right),
    ("threshold", Align::Right),
    ("known kept", Align::Right),
    ("", Align::Left),
];

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.thresholds.is_empty() {
            let rows: Vec<_> = self.thresholds.iter().map(Row::cells).collect();
            writeln!(f, "{}", table(&COLUMNS, &rows))?;
        }
        for (name, fact) in self.facts() {
            writeln!(f, "{name:<10}{fact}")?;
        }
        Ok(())
    }
}
