//! Standard output and standard error that cannot be written: a closed pipe, a full disk, a
//! terminal that is gone. No line for people ends a command, and no lost result counts as success.

use std::process::{Command, Output};

use terminal::cases::Unwritable;

use crate::sample::{Bench, errors};

const COMMANDS: [&str; 4] =
    ["run --out OUT", "run --out OUT --json", "inspect BUNDLE", "verify BUNDLE --engine tract"];

fn run(bench: &Bench, line: &str, is_out: bool, unwritable: Unwritable) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handful-export"));
    command.args(line.split(' ')).current_dir(bench.folder.path());
    match is_out {
        true => command.stdout(unwritable.stream().unwrap()),
        false => command.stderr(unwritable.stream().unwrap()),
    };
    command.output().unwrap()
}

#[test]
fn every_command_survives_every_stream_that_cannot_be_written() {
    let bench = Bench::new();
    assert!(bench.export(&["--out", "bundle"]).status.success());
    for unwritable in Unwritable::ALL {
        for line in COMMANDS {
            let line = line.replace("BUNDLE", "bundle");
            let output = run(&bench, &line.replace("OUT", "error"), false, unwritable);
            assert_eq!(output.status.code(), Some(0), "{line}, {unwritable:?}");
            assert!(!output.stdout.is_empty(), "{line}, {unwritable:?}");
            let output = run(&bench, &line.replace("OUT", "out"), true, unwritable);
            assert_eq!(output.status.code(), Some(1), "{line}, {unwritable:?}");
            let text = errors(&output);
            assert!(text.contains("cannot write to standard output"), "{line}: {text}");
        }
        for (line, code) in [("--help", 1), ("inspect gone", 2), ("--ou x", 2)] {
            let output = run(&bench, line, true, unwritable);
            assert_eq!(output.status.code(), Some(code), "{line}, {unwritable:?}");
        }
    }
    // What could not be reported was written all the same.
    assert_eq!(bench.names(), ["bundle", "error", "out", "run"]);
}
