//! Probabilities: a logistic regression of the calibrated score, and the sharpness of the softmax
//! over classes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::calibrated::Constants;
use super::cell::{Cell, weights};
use super::draw::{Kind, Prototypes};
use super::measure::KnownImage;
use crate::decision::confidence::{Confidence, Logistic};

/// The inverse temperatures to choose from.
const SHARPNESS: [f64; 14] =
    [5.0, 8.0, 10.0, 12.0, 15.0, 18.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0, 60.0, 80.0];

/// Numbers of classes among which the right one is looked for.
const CLASSES: RangeInclusive<usize> = 3..=20;

/// Steps of Newton's method, which has converged long before.
const STEPS: usize = 30;

/// Keeps the slope finite where all known images score higher than all unknown ones.
const RIDGE: f64 = 1e-6;

/// The logistic regression where there is nothing to fit it to.
const EVEN: Logistic = Logistic { slope: 0.0, intercept: 0.0 };

pub(super) fn fitted(cells: &[Cell], constants: Constants<'_>) -> Confidence {
    let is_used = |kind: Kind| kind.classes > 1 && kind.prototypes != Prototypes::SimilarNames;
    let cells: Vec<&Cell> = cells.iter().filter(|cell| is_used(cell.kind)).collect();
    let (with_images, by_name): (Vec<&Cell>, Vec<&Cell>) =
        cells.iter().partition(|cell| cell.kind.has_images());
    let with_images = logistic(&with_images, constants);
    Confidence {
        by_name: if by_name.is_empty() { with_images } else { logistic(&by_name, constants) },
        with_images,
        sharpness: sharpness(&cells),
    }
}

/// A value, whether it is of a known image, and its weight.
type Example = (f64, bool, f64);

fn logistic(cells: &[&Cell], constants: Constants<'_>) -> Logistic {
    let mut examples: Vec<Example> = Vec::new();
    for (cell, weight) in cells.iter().zip(weights(cells)) {
        // Half of the weight for each: the prior is added where a decision is made.
        for (scores, is_known) in [(cell.known(constants), true), (cell.unknown(constants), false)]
        {
            let weight = weight / 2.0 / scores.len().max(1) as f64;
            examples.extend(scores.into_iter().map(|score| (score, is_known, weight)));
        }
    }
    newton(&examples)
}

/// Logistic regression by Newton's method.
fn newton(examples: &[Example]) -> Logistic {
    let mut fitted = EVEN;
    for _ in 0..STEPS {
        let mut gradient = [RIDGE * fitted.slope, RIDGE * fitted.intercept];
        let mut curvature = [RIDGE, 0.0, RIDGE];
        for &(value, is_known, weight) in examples {
            let probability = fitted.probability(value, 0.5);
            let error = weight * (probability - f64::from(u8::from(is_known)));
            let steepness = weight * probability * (1.0 - probability);
            gradient[0] += error * value;
            gradient[1] += error;
            curvature[0] += steepness * value * value;
            curvature[1] += steepness * value;
            curvature[2] += steepness;
        }
        let [a, b, c] = curvature;
        let determinant = a * c - b * b;
        fitted.slope -= (c * gradient[0] - b * gradient[1]) / determinant;
        fitted.intercept -= (a * gradient[1] - b * gradient[0]) / determinant;
    }
    fitted
}

/// For each number of shots, the sharpness with which known images are most probably of their
/// class.
fn sharpness(cells: &[&Cell]) -> BTreeMap<usize, f64> {
    let shots: BTreeSet<usize> = cells.iter().map(|cell| cell.kind.shots).collect();
    let best = shots.into_iter().map(|shots| {
        let is_used = |kind: Kind| kind.shots == shots && CLASSES.contains(&kind.classes);
        let cells = cells.iter().copied().filter(|cell| is_used(cell.kind));
        let cells: Vec<&Cell> = cells.collect();
        let losses = SHARPNESS.map(|sharpness| (loss(&cells, sharpness), sharpness));
        let best = losses.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        (shots, best.expect("invariant: there are values to choose from").1)
    });
    best.collect()
}

/// The mean of `-ln` of the share of the right class.
fn loss(cells: &[&Cell], sharpness: f64) -> f64 {
    let losses = cells.iter().zip(weights(cells)).map(|(cell, weight)| {
        let images = cell.galleries.iter().flat_map(|gallery| &gallery.known);
        let losses: Vec<f64> = images.map(|image| image.loss(sharpness)).collect();
        weight * losses.iter().sum::<f64>() / losses.len().max(1) as f64
    });
    losses.sum()
}

impl KnownImage {
    /// `-ln` of the share of the right class in a softmax of this sharpness.
    fn loss(&self, sharpness: f64) -> f64 {
        let own = self.similarities[self.class];
        let others = self.similarities.iter().map(|other| (sharpness * (other - own)).exp());
        others.sum::<f64>().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newton_finds_the_slope_of_two_normal_distributions() {
        // Log-odds of equal normal distributions around 0.4 and 0 with deviation 0.2 are linear.
        let grid = (-200..=300).map(|step| f64::from(step) / 250.0);
        let density = |value: f64, mean: f64| (-0.5 * ((value - mean) / 0.2_f64).powi(2)).exp();
        let examples: Vec<Example> = grid
            .flat_map(|value| {
                [(value, true, density(value, 0.4)), (value, false, density(value, 0.0))]
            })
            .collect();
        let Logistic { slope, intercept } = newton(&examples);
        assert!(
            (slope - 10.0).abs() < 0.01 && (intercept + 2.0).abs() < 0.01,
            "{slope} {intercept}"
        );
    }

    #[test]
    fn separable_examples_have_a_finite_slope() {
        let examples = [(1.0, true, 0.5), (0.0, false, 0.5)];
        let Logistic { slope, intercept } = newton(&examples);
        assert!(slope > 5.0 && slope.is_finite() && intercept < 0.0, "{slope} {intercept}");
    }
}
