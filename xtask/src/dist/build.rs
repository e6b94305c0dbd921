//! Builds the programs of a target, stripped, against the glibc that packages promise.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::commit::Commit;
use super::crates::PACKAGES;
use super::files;
use super::stage::PROGRAMS;
use super::target::{GLIBC, Target};
use super::toolchain;
use crate::process;

/// Where everything is built, in the folder of packages.
const FOLDER: &str = "build";

/// Builds the programs into `work` and puts them into `programs`.
pub(super) fn build(
    root: &Path,
    target: Target,
    commit: &Commit,
    work: &Path,
    programs: &Path,
) -> Result<()> {
    let mut build = zigbuild("build", root, target, commit, work)?;
    build.args(PACKAGES.iter().flat_map(|package| ["--package", *package]));
    process::run(&mut build)?;
    files::make_empty(programs)?;
    let folder = work.join(FOLDER).join(target.triple()).join("release");
    PROGRAMS.iter().try_for_each(|name| files::copy(&folder.join(name), &programs.join(name)))
}

/// Builds the tests of `edge` for a target, and returns their program.
pub(super) fn engine_tests(
    root: &Path,
    target: Target,
    commit: &Commit,
    work: &Path,
) -> Result<PathBuf> {
    let mut build = zigbuild("test", root, target, commit, work)?;
    build.args(["--no-run", "--package", "handful-edge", "--test", "it"]);
    let messages = process::output(build.arg("--message-format=json-render-diagnostics"))?;
    let program = messages.lines().rev().find_map(test_program);
    program.context("cargo built no program of the tests")
}

/// The program of a test, if a message of cargo is about one.
fn test_program(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_test = message["profile"]["test"].as_bool()?;
    let program = message["executable"].as_str()?;
    is_test.then(|| program.into())
}

/// A command of cargo with zig as linker and C compiler.
fn zigbuild(
    word: &str,
    root: &Path,
    target: Target,
    commit: &Commit,
    work: &Path,
) -> Result<Command> {
    let tools = work.join("tools");
    let zig = toolchain::zig(&tools)?;
    let mut build = Command::new(zig.join("cargo-zigbuild"));
    build.args([word, "--release", "--locked", "--target-dir"]).arg(work.join(FOLDER));
    build.arg("--target").arg(format!("{}.{}.{}", target.triple(), GLIBC.0, GLIBC.1));
    if let Some(library) = toolchain::library_sources(target, &tools)? {
        // Two switches of cargo that are not stable yet, for the standard library only. It has the
        // crate `test` for all: another list would build everything anew.
        build.env("RUSTC_BOOTSTRAP", "1").env("__CARGO_TESTS_ONLY_SRC_ROOT", library);
        build.arg("-Zbuild-std=std,panic_abort,test");
    }
    build.env("PATH", path_with(&zig)?).env("RUSTFLAGS", remapped(root)?);
    build.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("SOURCE_DATE_EPOCH", &commit.epoch);
    build.current_dir(root);
    Ok(build)
}

/// Removes what was built, so that the next build begins anew, at the same place.
pub(super) fn forget(work: &Path) -> Result<()> {
    let built = work.join(FOLDER);
    fs::remove_dir_all(&built).with_context(|| format!("cannot remove {}", built.display()))
}

/// The search path with the tools first: zig is started through the Python beside it.
fn path_with(tools: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).context("a folder of PATH has a colon in its name")
}

/// Flags that keep the folders of this machine out of the programs.
fn remapped(root: &Path) -> Result<String> {
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    let cargo = cargo.context("neither CARGO_HOME nor HOME is set")?;
    let flags = [(cargo.as_path(), "/cargo"), (root, "/handful")];
    let flags = flags.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    Ok(flags.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_the_tests_is_found_among_messages() {
        let library = r#"{"profile":{"test":false},"executable":null}"#;
        let tests = r#"{"profile":{"test":true},"executable":"/deps/it-1"}"#;
        assert_eq!(test_program(library), None);
        assert_eq!(test_program("   Compiling"), None);
        assert_eq!(test_program(tests), Some(PathBuf::from("/deps/it-1")));
    }

    #[test]
    fn folders_of_this_machine_are_replaced() {
        let flags = remapped(Path::new("/somewhere/handful")).unwrap();
        assert!(flags.ends_with("--remap-path-prefix=/somewhere/handful=/handful"), "{flags}");
    }
}
