//! What a release changes in texts: versions, the heading of the change log, the notes.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};
use toml::{Table, Value};

/// A version such as 0.1.0, without what SemVer permits after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u64; 3]);

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<u64>> = text.split('.').map(number).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self([major, minor, patch])),
            _ => bail!("`{text}` is no version; expected three numbers, such as 0.1.0"),
        }
    }
}

/// A number as SemVer writes it: no sign, no zero before it.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The version of the workspace, by its manifest.
pub(super) fn version_of(manifest: &str) -> Result<Version> {
    let manifest: Table = manifest.parse().context("Cargo.toml is not TOML")?;
    let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
    let version = package.and_then(|package| package.get("version")).and_then(Value::as_str);
    version.context("Cargo.toml states no version of the workspace")?.parse()
}

/// The text with another version in the first line that begins with a key; `None` without one.
pub(super) fn with_version(text: &str, key: &str, version: Version) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    let (before, after) = text.split_at(line.as_ptr().addr() - text.as_ptr().addr());
    Some(format!("{before}{key}\"{version}\"{}", &after[line.len()..]))
}

/// The change log with a date in the place of "unreleased".
pub(super) fn dated(changes: &str, version: Version, date: &str) -> Result<String> {
    let heading = format!("## {version} (unreleased)\n");
    ensure!(
        changes.matches(&heading).count() == 1,
        "CHANGELOG.md has no heading `{}`; it lists the changes of a version before its release",
        heading.trim_end()
    );
    Ok(changes.replace(&heading, &format!("## {version} ({date})\n")))
}

/// The notes of a version: its changes, and the files with their sums.
pub(super) fn notes(changes: &str, version: Version, sums: &str) -> Result<String> {
    let start = format!("\n## {version} (");
    let (_, section) = changes.split_once(&start).context("CHANGELOG.md lacks the version")?;
    let (_, section) = section.split_once('\n').context("CHANGELOG.md ends in a heading")?;
    let section = section.split("\n## ").next().unwrap_or(section).trim();
    ensure!(!section.is_empty(), "CHANGELOG.md lists no change of {version}");
    let mut notes = format!("# Handful {version}\n\n{section}\n");
    if !sums.is_empty() {
        notes += &format!("\n## Files\n\n```\n{}\n```\n", sums.trim_end());
        notes += "\n`sha256sum --check SHA256SUMS` compares them.\n";
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    const CHANGES: &str = "# Changelog\n\n## 0.2.0 (unreleased)\n\n* New.\n\n\
        ## 0.1.0 (2026-01-02)\n\n* First.\n";

    #[test]
    fn versions_are_three_numbers_in_order() {
        assert!(version("0.10.0") > version("0.9.9"));
        assert_eq!(version("1.2.3").to_string(), "1.2.3");
        for text in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "1.02.3", "+1.2.3", "1.2.3-rc"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_first_version_of_a_file_changes() {
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\n\n[a]\nversion = \"0.1.0\"\n\
                        b = { version = \"0.1.0\" }\n";
        let changed = with_version(manifest, "version = ", version("0.2.0")).unwrap();
        assert_eq!(changed, manifest.replacen("0.1.0", "0.2.0", 1));
        assert_eq!(version_of(&changed).unwrap(), version("0.2.0"));
        assert_eq!(with_version(manifest, "version: ", version("0.2.0")), None);
    }

    #[test]
    fn the_heading_of_the_version_gets_the_date() {
        let dated = dated(CHANGES, version("0.2.0"), "2026-12-01").unwrap();
        assert!(dated.contains("\n## 0.2.0 (2026-12-01)\n"), "{dated}");
        let error = super::dated(CHANGES, version("0.1.0"), "2026-12-01").unwrap_err();
        assert!(error.to_string().contains("`## 0.1.0 (unreleased)`"), "{error}");
    }

    #[test]
    fn notes_have_the_changes_of_one_version_and_the_sums() {
        let made = notes(CHANGES, version("0.2.0"), "12ab  handful.deb\n").unwrap();
        assert!(made.starts_with("# Handful 0.2.0\n\n* New.\n\n## Files\n"), "{made}");
        assert!(made.contains("```\n12ab  handful.deb\n```"), "{made}");
        let first = notes(CHANGES, version("0.1.0"), "").unwrap();
        assert_eq!(first, "# Handful 0.1.0\n\n* First.\n");
        assert!(notes(CHANGES, version("0.3.0"), "").is_err());
        assert!(notes("\n## 0.3.0 (unreleased)\n\n", version("0.3.0"), "").is_err());
    }
}
