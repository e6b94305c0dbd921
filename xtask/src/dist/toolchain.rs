//! Linker, C compiler and standard library for programs that run on older systems and on ARM.
//!
//! Zig links against any glibc; `cargo-zigbuild` puts it in cargo's way. Both come from PyPI. The
//! standard library of another processor comes with rustup, or else is built of the compiler's
//! sources, which rustup or Debian has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::files;
use super::target::Target;
use crate::process;

const PACKAGES: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];

/// Where Debian has sources of several compilers.
const SUITE: &str = "trixie-backports";

/// The oldest ONNX Runtime that is supported, and the newest that was tried.
pub(super) const ONNXRUNTIMES: [&str; 2] = ["1.17.3", "1.32.0"];

/// Folders that apt wants to find.
const APT_FOLDERS: [&str; 4] = [
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "state/lists/partial",
    "cache/archives/partial",
];

/// The folder with `cargo-zigbuild` and the Python that starts zig; made if it is missing.
pub(super) fn zig(tools: &Path) -> Result<PathBuf> {
    let venv = tools.join(PACKAGES.join("-").replace("==", "-"));
    let programs = venv.join("bin");
    if is_there(&programs) {
        return Ok(programs);
    }
    println!("dist: installing {} with pip", PACKAGES.join(", "));
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let mut pip = Command::new(programs.join("python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::run(pip.args(["--no-deps", "--only-binary=:all:"]).args(PACKAGES))?;
    ensure!(is_there(&programs), "cargo-zigbuild does not start; remove {}", venv.display());
    Ok(programs)
}

fn is_there(programs: &Path) -> bool {
    let mut version = Command::new(programs.join("cargo-zigbuild"));
    let version = version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
    version.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The folder `library` of the compiler's sources, if the standard library of a target has to be
/// built; `None` if it is installed.
pub(super) fn library_sources(target: Target, tools: &Path) -> Result<Option<PathBuf>> {
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let installed = Path::new(sysroot.trim()).join("lib/rustlib");
    if installed.join(target.triple()).is_dir() {
        return Ok(None);
    }
    let sources = installed.join("src/rust/library");
    if sources.is_dir() { Ok(Some(sources)) } else { from_debian(tools).map(Some) }
}

/// The sources of the very compiler in use, from Debian.
fn from_debian(tools: &Path) -> Result<PathBuf> {
    let version = process::output(Command::new("rustc").arg("--version"))?;
    let version = version.split_whitespace().nth(1).context("rustc states no version")?;
    let folder = tools.join(format!("rust-src-{version}"));
    let library = folder.join(format!("usr/src/rustc-{version}/library"));
    if !library.join("Cargo.lock").is_file() {
        let advice = format!(
            "Debian's {SUITE} may have dropped the sources of Rust {version}: with rustup, \
             `rustup target add` of the target or `rustup component add rust-src` brings them"
        );
        let package = format!("rust-src={version}*");
        process::advise(unpacked(&package, &tools.join("apt"), &folder), &advice)?;
    }
    ensure!(library.is_dir(), "rust-src of Debian has no {}", library.display());
    Ok(library)
}

/// Downloads a package of Debian and unpacks it, without installing anything.
pub(super) fn unpacked(package: &str, apt: &Path, folder: &Path) -> Result<()> {
    println!("dist: downloading {package} from Debian {SUITE}");
    files::make_empty(apt)?;
    for name in APT_FOLDERS {
        files::make_empty(&apt.join(name))?;
    }
    files::write(&apt.join("status"), "")?;
    let line = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
                http://deb.debian.org/debian";
    files::write(&apt.join("etc/apt/sources.list"), &format!("{line} {SUITE} main\n"))?;
    process::run(apt_get(apt).args(["--quiet", "update"]))?;
    process::run(apt_get(apt).args(["--quiet", "download", package]))?;
    files::make_empty(folder)?;
    let unpack = "exec dpkg-deb --extract ./*.deb \"$1\"";
    process::run(Command::new("sh").args(["-c", unpack, "sh"]).arg(folder).current_dir(apt))
}

/// The library of ONNX Runtime for a target, downloaded once. Wheels of 1.17 have none, so that one
/// is from npm.
pub(super) fn onnxruntime(target: Target, version: &str, tools: &Path) -> Result<PathBuf> {
    let folder = tools.join(format!("onnxruntime-{version}-{}", target.machine()));
    let [wheel, package] = ["wheel", "package"].map(|name| folder.join(name));
    let in_wheel = wheel.join(format!("onnxruntime/capi/libonnxruntime.so.{version}"));
    let in_package = format!("bin/napi-v3/linux/{}/libonnxruntime.so.{version}", target.node());
    let in_package = package.join(in_package);
    if let Some(found) = [&in_wheel, &in_package].into_iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    println!("dist: downloading ONNX Runtime {version} for {}", target.machine());
    files::make_empty(&folder)?;
    if version.starts_with("1.17.") {
        let mut npm = Command::new("npm");
        npm.args(["pack", "--silent", &format!("onnxruntime-node@{version}")]);
        process::output(npm.current_dir(&folder))?;
        unpack(&folder, "exec tar -xzf ./*.tgz")?;
        return Ok(in_package);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--python-version", "3.11", "--platform"]);
    pip.arg(format!("manylinux_2_28_{}", target.machine()));
    process::run(pip.arg(format!("onnxruntime=={version}")).current_dir(&folder))?;
    unpack(&folder, "exec python3 -m zipfile -e ./*.whl wheel")?;
    Ok(in_wheel)
}

fn unpack(folder: &Path, script: &str) -> Result<()> {
    process::run(Command::new("sh").args(["-c", script]).current_dir(folder))
}

/// apt with lists and settings of its own.
fn apt_get(apt: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.current_dir(apt);
    command.arg("-o").arg(format!("Dir={}", apt.display()));
    command.args(["-o", "Dir::Etc=etc/apt", "-o", "Dir::State=state", "-o", "Dir::Cache=cache"]);
    command.arg("-o").arg(format!("Dir::State::status={}", apt.join("status").display()));
    // The lists are in a folder that apt's own user may not enter.
    command.args(["-o", "APT::Sandbox::User=root"]);
    command
}
