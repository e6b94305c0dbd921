//! What a data set leaves out, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Most entries that are named in lines for people.
pub(super) const SHOWN: usize = 5;

/// A file or folder that is no part of a data set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Why. It stands first: what a user may miss is listed before what nobody misses.
    pub reason: Reason,
    /// The path within the folder or archive, with `/` between its parts; bytes that are not UTF-8
    /// are replaced.
    pub path: String,
}

/// Why a file or folder is no part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// An image outside the folders of classes.
    NoClass,
    /// A class that the lists of classes do not have.
    ClassNotListed,
    /// An image that the manifest or the lists of images do not have.
    NotListed,
    /// An image in a format that is not read, by its extension.
    Format,
    /// A name that is not UTF-8.
    NotUtf8,
    /// A link, to a file or a folder.
    Link,
    /// A folder without an image.
    EmptyFolder,
    /// A pipe, a socket or a device.
    Special,
    /// A file that is no image, by its extension.
    NotImage,
    /// A name that begins with a dot.
    Hidden,
    /// Left by macOS.
    MacOs,
    /// Left by Windows.
    Windows,
    /// Left by an editor, version control or a desktop.
    Tool,
    /// Left by a network storage (NAS).
    NetworkStorage,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoClass => "an image in no class's folder",
            Self::ClassNotListed => "a class in no list",
            Self::NotListed => "an image in no list",
            Self::Format => "an image format that is not read",
            Self::NotUtf8 => "a name that is not UTF-8",
            Self::Link => "a link, never followed",
            Self::EmptyFolder => "a folder without an image",
            Self::Special => "neither a file nor a folder",
            Self::NotImage => "not an image, by its extension",
            Self::Hidden => "hidden, by the dot in its name",
            Self::MacOs => "left by macOS",
            Self::Windows => "left by Windows",
            Self::Tool => "left by an editor or another tool",
            Self::NetworkStorage => "left by a network storage",
        })
    }
}

/// What was left out in lines for people: the counts of each reason, the first five entries, and
/// how many more there are. `more` is added to that last line. Nothing was left out: no lines.
pub fn summary(left_out: &[LeftOut], more: &str) -> Vec<String> {
    if left_out.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("left out: {} ({})", left_out.len(), counts(left_out))];
    let first = left_out.iter().take(SHOWN);
    lines.extend(first.map(|LeftOut { path, reason }| format!("left out: {path}: {reason}")));
    if left_out.len() > SHOWN {
        lines.push(format!("left out: {} more{more}", left_out.len() - SHOWN));
    }
    lines
}

fn counts(left_out: &[LeftOut]) -> String {
    let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
    for entry in left_out {
        *counts.entry(entry.reason).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(reason, count)| format!("{count} x {reason}"));
    counts.collect::<Vec<_>>().join("; ")
}

/// The first names of a list, quoted, and how many more there are.
pub(super) fn first_names(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len() {
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_and_names_the_first_five() {
        let entry = |i: usize| LeftOut { reason: Reason::MacOs, path: format!("{i}/.DS_Store") };
        let entries: Vec<_> = (0..7).map(entry).collect();
        let lines = summary(&entries, "; --json lists all");
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[0], "left out: 7 (7 x left by macOS)");
        assert_eq!(lines[1], "left out: 0/.DS_Store: left by macOS");
        assert_eq!(lines[6], "left out: 2 more; --json lists all");
        assert_eq!(summary(&entries[..5], "").len(), 6);
        assert!(summary(&[], "").is_empty());
    }
}
