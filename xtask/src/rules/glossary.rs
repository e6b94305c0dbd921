//! `docs/glossary.md` explains every term that replaced a retired word.

use std::collections::BTreeSet;

use super::retired_words::table::RETIRED;
use crate::root;
use crate::sources::read;

/// Terms without an entry in the glossary.
fn missing(glossary: &str) -> BTreeSet<&'static str> {
    let entries: BTreeSet<String> = glossary.lines().flat_map(entries).collect();
    let terms = RETIRED.iter().filter_map(|retired| retired.term);
    terms.filter(|term| !entries.contains(&term.to_lowercase())).collect()
}

/// The terms that a row of a table explains, in lower case: `| k-shot, shot | … |` has two.
fn entries(row: &str) -> Vec<String> {
    let Some((terms, _)) = row.strip_prefix('|').and_then(|row| row.split_once('|')) else {
        return Vec::new();
    };
    terms.split(',').map(|term| term.trim().to_lowercase()).collect()
}

#[test]
fn every_new_term_is_in_the_glossary() {
    let missing = missing(&read(&root().unwrap().join("docs/glossary.md")).unwrap());
    assert!(missing.is_empty(), "docs/glossary.md has no entry for {missing:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_without_an_entry_is_named() {
        let terms = RETIRED.iter().filter_map(|retired| retired.term);
        let glossary: String =
            terms.map(|term| format!("| {term} | meaning | source |\n")).collect();
        assert_eq!(missing(&glossary), BTreeSet::new());
        let shorter = glossary.replace("| label noise |", "| noise |");
        assert_eq!(missing(&shorter), BTreeSet::from(["label noise"]));
    }

    #[test]
    fn a_row_may_explain_several_terms() {
        assert_eq!(entries("| k-shot, Shot | images per class | |"), ["k-shot", "shot"]);
        assert_eq!(entries("The shot is"), [""; 0]);
    }
}
