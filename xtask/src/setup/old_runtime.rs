//! `.onnxruntime`: a library of ONNX Runtime as old as those for Jetsons with JetPack 4 and 5.
//!
//! The engine tests run against it too. No wheel of that age holds a library that other programs
//! can load; the package `onnxruntime-node` (MIT) does, so npm downloads it. Without npm, these
//! tests are skipped.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::folder::{only, remove};
use crate::process;

/// The oldest version that the program can load.
pub(crate) const VERSION: &str = "1.17.3";

/// For each kind of machine: its name in the package, and the bytes of the library.
const MACHINES: [(&str, &str, u64); 2] =
    [("x86_64", "x64", 19_260_592), ("aarch64", "arm64", 12_532_272)];

/// Lays the library under `home` unless it is there; returns its path.
pub(super) fn lay(home: &Path) -> Result<PathBuf> {
    let Some((_, machine, bytes)) = MACHINES.into_iter().find(|(arch, ..)| *arch == ARCH) else {
        bail!("the package onnxruntime-node has no library for {ARCH}");
    };
    ensure!(OS == "linux", "the package onnxruntime-node is used on Linux only");
    let folder = home.join(".onnxruntime");
    let name = format!("libonnxruntime.so.{VERSION}");
    let library = folder.join(&name);
    // The size is enough to notice a copy that was cut short; npm checks the package by its hash.
    if size(&library) == Some(bytes) {
        return Ok(library);
    }
    let fresh = folder.join("new");
    remove(&fresh)?;
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    let inside = format!("package/bin/napi-v3/linux/{machine}/{name}");
    fetch(&fresh, &inside)?;
    let unpacked = fresh.join(inside);
    let got = size(&unpacked);
    ensure!(got == Some(bytes), "{} has {got:?} bytes, expected {bytes}", unpacked.display());
    fs::rename(&unpacked, &library)
        .with_context(|| format!("cannot make {}", library.display()))?;
    remove(&fresh)?;
    Ok(library)
}

fn fetch(fresh: &Path, inside: &str) -> Result<()> {
    println!("setup: .onnxruntime: downloading onnxruntime-node {VERSION} with npm (52 MB)");
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent"]).arg(format!("onnxruntime-node@{VERSION}"));
    // npm writes the package into its current folder, and its name to standard output.
    npm.current_dir(fresh).stdout(Stdio::null());
    let advice = "is the network there? `cargo xtask setup` tries again";
    process::advise(process::run(&mut npm), advice)?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(only(fresh, "tgz")?).arg("-C").arg(fresh).arg(inside);
    process::run(&mut tar)
}

fn size(file: &Path) -> Option<u64> {
    Some(fs::metadata(file).ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_there_is_not_fetched_again() {
        let Some((_, _, bytes)) = MACHINES.into_iter().find(|(arch, ..)| *arch == ARCH) else {
            println!("skipped: an old ONNX Runtime: no library for {ARCH}");
            return;
        };
        let home = std::env::temp_dir().join(format!("handful-old-{}", std::process::id()));
        let folder = home.join(".onnxruntime");
        fs::create_dir_all(&folder).unwrap();
        let library = folder.join(format!("libonnxruntime.so.{VERSION}"));
        fs::File::create(&library).unwrap().set_len(bytes).unwrap();
        assert_eq!(lay(&home).unwrap(), library);
        fs::remove_dir_all(&home).unwrap();
    }
}
