//! `.venv`: the Python packages that check our files from outside.
//!
//! `onnx` checks what export writes, `onnxruntime` runs it and brings the library that edge's
//! ONNX Runtime tests load, `numpy` compares numbers. `openapi-spec-validator` and `schemathesis`
//! check the document of the HTTP API, and the service by it. `tritonclient` is a client of the
//! Open Inference Protocol. `pillow` decodes images as ours do. `axe-playwright-python` brings the
//! script axe, which checks in a browser that the page is accessible.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::process;

const PACKAGES: [&str; 7] = [
    "numpy==2.4.6",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "openapi-spec-validator==0.9.0",
    "pillow==13.0.0",
    "schemathesis==4.32.5",
    "tritonclient[http]==2.73.0",
];
/// Packages of which only their own files are used: what they depend on is not installed.
const WITHOUT_DEPENDENCIES: [&str; 1] = ["axe-playwright-python==0.1.8"];
const SIZE: &str = "about 105 MB to download, 340 MB on disk";
const APT: &str = "on Debian or Ubuntu: apt install python3 python3-venv";

/// Exits with 0 when every `name==version` given is installed; a name may have an `[extra]`.
const CHECK: &str = "\
import sys
from importlib.metadata import version
pins = (pin.split('==') for pin in sys.argv[1:])
sys.exit(any(version(name.split('[')[0]) != wanted for name, wanted in pins))";

/// Makes the environment if it is missing or holds other versions; returns its Python.
pub(super) fn make(venv: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    if is_current(&python) {
        return Ok(python);
    }
    // A missing or old interpreter would fail later, with a less useful message.
    check_python()?;
    println!("setup: .venv: installing {} with pip ({SIZE})", all().join(", "));
    process::advise(process::run(Command::new("python3").args(["-m", "venv"]).arg(venv)), APT)?;
    install(&python, &PACKAGES)?;
    install(&python, &[&["--no-deps"][..], &WITHOUT_DEPENDENCIES].concat())?;
    ensure!(is_current(&python), "{} is not usable; remove it and run again", venv.display());
    Ok(python)
}

/// All packages that are installed by name.
fn all() -> Vec<&'static str> {
    [&PACKAGES[..], &WITHOUT_DEPENDENCIES].concat()
}

fn install(python: &Path, what: &[&str]) -> Result<()> {
    // Wheels only: a source package would need compilers that this machine may lack.
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary=:all:"])
        .args(what);
    process::advise(process::run(&mut pip), "is the network there? `cargo xtask setup` tries again")
}

fn is_current(python: &Path) -> bool {
    let mut check = Command::new(python);
    check.args(["-c", CHECK]).args(all()).stdin(Stdio::null()).stderr(Stdio::null());
    check.status().is_ok_and(|status| status.success())
}

fn check_python() -> Result<()> {
    let version = "import sys; print(*sys.version_info[:2], sep='.')";
    let version = process::output(Command::new("python3").args(["-c", version]));
    let version = process::advise(version, APT)?;
    ensure!(
        is_recent(version.trim()),
        "python3 is {}; 3.11 or newer is needed for the pinned packages",
        version.trim()
    );
    Ok(())
}

fn is_recent(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(3), Some(11))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_versions_are_compared_as_numbers() {
        for (version, recent) in [("3.9", false), ("3.11", true), ("3.20", true), ("4.0", true)] {
            assert_eq!(is_recent(version), recent, "{version}");
        }
        assert!(!is_recent("garbage"));
    }

    #[test]
    fn a_missing_environment_is_not_current() {
        assert!(!is_current(Path::new("no/such/python")));
    }
}
