//! Fits the constants of a [decision](crate::decision) on base classes.
//!
//! Galleries are drawn from the base classes of each data set, of 1 to 40 classes with 0 to 10
//! images each, with every kind of prototype. Images of the classes that a gallery does not have
//! are unknown to it. Each data set counts the same, and within it each kind of gallery.
//!
//! # Examples
//! ```
//! use few_shot::decision::background::Background;
//! use few_shot::fit::decision_fit::{BaseSet, DecisionFitError, fit};
//! use ndarray::{Array1, Array2};
//!
//! let set = BaseSet {
//!     name: "two classes".to_owned(),
//!     embeddings: vec![Array2::ones((20, 8)); 2],
//!     semantic: None,
//! };
//! let result = fit(&[set], None, &Background::none(Array1::zeros(8)), 7, &|_, _| ());
//! assert!(matches!(result, Err(DecisionFitError::TooFewClasses { .. })));
//! ```

mod base_set;
mod calibrated;
mod cell;
mod confidence;
mod draw;
mod expected;
mod limits;
mod measure;
mod report;
mod weights;

use std::sync::Arc;

use crate::decision::ambiguity::Ambiguity;
use crate::decision::background::Background;
use crate::decision::confidence::{Confidence, Logistic};
use crate::decision::limits::Limits;
use crate::decision::score::Weights;
use crate::decision::{DecisionModel, DecisionTable, ExpectedScore};
use models::fault::{Blame, Fault};

pub use base_set::{BaseSet, MAX_IMAGES, NameConstants, Progress};
use calibrated::Constants;
use draw::{FEWEST_CLASSES, FEWEST_IMAGES};
pub use report::{DecisionFigures, FitReport, GalleryGroup, SetFigures, Stated};

/// With it, EfficientNet-Lite0 finds at most 4.2 % of right answers ambiguous at 5 % (validation
/// classes of Caltech and CIFAR-FS, 1 and 5 shots).
const AMBIGUITY: Ambiguity = Ambiguity { largest_share: 0.25, share_per_rate: 5.0 };

/// A fitted decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionFit {
    /// The constants and the background, which is empty where it does not help.
    pub model: DecisionModel<f32>,
    /// What was found.
    pub report: FitReport,
}

/// Why no decision can be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionFitError {
    /// There is no data set.
    #[error("there are no base classes; give a data set that has some")]
    NoSet,
    /// A data set has too few classes that have enough images.
    #[error(
        "{set} has {got} base classes of {FEWEST_IMAGES} images or more, expected at least \
         {FEWEST_CLASSES}: add classes or images"
    )]
    TooFewClasses {
        /// The data set.
        set: String,
        /// Its classes that have enough images.
        got: usize,
    },
}

impl Fault for DecisionFitError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// Fits the constants to `sets`. Without `names`, their semantic prototypes are not used. The
/// background is rounded to 8 bits, and dropped where scores with it are not better. The answer is
/// a function of the inputs and `seed`: it does not depend on the number of threads.
///
/// # Errors
/// [`DecisionFitError`]: no set, or one with too few classes.
pub fn fit(
    sets: &[BaseSet],
    names: Option<NameConstants<'_>>,
    background: &Background<f32>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<DecisionFit, DecisionFitError> {
    check_all(sets)?;
    let background = background.rounded();
    let unfitted = DecisionModel { table: unfitted(weights::PLAIN), background };
    let cells = cell::measured(sets, names, &Arc::new(unfitted.clone()), seed, progress);
    let table = table(&cells);
    let background = match table.weights == weights::PLAIN {
        true => Background::none(unfitted.background.center().to_owned()),
        false => unfitted.background,
    };
    let report = FitReport {
        seed,
        background: background.len(),
        sets: report::figures(sets, &cells, &table),
    };
    Ok(DecisionFit { model: DecisionModel { table, background }, report })
}

/// The figures of a fitted decision on galleries of other base classes.
///
/// # Errors
/// As for [`fit`].
pub fn figures(
    sets: &[BaseSet],
    names: Option<NameConstants<'_>>,
    model: &DecisionModel<f32>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<SetFigures>, DecisionFitError> {
    check_all(sets)?;
    let cells = cell::measured(sets, names, &Arc::new(model.clone()), seed, progress);
    Ok(report::figures(sets, &cells, &model.table))
}

/// Whether a data set has enough classes, from the number of images of each.
///
/// # Errors
/// [`DecisionFitError::TooFewClasses`] with the name of the `set`.
pub fn check(set: &str, images: impl IntoIterator<Item = usize>) -> Result<(), DecisionFitError> {
    let got = images.into_iter().filter(|&images| images >= FEWEST_IMAGES).count();
    if got < FEWEST_CLASSES {
        return Err(DecisionFitError::TooFewClasses { set: set.to_owned(), got });
    }
    Ok(())
}

fn check_all(sets: &[BaseSet]) -> Result<(), DecisionFitError> {
    if sets.is_empty() {
        return Err(DecisionFitError::NoSet);
    }
    sets.iter().try_for_each(|set| check(&set.name, set.embeddings.iter().map(|it| it.nrows())))
}

/// All constants, each fitted with those before it.
fn table(cells: &[cell::Cell]) -> DecisionTable {
    let weights = weights::best(cells);
    let expected = expected::fitted(cells, &weights);
    let constants = Constants { weights: &weights, expected: &expected };
    let limits = limits::fitted(cells, constants);
    let confidence = confidence::fitted(cells, constants);
    DecisionTable { weights, expected, limits, confidence, ambiguity: AMBIGUITY }
}

/// A table with these weights, for scores that are not yet calibrated.
fn unfitted(weights: Weights) -> DecisionTable {
    let even = Logistic { slope: 0.0, intercept: 0.0 };
    DecisionTable {
        weights,
        expected: ExpectedScore { by_shots: [(0, 0.0)].into(), growth: 0.0, likeness: 0.0 },
        limits: Limits {
            rates: Vec::new(),
            by_classes: [].into(),
            by_name: [].into(),
            table_classes: 1.0,
        },
        confidence: Confidence { with_images: even, by_name: even, sharpness: [].into() },
        ambiguity: AMBIGUITY,
    }
}

#[cfg(test)]
mod tests;
