//! Folders as people send them, given to `enroll`, `evaluate` and `classify`: the same classes and
//! images, the same list of what is left out, the same refusal.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::bad_input::assert_refused;
use crate::files::{draw_classes, png};
use crate::sandbox::{Outcome, Sandbox};
use crate::sent_trees::{Outcome as Sending, SENT, Sent};

fn image(i: usize) -> Vec<u8> {
    png((i % 3) as u8, i as u32)
}

fn sent(sent: &Sent) -> Sandbox {
    let sandbox = Sandbox::new();
    sent.write(&sandbox.path("sent"), &image);
    sandbox
}

/// The paths of what an answer leaves out, sorted; `root` is removed from them.
fn left_out(answer: &Value, root: &str) -> Vec<String> {
    let entries = answer["left_out"].as_array().cloned().unwrap_or_default();
    let path = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
    let paths = entries.iter().map(path);
    let mut paths: Vec<_> =
        paths.map(|path| path.strip_prefix(root).unwrap_or(&path).to_owned()).collect();
    paths.sort_unstable();
    paths
}

fn check_enroll(sent: &Sent, sandbox: &Sandbox) {
    match sent.expected {
        Sending::Read { classes, left_out: expected, .. } => {
            let answer = sandbox.json(&["enroll", "sent", "--json"]);
            let mut found: Vec<_> = answer["classes"].as_array().unwrap().iter().collect();
            found.sort_by_key(|class| class["label"].as_str());
            let found: Vec<_> = found
                .iter()
                .map(|c| (c["label"].as_str().unwrap(), c["examples"].as_u64().unwrap() as usize))
                .collect();
            assert_eq!(found, classes, "{}", sent.name);
            assert_eq!(left_out(&answer, "sent/"), expected, "{}", sent.name);
        }
        Sending::Refused(words) => {
            assert_refused(&sandbox.run(&["enroll", "sent"]), 2, words);
            assert_refused(&sandbox.run(&["enroll", "sent", "--skip-bad"]), 2, words);
        }
    }
}

fn check_evaluate(sent: &Sent, sandbox: &Sandbox) {
    let evaluate = |n_way: &str, n_query: &str| {
        let protocol = ["evaluate", "--data", "sent", "--split", "base", "--episodes", "2"];
        sandbox.run(&[&protocol[..], &["--n-way", n_way, "--n-query", n_query, "--json"]].concat())
    };
    match sent.expected {
        Sending::Read { classes, base, left_out: expected } => {
            let fewest = classes.iter().map(|(_, images)| images).min().unwrap();
            let n_query = (fewest - 1).to_string();
            let outcome = evaluate(&base.len().to_string(), &n_query);
            assert_eq!(outcome.code, 0, "{}: {outcome:?}", sent.name);
            let report: Value = serde_json::from_str(&outcome.out).unwrap();
            assert_eq!(left_out(&report, ""), expected, "{}", sent.name);
            // No class and no image more.
            assert_eq!(evaluate(&(base.len() + 1).to_string(), "1").code, 2, "{}", sent.name);
            assert_eq!(evaluate("2", &fewest.to_string()).code, 2, "{}", sent.name);
        }
        Sending::Refused(words) => assert_refused(&evaluate("2", "1"), 2, words),
    }
}

#[test]
fn enroll_and_evaluate_agree_about_what_people_send() {
    for case in SENT {
        let sandbox = sent(case);
        check_enroll(case, &sandbox);
        check_evaluate(case, &sandbox);
    }
}

#[test]
fn advice_names_options_that_the_command_has() {
    let sandbox = Sandbox::new();
    for folder in ["photos/Train", "photos/Test"] {
        draw_classes(&sandbox.path(folder), 2);
    }
    let enroll = sandbox.run(&["enroll", "photos"]);
    assert_refused(&enroll, 2, &["give one folder, for instance `Train`"]);
    assert!(!enroll.err.contains("--split"), "{enroll:?}");
    let evaluate = sandbox.run(&["evaluate", "--data", "photos"]);
    assert_refused(&evaluate, 2, &["for instance `Train`", "; use `--split base`"]);
    draw_classes(&sandbox.path("pics"), 1);
    fs::create_dir(sandbox.path("one")).unwrap();
    fs::rename(sandbox.path("pics/red"), sandbox.path("one/images")).unwrap();
    assert_refused(&sandbox.run(&["enroll", "one"]), 2, &["`images`", "use `--class NAME`"]);
    sandbox.ok(&["enroll", "--class", "mug", "one"]);
}

