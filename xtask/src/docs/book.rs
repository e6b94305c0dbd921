//! The sources of the book: the documents that `docs/SUMMARY.md` lists, and what they link to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::sources::{entries, read};

const SUMMARY: &str = "docs/SUMMARY.md";

/// The page that is made and not a document of the checkout.
const REFERENCE: &str = "docs/api.md";

/// Targets of the Markdown links in a text, but for those on other hosts.
pub(crate) fn targets(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    links.filter(|target| !target.contains("://")).collect()
}

/// Lays the sources of the book in a folder, each at the place that it has in the checkout.
pub(super) fn stage(root: &Path, folder: &Path, reference: &str) -> Result<()> {
    let source = folder.join("src");
    let summary = read(&root.join(SUMMARY))?;
    let chapters = chapters(&summary)?;
    for chapter in &chapters {
        copy(root, chapter, &source)?;
        for target in links(chapter, &read(&root.join(chapter))?)? {
            stage_target(root, chapter, &target, &chapters, &source)?;
        }
    }
    write(&source.join(REFERENCE), reference)?;
    copy(root, Path::new("docs/openapi.json"), &source)?;
    write(&source.join("SUMMARY.md"), &book_summary(&summary))?;
    write(&folder.join("book.toml"), &read(&root.join("docs/book.toml"))?)
}

/// Copies what a chapter links to, unless it is a chapter itself.
fn stage_target(
    root: &Path,
    chapter: &Path,
    target: &Path,
    chapters: &BTreeSet<PathBuf>,
    source: &Path,
) -> Result<()> {
    if chapters.contains(target) {
        return Ok(());
    }
    let is_page = target.extension().is_some_and(|extension| extension == "md");
    ensure!(
        !is_page,
        "{} links to {}, which is no page of the site; add it to {SUMMARY}",
        chapter.display(),
        target.display()
    );
    if !root.join(target).is_dir() {
        return copy(root, target, source);
    }
    for entry in entries(&root.join(target))?.iter().filter(|entry| entry.is_file()) {
        copy(root, entry.strip_prefix(root)?, source)?;
    }
    Ok(())
}

/// The documents that the summary lists, relative to the checkout.
fn chapters(summary: &str) -> Result<BTreeSet<PathBuf>> {
    links(Path::new(SUMMARY), summary)
}

/// What a document links to, relative to the checkout.
fn links(document: &Path, text: &str) -> Result<BTreeSet<PathBuf>> {
    let folder = document.parent().context("invariant: a document lies in a folder")?;
    let paths = targets(text).into_iter().filter_map(|target| target.split('#').next());
    let paths = paths.filter(|path| !path.is_empty());
    paths.map(|path| resolved(&folder.join(path))).collect()
}

/// A path without `..`.
fn resolved(path: &Path) -> Result<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                ensure!(resolved.pop(), "{} leads out of the checkout", path.display());
            }
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    Ok(resolved)
}

/// The summary as mdBook reads it: from the top of the checkout, and with the reference.
fn book_summary(summary: &str) -> String {
    let links = summary.replace("](../", "](/").replace("](", "](docs/").replace("](docs//", "](");
    format!("{links}\n# Reference\n\n- [HTTP API, call by call]({REFERENCE})\n")
}

fn copy(root: &Path, path: &Path, source: &Path) -> Result<()> {
    let to = source.join(path);
    fs::create_dir_all(to.parent().context("invariant: it lies in the book")?)?;
    fs::copy(root.join(path), to).with_context(|| format!("cannot copy {}", path.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("invariant: it lies in the book")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    /// Parts of a page that are not pages yet.
    const PART: &str = ".part.md";

    #[test]
    fn every_page_of_the_guide_is_listed() {
        let root = root().unwrap();
        let chapters = chapters(&read(&root.join(SUMMARY)).unwrap()).unwrap();
        for page in entries(&root.join("docs/guide")).unwrap() {
            let page = page.strip_prefix(&root).unwrap();
            let is_part = page.to_string_lossy().ends_with(PART);
            assert!(is_part || chapters.contains(page), "{} is not in {SUMMARY}", page.display());
        }
    }

    #[test]
    fn every_link_of_a_page_is_in_the_book() {
        let root = root().unwrap();
        let folder = std::env::temp_dir().join(format!("handful-book-{}", std::process::id()));
        stage(&root, &folder, "# Reference\n").unwrap();
        assert!(folder.join("src/docs/guide/device.md").exists());
        assert!(folder.join("src/docs/page.png").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_summary_of_the_book_starts_at_the_checkout() {
        let made = book_summary("[Handful](../README.md)\n- [Device](guide/device.md)\n");
        assert!(made.starts_with("[Handful](README.md)\n- [Device](docs/guide/device.md)\n"));
        assert!(made.ends_with("(docs/api.md)\n"), "{made}");
    }

    #[test]
    fn links_are_resolved_from_their_document() {
        let text = "[a](b.md#c) [d](../../e.json) [f](#g) [h](https://i)";
        let found = links(Path::new("docs/guide/x.md"), text).unwrap();
        assert_eq!(found, ["docs/guide/b.md", "e.json"].map(PathBuf::from).into());
        assert!(links(Path::new("a.md"), "[a](../b.md)").is_err());
    }
}
