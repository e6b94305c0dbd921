//! Reads what `cargo test -- --show-output` prints and keeps count.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitStatus;

use super::Totals;

/// What one crate's tests came to.
#[derive(Debug, Default)]
struct Tally {
    totals: Totals,
    seconds: f64,
    failures: Vec<String>,
    skips: Vec<String>,
}

/// Where in the listing of one test program the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Section {
    /// `test name ... ok` lines.
    #[default]
    Tests,
    /// Output of tests that passed.
    Output,
    /// Names of tests that passed: they stand above already.
    PassedNames,
    /// Output and names of tests that failed.
    Failures,
}

/// A reader of test listings, fed line by line.
#[derive(Debug, Default)]
pub(super) struct Report {
    packages: BTreeMap<String, String>,
    tallies: BTreeMap<String, Tally>,
    package: String,
    section: Section,
    /// The program that has started and not yet printed its result.
    pending: Option<String>,
    /// Lines of the program about skipped tests: (test, when its output names one; line).
    skips: Vec<(Option<String>, String)>,
    test: Option<String>,
}

impl Report {
    /// A reader that knows which package each test program belongs to.
    pub(super) fn new(packages: BTreeMap<String, String>) -> Self {
        Self { packages, ..Self::default() }
    }

    /// What is read from now on is of the same programs, run another time as these words say.
    pub(super) fn again(&mut self, how: &str) {
        for package in self.packages.values_mut() {
            // They may have run another time already. A name has no space.
            let name = package.split(' ').next().unwrap_or_default();
            *package = format!("{name} {how}");
        }
    }

    /// Counts a test of a package that is not run.
    pub(super) fn skip(&mut self, package: &str, what: String) {
        let tally = self.tallies.entry(package.to_owned()).or_default();
        tally.totals.skipped += 1;
        tally.skips.push(what);
    }

    /// Takes one line in; `false` when the line adds nothing new.
    pub(super) fn read(&mut self, line: &str) -> bool {
        if let Some(program) = started(line) {
            self.start(program);
        } else if let Some((totals, seconds)) = result(line) {
            self.result(totals, seconds);
        } else if let Some(what) = line.strip_prefix("skipped: ") {
            self.skips.push((self.test.clone(), what.to_owned()));
        } else if let Some(name) = failed(line) {
            self.tally().failures.push(name.to_owned());
        } else {
            self.turn(line);
        }
        self.section != Section::PassedNames
    }

    fn start(&mut self, program: &str) {
        self.close();
        let crate_name = program.replace('_', "-");
        let package = self.packages.get(program).unwrap_or(&crate_name);
        self.package = package.clone();
        // Documentation is no program: rustdoc's own failures show in cargo's status.
        self.pending = self.packages.contains_key(program).then(|| program.to_owned());
        self.section = Section::Tests;
    }

    /// Notices headings inside one program's listing.
    fn turn(&mut self, line: &str) {
        let heading = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----"));
        match (line, heading) {
            ("successes:", _) => (self.section, self.test) = (Section::PassedNames, None),
            ("failures:", _) => (self.section, self.test) = (Section::Failures, None),
            (_, Some(test)) if self.section != Section::Failures => {
                (self.section, self.test) = (Section::Output, Some(test.to_owned()));
            }
            _ => {}
        }
    }

    fn result(&mut self, mut totals: Totals, seconds: f64) {
        let skips = std::mem::take(&mut self.skips);
        // libtest counts a test that skips itself as passed.
        let skipped = skipped_tests(&skips).min(totals.passed);
        totals.passed -= skipped;
        totals.skipped += skipped;
        let tally = self.tally();
        tally.totals = tally.totals + totals;
        tally.seconds += seconds;
        tally.skips.extend(skips.into_iter().map(|(_, what)| what));
        (self.section, self.test, self.pending) = (Section::Tests, None, None);
    }

    /// A program that never printed its result was killed or crashed: one failure.
    fn close(&mut self) {
        if let Some(program) = self.pending.take() {
            self.fail(format!("{program} ended before its result"));
        }
    }

    fn fail(&mut self, what: String) {
        let tally = self.tally();
        tally.totals.failed += 1;
        tally.failures.push(what);
    }

    fn tally(&mut self) -> &mut Tally {
        self.tallies.entry(self.package.clone()).or_default()
    }

    /// Ends the reading; a cargo that failed without a failed test counts as one failure.
    pub(super) fn finish(mut self, status: ExitStatus) -> Summary {
        self.close();
        let failed: u64 = self.tallies.values().map(|tally| tally.totals.failed).sum();
        if !status.success() && failed == 0 {
            self.fail(format!("cargo test ended with {status}"));
        }
        // Of a run of some tests only, in which most programs have none.
        self.tallies.retain(|_, tally| tally.totals != Totals::default());
        Summary(self.tallies)
    }
}

