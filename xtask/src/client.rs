//! The Python client of the service: what is generated of it, and its tests.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{process, setup};

/// As pip takes it, which reads a path with a slash as a folder.
const PACKAGE: &str = "./clients/python";

/// The same with the pinned generator, and what checks types.
const PACKAGE_TO_CHECK: &str = "./clients/python[check]";

/// Writes its generated part: types of `docs/openapi.json`, and the synchronous client.
pub(crate) fn generate(root: &Path) -> Result<()> {
    let python = setup::python(root)?;
    install(root, &python, PACKAGE_TO_CHECK)?;
    process::run(Command::new(python).args(["-B", "clients/python/generate.py"]).current_dir(root))
}

/// Installs it as its users do, and runs its tests against the service on a tiny bundle.
pub(crate) fn test(root: &Path) -> Result<()> {
    process::programs(root)?;
    let python = setup::python(root)?;
    install(root, &python, PACKAGE)?;
    // The client works without them: tests that need one are skipped, with a reason.
    if let Err(error) = install(root, &python, PACKAGE_TO_CHECK) {
        println!("warning: {error:#}; types are not checked");
    }
    let mut tests = Command::new(python);
    tests.args(["-B", "-m", "pytest", "-q", "-rs", PACKAGE]).current_dir(root);
    tests.env("HANDFUL_SERVER", root.join("target/release/handful-server"));
    tests.env("HANDFUL_COMMAND", root.join("target/release/handful"));
    tests.env("HANDFUL_BUNDLE", root.join("edge/tests/fixtures/tiny-bundle"));
    process::run(&mut tests)
}

fn install(root: &Path, python: &Path, package: &str) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]);
    process::run(pip.current_dir(root))
}
