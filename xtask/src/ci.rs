//! Every check a change must pass, cheapest first. A step that fails does not stop the others.

mod service;
mod workflows;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client;
use crate::container;
use crate::dist;
use crate::process;
use crate::setup;
use crate::test::Totals;

/// Runs all steps and prints how each ended; `true` when all ended well.
pub(crate) fn ci(root: &Path) -> bool {
    let mut totals = Totals::default();
    let mut steps = Steps::default();
    steps.run("format", || {
        cargo(root, &["fmt", "--all", "--check"])?;
        cargo(root, &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
    });
    steps.run("licenses", || cargo(root, &["deny", "check", "licenses", "bans", "sources"]));
    // Before the lints: `train` does not build without libtorch.
    steps.run("set-up", || setup::setup(root));
    steps.run("lints", || lints(root));
    steps.run("style", || cargo(root, &["xtask", "style"]));
    steps.run("workflows", || workflows::lint(root));
    steps.run("documentation", || documentation(root));
    steps.run("tests", || tests(root, &mut totals));
    steps.run("load", || load(root));
    steps.run("benchmarks", || benchmarks(root));
    steps.run("service", || service::starts_and_stops(root));
    steps.run("API", || service::keeps_its_document(root));
    steps.run("container", || container::make(root));
    steps.run("packages", || packages(root));
    steps.run("Python client", || client::test(root));
    steps.run("example", || example(root));
    // The totals of the tests are the last line, so every other failure is added to them.
    totals.failed += steps.failed_besides_tests();
    println!("\n{steps}\n{totals}");
    totals.failed == 0
}

fn cargo(root: &Path, words: &[&str]) -> Result<()> {
    process::run(process::cargo(root).args(words))
}

fn lints(root: &Path) -> Result<()> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--release", "--"];
    let pedantry = ["-Wclippy::too_many_lines", "-Dwarnings"];
    process::run(process::cargo(root).args(clippy).args(pedantry))?;
    // A workspace of its own, whose libraries are those just checked.
    let fuzz = ["clippy", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target"];
    cargo(root, &[&fuzz[..], &["--locked", "--release", "--", "-Dwarnings"]].concat())
}

fn documentation(root: &Path) -> Result<()> {
    let mut doc = process::cargo(root);
    doc.args(["doc", "--workspace", "--no-deps", "--release"]).env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut doc)
}

/// The very command that the README gives, and the counts of its last line.
fn tests(root: &Path, totals: &mut Totals) -> Result<()> {
    let mut last = String::new();
    let status = process::lines(process::cargo(root).args(["xtask", "test"]), |line| {
        println!("{line}");
        line.clone_into(&mut last);
    })?;
    // The totals are read even if tests failed: what passed is shown all the same.
    *totals = Totals::parse(&last).context("`cargo xtask test` ended without its totals")?;
    ensure!(status.success(), "{last}");
    Ok(())
}

/// Those that measure large galleries measure smaller ones than by themselves.
fn benchmarks(root: &Path) -> Result<()> {
    let mut bench = process::cargo(root);
    bench.args(["bench", "--workspace", "--bench", "*"]);
    process::run(bench.env("HANDFUL_BENCH_CLASSES", "2000"))
}

/// Packages for every processor. They are made and checked anew only where libraries, engines or
/// the packaging have changed since the recorded check: it takes half an hour.
fn packages(root: &Path) -> Result<()> {
    if !dist::is_check_due(root)? {
        return Ok(());
    }
    if let Some(reason) = dist::hindrance() {
        println!("skipped: packages were not made: {reason}");
        return Ok(());
    }
    cargo(root, &["xtask", "dist", "--check"])
}

/// The service under attack and at full rate. These tests measure, so they run by themselves.
fn load(root: &Path) -> Result<()> {
    let mut test = process::cargo(root);
    test.args(["test", "--workspace", "--release", "--test", "it", "--"]);
    test.args(["--ignored", "--test-threads=1", "--nocapture", "attack::", "memory::", "load::"]);
    process::run(test.env("HANDFUL_LOAD_SECONDS", "180"))
}

