//! Standard output and standard error that cannot be written: a closed pipe, a full disk, a
//! terminal that is gone. No line for people ends a command, and no lost answer counts as success.

use std::process::Output;

use terminal::cases::Unwritable;

use crate::sandbox::{Outcome, Sandbox};

/// Every command that prints an answer; `evaluate` and `bench` have few rounds.
const COMMANDS: [&str; 17] = [
    "doctor",
    "enroll things",
    "classify --explain things/red/0.png things/blue/1.png",
    "gallery list",
    "gallery list --json",
    "gallery add lamp",
    "gallery rename green lime",
    "gallery settings --rate 0.1",
    "calibrate",
    "evaluate --data things --split base --n-way 2 --n-query 2 --episodes 10",
    "bench --rounds 1",
    "gallery delete blue",
    "gallery show red",
    "gallery history",
    "gallery undo",
    "gallery redo",
    "gallery compact",
];

fn run(sandbox: &Sandbox, line: &str, is_out: bool, unwritable: Unwritable) -> Output {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = sandbox.command(&arguments);
    match is_out {
        true => command.stdout(unwritable.stream().unwrap()),
        false => command.stderr(unwritable.stream().unwrap()),
    };
    command.output().unwrap()
}

#[test]
fn a_line_for_people_is_dropped() {
    for unwritable in Unwritable::ALL {
        let sandbox = Sandbox::rejecting(4);
        for line in COMMANDS {
            let output = run(&sandbox, line, false, unwritable);
            assert_eq!(output.status.code(), Some(0), "{line}, {unwritable:?}: {output:?}");
            assert!(!output.stdout.is_empty(), "{line}, {unwritable:?}");
        }
    }
}

#[test]
fn a_lost_answer_is_a_failure() {
    for unwritable in Unwritable::ALL {
        let sandbox = Sandbox::rejecting(4);
        for line in COMMANDS.into_iter().chain(["--help", "--version", "enroll --help"]) {
            let outcome = Outcome::of(&run(&sandbox, line, true, unwritable));
            assert_eq!(outcome.code, 1, "{line}, {unwritable:?}: {outcome:?}");
            let last = outcome.err.lines().last().unwrap_or_default();
            assert!(last.contains("cannot write to standard output"), "{line}: {outcome:?}");
        }
    }
}

#[test]
fn an_error_keeps_its_code_wherever_it_cannot_be_written() {
    let sandbox = Sandbox::new();
    for unwritable in Unwritable::ALL {
        for line in ["classify gone.png", "gallery delete gone", "enroll --clas x", ""] {
            for is_out in [true, false] {
                let output = run(&sandbox, line, is_out, unwritable);
                assert_eq!(output.status.code(), Some(2), "{line}, {unwritable:?}: {output:?}");
            }
        }
    }
}
