//! A figure of a benchmark beside what it should be.

use std::fmt;

/// How far beyond what it may be today a figure ends the program with an error, where nothing else
/// is chosen.
const TOLERANCE: f64 = 1.25;

/// A figure, what it should be, and what it may be today.
pub(crate) struct Bar {
    name: String,
    got: f64,
    aim: f64,
    bar: f64,
    /// Whether a greater figure misses it.
    is_most: bool,
    /// How far beyond the bar it ends the program with an error.
    pub(crate) tolerance: f64,
}

impl Bar {
    /// A figure that should be small: at most the aim, and today at most the bar.
    pub(crate) fn most(name: impl Into<String>, got: f64, [aim, bar]: [f64; 2]) -> Self {
        Self { name: name.into(), got, aim, bar, is_most: true, tolerance: TOLERANCE }
    }

    /// The same for one that should be great.
    pub(crate) fn least(name: impl Into<String>, got: f64, [aim, bar]: [f64; 2]) -> Self {
        Self { name: name.into(), got, aim, bar, is_most: false, tolerance: TOLERANCE }
    }

    /// Whether it misses the bar by more than noise explains.
    pub(crate) fn is_missed(&self) -> bool {
        match self.is_most {
            true => self.got > self.bar * self.tolerance,
            false => self.got < self.bar / self.tolerance,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.is_most { "at most" } else { "at least" };
        let missed = if self.is_missed() { "  MISSED" } else { "" };
        let Self { name, got, aim, bar, .. } = self;
        write!(f, "{name:<44} {got:8.2}  aim {bound} {aim}, today {bound} {bar}{missed}")
    }
}
