//! What the decisions of a gallery rest on: the thresholds of several rates, the share of known
//! images that each keeps, and the evidence.

use few_shot::decision::gallery::GalleryDecision;

use crate::classifier::{Classifier, LeftOut};
use crate::gallery::{Gallery, GallerySettings};

/// The rates that are listed.
const RATES: [f64; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];

/// From this number of background examples on, a gallery is calibrated mostly with them.
const ENOUGH_BACKGROUND: usize = 20;

/// From this number of examples that serve as unknown images on, the rates vary little.
const ENOUGH_EVIDENCE: usize = 20;

/// The most labels that an advice names.
const MAX_NAMED: usize = 3;

/// The thresholds of a gallery and what they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationReport {
    /// The settings of the gallery.
    pub settings: GallerySettings,
    /// Whether the gallery has evidence for the rates of its thresholds.
    pub stated: bool,
    /// Why not.
    pub reason: Option<&'static str>,
    /// By rate, ascending, that of the gallery among them; empty if the bundle has no decision or
    /// no class can be recognized.
    pub thresholds: Vec<StatedThreshold>,
    /// What was measured.
    pub evidence: CalibrationEvidence,
    /// What would make the rates surer, most useful first.
    pub advice: Vec<String>,
}

/// A threshold and what it accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatedThreshold {
    /// The share of unknown images that it accepts.
    pub rate: f64,
    /// The least calibrated score that is accepted.
    pub threshold: f64,
    /// The share of known images that are accepted as their own class, from examples that are left
    /// out one by one; `None` if no class has two examples.
    pub known_kept: Option<f64>,
}

/// What a calibration was measured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalibrationEvidence {
    /// Classes that can be recognized.
    pub classes: usize,
    /// Examples of all classes.
    pub examples: usize,
    /// Examples that served as unknown images, of a sample of 256 at most.
    pub pseudo_unknowns: usize,
    /// Background examples.
    pub background: usize,
    /// Examples that were left out to measure what is kept, of a sample of 256 at most.
    pub left_out: usize,
}

impl CalibrationReport {
    /// For a gallery and its classifier.
    pub(super) fn new(gallery: &Gallery, classifier: &Classifier) -> Self {
        let left_out = classifier.leave_one_out();
        let decision = classifier.decision();
        let found = decision.and_then(GalleryDecision::calibration);
        let evidence = CalibrationEvidence {
            classes: classifier.classes(),
            examples: gallery.n_examples() - gallery.background().len(),
            pseudo_unknowns: found.map_or(0, |found| found.evidence),
            background: gallery.background().len(),
            left_out: left_out.len(),
        };
        let reason = reason(decision, evidence);
        Self {
            settings: *gallery.settings(),
            stated: reason.is_none(),
            reason,
            thresholds: decision.map_or_else(Vec::new, |decision| {
                thresholds(decision, gallery.settings().rate, &left_out)
            }),
            evidence,
            advice: advice(gallery, evidence),
        }
    }
}

/// Why no rate can be stated.
fn reason(
    decision: Option<&GalleryDecision<f32>>,
    evidence: CalibrationEvidence,
) -> Option<&'static str> {
    let Some(decision) = decision else {
        return Some(match evidence.classes {
            0 => "no class can be recognized yet",
            _ => "the bundle has no decision: no image is rejected",
        });
    };
    match (decision.limit(RATES[0]), evidence.classes) {
        ((_, true), _) => None,
        (_, 1) => Some("the gallery has one class: no image of another class serves as unknown"),
        _ => Some("no image of a class is most similar to another class with images"),
    }
}

fn thresholds(
    decision: &GalleryDecision<f32>,
    own_rate: f64,
    left_out: &[LeftOut],
) -> Vec<StatedThreshold> {
    let mut rates = RATES.to_vec();
    if !rates.contains(&own_rate) {
        rates.push(own_rate);
        rates.sort_by(f64::total_cmp);
    }
    let stated = rates.into_iter().map(|rate| StatedThreshold {
        rate,
        threshold: decision.limit(rate).0,
        known_kept: known_kept(left_out, rate),
    });
    stated.collect()
}

fn known_kept(left_out: &[LeftOut], rate: f64) -> Option<f64> {
    // An image reaches the limit of a rate if no larger share of unknown images scores as high.
    let kept = left_out.iter().filter(|one| one.is_right && one.false_accept_rate <= rate);
    (!left_out.is_empty()).then(|| kept.count() as f64 / left_out.len() as f64)
}

fn advice(gallery: &Gallery, evidence: CalibrationEvidence) -> Vec<String> {
    let mut advice = Vec::new();
    if evidence.classes < 2 {
        advice.push("enroll a second class: its images show what unknown images score".to_owned());
    }
    let without: Vec<&str> = labels(gallery, 0);
    if !without.is_empty() {
        advice.push(format!("add images to {}, known from the name only", listed(&without)));
    }
    let with_one = labels(gallery, 1);
    if !with_one.is_empty() {
        advice.push(format!("add a second image to {}", listed(&with_one)));
    }
    if evidence.background < ENOUGH_BACKGROUND {
        let background = evidence.background;
        advice.push(format!(
            "add images of other things that the camera sees to the background set: it has \
             {background}, and {ENOUGH_BACKGROUND} calibrate the gallery to its place"
        ));
    }
    if evidence.classes > 1 && evidence.pseudo_unknowns < ENOUGH_EVIDENCE {
        let found = evidence.pseudo_unknowns;
        advice.push(format!(
            "enroll more images: {found} serve as unknown ones, and from {ENOUGH_EVIDENCE} on the \
             rates vary little"
        ));
    }
    advice
}

/// The labels of the classes with this number of examples.
fn labels(gallery: &Gallery, examples: usize) -> Vec<&str> {
    let classes = gallery.iter().filter(|class| class.examples.len() == examples);
    classes.map(|class| class.label.as_str()).collect()
}

/// The first labels in quotes, and the number of the others.
fn listed(labels: &[&str]) -> String {
    let named: Vec<String> = labels.iter().take(MAX_NAMED).map(|one| format!("`{one}`")).collect();
    match labels.len().saturating_sub(MAX_NAMED) {
        0 => named.join(", "),
        others => format!("{} and {others} more", named.join(", ")),
    }
}
