//! The weights of novelty and overlap: those with which scores tell known from unknown images best.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cell::Cell;
use super::draw::Prototypes;
use super::measure::Seen;
use super::ranking::auroc;
use crate::decision::score::{Fading, Weights};

/// The sharpness of profiles, and how the weights fade. Chosen on base classes of Caltech and
/// CIFAR-FS with EfficientNet-Lite0, so that galleries of clusters within a class lose nothing.
const SHARPNESS: f64 = 30.0;
const FADING: Fading = Fading { most: 0.0, mean: 16.0 };

/// Candidates, ascending.
const NOVELTY: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
const OVERLAP: [f64; 4] = [0.0, 0.25, 0.5, 0.75];

/// The cells that candidates are compared on.
const CLASSES: usize = 5;
const SHOTS: [usize; 3] = [0, 1, 5];

/// A gain that is smaller than the largest one by at most this is as good.
const TOLERANCE: f64 = 0.0003;

/// The least gain on every data set for which a background is worth its cost.
const LEAST_GAIN: f64 = 0.001;

/// The weights with which the score is the cosine.
pub(super) const PLAIN: Weights =
    Weights { novelty: 0.0, overlap: 0.0, sharpness: SHARPNESS, fading: FADING };

/// The best weights, the smallest of those that are equally good; [`PLAIN`] where a background does
/// not help on every data set.
pub(super) fn best(cells: &[Cell]) -> Weights {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| is_compared(cell)).collect();
    let candidates = OVERLAP
        .iter()
        .flat_map(|&overlap| NOVELTY.map(|novelty| Weights { novelty, overlap, ..PLAIN }));
    let candidates: Vec<Weights> = candidates.collect();
    let gains: Vec<BTreeMap<usize, f64>> =
        candidates.par_iter().map(|weights| gains(&cells, weights)).collect();
    let means: Vec<f64> = gains.iter().map(mean).collect();
    let largest = means.iter().copied().fold(0.0, f64::max);
    let is_best = |position: &usize| means[*position] >= largest - TOLERANCE;
    let best = (0..candidates.len()).find(is_best);
    let best = best.filter(|&best| gains[best].values().all(|&gain| gain >= LEAST_GAIN));
    best.map_or(PLAIN, |best| candidates[best])
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
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for gallery in &self.galleries {
            let score = |seen: &Seen| seen.score(weights, gallery.informative);
            known.extend(gallery.known.iter().map(|image| score(&image.seen)));
            unknown.extend(gallery.unknown.iter().map(score));
        }
        auroc(&known, &unknown).expect("invariant: a gallery has known and unknown images")
    }
}