#[test]
fn what_is_left_out_is_listed_first_five_then_a_count() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    for i in 0..8 {
        fs::write(sandbox.path(&format!("things/red/{i}.txt")), "x").unwrap();
    }
    for command in [
        &["enroll", "things"][..],
        &["classify", "things"],
        &["enroll", "--background", "things/red"],
        &["evaluate", "--data", "things", "--split", "base", "--n-way", "3", "--n-query", "1"],
    ] {
        let outcome = sandbox.run(command);
        let lines: Vec<_> =
            outcome.err.lines().filter(|line| line.contains("left out: ")).collect();
        assert_eq!((outcome.code, lines.len()), (0, 7), "{command:?}: {outcome:?}");
        assert!(lines[0].contains("left out: 8 (8 x not an image, by its extension)"), "{lines:?}");
        assert!(lines[1].contains("0.txt: not an image"), "{lines:?}");
        assert!(lines[6].ends_with("left out: 3 more; --json lists all"), "{lines:?}");
    }
    let answer = sandbox.json(&["classify", "things", "--json"]);
    assert_eq!(left_out(&answer, "things/red/").len(), 8);
}

#[test]
fn a_folder_or_an_archive_is_one_class_if_one_is_named() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("photos/more")).unwrap();
    for (i, path) in ["photos/0.png", "photos/1.png", "photos/more/2.png"].iter().enumerate() {
        fs::write(sandbox.path(path), image(i)).unwrap();
    }
    fs::write(sandbox.path("photos/Thumbs.db"), "x").unwrap();
    fs::write(sandbox.path("single.png"), image(7)).unwrap();
    let answer = sandbox.json(&["enroll", "--class", "mug", "photos", "single.png", "--json"]);
    assert_eq!(answer["classes"][0]["examples"], 4, "{answer}");
    assert_eq!(left_out(&answer, ""), ["photos/Thumbs.db"]);
    fs::create_dir_all(sandbox.path("bare")).unwrap();
    assert_refused(&sandbox.run(&["enroll", "--class", "mug", "bare"]), 2, &["no images in bare"]);
    let some = sandbox.run(&["enroll", "--class", "mug", "--skip-bad", "bare", "single.png"]);
    assert!(some.code == 0 && some.err.contains("no images in bare"), "{some:?}");
}

#[test]
fn classify_takes_folders_and_standard_input() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    let answer = sandbox.json(&["classify", "things", "--json"]);
    let files: Vec<_> = answer["results"].as_array().unwrap().iter().map(|r| &r["file"]).collect();
    assert_eq!(files.len(), 6);
    assert_eq!(files[0], "things/blue/0.png");
    let outcome = with_stdin(&sandbox, &["classify", "-", "--json"], &image(0));
    let answer: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!((outcome.code, &answer["results"][0]["file"]), (0, &"-".into()), "{outcome:?}");
    assert_eq!(answer["results"][0]["candidates"][0]["label"], "red");
    let outcome = with_stdin(&sandbox, &["enroll", "--class", "mug", "-"], &image(1));
    assert!(outcome.code == 0 && outcome.out.contains("mug"), "{outcome:?}");
    let empty = with_stdin(&sandbox, &["classify", "-"], b"");
    assert_refused(&empty, 2, &["-: the image is empty"]);
    let twice = with_stdin(&sandbox, &["classify", "-", "-"], &image(0));
    assert_refused(&twice, 2, &["1 of 2"]);
    assert!(twice.err.contains("standard input was given before"), "{twice:?}");
    assert_refused(&with_stdin(&sandbox, &["enroll", "-"], &image(0)), 2, &["--class"]);
}

fn with_stdin(sandbox: &Sandbox, args: &[&str], bytes: &[u8]) -> Outcome {
    let mut command = sandbox.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its options does not read: then the pipe is closed.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    Outcome::of(&child.wait_with_output().unwrap())
}
