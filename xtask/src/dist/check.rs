//! Checks of finished packages: the rules of Debian, the unit, and an installation in clean roots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::files;
use super::stage::DEPLOY;
use super::target::Target;
use super::toolchain;
use crate::process;

/// Debian 11 has the oldest glibc that is promised.
const SUITES: [&str; 2] = ["bullseye", NEWER];

/// Debian 12, whose libraries the newest ONNX Runtime needs.
pub(super) const NEWER: &str = "bookworm";

/// Programs that the checks run.
const TOOLS: [&str; 7] =
    ["curl", "lintian", "mmdebstrap", "npm", "systemd-analyze", "unshare", "zstd"];

/// Why this machine cannot check packages, if it cannot.
pub(super) fn hindrance() -> Option<String> {
    if !ends_well("sh", &["-c", "[ \"$(id -u)\" = 0 ]"]) {
        return Some("only root may make clean roots".to_owned());
    }
    // In some containers root may not either.
    if !ends_well("unshare", &["--mount", "mount", "--bind", "/tmp", "/tmp"]) {
        return Some("this machine lets no program mount by itself".to_owned());
    }
    let missing =
        TOOLS.iter().find(|tool| !ends_well("sh", &["-c", &format!("command -v {tool}")]));
    missing.map(|tool| format!("{tool} is missing"))
}

fn ends_well(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Tenths of the exposure that `systemd-analyze security` may find, of 100.
const MAX_EXPOSURE: &str = "25";

/// Where the suites are. Those of security updates drop processors that the suite still has.
const MIRROR: &str = "http://deb.debian.org/debian";

/// Runs a command where programs of ARM run, too.
const EMULATED: &str = include_str!("emulated.sh");

/// The test, run in namespaces of its own.
const INSTALL_TEST: &str = include_str!("install_test.sh");

/// An image that every checkout has.
const IMAGE: &str = "docs/page.png";

/// Fails if the package breaks a rule of Debian that is an error.
pub(super) fn lint(package: &Path) -> Result<()> {
    process::run(Command::new("lintian").args(["--fail-on", "error"]).arg(package))
}

/// Fails if the unit leaves the service more rights than it may have.
pub(super) fn exposure(root: &Path, work: &Path) -> Result<()> {
    let unit = work.join("handful-server.service");
    files::copy(&root.join(DEPLOY).join("handful.service"), &unit)?;
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager", "--threshold", MAX_EXPOSURE]);
    process::run(analyze.arg(&unit))
}

/// Installs, upgrades and purges packages in a clean root of each suite, and uses the service.
/// `old` and `new` are packages of the same target.
pub(super) fn install(
    root: &Path,
    target: Target,
    work: &Path,
    old: &Path,
    new: &Path,
) -> Result<()> {
    let script = work.join("install_test.sh");
    files::write(&script, INSTALL_TEST)?;
    for suite in SUITES {
        println!("dist: installing {} in Debian {suite}", old.display());
        let archive = clean_root(suite, target, work)?;
        let unpacked = work.join(format!("root-{suite}-{}", target.debian()));
        files::make_empty(&unpacked)?;
        process::run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&unpacked))?;
        let mut test = as_on(target, work)?;
        test.args(["unshare", "--mount", "sh"]).arg(&script).arg(&unpacked).arg(old).arg(new);
        process::run(test.arg(root.join(IMAGE)))?;
        fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {suite}"))?;
    }
    Ok(())
}

/// An archive of a minimal Debian with systemd, made once.
pub(super) fn clean_root(suite: &str, target: Target, work: &Path) -> Result<PathBuf> {
    let archive = work.join(format!("{suite}-{}.tar", target.debian()));
    if !archive.is_file() {
        // Whole or not there: a name of its own until it is finished.
        let unfinished = work.join(format!("unfinished-{suite}.tar"));
        let mut make = as_on(target, work)?;
        // Whether programs of ARM run is known here.
        make.args(["mmdebstrap", "--mode=root", "--skip=check/qemu"]);
        make.args(["--variant=minbase", "--include=systemd"]);
        make.arg(format!("--architectures={}", target.debian())).arg(suite).arg(&unfinished);
        process::run(make.arg(MIRROR))?;
        fs::rename(&unfinished, &archive)?;
    }
    Ok(archive)
}

/// The start of a command that runs programs of a target: they run here, or are emulated.
fn as_on(target: Target, work: &Path) -> Result<Command> {
    if target == Target::X86 {
        return Ok(Command::new("env"));
    }
    let qemu = qemu(work)?;
    let script = work.join("emulated.sh");
    files::write(&script, EMULATED)?;
    let mut emulated = Command::new("sh");
    emulated.arg(script).arg(qemu);
    Ok(emulated)
}

/// The emulator, downloaded once.
pub(super) fn qemu(work: &Path) -> Result<PathBuf> {
    let folder = work.join("tools/qemu-user");
    let qemu = folder.join("usr/bin/qemu-aarch64");
    if !qemu.is_file() {
        toolchain::unpacked("qemu-user", &work.join("tools/apt"), &folder)?;
    }
    Ok(qemu)
}

/// Fails unless two files have the same bytes.
pub(super) fn same(first: &Path, second: &Path) -> Result<()> {
    let is_same = read(first)? == read(second)?;
    ensure!(is_same, "{} and {} differ", first.display(), second.display());
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_files_are_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = root.join("Cargo.toml");
        assert!(same(&manifest, &manifest).is_ok());
        let error = same(&manifest, &root.join("src/main.rs")).unwrap_err().to_string();
        assert!(error.ends_with("main.rs differ"), "{error}");
    }

    /// The scripts are files of their own, which no compiler reads.
    #[test]
    fn scripts_have_no_error_of_syntax() {
        for script in [INSTALL_TEST, EMULATED] {
            process::run(Command::new("sh").args(["-n", "-c", script])).unwrap();
        }
    }
}
