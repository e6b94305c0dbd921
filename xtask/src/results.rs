//! `cargo xtask results`: writes the accuracy tables of README.md and docs/results.md from the
//! evaluation reports in docs/reports.
//!
//! A table stands between `<!-- table: NAME -->` and `<!-- end -->`. `NAME` is `summary`,
//! `unknown`, or the stem of reports: `efficientnet-lite0-caltech` takes
//! `efficientnet-lite0-caltech-Kshot.json`.

mod report;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use report::reports;

/// The documents that hold generated tables.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/results.md"];

/// Where `evaluate --json` reports are committed.
const REPORTS: &str = "docs/reports";

const OPEN: &str = "<!-- table: ";
const CLOSE: &str = "<!-- end -->";

/// Rewrites the tables, or with `check` only compares them; `false` when a document differs.
///
/// # Errors
/// A report or document that cannot be read, a marker without its end, an unknown table.
pub(crate) fn results(root: &Path, check: bool) -> Result<bool> {
    let mut is_current = true;
    for name in DOCUMENTS {
        let path = root.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let written = with_tables(&text, root).with_context(|| name.to_owned())?;
        if text == written {
            continue;
        }
        is_current = false;
        match check {
            true => println!("{name} differs from {REPORTS}; run `cargo xtask results`"),
            false => fs::write(&path, written).with_context(|| format!("cannot write {name}"))?,
        }
    }
    Ok(is_current || !check)
}

/// The document with every table between its markers made anew.
fn with_tables(text: &str, root: &Path) -> Result<String> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let body = at + rest[at..].find('\n').context("a marker ends the document")?;
        let marker = rest[at + OPEN.len()..body].trim_end();
        let name = marker.strip_suffix(" -->").with_context(|| format!("bad marker `{marker}`"))?;
        let end = rest[body..].find(CLOSE).with_context(|| format!("table {name} has no end"))?;
        written.push_str(&rest[..body]);
        written.push_str("\n\n");
        written.push_str(&table(name, &root.join(REPORTS))?);
        written.push('\n');
        rest = &rest[body + end..];
    }
    written.push_str(rest);
    Ok(written)
}

/// The Markdown of the table with this name.
fn table(name: &str, folder: &Path) -> Result<String> {
    match name {
        "summary" => table::summary(folder),
        "unknown" => table::unknown(folder),
        _ => table::policies(&reports(name, folder)?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn documents_show_what_the_reports_hold() {
        assert!(results(root(), true).unwrap(), "run `cargo xtask results`");
        // A table without its markers is not compared.
        let counts = DOCUMENTS
            .map(|name| fs::read_to_string(root().join(name)).unwrap().matches(OPEN).count());
        assert_eq!(counts, [1, 6], "marked tables of {DOCUMENTS:?}");
    }

    #[test]
    fn a_changed_figure_is_found() {
        let text = fs::read_to_string(root().join("docs/results.md")).unwrap();
        let table = text.find(OPEN).unwrap();
        let figure = table + text[table..].find(" ± ").unwrap();
        let changed = format!("{}0{}", &text[..figure], &text[figure..]);
        assert_eq!(with_tables(&changed, root()).unwrap(), text);
    }

    #[test]
    fn text_around_a_table_stays() {
        let text = "before\n<!-- table: summary -->\nold\n<!-- end -->\nafter\n";
        let written = with_tables(text, root()).unwrap();
        assert!(written.starts_with("before\n<!-- table: summary -->\n\n|"), "{written}");
        assert!(written.ends_with("|\n\n<!-- end -->\nafter\n"), "{written}");
        assert_eq!(with_tables(&written, root()).unwrap(), written, "a second run changes nothing");
    }

    #[test]
    fn broken_markers_and_unknown_tables_are_refused() {
        for (text, expected) in [
            ("<!-- table: summary -->\n| a |\n", "has no end"),
            ("<!-- table: summary\n<!-- end -->\n", "bad marker"),
            ("<!-- table: other -->\n<!-- end -->\n", "no report other-Kshot.json"),
        ] {
            let error = format!("{:#}", with_tables(text, root()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
