//! The last line of a run: `N passed, N failed, N skipped`.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

/// Counts of tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Totals {
    /// Reads the line that [`fmt::Display`] writes.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut counts = line.split(", ");
        let totals = Self {
            passed: count(counts.next()?, " passed")?,
            failed: count(counts.next()?, " failed")?,
            skipped: count(counts.next()?, " skipped")?,
        };
        counts.next().is_none().then_some(totals)
    }
}

fn count(text: &str, word: &str) -> Option<u64> {
    text.strip_suffix(word)?.parse().ok()
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let totals = Totals { passed: 212, failed: 0, skipped: 3 };
        assert_eq!(totals.to_string(), "212 passed, 0 failed, 3 skipped");
        assert_eq!(Totals::parse(&totals.to_string()), Some(totals));
    }

    #[test]
    fn other_lines_are_not_totals() {
        for line in ["", "2 passed", "1 passed, 2 failed, 3 skipped, 4 more", "a passed, 1 failed"]
        {
            assert_eq!(Totals::parse(line), None, "{line}");
        }
    }
}
