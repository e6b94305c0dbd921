//! What a checkout needs beyond crates: `.venv` and `.libtorch`, fetched by package name with pip.
//!
//! The service needs neither, and `.knowledge` only who trains with knowledge. All are made only when
//! missing or of another version, and a run that was cut short is taken up where it makes sense.

mod knowledge;
mod libtorch;
mod stubs;
mod venv;

use std::fs::File;
use std::path::Path;

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
