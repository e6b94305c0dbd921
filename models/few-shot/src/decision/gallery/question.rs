//! What a decision is asked for, and what it answers.

/// What is decided about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It shows the winner.
    Accepted,
    /// It shows none of the classes.
    Rejected,
    /// It shows the winner or this class, which cannot be told apart at the rate.
    Ambiguous(usize),
}

impl Verdict {
    /// About an image whose score is high enough or not, where the winner may have a rival.
    pub(super) fn of(is_high_enough: bool, rival: Option<usize>) -> Self {
        match rival {
            _ if !is_high_enough => Self::Rejected,
            Some(rival) => Self::Ambiguous(rival),
            None => Self::Accepted,
        }
    }
}

/// What is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Criterion {
    /// The share of unknown images that may be accepted.
    Rate(f64),
    /// The least calibrated score.
    Threshold(f64),
}

/// What a decision is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// What is accepted.
    pub criterion: Criterion,
    /// The share of images that are expected to be unknown, for probabilities only.
    pub unknown: f64,
}

impl Default for Question {
    /// At most 5 % of unknown images are accepted; as many images are unknown as known.
    fn default() -> Self {
        Self { criterion: Criterion::Rate(0.05), unknown: 0.5 }
    }
}
