//! Reads the whole checkout for retired words, the keys of golden files left out.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Hit, hits};
use crate::root;
use crate::sources::{entries, read};

/// Kinds of files that are read.
const READ: [&str; 8] = ["rs", "md", "toml", "html", "js", "css", "py", "json"];

/// Committed data, the notebook of experiments, which keeps the words of its time, and texts that
/// are not English.
const LEFT_OUT: [&str; 5] = [
    "target",
    "docs/experiments",
    "edge/tests/fixtures",
    "train/tests/fixtures",
    "web-api/src/page/text/de.js",
];

/// The table of retired words; the tests beside it quote some too.
const OURS: &str = "xtask/src/rules/retired_words";

/// Names of the tensors and metadata in every committed file of tensors.
fn golden_keys(files: &[PathBuf]) -> Result<BTreeSet<String>> {
    let is_tensors = |path: &&PathBuf| path.extension().is_some_and(|kind| kind == "safetensors");
    let mut keys = BTreeSet::new();
    for path in files.iter().filter(is_tensors) {
        let header = header(path).with_context(|| format!("cannot read {}", path.display()))?;
        let metadata = header.get("__metadata__").and_then(Value::as_object);
        keys.extend(metadata.into_iter().flat_map(|metadata| metadata.keys().cloned()));
        keys.extend(header.as_object().context("its header is no object")?.keys().cloned());
    }
    Ok(keys)
}

/// The JSON at the start of a safetensors file.
fn header(path: &Path) -> Result<Value> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    ensure!(length < 1 << 20, "its header has {length} bytes");
    Ok(serde_json::from_reader(file.take(length))?)
}

/// All files below a folder, hidden ones and built ones left out.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_file() {
            files.push(path);
        } else if !path.ends_with("target") {
            files.extend(self::files(&path)?);
        }
    }
    Ok(files)
}

/// Files that must hold no retired word, relative to the checkout.
fn is_read(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    READ.contains(&extension)
        && !LEFT_OUT.iter().any(|folder| path.starts_with(folder))
        && !path.starts_with(OURS)
        && path != Path::new("xtask/src/rules/retired_words.rs")
}

/// Every retired word of the checkout, one text a file.
fn all_hits(root: &Path) -> Result<Vec<(PathBuf, Vec<Hit>)>> {
    let files = files(root)?;
    let golden_keys = golden_keys(&files)?;
    let mut found = Vec::new();
    for path in &files {
        let relative = path.strip_prefix(root).context("invariant: found below the checkout")?;
        if is_read(relative) {
            found.push((relative.to_owned(), hits(relative, &read(path)?, &golden_keys)));
        }
    }
    found.retain(|(_, hits)| !hits.is_empty());
    Ok(found)
}

#[test]
fn no_retired_word_is_written() {
    let mut report = String::new();
    for (path, hits) in all_hits(&root().unwrap()).unwrap() {
        for Hit { line, found, new } in hits {
            report += &format!("{}:{line}: `{found}` is retired; write: {new}\n", path.display());
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_and_the_notebook_is_not() {
        assert!(is_read(Path::new("docs/guide/train.md")));
        assert!(is_read(Path::new("web-api/src/page/index.html")));
        assert!(!is_read(Path::new("docs/experiments/2026-10.md")));
        assert!(!is_read(Path::new("web-api/src/page/text/de.js")));
        assert!(is_read(Path::new("web-api/src/page/text/en.js")));
        assert!(!is_read(Path::new("fixtures/kernel_tiny.safetensors")));
    }

    #[test]
    fn keys_come_from_tensors_and_metadata() {
        let json = br#"{"__metadata__":{"lift_k_shot":"1"},"lift":{"dtype":"F32"}}"#;
        let bytes = [&json.len().to_le_bytes()[..], json].concat();
        let path = std::env::temp_dir().join(format!("{}-keys.safetensors", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let keys = golden_keys(std::slice::from_ref(&path)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(keys.contains("lift") && keys.contains("lift_k_shot"), "{keys:?}");
    }
}
