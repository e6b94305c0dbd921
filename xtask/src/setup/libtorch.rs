//! `.libtorch`: the processor half of libtorch, of the one version that tch accepts.
//!
//! pip's torch wheel holds a CUDA build of several gigabytes once installed. Training on the
//! processor needs a few of its libraries and the headers: they are unpacked, and the CUDA
//! libraries that they name are answered by small stubs (see [`stubs`]). On a CUDA machine the
//! same programs run against PyTorch's own folder, named by `LD_LIBRARY_PATH`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::folder::remove;
use super::stubs;
use crate::process;

/// tch 0.24 accepts exactly this one.
const VERSION: &str = "2.11.0";

/// What pip offers for one kind of machine.
struct Wheel {
    platform: &'static str,
    libraries: &'static [&'static str],
    download_mb: u64,
    disk_mb: u64,
    note: &'static str,
}

const X86_64: Wheel = Wheel {
    platform: "manylinux_2_28_x86_64",
    libraries: &["libc10.so", "libgomp.so.1", "libtorch_cpu.so"],
    download_mb: 531,
    disk_mb: 494,
    note: "",
};

const AARCH64: Wheel = Wheel {
    platform: "manylinux_2_28_aarch64",
    libraries: &[
        "libarm_compute.so",
        "libarm_compute_graph.so",
        "libc10.so",
        "libgomp.so.1",
        "libnvpl_blas_core.so.0",
        "libnvpl_blas_lp64_gomp.so.0",
        "libnvpl_lapack_core.so.0",
        "libnvpl_lapack_lp64_gomp.so.0",
        "libtorch_cpu.so",
    ],
    download_mb: 420,
    disk_mb: 340,
    note: "; not tried on this kind of processor yet",
};

/// Lays `.libtorch` under `home` unless it is there; `python` must have pip.
pub(super) fn lay(home: &Path, python: &Path) -> Result<()> {
    let folder = home.join(".libtorch");
    if is_current(&folder) {
        return Ok(());
    }
    let wheel = wheel(std::env::consts::OS, std::env::consts::ARCH)?;
    // Whatever can be refused is refused before the long download.
    check_compiler()?;
    check_disk(home, wheel.download_mb + wheel.disk_mb)?;
    // The wheel stays until everything is in place, so a second try need not download again.
    let download = home.join(".libtorch.download");
    let fresh = home.join(".libtorch.new");
    let file = fetch(python, wheel, &download)?;
    unpack(python, &file, wheel, &fresh)?;
    stubs::build(&fresh.join("lib"), &download)?;
    // tch reads the version from this file.
    fs::write(fresh.join("build-version"), format!("{VERSION}\n"))?;
    replace(&fresh, &folder)?;
    fs::remove_dir_all(&download).context("cannot remove the downloaded wheel")
}

fn is_current(folder: &Path) -> bool {
    let version = fs::read_to_string(folder.join("build-version"));
    version.is_ok_and(|version| version.trim() == VERSION)
        && folder.join("lib/libtorch_cpu.so").exists()
}

fn wheel(os: &str, arch: &str) -> Result<&'static Wheel> {
    match (os, arch) {
        ("linux", "x86_64") => Ok(&X86_64),
        ("linux", "aarch64") => Ok(&AARCH64),
        _ => bail!(
            "no libtorch {VERSION} is known for {arch} {os}; only `train` needs it: put one in \
             .libtorch (include/, lib/, a file build-version with {VERSION}) to build it here"
        ),
    }
}

fn check_compiler() -> Result<()> {
    for tool in ["cc", "nm"] {
        let version = process::run(Command::new(tool).arg("--version").stdout(Stdio::null()));
        process::advise(version, "on Debian or Ubuntu: apt install g++")?;
    }
    Ok(())
}

/// Stops before the download when the disk cannot hold what comes of it.
fn check_disk(home: &Path, needed_mb: u64) -> Result<()> {
    let table = process::output(Command::new("df").arg("-Pk").arg(home))?;
    let free_mb = free_kib(&table).context("df answered in an unknown form")? / 1024;
    ensure!(
        free_mb >= needed_mb,
        "{} has {free_mb} MB free; libtorch needs {needed_mb} MB while it is laid",
        home.display()
    );
    Ok(())
}

/// The "available" column of the only row of `df -Pk`.
fn free_kib(table: &str) -> Option<u64> {
    table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// Downloads the wheel, or finds the one that an earlier, unfinished run left.
fn fetch(python: &Path, wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    println!(
        "setup: .libtorch: downloading torch {VERSION} with pip ({} MB; {} MB stay on disk{})",
        wheel.download_mb, wheel.disk_mb, wheel.note
    );
    // Without a cache: pip would keep half a gigabyte that is needed once. Any CPython tag will do,
    // since only libraries and headers are taken out of the wheel.
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"])
        .args(["--no-deps", "--only-binary=:all:", "--implementation", "cp"])
        .args(["--python-version", "3.11", "--platform", wheel.platform, "--dest"])
        .arg(folder)
        .arg(format!("torch=={VERSION}"));
    process::advise(
        process::run(&mut pip),
        "is the network there? `cargo xtask setup` tries again",
    )?;
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut wheels = files.filter(|path| path.extension().is_some_and(|e| e == "whl"));
    wheels.next().with_context(|| format!("pip left no wheel in {}", folder.display()))
}

fn unpack(python: &Path, file: &Path, wheel: &Wheel, fresh: &Path) -> Result<()> {
    println!("setup: .libtorch: unpacking");
    remove(fresh)?;
    let mut unpack = Command::new(python);
    unpack.args(["-c", include_str!("unpack.py")]).arg(file).arg(fresh).args(wheel.libraries);
    let advice = format!("if {} is broken, remove it and run again", file.display());
    process::advise(process::run(&mut unpack), &advice)
}

/// The new folder takes the old one's place; nothing half-made ever bears the final name.
fn replace(fresh: &Path, folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::rename(fresh, folder)
        .with_context(|| format!("cannot rename {} to {}", fresh.display(), folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_space_is_read_from_the_fourth_column() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                     /dev/vda 263174212 14680064 81788928 16% /\n";
        assert_eq!(free_kib(table), Some(81_788_928));
        assert_eq!(free_kib("nonsense"), None);
    }

    #[test]
    fn an_unknown_machine_is_told_what_to_do() {
        assert_eq!(wheel("linux", "aarch64").unwrap().platform, "manylinux_2_28_aarch64");
        let error = wheel("macos", "aarch64").err().unwrap().to_string();
        assert!(error.contains("aarch64 macos") && error.contains("build-version"), "{error}");
    }

    #[test]
    fn a_full_disk_stops_before_the_download() {
        let error = check_disk(Path::new("."), u64::MAX / 2).unwrap_err().to_string();
        assert!(error.contains("MB free; libtorch needs"), "{error}");
    }
}
