//! `handful gallery` as the tests of it call it, and what they compare.

use std::fs;

use serde_json::{Value, json};

use crate::bad_input::assert_refused;
use crate::files::{draw_classes, png};
use crate::rejecting::gray;
use crate::sandbox::Sandbox;

/// Three classes with two images each, and two images more.
pub(crate) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    fs::write(sandbox.path("new.png"), png(0, 9)).unwrap();
    fs::write(sandbox.path("gray.png"), gray()).unwrap();
    sandbox.ok(&["enroll", "things"]);
    sandbox
}

pub(crate) fn text(sandbox: &Sandbox, args: &[&str]) -> String {
    sandbox.ok(&[&["gallery"][..], args].concat())
}

pub(crate) fn json_of(sandbox: &Sandbox, args: &[&str]) -> Value {
    sandbox.json(&[&["gallery"][..], args, &["--json"]].concat())
}

/// A gallery command is refused as input that cannot be used.
pub(crate) fn refused(sandbox: &Sandbox, args: &[&str], words: &[&str]) {
    assert_refused(&sandbox.run(&[&["gallery"][..], args].concat()), 2, words);
}

/// The short form of a whole id: the first 6 digits of its random half.
pub(crate) fn short(id: &Value) -> String {
    let (kind, digits) = id.as_str().unwrap().split_once('_').unwrap();
    assert_eq!(digits.len(), 32, "{id}");
    format!("{kind}_{}", &digits[16..22])
}

/// The short ids of the examples of a class.
pub(crate) fn ids(sandbox: &Sandbox, class: &str) -> Vec<String> {
    let shown = json_of(sandbox, &["show", class]);
    shown["examples"].as_array().unwrap().iter().map(|example| short(&example["id"])).collect()
}

/// The summaries of the history, newest first.
pub(crate) fn summaries(sandbox: &Sandbox) -> Vec<String> {
    let history = json_of(sandbox, &["history"]);
    let changes = history["history"].as_array().unwrap();
    changes.iter().map(|change| change["summary"].as_str().unwrap().to_owned()).collect()
}

/// Everything in the gallery that a change can change, and that an undo restores.
pub(crate) fn state(sandbox: &Sandbox) -> Value {
    let mut list = json_of(sandbox, &["list"]);
    list["revision"] = Value::Null;
    let labels: Vec<String> = list["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["label"].as_str().unwrap().to_owned())
        .collect();
    let examples: Vec<Value> =
        labels.iter().map(|label| json_of(sandbox, &["show", label])["examples"].clone()).collect();
    let background = json_of(sandbox, &["show", "--background"])["examples"].clone();
    json!({ "list": list, "examples": examples, "background": background })
}
