//! Other programs, run with errors that say what was tried and how it ended.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow, bail};

/// The cargo that runs us, in the checkout.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// Builds the programs into `target/release`, with the features of the whole workspace: those of
/// one package would build its libraries anew.
pub(crate) fn programs(root: &Path) -> Result<()> {
    run(cargo(root).args(["build", "--workspace", "--release", "--bins"]))
}

/// Runs a command to its end, its output passed through.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    // Nobody answers a question in CI, so no program may wait for one.
    let status = command.stdin(Stdio::null()).status();
    ended_well(command, status.map_err(|e| not_started(command, &e))?)
}

/// Runs a command and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| not_started(command, &e))?;
    ended_well(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command and hands over each line of its standard output and standard error, in the order
/// they were written (both go through one pipe).
pub(crate) fn lines(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe().context("cannot open a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().map_err(|e| not_started(command, &e))?;
    // The command still holds the writing ends; the pipe closes only when they are dropped too.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    // Bytes rather than text: a compiler may print names that are not UTF-8.
    while reader.read_until(b'\n', &mut line)? > 0 {
        on_line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(child.wait()?)
}

/// Adds to an error what to do about it: "what is wrong; what to do".
pub(crate) fn advise<T>(result: Result<T>, advice: &str) -> Result<T> {
    result.map_err(|error| anyhow!("{error:#}; {advice}"))
}

fn ended_well(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

fn not_started(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().display();
    match error.kind() {
        ErrorKind::NotFound => anyhow!("`{program}` is not installed or not on the PATH"),
        _ => anyhow!("`{}` did not start: {error}", shown(command)),
    }
}

/// A command as a person would type it, long arguments cut.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.display().to_string());
    words.map(|word| shortened(&word)).collect::<Vec<_>>().join(" ")
}

fn shortened(word: &str) -> String {
    let first = word.lines().next().unwrap_or_default();
    if first.len() == word.len() { word.to_owned() } else { format!("{first}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut sh = Command::new("sh");
        sh.args(["-c", script]);
        sh
    }

    #[test]
    fn both_streams_arrive_in_order() {
        let mut seen = Vec::new();
        let script = "echo one; echo two >&2; echo three; exit 3";
        let status = lines(&mut sh(script), |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two", "three"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program` is not installed or not on the PATH");
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = output(&mut sh("exit 4")).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 4` failed (exit status: 4)");
    }
}
