//! `handful gallery reembed`: a gallery that was made with one bundle is used with another.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bad_input::assert_refused;
use crate::files::{copy_folder, draw_classes, edit_manifest, png};
use crate::sandbox::{Outcome, Sandbox, tiny_bundle_dir};

/// A sandbox with three classes of `images` each, and a second bundle of another space.
struct Two {
    sandbox: Sandbox,
    other: PathBuf,
}

impl Two {
    fn new(images: u32) -> Self {
        let sandbox = Sandbox::new();
        draw_classes(&sandbox.path("things"), images);
        sandbox.ok(&["enroll", "things"]);
        let other = sandbox.path("other-bundle");
        copy_folder(&tiny_bundle_dir(), &other);
        edit_manifest(&other, |manifest| {
            manifest["name"] = "other-bundle".into();
            manifest["space_id"] = "e".repeat(64).into();
            // Other inputs, so that the embeddings differ.
            manifest["preprocess"]["mean"] = json!([10.0, 200.0, 90.0]);
        });
        Self { sandbox, other }
    }

    /// The command with the second bundle.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(args);
        command.env("HANDFUL_BUNDLE", &self.other).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(&self.command(args).output().unwrap())
    }

    fn ok(&self, args: &[&str]) -> Outcome {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
        outcome
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args).out).unwrap()
    }

    fn reembed(&self, args: &[&str]) -> Value {
        self.json(&[&["gallery", "reembed", "--json"][..], args].concat())
    }

    /// An image that shows stripes as those of the class `red`.
    fn query(&self) -> String {
        let path = self.sandbox.path("query.png");
        fs::write(&path, png(0, 5)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[test]
fn a_gallery_of_another_model_is_read_and_changed_but_not_compared() {
    let two = Two::new(2);
    let query = two.query();
    two.ok(&["gallery", "list"]);
    two.ok(&["gallery", "rename", "red", "crimson"]);
    two.ok(&["gallery", "export", "all.handful"]);
    let refused = ["another model", "gallery reembed"];
    for args in [
        &["classify", &query][..],
        &["enroll", "--class", "red", &query],
        &["enroll", "--background", &query],
        &["gallery", "doctor"],
        &["calibrate"],
    ] {
        assert_refused(&two.run(args), 2, &refused);
    }
    assert_eq!(two.sandbox.json(&["classify", &query, "--json"])["results"][0]["label"], "crimson");
}

#[test]
fn the_new_embeddings_are_compared_used_and_taken_back() {
    let two = Two::new(3);
    let query = two.query();
    let found = two.ok(&["gallery", "reembed"]);
    for line in ["from      another model (space 0c8be5a1934f…)", "to embed  9 images; 0 are"] {
        assert!(found.err.contains(line), "{line}: {found:?}");
    }
    for part in ["comparison", "recognized", "images compared", "use them with: handful gallery"] {
        assert!(found.out.contains(part), "{part}: {found:?}");
    }
    assert_refused(&two.run(&["classify", &query]), 2, &["another model"]);

    let ready = two.reembed(&[]);
    assert_eq!((&ready["state"], &ready["change"]), (&json!("ready"), &Value::Null), "{ready}");
    assert_eq!((&ready["embedded"], &ready["thumbnails"]), (&json!(9), &json!(9)));
    assert_eq!(ready["comparison"]["compared"], 9);
    let used = two.ok(&["gallery", "reembed", "--yes"]);
    assert!(used.err.contains("to embed  0 images; 9 are embedded already"), "{used:?}");
    assert!(used.out.contains("the gallery uses the new embeddings: 9 examples"), "{used:?}");
    let undo = used.out.lines().last().unwrap().strip_prefix("undo with: handful ").unwrap();
    let undo: Vec<&str> = undo.split(' ').collect();
    assert_eq!(two.json(&["classify", &query, "--json"])["results"][0]["decision"], "accepted");
    assert_refused(&two.sandbox.run(&["classify", &query]), 2, &["another model"]);

    two.ok(&undo);
    assert_refused(&two.run(&["classify", &query]), 2, &["another model"]);
    assert_eq!(two.sandbox.json(&["classify", &query, "--json"])["results"][0]["label"], "red");
    let again = two.reembed(&["--yes"]);
    assert_eq!(again["state"], "swapped", "{again}");
    assert!(again["change"].is_string(), "{again}");
    let nothing = two.ok(&["gallery", "reembed"]);
    assert!(nothing.out.starts_with("nothing to do: the gallery `default`"), "{nothing:?}");
}

#[test]
fn images_that_are_not_kept_are_lost_only_when_that_was_asked_for() {
    let two = Two::new(2);
    two.sandbox.ok(&["gallery", "settings", "--keep-images", "off"]);
    let query = two.query();
    two.sandbox.ok(&["enroll", "--class", "red", &query]);
    let words = ["1 of 7 images", "of 1 no image is kept", "--leave-out", "--bundle"];
    assert_refused(&two.run(&["gallery", "reembed", "--yes"]), 2, &words);
    let used = two.reembed(&["--yes", "--leave-out"]);
    assert_eq!((&used["left_out"], &used["embedded"]), (&json!(1), &json!(6)), "{used}");
    let examples = |two: &Two| {
        let list = two.json(&["gallery", "list", "--json"]);
        let classes = list["classes"].as_array().unwrap().iter();
        classes.map(|class| class["examples"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(examples(&two), 6);
    two.ok(&["gallery", "undo"]);
    assert_eq!(examples(&two), 7, "the undo restores what was left out");
}

#[test]
fn what_was_embedded_is_forgotten_on_request() {
    let two = Two::new(2);
    two.ok(&["gallery", "reembed"]);
    let canceled = two.ok(&["gallery", "reembed", "--cancel"]);
    assert!(canceled.out.contains("forgot the new embeddings of 6 examples"), "{canceled:?}");
    let again = two.ok(&["gallery", "reembed"]);
    assert!(again.err.contains("to embed  6 images; 0 are embedded already"), "{again:?}");
    let conflict = two.run(&["gallery", "reembed", "--cancel", "--yes"]);
    assert!(conflict.code == 2 && conflict.err.contains("--yes"), "{conflict:?}");
}

#[test]
fn what_the_gallery_once_used_is_kept() {
    let two = Two::new(2);
    two.ok(&["gallery", "reembed", "--yes"]);
    two.ok(&["gallery", "undo"]);
    let canceled = two.ok(&["gallery", "reembed", "--cancel"]);
    assert!(canceled.out.contains("kept the new embeddings of 6 examples"), "{canceled:?}");
    assert!(canceled.out.contains("the gallery once used them"), "{canceled:?}");
    two.ok(&["gallery", "redo"]);
}

#[test]
fn ctrl_c_keeps_what_is_embedded() {
    let two = Two::new(20);
    let mut command = two.command(&["gallery", "reembed", "--yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line.starts_with("to embed  ")));
    let pid = child.id().to_string();
    // The engine starts now, which takes longer than this.
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let last = lines.last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{last}");
    for word in ["error: stopped; what is embedded is kept", "go on with: handful gallery reembed"]
    {
        assert!(last.contains(word), "{word}: {last}");
    }
    let ready = two.reembed(&[]);
    assert_eq!(ready["state"], "ready", "{ready}");
    assert_eq!(ready["embedded"], ready["examples"], "{ready}");
}
