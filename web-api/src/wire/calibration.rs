//! The calibration of a gallery: thresholds, their expected error rates, and the evidence.

use edge::recognizer;
use serde::Serialize;
use utoipa::ToSchema;

/// The thresholds of a gallery, and what they rest on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Calibration {
    /// True if the gallery has evidence for the rates.
    pub stated: bool,
    /// Why not; null if `stated` is true.
    #[schema(
        example = "the gallery has one class: no image of another class serves as unknown",
        max_length = 1000
    )]
    pub reason: Option<String>,
    /// The gallery's setting, see `Gallery.rate`.
    #[schema(minimum = 0.001, maximum = 0.5, example = 0.05)]
    pub rate: f64,
    /// The gallery's setting, see `Gallery.threshold`.
    #[schema(minimum = -2, maximum = 2)]
    pub threshold: Option<f64>,
    /// By rate, ascending. Empty if no class can be recognized, and if the bundle has no decision.
    #[schema(max_items = 100)]
    pub thresholds: Vec<StatedThreshold>,
    /// What was measured.
    pub evidence: Evidence,
    /// What would make the rates surer, most useful first.
    #[schema(max_items = 100)]
    pub advice: Vec<String>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A threshold, and the images that it accepts.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct StatedThreshold {
    /// The share of unknown images that are accepted.
    #[schema(example = 0.05, minimum = 0, maximum = 1)]
    pub rate: f64,
    /// The least calibrated score that is accepted.
    #[schema(example = 0.21, minimum = -10, maximum = 10)]
    pub threshold: f64,
    /// The expected share of known images that are accepted as their own class. It is measured with
    /// examples that are left out one by one; null if no class has two examples.
    #[schema(example = 0.86, minimum = 0, maximum = 1)]
    pub known_kept: Option<f64>,
}

/// What a calibration was measured with.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Evidence {
    /// Number of classes that can be recognized.
    pub classes: usize,
    /// Number of examples of all classes.
    pub examples: usize,
    /// Number of examples that served as unknown images of the other classes, at most 256.
    pub pseudo_unknowns: usize,
    /// Number of background examples.
    pub background: usize,
    /// Number of examples that were left out to measure `known_kept`, at most 256.
    pub left_out: usize,
}

impl Calibration {
    /// The report at a revision of the gallery.
    #[must_use]
    pub fn new(report: recognizer::CalibrationReport, revision: u64) -> Self {
        Self {
            stated: report.stated,
            reason: report.reason.map(str::to_owned),
            rate: report.settings.rate,
            threshold: report.settings.threshold,
            thresholds: report.thresholds.into_iter().map(StatedThreshold::from).collect(),
            evidence: report.evidence.into(),
            advice: report.advice,
            revision,
        }
    }
}

impl From<recognizer::StatedThreshold> for StatedThreshold {
    fn from(stated: recognizer::StatedThreshold) -> Self {
        Self { rate: stated.rate, threshold: stated.threshold, known_kept: stated.known_kept }
    }
}

impl From<recognizer::CalibrationEvidence> for Evidence {
    fn from(evidence: recognizer::CalibrationEvidence) -> Self {
        Self {
            classes: evidence.classes,
            examples: evidence.examples,
            pseudo_unknowns: evidence.pseudo_unknowns,
            background: evidence.background,
            left_out: evidence.left_out,
        }
    }
}
