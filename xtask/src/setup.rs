//! What a checkout needs beyond crates: `.venv` and `.libtorch`, fetched by package name with pip,
//! and `.onnxruntime` with npm, if there is npm.
//!
//! The service needs none. `.knowledge` is for training with name knowledge, `.weights` for
//! importing weights. Each is made only when it is missing or of another version; a run that was
//! interrupted is continued.

mod folder;
mod knowledge;
mod libtorch;
pub(crate) mod old_runtime;
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
    if let Err(error) = old_runtime::lay(home) {
        println!("setup: the tests run without an old ONNX Runtime: {error:#}");
    }
    println!("setup: .venv and .libtorch are ready in {}", home.display());
    Ok(())
}

/// The path of an old library of ONNX Runtime, which is laid under `home` if it is not there yet.
pub(crate) fn old_onnxruntime(home: &Path) -> Result<PathBuf> {
    let _lock = lock(home)?;
    old_runtime::lay(home)
}

/// Makes `.venv` under `home`, if it is not there yet; returns its Python.
pub(crate) fn python(home: &Path) -> Result<PathBuf> {
    let _lock = lock(home)?;
    venv::make(&home.join(".venv"))
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
