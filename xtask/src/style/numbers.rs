//! What is measured of a crate, and the figures drawn from it.

use std::fmt;
use std::path::{Path, PathBuf};

/// The longest function that is not too long.
pub(super) const MAX_FUNCTION: usize = 60;
/// The longest file that is not too long, test items left out.
pub(super) const MAX_FILE: usize = 450;

/// Something in a source file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) what: String,
}

/// A place and its number of lines.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Length {
    pub(super) place: Place,
    pub(super) lines: usize,
}

/// Everything measured of one crate, or of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) files: Vec<Length>,
    pub(super) functions: Vec<Length>,
    pub(super) closures: Vec<Place>,
    pub(super) tuple_lets: Vec<Place>,
    pub(super) code_lines: usize,
    pub(super) plain_lines: usize,
    pub(super) doc_lines: usize,
    pub(super) wide_comments: Vec<Place>,
    pub(super) bare_modules: Vec<Place>,
    pub(super) examples: usize,
}

impl Place {
    pub(super) fn new(file: &Path, line: usize, what: impl Into<String>) -> Place {
        Place { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} lines)", self.place, self.lines)
    }
}

impl Numbers {
    pub(super) fn add(&mut self, other: &Numbers) {
        self.files.extend_from_slice(&other.files);
        self.functions.extend_from_slice(&other.functions);
        self.closures.extend_from_slice(&other.closures);
        self.tuple_lets.extend_from_slice(&other.tuple_lets);
        self.code_lines += other.code_lines;
        self.plain_lines += other.plain_lines;
        self.doc_lines += other.doc_lines;
        self.wide_comments.extend_from_slice(&other.wide_comments);
        self.bare_modules.extend_from_slice(&other.bare_modules);
        self.examples += other.examples;
    }

    /// The number of lines that `percent` of the functions do not exceed (nearest rank).
    pub(super) fn function_percentile(&self, percent: usize) -> usize {
        let mut lengths: Vec<usize> = self.functions.iter().map(|length| length.lines).collect();
        lengths.sort_unstable();
        // No functions at all: rank 0, which stands for no length.
        let rank = (lengths.len() * percent).div_ceil(100);
        lengths.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    pub(super) fn long_functions(&self) -> impl Iterator<Item = &Length> {
        self.functions.iter().filter(|length| length.lines > MAX_FUNCTION)
    }

    pub(super) fn long_files(&self) -> impl Iterator<Item = &Length> {
        self.files.iter().filter(|length| length.lines > MAX_FILE)
    }

    /// Per 1,000 lines of code.
    pub(super) fn per_thousand(&self, count: usize) -> f64 {
        1000.0 * ratio(count, self.code_lines)
    }

    /// In percent of the lines of code.
    pub(super) fn percent(&self, lines: usize) -> f64 {
        100.0 * ratio(lines, self.code_lines)
    }

    /// Functions above the limit, in percent of all.
    pub(super) fn long_share(&self) -> f64 {
        100.0 * ratio(self.long_functions().count(), self.functions.len())
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_nearest_rank() {
        let place = Place::new(Path::new("a.rs"), 1, "f");
        let length = |lines| Length { place: place.clone(), lines };
        let functions = (1..=10).rev().map(length).collect();
        let numbers = Numbers { functions, ..Numbers::default() };
        assert_eq!(numbers.function_percentile(50), 5);
        assert_eq!(numbers.function_percentile(90), 9);
        assert_eq!(Numbers::default().function_percentile(90), 0);
    }
}