/// An image that every checkout has.
const PAGE: &str = "docs/page.png";

/// A black and white pattern of 8 x 8 pixels as a PNG file, unlike the page.
const PATTERN: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\x01\0\0\0\0\xect\x83&\0\0\0\x0f\
    IDATx\xdac\xf8\xc0\0\x81\xfc\x10\x08\0.\0\x03\xfd+\xce\xd1\xa8\0\0\0\0IEND\xaeB`\x82";

/// The example of the library that the README shows: each of two images finds its own class.
fn example(root: &Path) -> Result<()> {
    // With the features of the whole workspace: those of one package would build everything anew.
    cargo(root, &["build", "--workspace", "--release", "--example", "recognize"])?;
    let pattern = "target/pattern.png";
    fs::write(root.join(pattern), PATTERN).with_context(|| format!("cannot write {pattern}"))?;
    // Both, so that an answer that is always the same class fails once.
    for (photo, label) in [(PAGE, "first"), (pattern, "second")] {
        let mut example = Command::new(root.join("target/release/examples/recognize"));
        // As `cargo run` does: it gives the program the folder to find bundles from.
        example.env("CARGO_MANIFEST_DIR", root.join("edge")).args([PAGE, pattern, photo]);
        let answer = process::output(example.current_dir(root))?;
        print!("{answer}");
        let best = best_label(&answer);
        ensure!(best == Some(label), "{photo}: the best label is {best:?}, expected `{label}`");
    }
    Ok(())
}

/// The label of the first line, which is `SIMILARITY LABEL`.
fn best_label(answer: &str) -> Option<&str> {
    answer.lines().next()?.split_once(' ').map(|(_, label)| label)
}

/// How one step ended.
struct Step {
    name: &'static str,
    took: Duration,
    error: Option<String>,
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        self.record(name, step);
        if let Some(error) = self.0.last().and_then(|step| step.error.as_ref()) {
            println!("error: {name}: {error}");
        }
    }

    fn record(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        let start = Instant::now();
        let error = step().err().map(|error| format!("{error:#}"));
        self.0.push(Step { name, took: start.elapsed(), error });
    }

    /// Failed tests are in the totals already; every other failed step is one failure more, and so
    /// is a test run that never came to its totals.
    fn failed_besides_tests(&self) -> u64 {
        let failed = self.0.iter().filter_map(|step| Some((step.name, step.error.as_ref()?)));
        failed.filter(|(name, error)| *name != "tests" || Totals::parse(error).is_none()).count()
            as u64
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { name, took, error } in &self.0 {
            let ended = error.as_deref().unwrap_or("ok");
            writeln!(f, "{name:<13} {:>7.1} s  {ended}", took.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failing_step_is_counted_and_the_rest_still_run() {
        let mut steps = Steps::default();
        steps.record("format", || bail!("two files differ"));
        steps.record("tests", || bail!("4 passed, 2 failed, 0 skipped"));
        steps.record("service", || Ok(()));
        assert_eq!(steps.failed_besides_tests(), 1);
        let shown = steps.to_string();
        let ends: Vec<_> = shown.lines().filter_map(|line| line.split_once(" s  ")).collect();
        let ends: Vec<_> = ends.into_iter().map(|(_, end)| end).collect();
        assert_eq!(ends, ["two files differ", "4 passed, 2 failed, 0 skipped", "ok"]);
    }

    #[test]
    fn the_best_label_is_on_the_first_line() {
        assert_eq!(best_label("1.000 second\n0.31 first\n"), Some("second"));
        assert_eq!(best_label(""), None);
    }

    #[test]
    fn tests_that_do_not_build_are_a_failure() {
        let mut steps = Steps::default();
        steps.record("tests", || bail!("`cargo xtask test` ended without its totals"));
        assert_eq!(steps.failed_besides_tests(), 1);
    }
}
