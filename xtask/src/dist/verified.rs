//! The last check of the packages as a whole, and whether it was one of this tree.
//!
//! It takes half an hour and more, so it is run anew only where something has changed that the
//! packages are made of: libraries, engines, or the packaging itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The hash of what was checked, and what was measured.
const RECORD: &str = ".ci/packages.checked";

/// What a check is of.
const INPUTS: [&str; 8] = [
    "Cargo.lock",
    "edge/src/engine",
    "edge/src/engine.rs",
    "xtask/src/dist",
    "xtask/src/dist.rs",
    "deploy/debian",
    "deploy/handful.service",
    "deploy/handful.socket",
];

/// Whether a check is recorded, and of another tree than this one.
pub(super) fn is_outdated(root: &Path) -> Result<bool> {
    // Without a first record nobody has seen how long a check takes on the machines that run it.
    let Ok(recorded) = fs::read_to_string(root.join(RECORD)) else {
        println!("skipped: the packages were not checked: no check is recorded; run .ci/packages");
        return Ok(false);
    };
    Ok(recorded.lines().next() != Some(head(root)?.as_str()))
}

/// Records a check of this tree.
pub(super) fn record(root: &Path, measured: &str) -> Result<()> {
    let text = format!("{}\n{measured}", head(root)?);
    fs::write(root.join(RECORD), text).with_context(|| format!("cannot write {RECORD}"))?;
    println!("dist: the check is recorded in {RECORD}; commit it");
    Ok(())
}

/// The first line of a record: the hash of all files that it is of.
fn head(root: &Path) -> Result<String> {
    let hash = "set -e; git ls-files -z -- \"$@\" | xargs -0 sha256sum | sha256sum";
    let mut sh = Command::new("sh");
    let printed = process::output(sh.args(["-c", hash, "sh"]).args(INPUTS).current_dir(root))?;
    let hash = printed.split_whitespace().next().context("sha256sum printed nothing")?;
    Ok(format!("sha256 {hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn inputs_are_there() {
        for input in INPUTS {
            assert!(root().unwrap().join(input).exists(), "{input}");
        }
    }

    #[test]
    fn the_head_has_a_hash() {
        let head = head(&root().unwrap()).unwrap();
        assert!(head.starts_with("sha256 ") && head.len() == 71, "{head}");
    }
}
