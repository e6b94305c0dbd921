//! What a fit found, by data set.

use serde::{Deserialize, Serialize};

use super::base_set::BaseSet;
use super::calibrated::Constants;
use super::cell::Cell;
use super::draw::Prototypes;
use super::weights::PLAIN;
use crate::decision::DecisionTable;

/// The stated rates of the figures.
const STATED: [f64; 4] = [0.01, 0.02, 0.05, 0.1];

/// What a fit found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitReport {
    /// The seed of the galleries.
    pub seed: u64,
    /// Background directions that are used; 0 where the plain cosine is as good.
    pub background: usize,
    /// Each data set.
    pub sets: Vec<SetFigures>,
}

/// Figures of the base classes of one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFigures {
    /// The name of the data set.
    pub name: String,
    /// Its base classes.
    pub classes: usize,
    /// Their images.
    pub images: usize,
    /// By size of the galleries.
    pub galleries: Vec<DecisionFigures>,
}

/// Figures of galleries of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionFigures {
    /// The number of classes of a gallery.
    pub classes: usize,
    /// Whether the classes have images.
    pub drawn: GalleryGroup,
    /// The AUROC of the plain cosine.
    pub auroc_cosine: f64,
    /// The AUROC of the score.
    pub auroc: f64,
    /// Shares of accepted images at stated rates.
    pub stated: Vec<Stated>,
}

/// What classes of a gallery are known from, and how they were drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GalleryGroup {
    /// Images, with and without names.
    Images,
    /// Names only.
    ByName,
    /// Names only, of a class and the classes whose names are most like it.
    SimilarNames,
}

/// Accepted images at a stated rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// The stated rate.
    pub rate: f64,
    /// The share of unknown images that are accepted.
    pub false_accept_rate: f64,
    /// The share of known images that are accepted.
    pub true_accept_rate: f64,
}

/// The figures of each set, with these constants.
pub(super) fn figures(sets: &[BaseSet], cells: &[Cell], table: &DecisionTable) -> Vec<SetFigures> {
    let of_set = |(position, set): (usize, &BaseSet)| SetFigures {
        name: set.name.clone(),
        classes: set.embeddings.len(),
        images: set.embeddings.iter().map(|images| images.nrows()).sum(),
        galleries: by_size(cells.iter().filter(|cell| cell.set == position).collect(), table),
    };
    sets.iter().enumerate().map(of_set).collect()
}

/// By what the classes are known from, then by their number.
fn by_size(cells: Vec<&Cell>, table: &DecisionTable) -> Vec<DecisionFigures> {
    let mut sizes: Vec<(GalleryGroup, usize)> = cells.iter().map(|cell| size(cell)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let of_size = |of: (GalleryGroup, usize)| {
        let cells: Vec<&Cell> = cells.iter().copied().filter(|cell| size(cell) == of).collect();
        DecisionFigures::of(of, &cells, table)
    };
    sizes.into_iter().map(of_size).collect()
}

fn size(cell: &Cell) -> (GalleryGroup, usize) {
    let group = match cell.kind.prototypes {
        Prototypes::Mean | Prototypes::Trusted => GalleryGroup::Images,
        Prototypes::NameOnly => GalleryGroup::ByName,
        Prototypes::SimilarNames => GalleryGroup::SimilarNames,
    };
    (group, cell.kind.classes)
}

impl DecisionFigures {
    fn of((drawn, classes): (GalleryGroup, usize), cells: &[&Cell], table: &DecisionTable) -> Self {
        let stated = STATED.map(|rate| {
            let stated = cells.iter().map(|cell| Stated::of(cell, rate, table));
            let stated: Vec<Stated> = stated.collect();
            Stated {
                rate,
                false_accept_rate: mean(stated.iter().map(|of_cell| of_cell.false_accept_rate)),
                true_accept_rate: mean(stated.iter().map(|of_cell| of_cell.true_accept_rate)),
            }
        });
        Self {
            classes,
            drawn,
            auroc_cosine: mean(cells.iter().map(|cell| cell.auroc(&PLAIN))),
            auroc: mean(cells.iter().map(|cell| cell.auroc(&table.weights))),
            stated: stated.to_vec(),
        }
    }
}

impl Stated {
    fn of(cell: &Cell, rate: f64, table: &DecisionTable) -> Self {
        let constants = Constants { weights: &table.weights, expected: &table.expected };
        let mut unknown = Vec::new();
        let mut known = Vec::new();
        for gallery in cell.calibrated(constants) {
            let limit = gallery.limits(&table.limits).at(rate);
            unknown.extend(gallery.unknown().into_iter().map(|score| score >= limit));
            known.extend(gallery.known().into_iter().map(|score| score >= limit));
        }
        Self { rate, false_accept_rate: share(&unknown), true_accept_rate: share(&known) }
    }
}

fn share(accepted: &[bool]) -> f64 {
    mean(accepted.iter().map(|&accepted| f64::from(u8::from(accepted))))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}
