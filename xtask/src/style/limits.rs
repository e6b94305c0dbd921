//! The limits of the house numbers.
//!
//! Medians, densities and shares are held over the whole workspace; lengths, widths and missing
//! examples are held one by one.

use super::lines::MAX_COLUMNS;
use super::numbers::{Length, MAX_FILE, MAX_FUNCTION, Numbers, Place};

const MAX_MEDIAN: usize = 8;
const MAX_P90: usize = 25;
const MAX_CLOSURES: f64 = 3.0;
const MAX_TUPLE_LETS: f64 = 1.0;
// Below the aim of 3 %: a gate at the aim itself would be met with filler.
const MIN_PLAIN: f64 = 2.0;
const MIN_EXAMPLES: usize = 30;
/// Places that are listed below a limit.
const SHOWN: usize = 5;

/// One sentence for each limit that does not hold: the limit, the value, and where.
pub(super) fn violations(all: &Numbers) -> Vec<String> {
    let functions = all.long_functions().map(Length::to_string).collect();
    let files = all.long_files().map(Length::to_string).collect();
    let comments = all.wide_comments.iter().map(Place::to_string).collect();
    let modules = all.bare_modules.iter().map(Place::to_string).collect();
    let places = [
        places(format!("functions have at most {MAX_FUNCTION} lines"), functions),
        places(format!("files have at most {MAX_FILE} lines"), files),
        places(format!("comments have at most {MAX_COLUMNS} columns"), comments),
        places("public modules of edge and few-shot have a doc example".to_owned(), modules),
    ];
    [overall(all), places.into_iter().flatten().collect()].concat()
}

/// A limit and the first places where it does not hold.
fn places(limit: String, places: Vec<String>) -> Option<String> {
    let shown = places.iter().take(SHOWN).map(|place| format!("\n  {place}"));
    let shown: String = shown.collect();
    let more = match places.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n  and {more} more; `cargo xtask style --worst` lists them"),
    };
    (!places.is_empty()).then(|| format!("{limit}; violated {} times:{shown}{more}", places.len()))
}

/// Limits of medians, densities and shares that do not hold.
fn overall(all: &Numbers) -> Vec<String> {
    let median = all.function_percentile(50);
    let p90 = all.function_percentile(90);
    let closures = all.per_thousand(all.closures.len());
    let tuple_lets = all.per_thousand(all.tuple_lets.len());
    let plain = all.percent(all.plain_lines);
    let examples = all.examples;
    // Every sentence is made, most in vain: one table is easier to read than six conditions.
    let checks = [
        (
            median > MAX_MEDIAN,
            format!("the median function has at most {MAX_MEDIAN} lines, not {median}"),
        ),
        (p90 > MAX_P90, format!("9 of 10 functions have at most {MAX_P90} lines, not {p90}")),
        (
            closures > MAX_CLOSURES,
            format!("at most {MAX_CLOSURES} named closures per 1,000 lines, not {closures:.1}"),
        ),
        (
            tuple_lets > MAX_TUPLE_LETS,
            format!("at most {MAX_TUPLE_LETS} tuple-lets per 1,000 lines, not {tuple_lets:.1}"),
        ),
        (
            plain < MIN_PLAIN,
            format!(
                "lines with plain comments are at least {MIN_PLAIN} % of the lines of code, not {plain:.1}"
            ),
        ),
        (
            examples < MIN_EXAMPLES,
            format!("edge and few-shot have at least {MIN_EXAMPLES} doc examples, not {examples}"),
        ),
    ];
    checks.into_iter().filter(|(is_violated, _)| *is_violated).map(|(_, limit)| limit).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn place() -> Place {
        Place::new(Path::new("a.rs"), 7, "slow")
    }

    /// Numbers at every limit.
    fn good() -> Numbers {
        Numbers {
            files: vec![Length { place: place(), lines: 450 }],
            functions: vec![Length { place: place(), lines: 8 }],
            closures: vec![place(); 3],
            tuple_lets: vec![place()],
            code_lines: 1000,
            plain_lines: 20,
            examples: 30,
            ..Numbers::default()
        }
    }

    fn check(spoil: impl Fn(&mut Numbers), expected: &str) {
        let mut numbers = good();
        spoil(&mut numbers);
        let violations = violations(&numbers);
        assert!(violations.iter().any(|violation| violation.contains(expected)), "{violations:#?}");
    }

    #[test]
    fn numbers_at_the_limits_hold() {
        assert_eq!(violations(&good()), [""; 0]);
    }

    #[test]
    fn every_limit_can_be_broken() {
        check(|all| all.functions[0].lines = 9, "median function has at most 8 lines, not 9");
        check(|all| all.functions[0].lines = 26, "9 of 10 functions have at most 25 lines, not 26");
        check(
            |all| all.functions[0].lines = 61,
            "at most 60 lines; violated 1 times:\n  a.rs:7: slow (61 lines)",
        );
        check(
            |all| all.files[0].lines = 451,
            "at most 450 lines; violated 1 times:\n  a.rs:7: slow (451 lines)",
        );
        check(|all| all.closures.push(place()), "3 named closures per 1,000 lines, not 4.0");
        check(|all| all.tuple_lets.push(place()), "1 tuple-lets per 1,000 lines, not 2.0");
        check(|all| all.plain_lines = 19, "2 % of the lines of code, not 1.9");
        check(|all| all.examples = 29, "at least 30 doc examples, not 29");
        check(|all| all.wide_comments.push(place()), "100 columns; violated 1 times:\n  a.rs:7");
        check(
            |all| all.bare_modules.push(place()),
            "have a doc example; violated 1 times:\n  a.rs:7",
        );
    }
}
