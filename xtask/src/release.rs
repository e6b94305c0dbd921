//! A release, up to the tag: versions, the date in CHANGELOG.md, what users get, and notes.
//!
//! Nothing is committed or tagged: a person reads the difference first.

mod text;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::sources::read;
use text::Version;

/// Where the notes are written.
const NOTES: &str = "target/release-notes.md";

/// What `cargo xtask dist` writes.
const SUMS: &str = "target/dist/SHA256SUMS";

/// Files that have the version of the project, and how each begins its line.
const VERSIONED: [(&str, &str); 3] = [
    ("Cargo.toml", "version = "),
    ("clients/python/pyproject.toml", "version = "),
    ("deploy/home-assistant/config.yaml", "version: "),
];

/// Makes everything of a version but its commit and its tag.
pub(crate) fn release(root: &Path, version: &str) -> Result<()> {
    let version: Version = version.parse()?;
    check_tree(root)?;
    bump(root, version)?;
    date(root, version)?;
    // Builds everything that users get, and tries it as they do.
    process::run(process::cargo(root).args(["xtask", "dist", "--check"]))?;
    let notes = write_notes(root, version)?;
    let notes = notes.display();
    println!("\nVersion {version} is made, with its notes in {notes}. Read the difference, then:");
    println!("  git commit -am 'release: {version}'\n  git tag -s v{version}");
    Ok(())
}

/// Writes only the notes of a version, whose files are in `target/dist`.
pub(crate) fn notes(root: &Path, version: &str) -> Result<()> {
    let notes = write_notes(root, version.parse()?)?;
    println!("{}", notes.display());
    Ok(())
}

/// A release is made of a commit of `main`, and of nothing else.
fn check_tree(root: &Path) -> Result<()> {
    let changed = git(root, &["status", "--porcelain"])?;
    ensure!(changed.is_empty(), "commit or remove what is not committed first:\n{changed}");
    let branch = git(root, &["branch", "--show-current"])?;
    ensure!(branch == "main", "a release is made on main, and this is `{branch}`");
    Ok(())
}

fn git(root: &Path, words: &[&str]) -> Result<String> {
    let output = process::output(Command::new("git").args(words).current_dir(root))?;
    Ok(output.trim_end().to_owned())
}

/// Writes the version into the manifests, and what is made of them.
fn bump(root: &Path, version: Version) -> Result<()> {
    let former: Version = text::version_of(&read(&root.join("Cargo.toml"))?)?;
    ensure!(version >= former, "the version is {former} already; {version} is older");
    let tags = git(root, &["tag", "--list", &format!("v{version}")])?;
    ensure!(tags.is_empty(), "version {version} has a tag already; choose a newer one");
    if version == former {
        return Ok(());
    }
    for (file, key) in VERSIONED {
        let path = root.join(file);
        let text = text::with_version(&read(&path)?, key, version);
        write(&path, &text.with_context(|| format!("{file} has no line `{key}`"))?)?;
    }
    // The lock files name the packages of the workspace with their version.
    let update = ["update", "--workspace", "--offline"];
    process::run(process::cargo(root).args(update))?;
    process::run(process::cargo(root).args(update).args(["--manifest-path", "fuzz/Cargo.toml"]))?;
    let mut document = process::cargo(root);
    document.args(["test", "--release", "-p", "handful-web-api", "--test", "it", "openapi::"]);
    process::run(document.env("UPDATE_GOLDEN", "1"))?;
    process::run(process::cargo(root).args(["xtask", "client"]))
}

/// Writes the date of today into the heading of the version.
fn date(root: &Path, version: Version) -> Result<()> {
    let today = process::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let path = root.join("CHANGELOG.md");
    write(&path, &text::dated(&read(&path)?, version, today.trim())?)
}

fn write_notes(root: &Path, version: Version) -> Result<PathBuf> {
    let changes = read(&root.join("CHANGELOG.md"))?;
    // `dist --check` has written them.
    let sums = read(&root.join(SUMS))?;
    let path = root.join(NOTES);
    write(&path, &text::notes(&changes, version, &sums)?)?;
    Ok(path)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn every_file_with_the_version_has_it_now() {
        let root = root().unwrap();
        let version = text::version_of(&read(&root.join("Cargo.toml")).unwrap()).unwrap();
        for (file, key) in VERSIONED {
            let text = read(&root.join(file)).unwrap();
            assert!(text.contains(&format!("{key}\"{version}\"")), "{file}");
            let newer = text::with_version(&text, key, "99.0.0".parse().unwrap()).unwrap();
            assert!(newer.contains("\"99.0.0\""), "{file}");
        }
    }

    #[test]
    fn the_change_log_can_be_released() {
        let root = root().unwrap();
        let changes = read(&root.join("CHANGELOG.md")).unwrap();
        let version = text::version_of(&read(&root.join("Cargo.toml")).unwrap()).unwrap();
        let dated = text::dated(&changes, version, "2026-12-01");
        // After a release the newest version has its date.
        let dated = dated.unwrap_or(changes);
        assert!(text::notes(&dated, version, "").unwrap().starts_with("# Handful "));
    }
}
