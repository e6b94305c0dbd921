//! The figures of an evaluation with images that galleries do not know. All are fractions, 0 to 1.
//!
//! # Examples
//! ```
//! use few_shot::evaluation::rejection::StatedFigures;
//!
//! let holds = |figures: &StatedFigures| figures.false_accept_rate <= figures.rate + 0.02;
//! let figures = StatedFigures {
//!     rate: 0.05,
//!     false_accept_rate: 0.06,
//!     true_accept_rate: 0.9,
//!     ..StatedFigures::default()
//! };
//! assert!(holds(&figures));
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evaluation::junk::JunkKind;

/// How well the galleries of a policy tell known images from those of unknown classes.
///
/// Half widths of 95 % intervals are those over episodes: 1.96 standard deviations of 200 bootstrap
/// resamples of the episodes, or of the estimator for clusters where a figure is a share of images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownFigures {
    /// The area under the ROC curve of the score, over all images of all episodes.
    pub auroc: f64,
    /// Half width of its interval.
    pub auroc_ci95: f64,
    /// The same of the plain cosine to the winner.
    pub auroc_cosine: f64,
    /// Half width of its interval.
    pub auroc_cosine_ci95: f64,
    /// How much greater the area of the score is than that of the cosine.
    pub auroc_gain: f64,
    /// Half width of its interval; the difference is paired.
    pub auroc_gain_ci95: f64,
    /// The share of unknown images that are accepted where 95 % of the known ones are.
    pub fpr95: f64,
    /// Half width of its interval.
    pub fpr95_ci95: f64,
    /// The area under the share of known images that are accepted and right, over the share of
    /// unknown images that are accepted (Dhamija et al. 2018).
    pub oscr: f64,
    /// Half width of its interval.
    pub oscr_ci95: f64,
    /// The expected calibration error of the confidence, in 15 bins, where half of all images are
    /// unknown. An answer is right where its image is known and its class won.
    pub ece: f64,
    /// Half width of its interval.
    pub ece_ci95: f64,
    /// The 10th percentiles over galleries: of the same figures, each of one episode.
    pub p10: GalleryFigures,
    /// The 90th percentiles.
    pub p90: GalleryFigures,
    /// What is accepted at each stated rate.
    pub stated: Vec<StatedFigures>,
    /// Points of the ROC curve of the score: false-positive rate, true-positive rate.
    pub roc: Vec<[f64; 2]>,
}

/// Figures that one gallery has too; see [`UnknownFigures`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GalleryFigures {
    /// The area under the ROC curve of the score.
    pub auroc: f64,
    /// The same of the plain cosine.
    pub auroc_cosine: f64,
    /// Their difference.
    pub auroc_gain: f64,
    /// The share of unknown images accepted where 95 % of the known ones are.
    pub fpr95: f64,
    /// The area under right answers over false accepts.
    pub oscr: f64,
    /// The expected calibration error.
    pub ece: f64,
}

/// What is accepted at a stated false-accept rate. Ambiguous answers are accepted answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedFigures {
    /// The stated rate.
    pub rate: f64,
    /// The share of unknown images that are accepted.
    pub false_accept_rate: f64,
    /// Half width of its interval.
    pub false_accept_rate_ci95: f64,
    /// The 10th percentile over galleries of the false-accept rate.
    pub p10: f64,
    /// The 90th percentile over galleries of the false-accept rate.
    pub p90: f64,
    /// The share of known images that are accepted, whichever class won.
    pub true_accept_rate: f64,
    /// Half width of its interval.
    pub true_accept_rate_ci95: f64,
    /// The 10th percentile over galleries of the true-accept rate.
    pub true_accept_rate_p10: f64,
    /// The 90th percentile over galleries of the true-accept rate.
    pub true_accept_rate_p90: f64,
    /// The share of ambiguous answers among accepted right answers to known images.
    pub ambiguous: f64,
    /// Half width of its interval.
    pub ambiguous_ci95: f64,
    /// The share of wrong answers among accepted answers to known images that are not ambiguous.
    pub wrong: f64,
    /// Half width of its interval.
    pub wrong_ci95: f64,
}

/// How much junk is accepted, over the galleries of a sample of the episodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JunkFigures {
    /// Number of galleries, those of the first episodes.
    pub galleries: usize,
    /// Number of images that each was asked about.
    pub images: usize,
    /// At each stated rate.
    pub stated: Vec<JunkShares>,
}

/// The shares of junk that are accepted at a stated rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JunkShares {
    /// The stated false-accept rate.
    pub rate: f64,
    /// Of all images.
    pub accepted: f64,
    /// Of the images of each kind.
    pub kinds: BTreeMap<JunkKind, f64>,
}
