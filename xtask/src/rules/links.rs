//! Links between documents lead somewhere: to a file of the checkout and to a heading in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::docs::book::targets;
use crate::sources::read;

/// The anchors that a Markdown renderer gives to the headings of a text.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|&c| c.is_alphanumeric() || c == '-' || c == '_').collect()
}

/// Why a link of a document leads nowhere.
fn broken(root: &Path, document: &Path, target: &str) -> Option<String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = document.parent().unwrap_or(document);
    let file = if path.is_empty() { document.to_owned() } else { folder.join(path) };
    let file = root.join(file);
    if !file.exists() {
        return Some(format!("{}: no file {target}", document.display()));
    }
    // Headings are checked in documents only; a folder or an image has none.
    let is_lost = !heading.is_empty() && !anchors(&read(&file).ok()?).contains(heading);
    is_lost.then(|| format!("{}: no heading {target}", document.display()))
}

/// Entries of a folder, relative to the checkout.
fn entries(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    entries.map(|entry| folder.join(entry.file_name())).collect()
}

fn is_document(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// Markdown files at the top of the checkout, and all of those in `docs` and `deploy`.
fn documents(root: &Path) -> Vec<PathBuf> {
    let mut found = entries(root, Path::new(""));
    // Other folders at the top may be large and are not ours: `target`, `.venv`.
    let mut folders = vec![PathBuf::from("docs"), PathBuf::from("deploy")];
    while let Some(folder) = folders.pop() {
        let (below, files) =
            entries(root, &folder).into_iter().partition(|e| root.join(e).is_dir());
        found.extend::<Vec<PathBuf>>(files);
        folders.extend::<Vec<PathBuf>>(below);
    }
    found.retain(|path| is_document(path));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn links_of_documents_lead_somewhere() {
        let root = root().unwrap();
        let all = documents(&root);
        assert!(all.len() > 10, "{} documents", all.len());
        for document in all {
            let text = read(&root.join(&document)).unwrap();
            let lost = targets(&text).into_iter().find_map(|t| broken(&root, &document, t));
            assert_eq!(lost, None);
        }
    }

    #[test]
    fn lost_links_are_named() {
        let root = root().unwrap();
        let readme = Path::new("README.md");
        assert_eq!(broken(&root, readme, "docs/glossary.md#training"), None);
        assert!(broken(&root, readme, "docs/none.md").is_some());
        assert!(broken(&root, readme, "docs/glossary.md#none").is_some());
        assert!(broken(&root, readme, "#none").is_some());
    }

    #[test]
    fn links_to_other_hosts_are_not_followed() {
        assert_eq!(targets("[a](b.md) [c](https://d) [e](#f)"), ["b.md", "#f"]);
        assert_eq!(anchor("`golden.safetensors`, twice"), "goldensafetensors-twice");
    }
}
