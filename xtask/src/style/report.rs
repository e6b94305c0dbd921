//! The numbers as a table, as JSON, and the places behind them.

use std::fmt::Display;

use anyhow::Result;
use serde_json::{Value, json};

use super::numbers::{Length, Numbers};

const COLUMNS: [&str; 16] = [
    "crate", "files", ">450", "code", "fn", "p50", "p90", "max", ">60", "closure", "tuple",
    "plain", "doc", ">100", "no-ex", "ex",
];

/// How many of the longest functions and files are listed.
const LISTED: usize = 20;

/// One line a crate, columns aligned.
pub(super) fn table(crates: &[(String, Numbers)]) -> String {
    let rows = crates.iter().map(|(name, numbers)| row(name, numbers));
    let head = COLUMNS.map(str::to_owned);
    let rows: Vec<[String; 16]> = std::iter::once(head).chain(rows).collect();
    rows.iter().map(|row| aligned(row, &rows)).collect()
}

fn row(name: &str, numbers: &Numbers) -> [String; 16] {
    [
        name.to_owned(),
        numbers.files.len().to_string(),
        numbers.long_files().count().to_string(),
        numbers.code_lines.to_string(),
        numbers.functions.len().to_string(),
        numbers.function_percentile(50).to_string(),
        numbers.function_percentile(90).to_string(),
        numbers.function_percentile(100).to_string(),
        format!("{:.1}", numbers.long_share()),
        format!("{:.1}", numbers.per_thousand(numbers.closures.len())),
        format!("{:.1}", numbers.per_thousand(numbers.tuple_lets.len())),
        format!("{:.1}", numbers.percent(numbers.plain_lines)),
        format!("{:.1}", numbers.percent(numbers.doc_lines)),
        numbers.wide_comments.len().to_string(),
        numbers.bare_modules.len().to_string(),
        numbers.examples.to_string(),
    ]
}

/// The name is aligned to the left, numbers to the right.
fn aligned(row: &[String; 16], rows: &[[String; 16]]) -> String {
    let mut line = String::new();
    for (column, cell) in row.iter().enumerate() {
        // All cells are ASCII, so bytes are columns.
        let width = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        match column {
            0 => line.push_str(&format!("{cell:<width$}")),
            _ => line.push_str(&format!("  {cell:>width$}")),
        }
    }
    line + "\n"
}

/// The same numbers for other programs, and the limits that do not hold.
pub(super) fn json(crates: &[(String, Numbers)], violations: &[String]) -> Result<String> {
    let crates: Vec<Value> = crates.iter().map(|(name, numbers)| object(name, numbers)).collect();
    Ok(serde_json::to_string_pretty(&json!({ "crates": crates, "violations": violations }))?)
}

fn object(name: &str, numbers: &Numbers) -> Value {
    json!({
        "crate": name,
        "files": numbers.files.len(),
        "files_over_450": numbers.long_files().count(),
        "code_lines": numbers.code_lines,
        "functions": numbers.functions.len(),
        "function_lines_median": numbers.function_percentile(50),
        "function_lines_p90": numbers.function_percentile(90),
        "function_lines_max": numbers.function_percentile(100),
        "functions_over_60_percent": numbers.long_share(),
        "named_closures_per_1000": numbers.per_thousand(numbers.closures.len()),
        "tuple_lets_per_1000": numbers.per_thousand(numbers.tuple_lets.len()),
        "plain_comments_percent": numbers.percent(numbers.plain_lines),
        "doc_comments_percent": numbers.percent(numbers.doc_lines),
        "comments_over_100_columns": numbers.wide_comments.len(),
        "public_modules_without_example": numbers.bare_modules.len(),
        "doc_examples": numbers.examples,
    })
}

/// What to mend first: `kind  file:line: what`.
pub(super) fn worst(all: &Numbers) -> String {
    let mut lines = String::new();
    lines += &listed("function", &longest(&all.functions));
    lines += &listed("file", &longest(&all.files));
    lines += &listed("closure", &all.closures);
    lines += &listed("tuple", &all.tuple_lets);
    lines += &listed("comment", &all.wide_comments);
    lines += &listed("no-ex", &all.bare_modules);
    lines + "\n"
}

fn longest(lengths: &[Length]) -> Vec<Length> {
    let mut longest = lengths.to_vec();
    longest.sort_by_key(|length| std::cmp::Reverse(length.lines));
    longest.truncate(LISTED);
    longest
}

fn listed(kind: &str, places: &[impl Display]) -> String {
    places.iter().map(|place| format!("{kind:<8}  {place}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::numbers::Place;
    use super::*;

    fn crates() -> [(String, Numbers); 1] {
        let place = Place::new(Path::new("a.rs"), 3, "f");
        let functions = vec![Length { place: place.clone(), lines: 12 }];
        let closures = vec![place];
        let numbers = Numbers { functions, closures, code_lines: 500, ..Numbers::default() };
        [("edge".to_owned(), numbers)]
    }

    #[test]
    fn numbers_stand_below_their_titles() {
        let table = table(&crates());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0].len(), lines[1].len());
        assert!(lines[1].starts_with("edge "), "{table}");
        assert_eq!(lines[0].find("closure").map(|at| &lines[1][at..at + 7]), Some("    2.0"));
    }

    #[test]
    fn json_has_the_numbers_of_the_table() {
        let text = json(&crates(), &["too long".to_owned()]).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["crates"][0]["named_closures_per_1000"], 2.0);
        assert_eq!(read["crates"][0].as_object().unwrap().len(), COLUMNS.len());
        assert_eq!(read["violations"][0], "too long");
    }

    #[test]
    fn the_worst_have_a_file_and_a_line() {
        let [(_, numbers)] = crates();
        let text = worst(&numbers);
        assert!(text.contains("function  a.rs:3: f (12 lines)\n"), "{text}");
        assert!(text.contains("closure   a.rs:3: f\n"), "{text}");
    }
}
