//! Every test of every crate, in one build, which counts skipped tests apart from passed ones.
//!
//! A test that needs something this machine lacks prints `skipped: <what>: <reason>` and returns;
//! libtest calls that passed. `--show-output` brings the line to light, and [`report`] counts it.

mod report;
mod totals;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Result, ensure};

use crate::{process, setup};
use report::{Report, Summary};
pub(crate) use totals::Totals;

const TEST: [&str; 4] = ["test", "--workspace", "--release", "--no-fail-fast"];

/// The modules of tests that run networks.
const OF_ENGINES: [&str; 8] = [
    "engines::",
    "bundles::",
    "batches::",
    "inference::",
    "recognition::",
    "knowing::",
    "jpeg_embeddings::",
    "verification::",
];

/// The modules of tests that see the page.
const OF_PAGE: [&str; 2] = ["page::", "browser::"];

/// Sets up, builds and runs all tests; prints the summary; `true` when nothing failed.
///
/// The last line is always the totals: tests that could not be run are one failure.
pub(crate) fn test(root: &Path) -> bool {
    match run(root) {
        Ok(summary) => {
            print!("\n{summary}");
            summary.totals().failed == 0
        }
        Err(error) => {
            println!("error: {error:#}\n\n{}", Totals { failed: 1, ..Totals::default() });
            false
        }
    }
}

fn run(root: &Path) -> Result<Summary> {
    setup::setup(root)?;
    // Built apart from the run: its messages give the package of each program.
    let mut report = Report::new(build(root)?);
    let mut cargo = process::cargo(root);
    cargo.args(TEST).args(["--", "--show-output"]);
    let status = listed(&mut cargo, &mut report)?;
    let again = [Some(on_dark_phone(root, &mut report)?), with_old_runtime(root, &mut report)?];
    let failed = again.into_iter().flatten().find(|status| !status.success());
    Ok(report.finish(if status.success() { failed.unwrap_or(status) } else { status }))
}

/// Runs the tests of the page again at the size of a phone and in dark colors.
fn on_dark_phone(root: &Path, report: &mut Report) -> Result<ExitStatus> {
    println!("\nthe page on a dark phone");
    report.again("dark phone");
    let mut cargo = process::cargo(root);
    cargo.args(TEST).args(["--test", "it", "--", "--show-output"]).args(OF_PAGE);
    listed(cargo.env("HANDFUL_TEST_VIEW", "dark-phone"), report)
}

/// Runs the tests of engines again with an old library of ONNX Runtime: a process loads one only.
fn with_old_runtime(root: &Path, report: &mut Report) -> Result<Option<ExitStatus>> {
    let version = setup::old_runtime::VERSION;
    match setup::old_onnxruntime(root) {
        Ok(library) => {
            println!("\nengines on ONNX Runtime {version}");
            report.again(version);
            let mut cargo = process::cargo(root);
            cargo.args(TEST).args(["--test", "it", "--", "--show-output"]).args(OF_ENGINES);
            listed(cargo.env("ORT_DYLIB_PATH", library), report).map(Some)
        }
        Err(error) => {
            report.skip("edge", format!("engines on ONNX Runtime {version}: {error:#}"));
            Ok(None)
        }
    }
}

/// Runs tests, prints their listing, and reads it into a report.
fn listed(cargo: &mut Command, report: &mut Report) -> Result<ExitStatus> {
    process::lines(cargo, |line| {
        if report.read(line) {
            println!("{line}");
        }
    })
}

/// Builds the test programs of the whole workspace; returns which package each belongs to.
fn build(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut cargo = process::cargo(root);
    cargo.args(TEST).args(["--no-run", "--message-format=json-render-diagnostics"]);
    let mut programs = BTreeMap::new();
    let status = process::lines(&mut cargo, |line| match line.starts_with('{') {
        true => programs.extend(test_program(line)),
        false => println!("{line}"),
    })?;
    ensure!(status.success(), "the tests do not build ({status})");
    Ok(programs)
}

/// (file name of the program, package) of a cargo message about a built program.
fn test_program(message: &str) -> Option<(String, String)> {
    let program = field(message, "executable")?.rsplit('/').next()?;
    let package = field(message, "package_id")?.split_once('#')?;
    let named = package.1.split_once('@').map(|(name, _)| name);
    let folder = package.0.rsplit('/').next()?;
    // Doc-tests come under the library's name, which has no such prefix.
    let package = named.unwrap_or(folder);
    let package = package.strip_prefix("handful-").unwrap_or(package);
    Some((program.to_owned(), package.to_owned()))
}

/// The value of a text field in one line of JSON; cargo's names and paths hold no escapes.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_given_to_their_packages() {
        let check = |id: &str, package: &str| {
            let message = format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"{id}\",\
                 \"executable\":\"/p/target/release/deps/it-12ab\",\"fresh\":true}}"
            );
            let expected = Some(("it-12ab".to_owned(), package.to_owned()));
            assert_eq!(test_program(&message), expected);
        };
        check("path+file:///p/web-api#0.1.0", "web-api");
        check("path+file:///p/folder#models@0.1.0", "models");
        check("path+file:///p/models/few-shot#handful-few-shot@0.1.0", "few-shot");
    }

    #[test]
    fn a_library_is_no_program() {
        let message = "{\"package_id\":\"path+file:///p/edge#0.1.0\",\"executable\":null}";
        assert_eq!(test_program(message), None);
    }
}
