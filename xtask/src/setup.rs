//! What a checkout needs beyond crates: `.venv` and `.libtorch`, fetched by package name with pip.
//!
//! The service needs neither. Both are made only when missing or of another version, and a run
//! that was cut short is taken up where it makes sense.

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

/// Two set-ups at once would unpack over each other: the second waits for the first.
fn lock(home: &Path) -> Result<File> {
    let folder = File::open(home).with_context(|| format!("cannot open {}", home.display()))?;
    folder.lock().context("cannot lock the folder")?;
    Ok(folder)
}
