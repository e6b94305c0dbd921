//! What takes hours and runs at night: fuzzing of every reader, and long measurements.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::{process, setup};

/// Seconds that each reader is fuzzed.
const FUZZ_SECONDS: &str = "600";

/// The version that is installed where none is.
const CARGO_FUZZ: &str = "0.13.2";

/// What a night can be spent on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Work {
    /// Fuzz every reader, ten minutes each, two at a time.
    Fuzz,
    /// Run the service under attack, and at full rate for an hour.
    Load,
}

/// Does the work of a night.
pub(crate) fn nightly(root: &Path, work: Work) -> Result<()> {
    setup::setup(root)?;
    match work {
        Work::Fuzz => fuzz(root),
        Work::Load => load(root),
    }
}

fn fuzz(root: &Path) -> Result<()> {
    if process::output(process::cargo(root).args(["fuzz", "--version"])).is_err() {
        let install = ["install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked"];
        process::run(process::cargo(root).args(install))?;
    }
    process::run(Command::new("fuzz/run").arg(FUZZ_SECONDS).current_dir(root))
}

fn load(root: &Path) -> Result<()> {
    let mut test = process::cargo(root);
    test.args(["test", "--workspace", "--release", "--test", "it", "--"]);
    test.args(["--ignored", "--test-threads=1", "--nocapture", "attack::", "memory::", "load::"]);
    test.env("HANDFUL_LOAD_SECONDS", "3600").env("HANDFUL_ATTACK_SECONDS", "60");
    process::run(&mut test)
}
