//! What a checkout needs beyond crates: `.venv` and `.libtorch`, fetched by package name with pip.
//!
//! The service needs neither, `.knowledge` only who trains with knowledge, `.weights` only who imports them. All
//! are made only when missing or of another version, and a run that was cut short is taken up where it makes sense.

mod knowledge;
mod libtorch;
mod stubs;
mod venv;
mod weights;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Makes `.venv` and `.libtorch` under `home`, if they are not there yet.
pub(crate) fn setup(home: &Path) -> Result<()> {
    std::fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let _lock = lock(home)?;
    let python = venv::make(&home.join(".venv"))?;
    libtorch::lay(home, &python)?;
    println!("setup: .venv and .libtorch are ready in {}", home.display());
    Ok(())
}

/// Lays WordNet and word vectors in `.knowledge` under `home`, if they are not there yet.
pub(crate) fn knowledge(home: &Path) -> Result<()> {
    std::fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let _lock = lock(home)?;
    knowledge::lay(home)
}

/// Lays the weights of an EfficientNet-Lite0 in `.weights` under `home`, if they are not there yet.
pub(crate) fn weights(home: &Path) -> Result<()> {
    std::fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let _lock = lock(home)?;
    weights::lay(home, || venv::make(&home.join(".venv")))
}

/// Two set-ups at once would unpack over each other: the second waits for the first.
fn lock(home: &Path) -> Result<File> {
    let folder = File::open(home).with_context(|| format!("cannot open {}", home.display()))?;
    folder.lock().context("cannot lock the folder")?;
    Ok(folder)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// The one file of a folder that ends so.
fn only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut files = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let found = files.find(|path| path.extension().is_some_and(|e| e == extension));
    found.with_context(|| format!("no .{extension} file came into {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_did_not_come_is_named() {
        let error = only(Path::new("src"), "deb").unwrap_err().to_string();
        assert!(error.contains("no .deb file"), "{error}");
    }
}
