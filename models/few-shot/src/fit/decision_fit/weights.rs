//! The weights of novelty and overlap: those with which scores tell known from unknown images best.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cell::Cell;
use super::draw::Prototypes;
use super::measure::Seen;
use crate::decision::score::{Fading, Weights};
use crate::evaluation::unknown::ranking::{Ranking, Truth};

/// The sharpness of profiles, and how the weights fade. Chosen on base classes of Caltech and
/// CIFAR-FS with EfficientNet-Lite0, so that galleries of clusters within a class lose nothing.
const SHARPNESS: f64 = 30.0;
const FADING: Fading = Fading { most: 0.0, mean: 16.0 };

/// Candidates in the order of preference; larger ones harm galleries of clusters within a class.
const NOVELTY: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
const OVERLAP: [f64; 4] = [0.75, 0.5, 0.25, 0.0];

/// Gains that differ by this are equal: another draw of galleries changes the best weights. Of
/// equal ones, much overlap is best with one image of a class (0.13 points of AUROC between 0.5 and
/// 0.75 on the validation classes of Caltech).
const TOLERANCE: f64 = 0.0003;

/// The cells that candidates are compared on.
const CLASSES: usize = 5;
const SHOTS: [usize; 3] = [0, 1, 5];

/// The least gain on every data set that justifies the cost of a background.
const LEAST_GAIN: f64 = 0.001;

/// The weights with which the score is the cosine.
pub(super) const PLAIN: Weights =
    Weights { novelty: 0.0, overlap: 0.0, sharpness: SHARPNESS, fading: FADING };

/// The best weights; [`PLAIN`] where a background does not help on every data set.
pub(super) fn best(cells: &[Cell]) -> Weights {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| is_compared(cell)).collect();
    let candidates = OVERLAP
        .iter()
        .flat_map(|&overlap| NOVELTY.map(|novelty| Weights { novelty, overlap, ..PLAIN }));
    let candidates: Vec<Weights> = candidates.collect();
    let gains: Vec<BTreeMap<usize, f64>> =
        candidates.par_iter().map(|weights| gains(&cells, weights)).collect();
    let largest = gains.iter().map(mean).fold(0.0, f64::max);
    // The first of those that are as good, in the order of preference.
    let mut found = candidates.into_iter().zip(gains);
    let best = found.find(|(_, gains)| mean(gains) >= largest - TOLERANCE);
    let best = best.filter(|(_, gains)| gains.values().all(|&gain| gain >= LEAST_GAIN));
    best.map_or(PLAIN, |(weights, _)| weights)
}

fn is_compared(cell: &Cell) -> bool {
    let kind = cell.kind;
    let is_drawn_of_all = kind.prototypes != Prototypes::SimilarNames;
    is_drawn_of_all && kind.classes == CLASSES && SHOTS.contains(&kind.shots)
}

/// What the AUROC gains over the cosine, the mean over the cells of each data set.
fn gains(cells: &[&Cell], score: &Weights) -> BTreeMap<usize, f64> {
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for cell in cells {
        let (sum, count) = sums.entry(cell.set).or_default();
        *sum += cell.auroc(score) - cell.auroc(&PLAIN);
        *count += 1.0;
    }
    sums.into_iter().map(|(set, (sum, count))| (set, sum / count)).collect()
}

fn mean(gains: &BTreeMap<usize, f64>) -> f64 {
    gains.values().sum::<f64>() / gains.len().max(1) as f64
}

impl Cell {
    /// The share of pairs of a known and an unknown image, of any of its galleries, in which the
    /// known one scores higher.
    pub(super) fn auroc(&self, weights: &Weights) -> f64 {
        let mut images = Vec::new();
        for gallery in &self.galleries {
            let score = |seen: &Seen| seen.score(weights, gallery.informative) as f32;
            let known = gallery.known.iter().map(|image| (score(&image.seen), 0, Truth::Right));
            images.extend(known);
            images.extend(gallery.unknown.iter().map(|seen| (score(seen), 0, Truth::Unknown)));
        }
        // All galleries together count once.
        Ranking::new(images).areas(&[1]).auroc
    }
}
