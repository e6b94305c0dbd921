//! When two classes cannot be told apart: the share of the second class above which too many
//! accepted answers are wrong.

use super::calibrated::Constants;
use super::cell::{Cell, weights};
use super::limits::RATES;
use crate::decision::ambiguity::Ambiguity;
use crate::decision::confidence::Confidence;
use crate::decision::limits::Limits;

/// The share of the second class of two at which no answer is ambiguous.
const NEVER: f64 = 0.5;

/// An accepted answer to a known image: the share of the second class of two, whether the answer is
/// right, and its weight.
#[derive(Debug, Clone, Copy)]
struct Answer {
    second: f64,
    is_right: bool,
    weight: f64,
}

pub(super) fn fitted(
    cells: &[Cell],
    constants: Constants<'_>,
    limits: &Limits,
    confidence: &Confidence,
) -> Ambiguity {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.kind.classes > 1).collect();
    let shares = RATES.iter().map(|&rate| {
        let mut answers = Vec::new();
        for (cell, weight) in cells.iter().zip(weights(&cells)) {
            answers.extend(accepted(cell, weight, rate, constants, limits, confidence));
        }
        share(answers, rate)
    });
    let mut shares: Vec<f64> = shares.collect();
    // With a higher rate, more wrong answers are allowed.
    for rate in 1..shares.len() {
        shares[rate] = shares[rate].max(shares[rate - 1]);
    }
    Ambiguity { rates: RATES.to_vec(), shares }
}

/// The accepted answers of a cell at a rate.
fn accepted(
    cell: &Cell,
    weight: f64,
    rate: f64,
    constants: Constants<'_>,
    limits: &Limits,
    confidence: &Confidence,
) -> Vec<Answer> {
    let images: usize = cell.galleries.iter().map(|gallery| gallery.known.len()).sum();
    let weight = weight / images.max(1) as f64;
    let mut answers = Vec::new();
    for gallery in cell.calibrated(constants) {
        let limit = gallery.limits(limits).at(rate);
        let known = gallery.gallery.known.iter();
        for image in known.filter(|image| gallery.score(&image.seen) >= limit) {
            let shares = confidence.shares(&image.similarities, image.seen.shots);
            let others = shares.iter().enumerate().filter(|(class, _)| *class != image.winner);
            let second = others.map(|(_, &share)| share).fold(0.0, f64::max);
            let second = second / (second + shares[image.winner]);
            answers.push(Answer { second, is_right: image.winner == image.class, weight });
        }
    }
    answers
}

/// The largest share of the second class up to which the answers are wrong at most at this rate.
fn share(mut answers: Vec<Answer>, rate: f64) -> f64 {
    answers.sort_by(|a, b| a.second.total_cmp(&b.second));
    let mut wrong = 0.0;
    let mut all = 0.0;
    let mut share = 0.0;
    for Answer { second, is_right, weight } in answers {
        wrong += if is_right { 0.0 } else { weight };
        all += weight;
        if wrong <= rate * all {
            share = second;
        }
    }
    if wrong <= rate * all { NEVER } else { share }
}
