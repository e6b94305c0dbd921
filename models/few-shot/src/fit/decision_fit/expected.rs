//! The score that unknown images are expected to have: least squares of their mean scores.

use std::collections::BTreeSet;

use ndarray::{Array1, Array2, Axis};

use super::cell::Cell;
use super::measure::Measured;
use crate::decision::ExpectedScore;
use crate::decision::score::Weights;
use crate::fit::cholesky;

/// Keeps the matrix positive definite where a column is constant.
const RIDGE: f64 = 1e-9;

/// The expected score with these weights.
pub(super) fn fitted(cells: &[Cell], weights: &Weights) -> ExpectedScore {
    let mut expected = of_cells(cells, weights);
    of_names(cells, weights, &mut expected);
    expected
}

/// Over cells: a constant for each number of images, and a slope over `ln n`.
fn of_cells(cells: &[Cell], weights: &Weights) -> ExpectedScore {
    let shots: BTreeSet<usize> = cells.iter().map(|cell| cell.kind.shots).collect();
    let shots: Vec<usize> = shots.into_iter().collect();
    let mut equations = Equations::new(shots.len() + 1);
    for cell in cells {
        let scores = cell.galleries.iter().map(|gallery| mean_score(gallery, weights));
        let mean = scores.sum::<f64>() / cell.galleries.len() as f64;
        let is_own = |&of: &usize| f64::from(u8::from(of == cell.kind.shots));
        let mut row: Vec<f64> = shots.iter().map(is_own).collect();
        row.push((cell.kind.classes as f64).ln());
        equations.add(row, mean);
    }
    let solution = equations.solved();
    let growth = solution[shots.len()];
    ExpectedScore { by_shots: shots.into_iter().zip(solution).collect(), growth, likeness: 0.0 }
}

/// Over galleries of names, with the slope over `ln n` as it is: a constant, and a slope over the
/// likeness of the classes.
fn of_names(cells: &[Cell], weights: &Weights, expected: &mut ExpectedScore) {
    let mut equations = Equations::new(2);
    let cells = cells.iter().filter(|cell| !cell.kind.has_images() && cell.kind.classes > 1);
    for gallery in cells.flat_map(|cell| &cell.galleries) {
        let grown = expected.growth * (gallery.kind.classes as f64).ln();
        equations.add(vec![1.0, gallery.likeness], mean_score(gallery, weights) - grown);
    }
    if equations.is_empty() {
        return;
    }
    let solution = equations.solved();
    // Alike classes can only attract more unknown images.
    if solution[1] > 0.0 {
        expected.by_shots.insert(0, solution[0]);
        expected.likeness = solution[1];
    }
}

/// The mean score of the unknown images.
fn mean_score(gallery: &Measured, weights: &Weights) -> f64 {
    let scores = gallery.unknown.iter().map(|seen| seen.score(weights, gallery.informative));
    scores.sum::<f64>() / gallery.unknown.len() as f64
}

/// The normal equations of a regression.
struct Equations {
    matrix: Array2<f64>,
    sides: Array1<f64>,
    count: usize,
}

impl Equations {
    fn new(columns: usize) -> Self {
        let matrix = Array2::eye(columns) * RIDGE;
        Self { matrix, sides: Array1::zeros(columns), count: 0 }
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, row: Vec<f64>, value: f64) {
        let row = Array1::from(row);
        self.sides.scaled_add(value, &row);
        let column = row.insert_axis(Axis(1));
        self.matrix += &column.dot(&column.t());
        self.count += 1;
    }

    fn solved(self) -> Vec<f64> {
        let factor = cholesky::factor(self.matrix);
        cholesky::solve(&factor, self.sides.insert_axis(Axis(1))).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found() {
        let mut equations = Equations::new(2);
        for (x, y) in [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)] {
            equations.add(vec![1.0, x], y);
        }
        let solution = equations.solved();
        assert!(
            (solution[0] - 1.0).abs() < 1e-6 && (solution[1] - 2.0).abs() < 1e-6,
            "{solution:?}"
        );
    }
}