/// The test program or library whose tests a line of cargo's announces.
fn started(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(library) = line.strip_prefix("Doc-tests ") {
        return Some(library);
    }
    let (_, path) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?;
    path.rsplit('/').next()
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; …; finished in 0.12s`
fn result(line: &str) -> Option<(Totals, f64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let seconds = counts.rsplit_once("finished in ").and_then(|(_, s)| s.strip_suffix('s'));
    let totals = Totals {
        passed: count(counts, "passed")?,
        failed: count(counts, "failed")?,
        skipped: count(counts, "ignored")?,
    };
    Some((totals, seconds.and_then(|s| s.parse().ok()).unwrap_or(0.0)))
}

/// The number before a word: 5 for "passed" in `5 passed; 0 failed`.
fn count(counts: &str, word: &str) -> Option<u64> {
    counts.split("; ").find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
}

/// The name in `test name ... FAILED`.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// A test that names several reasons is still one test; lines without a test count singly.
fn skipped_tests(skips: &[(Option<String>, String)]) -> u64 {
    let nameless = skips.iter().filter(|(test, _)| test.is_none()).count();
    let named: std::collections::BTreeSet<_> = skips.iter().filter_map(|s| s.0.as_ref()).collect();
    (nameless + named.len()) as u64
}

/// What all crates came to, as the table and lists that close a run.
pub(super) struct Summary(BTreeMap<String, Tally>);

impl Summary {
    /// The counts over all crates.
    pub(super) fn totals(&self) -> Totals {
        self.0.values().map(|tally| tally.totals).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<15} {:>7} {:>7} {:>7} {:>9}",
            "crate", "passed", "failed", "skipped", "time"
        )?;
        for (name, Tally { totals, seconds, .. }) in &self.0 {
            let Totals { passed, failed, skipped } = totals;
            writeln!(f, "{name:<15} {passed:>7} {failed:>7} {skipped:>7} {seconds:>7.1} s")?;
        }
        list(f, "skipped", self.0.iter().map(|(name, tally)| (name, &tally.skips)))?;
        list(f, "failed", self.0.iter().map(|(name, tally)| (name, &tally.failures)))?;
        writeln!(f, "\n{}", self.totals())
    }
}

fn list<'a>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    all: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
) -> fmt::Result {
    let mut lines = all.flat_map(|(name, lines)| lines.iter().map(move |line| (name, line)));
    // Without lines there is no title either.
    let Some(first) = lines.next() else {
        return Ok(());
    };
    writeln!(f, "\n{title}:")?;
    std::iter::once(first)
        .chain(lines)
        .try_for_each(|(name, line)| writeln!(f, "  {name:<15} {line}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const LISTING: &str = "\
     Running unittests src/lib.rs (target/release/deps/edge-11)

running 3 tests
test engine::fails ... FAILED
test engine::runs ... ok
test engine::waits ... ok

successes:

---- engine::waits stdout ----
skipped: ONNX Runtime: no library was found
skipped: CUDA: no device

successes:
    engine::runs
    engine::waits

failures:

---- engine::fails stdout ----
expected 1, got 2

failures:
    engine::fails

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s

     Running tests/it/main.rs (target/release/deps/it-22)
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.25s
   Doc-tests web_api
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s
";

    fn report() -> Report {
        let programs = [("edge-11", "edge"), ("it-22", "models"), ("it-33", "train")];
        Report::new(programs.map(|(a, b)| (a.to_owned(), b.to_owned())).into())
    }

    fn read(listing: &str) -> (Report, Vec<&str>) {
        let mut report = report();
        let shown = listing.lines().filter(|line| report.read(line)).collect();
        (report, shown)
    }

    fn ended(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn tests_are_counted_for_their_crate() {
        let summary = read(LISTING).0.finish(ended(101));
        assert_eq!(
            summary.to_string(),
            "\
crate            passed  failed skipped      time
edge                  1       1       1     1.5 s
models                4       0       0     0.2 s
web-api               1       0       1     0.1 s

skipped:
  edge            ONNX Runtime: no library was found
  edge            CUDA: no device

failed:
  edge            engine::fails

6 passed, 1 failed, 2 skipped
"
        );
    }

    #[test]
    fn names_that_were_listed_are_not_listed_again() {
        let (_, shown) = read(LISTING);
        assert_eq!(shown.iter().filter(|line| line.contains("engine::runs")).count(), 1);
        assert!(shown.contains(&"skipped: CUDA: no device"));
        assert!(shown.contains(&"expected 1, got 2"));
        assert!(shown.contains(&"    engine::fails"));
    }

    #[test]
    fn a_program_that_dies_is_a_failure() {
        let dies = "     Running tests/it/main.rs (target/release/deps/it-33)\ntest a ... ok\n";
        let summary = read(&format!("{dies}{LISTING}")).0.finish(ended(101));
        assert_eq!(summary.totals(), Totals { passed: 6, failed: 2, skipped: 2 });
        assert!(summary.to_string().contains("train           it-33 ended before its result"));
    }

    #[test]
    fn a_skip_outside_a_test_counts_once() {
        let lines = "     Running tests/it/main.rs (target/release/deps/it-22)\n\
                     skipped: page: no chromium\n\
                     test result: ok. 2 passed; 0 failed; 0 ignored; finished in 0.00s\n";
        let summary = read(lines).0.finish(ended(0));
        assert_eq!(summary.totals(), Totals { passed: 1, failed: 0, skipped: 1 });
    }

    #[test]
    fn programs_that_run_again_are_counted_apart() {
        let (mut report, _) = read(LISTING);
        report.again("1.17.3");
        let again = "     Running tests/it/main.rs (target/release/deps/it-22)\n\
                     test result: ok. 2 passed; 0 failed; 0 ignored; finished in 0.50s\n\
                     Running tests/it/main.rs (target/release/deps/it-33)\n\
                     test result: ok. 0 passed; 0 failed; 0 ignored; finished in 0.00s\n";
        for line in again.lines() {
            report.read(line);
        }
        report.skip("edge", "engines on something: no npm".to_owned());
        let summary = report.finish(ended(101));
        let text = summary.to_string();
        assert!(text.contains("models 1.17.3         2       0       0     0.5 s"), "{text}");
        assert!(!text.contains("train 1.17.3"), "{text}");
        assert!(text.contains("  edge            engines on something: no npm"), "{text}");
        assert_eq!(summary.totals(), Totals { passed: 8, failed: 1, skipped: 3 });
    }

    #[test]
    fn a_cargo_that_fails_otherwise_is_a_failure() {
        let summary = report().finish(ended(101));
        assert_eq!(summary.totals().failed, 1);
    }
}
