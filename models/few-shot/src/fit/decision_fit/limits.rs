//! The limits of the calibrated score: quantiles of the scores of unknown images.

use std::collections::BTreeMap;

use super::calibrated::Constants;
use super::cell::Cell;
use super::draw::Prototypes;
use crate::decision::limits::{LimitRow, Limits};
use crate::decision::quantile::Weighted;

/// The rates of the table.
pub(super) const RATES: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// The classes of a gallery whose evidence weighs as much as the table. Chosen on base classes of
/// Caltech and CIFAR-FS with EfficientNet-Lite0.
const TABLE_CLASSES: f64 = 20.0;

/// Numbers of classes of whose rows galleries of similar names are a part, as they have 7.
const SIMILAR: [usize; 2] = [5, 10];

/// The limits at each rate, by the number of classes, for winners with images and by name only.
pub(super) fn fitted(cells: &[Cell], constants: Constants<'_>) -> Limits {
    let mut by_classes: BTreeMap<usize, Vec<&Cell>> = BTreeMap::new();
    let mut by_name: BTreeMap<usize, Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        let classes = cell.kind.classes;
        match cell.kind.prototypes {
            Prototypes::Mean | Prototypes::Trusted => {
                by_classes.entry(classes).or_default().push(cell);
            }
            Prototypes::NameOnly => by_name.entry(classes).or_default().push(cell),
            Prototypes::SimilarNames => {
                SIMILAR.iter().for_each(|&n| by_name.entry(n).or_default().push(cell));
            }
        }
    }
    let by_classes = rows(by_classes, constants);
    Limits {
        rates: RATES.to_vec(),
        // Without names no class wins by its name, but the table has a row for it.
        by_name: if by_name.is_empty() { by_classes.clone() } else { rows(by_name, constants) },
        by_classes,
        table_classes: TABLE_CLASSES,
    }
}

/// A row for each number of classes.
fn rows(cells: BTreeMap<usize, Vec<&Cell>>, constants: Constants<'_>) -> BTreeMap<usize, Vec<f64>> {
    cells.into_iter().map(|(n, cells)| (n, row(n, &cells, constants))).collect()
}

/// The limit at each rate: the largest over data sets of the scores that this share of unknown
/// images reaches, as the classes of one may lack any that are nearly alike.
fn row(n: usize, cells: &[&Cell], constants: Constants<'_>) -> Vec<f64> {
    let mut sets: BTreeMap<usize, Weighted> = BTreeMap::new();
    for cell in cells {
        sets.entry(cell.set).or_default().add(&cell.unknown(constants));
    }
    let mut row = [f64::NEG_INFINITY; RATES.len()];
    for quantiles in sets.into_values().filter_map(|scores| scores.upper(&RATES)) {
        for (limit, quantile) in row.iter_mut().zip(quantiles) {
            *limit = limit.max(quantile);
        }
    }
    // Equal quantiles may differ by their rounding errors: a row must not rise.
    for rate in 1..row.len() {
        row[rate] = row[rate].min(row[rate - 1]);
    }
    let row = LimitRow::new(&RATES, row.to_vec());
    RATES.iter().map(|rate| row.at(rate * caution(n))).collect()
}

/// The share of a rate whose limit is taken. Few unknown images decide the limits of large
/// galleries: those of classes that are nearly alike, of which half of the classes may have none.
fn caution(classes: usize) -> f64 {
    match classes {
        2..5 => 0.8,
        10.. => 0.7,
        _ => 1.0,
    }
}
