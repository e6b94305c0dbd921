//! The galleries of one kind from one data set.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::base_set::{BaseSet, NameConstants, Progress};
use super::calibrated::{Calibrated, Constants};
use super::draw::{Gallery, Kind};
use super::measure::{Measured, MeasuredSet};
use crate::decision::DecisionModel;

/// Galleries of one kind from one data set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// The position of the data set.
    pub(super) set: usize,
    pub(super) kind: Kind,
    /// At least one.
    pub(super) galleries: Vec<Measured>,
}

/// A set, a kind, and its galleries before they are measured.
type DrawnCell = (usize, Kind, Vec<Gallery>);

/// The cells of all sets, with the weights and the background of `model`.
pub(super) fn measured(
    sets: &[BaseSet],
    names: Option<NameConstants<'_>>,
    model: &Arc<DecisionModel<f32>>,
    seed: u64,
    progress: Progress<'_>,
) -> Vec<Cell> {
    let sets: Vec<MeasuredSet<'_>> =
        sets.iter().map(|set| MeasuredSet::new(set, names, model)).collect();
    let drawn = drawn(&sets, seed);
    let total = drawn.iter().map(|(_, _, galleries)| galleries.len()).sum();
    let done = AtomicUsize::new(0);
    let cells = drawn.into_par_iter().map(|(set, kind, galleries)| {
        let measured = galleries.par_iter().map(|gallery| {
            let measured = sets[set].measured(kind, gallery);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            measured
        });
        Cell { set, kind, galleries: measured.collect() }
    });
    cells.collect()
}

fn drawn(sets: &[MeasuredSet<'_>], seed: u64) -> Vec<DrawnCell> {
    let mut drawn = Vec::new();
    for (set, measured) in sets.iter().enumerate() {
        let source = measured.source(seed);
        let kinds = source.kinds().into_iter();
        drawn.extend(kinds.map(|kind| (set, kind, source.galleries(kind))));
    }
    // A kind has no gallery where too few classes have enough images for it.
    drawn.retain(|(_, _, galleries)| !galleries.is_empty());
    drawn
}

impl Cell {
    /// The galleries with their calibrations.
    pub(super) fn calibrated<'a>(
        &'a self,
        constants: Constants<'a>,
    ) -> impl Iterator<Item = Calibrated<'a>> {
        self.galleries.iter().map(move |gallery| Calibrated::new(constants, gallery))
    }

    /// The calibrated scores of the unknown images of all galleries.
    pub(super) fn unknown(&self, constants: Constants<'_>) -> Vec<f64> {
        self.calibrated(constants).flat_map(|gallery| gallery.unknown()).collect()
    }

    /// The same of the known images.
    pub(super) fn known(&self, constants: Constants<'_>) -> Vec<f64> {
        self.calibrated(constants).flat_map(|gallery| gallery.known()).collect()
    }
}

/// The weight of each cell: each data set counts the same, and in it each cell. They sum to 1.
pub(super) fn weights(cells: &[&Cell]) -> Vec<f64> {
    let of_set = |set: usize| cells.iter().filter(|cell| cell.set == set).count() as f64;
    let weights: Vec<f64> = cells.iter().map(|cell| of_set(cell.set).recip()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
