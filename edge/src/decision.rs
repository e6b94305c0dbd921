//! Known or unknown: what a bundle has for it, and what is answered.
//!
//! The mathematics is [`few_shot::decision`]. A bundle without a decision rejects nothing.
//!
//! # Examples
//! ```
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let bundle = Bundle::open("tests/fixtures/tiny-bundle".as_ref(), &BundleLimits::default())?;
//! assert!(edge::decision::open(&bundle)?.is_none(), "this bundle has no decision");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use few_shot::decision::DecisionModel;
use few_shot::decision::file::DecisionError;
use few_shot::decision::gallery as mathematics;
use models::bundle::Bundle;

/// Why the decision of a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionFileError {
    /// The file cannot be read.
    #[error("the bundle's decision cannot be used: {0}")]
    File(#[from] DecisionError),
    /// The file is sound, but it belongs to another backbone.
    #[error("the bundle's decision does not fit it: {what} is {got}, expected {expected}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// That of the backbone.
        expected: String,
        /// That of the decision.
        got: String,
    },
}

/// The decision of a bundle; `None` if it has none.
///
/// # Errors
/// [`DecisionFileError`] if its file cannot be read or belongs to another backbone.
pub fn open(bundle: &Bundle) -> Result<Option<DecisionModel<f32>>, DecisionFileError> {
    let Some(file) = &bundle.manifest.decision else { return Ok(None) };
    let bytes =
        bundle.file(file).expect("invariant: a manifest names its decision among the files");
    let (space_id, model) = DecisionModel::parse(bytes)?;
    let expected = &bundle.manifest.space_id;
    if space_id != *expected {
        return Err(mismatch("its space", expected, &space_id));
    }
    let size = bundle.manifest.backbone.embedding_size;
    let got = model.background.center().len();
    if got != size {
        return Err(mismatch("the length of its embeddings", &size.to_string(), &got.to_string()));
    }
    Ok(Some(model))
}

fn mismatch(what: &'static str, expected: &str, got: &str) -> DecisionFileError {
    DecisionFileError::Mismatch { what, expected: expected.to_owned(), got: got.to_owned() }
}

/// What is decided about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It shows the best candidate.
    Accepted,
    /// It shows none of the enrolled classes.
    Rejected,
    /// It shows the best candidate or one other, which cannot be told apart.
    Ambiguous,
    /// No class can be recognized yet.
    Empty,
}

impl Decision {
    pub(crate) fn of(verdict: mathematics::Verdict) -> Self {
        match verdict {
            mathematics::Verdict::Accepted => Self::Accepted,
            mathematics::Verdict::Rejected => Self::Rejected,
            mathematics::Verdict::Ambiguous(_) => Self::Ambiguous,
        }
    }

    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Ambiguous => "ambiguous",
            Self::Empty => "empty",
        }
    }
}

/// How an image compares with unknown ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unknown {
    /// The calibrated score: how far the image scores above unknown ones of this gallery.
    pub score: f64,
    /// The least calibrated score that is accepted.
    pub threshold: f64,
    /// The share of unknown images that score at least as high, 0.001 to 0.5 (an open-set p-value).
    pub false_accept_rate: f64,
    /// The share of unknown images that the threshold accepts.
    pub stated_false_accept_rate: f64,
    /// Whether the gallery has evidence for that share; a gallery of one class has none.
    pub stated: bool,
    /// The probability that the image shows none of the classes, 0 to 1.
    pub probability: f64,
    /// Whether the image is rejected because an example of the background set fits it better than
    /// the best candidate.
    pub background: bool,
}

impl Unknown {
    pub(crate) fn of(decision: &mathematics::Decision<f32>) -> Self {
        Self {
            score: decision.calibrated,
            threshold: decision.limit,
            false_accept_rate: rounded(decision.false_accept_rate),
            stated_false_accept_rate: rounded(decision.rate),
            stated: decision.is_stated,
            probability: 1.0 - decision.known,
            background: decision.is_negative,
        }
    }
}

/// A rate without its last digits: the logarithms of a table turn 0.001 into 0.0010000000000000002,
/// which is no longer one of the rates that people compare with.
fn rounded(rate: f64) -> f64 {
    (rate * 1e9).round() / 1e9
}
