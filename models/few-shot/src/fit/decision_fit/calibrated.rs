//! Calibrated scores of measured galleries, as [`GalleryDecision`] computes them.
//!
//! [`GalleryDecision`]: crate::decision::gallery::GalleryDecision

use super::draw::Kind;
use super::measure::{Measured, Seen};
use crate::decision::ExpectedScore;
use crate::decision::calibration::{Calibration, Evidence};
use crate::decision::limits::{LimitRow, Limits, Winner};
use crate::decision::score::Weights;

/// The constants that calibrated scores follow from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constants<'a> {
    pub(super) weights: &'a Weights,
    pub(super) expected: &'a ExpectedScore,
}

/// A gallery with its calibration.
#[derive(Debug, Clone)]
pub(super) struct Calibrated<'a> {
    constants: Constants<'a>,
    pub(super) gallery: &'a Measured,
    evidence: Evidence,
    /// `None` without evidence.
    calibration: Option<Calibration>,
}

impl<'a> Calibrated<'a> {
    pub(super) fn new(constants: Constants<'a>, gallery: &'a Measured) -> Self {
        let evidence = Evidence::default();
        let mut calibrated = Self { constants, gallery, evidence, calibration: None };
        let with_images = gallery.examples.iter().filter(|(_, seen)| seen.shots > 0);
        let others = gallery.kind.classes.saturating_sub(1);
        calibrated.evidence =
            Evidence::of(with_images.map(|(class, seen)| (*class, calibrated.above(seen, others))));
        calibrated.calibration = calibrated.evidence.calibration();
        calibrated
    }

    /// The limits of winners in this gallery.
    pub(super) fn limits(&self, limits: &Limits) -> LimitRow {
        let Kind { classes, .. } = self.gallery.kind;
        match self.calibration {
            _ if !self.gallery.kind.has_images() => limits.row(Winner::NameOnly(classes)),
            None => limits.row(Winner::WithoutEvidence),
            Some(Calibration { offset, .. }) => {
                let row = limits.row(Winner::WithImages(classes));
                self.evidence.raised(row, offset, limits.table_classes)
            }
        }
    }

    /// The calibrated score.
    pub(super) fn score(&self, seen: &Seen) -> f64 {
        let calibration = self.calibration.filter(|_| seen.shots > 0);
        let offset = calibration.map_or(0.0, |calibration| calibration.offset);
        self.above(seen, self.gallery.kind.classes) - offset
    }

    /// Those of the unknown images.
    pub(super) fn unknown(&self) -> Vec<f64> {
        self.gallery.unknown.iter().map(|seen| self.score(seen)).collect()
    }

    /// Those of the known images.
    pub(super) fn known(&self) -> Vec<f64> {
        self.gallery.known.iter().map(|image| self.score(&image.seen)).collect()
    }

    /// The score above the one that is expected among this number of classes.
    fn above(&self, seen: &Seen, classes: usize) -> f64 {
        let Constants { weights, expected } = self.constants;
        seen.score(weights, self.gallery.informative)
            - expected.at(seen.shots, classes, self.gallery.likeness)
    }
}
