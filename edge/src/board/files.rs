//! Small files below a root folder: a missing or unreadable one is no value.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// More than any of these files has.
const MAX_BYTES: u64 = 64 * 1024;

/// More than a folder of libraries has.
const MAX_ENTRIES: usize = 50_000;

/// More than the name of a board or a version has.
const MAX_CHARS: usize = 128;

/// The text of a file; `None` if it has none.
pub(super) fn text(root: &Path, path: &str) -> Option<String> {
    let path = root.join(path);
    // Opening a pipe would wait for its writer.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    // A text of the device tree ends with a NUL.
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first line of a file, without control characters and not longer than a name is.
pub(super) fn line(root: &Path, path: &str) -> Option<String> {
    let text = text(root, path)?;
    Some(short(text.lines().next()?)).filter(|line| !line.is_empty())
}

/// The number in a file.
pub(super) fn number(root: &Path, path: &str) -> Option<i64> {
    text(root, path)?.parse().ok()
}

/// A text without control characters, and not longer than a name is.
pub(super) fn short(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
    kept.trim().to_owned()
}

/// The names in a folder, sorted.
pub(super) fn names(root: &Path, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let names = entries.take(MAX_ENTRIES).map(|entry| entry.file_name());
    let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    names
}

/// More than a version has.
const MAX_VERSION: usize = 32;

/// The numbers of a version, such as `10.3.0`; `None` if it is anything else.
pub(super) fn version(text: &str) -> Option<Vec<u32>> {
    if text.len() > MAX_VERSION {
        return None;
    }
    text.split('.').map(|part| part.parse().ok()).collect()
}
