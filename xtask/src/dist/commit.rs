//! The commit that is packaged: its time is the time of every file in the packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use toml::Value;

use crate::process;
use crate::sources::manifest;

/// What packages state of their origin.
pub(super) struct Commit {
    /// Of the workspace.
    pub(super) version: String,
    /// Of the workspace: a name and an address.
    pub(super) author: String,
    /// Seconds since 1970, as text.
    pub(super) epoch: String,
    /// Of the commit, with hyphens.
    pub(super) date: String,
    /// As RFC 3339 has it.
    pub(super) time: String,
    /// As a changelog of Debian has it.
    pub(super) debian_time: String,
}

impl Commit {
    /// Reads the commit that is checked out.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let workspace = manifest(root)?;
        let package = workspace.get("workspace").and_then(|workspace| workspace.get("package"));
        let package = package.context("Cargo.toml has no [workspace.package]")?;
        let version = package.get("version").and_then(Value::as_str);
        let author = package.get("authors").and_then(|authors| authors.get(0)?.as_str());
        Ok(Self {
            version: version.context("Cargo.toml states no version")?.to_owned(),
            author: author.context("Cargo.toml names no author")?.to_owned(),
            epoch: shown(root, "format:%ct", "iso")?,
            date: shown(root, "format:%cd", "format-local:%Y-%m-%d")?,
            time: shown(root, "format:%cd", "format-local:%Y-%m-%dT%H:%M:%SZ")?,
            debian_time: shown(root, "format:%cd", "format-local:%a, %d %b %Y %H:%M:%S +0000")?,
        })
    }
}

/// What git shows of the commit, in universal time.
fn shown(root: &Path, pretty: &str, date: &str) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["log", "-1", &format!("--pretty={pretty}"), &format!("--date={date}")]);
    git.env("TZ", "UTC").env("LC_ALL", "C").current_dir(root);
    Ok(process::output(&mut git)?.trim().to_owned())
}
