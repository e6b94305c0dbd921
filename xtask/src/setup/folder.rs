//! Folders that downloads pass through.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Removes a folder with everything in it, if it exists.
pub(super) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// The file of a folder that has this extension.
pub(super) fn only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let found = files.find(|path| path.extension().is_some_and(|e| e == extension));
    found.with_context(|| format!("no .{extension} file came into {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_package_is_named() {
        let error = only(Path::new("src"), "deb").unwrap_err().to_string();
        assert!(error.contains("no .deb file"), "{error}");
    }
}
