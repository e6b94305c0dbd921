//! The commands of docs/guide/http.md are run in their order, and their answers have the fields
//! that the guide shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use image::imageops::{self, FilterType};
use serde_json::Value;

use crate::service::{Service, class};
use crate::{draw, things};

const GUIDE: &str = include_str!("../../../docs/guide/http.md");

/// The address in the guide.
const ADDRESS: &str = "127.0.0.1:8080";

/// Commands that are not run: a part of each, and why.
const NOT_RUN: [(&str, &str); 1] =
    [("classes/teapot", "the lexicon of the tests has no spouts and lids")];

/// A command and the answers that the guide shows: none or one.
#[derive(Debug)]
struct Example {
    command: String,
    shown: String,
}

/// The commands of the blocks of a console, with what follows each.
fn examples(guide: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_console = false;
    let mut is_command = false;
    for line in guide.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
            continue;
        }
        if !is_console {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), shown: String::new() });
            is_command = true;
        } else if let Some(last) = examples.last_mut() {
            let part = if is_command { &mut last.command } else { &mut last.shown };
            part.push('\n');
            part.push_str(line);
        }
        is_command &= line.ends_with(['\\', '|']);
    }
    examples.retain(|example| example.command.contains("curl "));
    examples
}

/// The files that the commands read.
fn files(examples: &[Example]) -> BTreeSet<String> {
    let commands = examples.iter().flat_map(|example| example.command.split([' ', '=', '@', '<']));
    let names = commands.filter(|word| word.ends_with(".jpg") && !word.contains('/'));
    names.map(str::to_owned).collect()
}

/// A photograph of a thing on a table for each name.
fn draw_files(folder: &Path, names: &BTreeSet<String>) {
    for (view, name) in (0..).zip(names) {
        let image = things::draw(things::NAMES[view as usize % 2], view);
        let image = imageops::resize(&image, 1280, 960, FilterType::Triangle);
        std::fs::write(folder.join(name), draw::jpeg(&image)).unwrap();
    }
}

/// JSON without the parts that the guide leaves out: `…` outside of texts.
fn whole(shown: &str) -> String {
    let mut kept = String::new();
    let mut is_text = false;
    let mut is_escaped = false;
    for letter in shown.chars() {
        if is_text {
            is_text = letter != '"' || is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
        } else if letter == '…' {
            continue;
        } else {
            is_text = letter == '"';
            // A comma beside what is left out separates nothing.
            let is_first = kept.ends_with(['{', '[', ',']) || kept.is_empty();
            if letter == ',' && is_first {
                continue;
            }
            if matches!(letter, '}' | ']') && kept.ends_with(',') {
                kept.pop();
            }
        }
        kept.push(letter);
    }
    kept
}

/// The fields that are shown and not there. Null and an empty list have none to compare.
fn missing(shown: &Value, real: &Value, path: &str, found: &mut Vec<String>) {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            for (name, value) in shown {
                let path = format!("{path}.{name}");
                match real.get(name) {
                    Some(real) => missing(value, real, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(shown), Value::Array(real)) if !real.is_empty() => {
            for one in shown {
                let each = real.iter().map(|real| {
                    let mut found = Vec::new();
                    missing(one, real, &format!("{path}[]"), &mut found);
                    found
                });
                found.extend(each.min_by_key(Vec::len).unwrap_or_default());
            }
        }
        (Value::Object(_), Value::Null) | (Value::Array(_), Value::Null | Value::Array(_)) => {}
        (Value::Object(_) | Value::Array(_), _) => found.push(format!("{path}: another kind")),
        _ => {}
    }
}

/// Notes which real id each id of the guide stands for.
fn note_ids(shown: &Value, real: &Value, ids: &mut BTreeMap<String, String>) {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            for (name, value) in shown {
                note_ids(value, real.get(name).unwrap_or(&Value::Null), ids);
            }
        }
        (Value::Array(shown), Value::Array(real)) => {
            shown.iter().zip(real).for_each(|(shown, real)| note_ids(shown, real, ids));
        }
        (Value::String(shown), Value::String(real)) if is_example(shown) && is_example(real) => {
            ids.insert(short(shown), short(real));
        }
        _ => {}
    }
}

fn is_example(text: &str) -> bool {
    text.starts_with("e_") && text.len() == 34 && text.is_ascii()
}

/// The first digits of the random half of an id.
fn short(id: &str) -> String {
    format!("e_{}", &id[18..24])
}

/// What the command prints.
fn run(command: &str, folder: &Path) -> String {
    let output = Command::new("sh").args(["-c", command]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_commands_of_the_guide_are_answered_as_it_shows() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: the commands of the guide: curl is not installed");
        return;
    }
    let examples = examples(GUIDE);
    assert!(examples.len() > 20, "{} commands", examples.len());
    let folder = tempfile::tempdir().unwrap();
    draw_files(folder.path(), &files(&examples));
    let service = Service::knowing();
    // A class that the guide moves an example to.
    service.put(&class("mug"), "{}").ok();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Example { command, shown } in &examples {
        if NOT_RUN.iter().any(|(part, _)| command.contains(part)) {
            continue;
        }
        let mut command = command.replace(ADDRESS, &service.address);
        for (shown, real) in &ids {
            command = command.replace(shown, real);
        }
        let answer = run(&command, folder.path());
        let Ok(real) = serde_json::from_str::<Value>(&answer) else {
            wrong.push(format!("{command}\n  is answered {answer}"));
            continue;
        };
        let text = whole(shown);
        let text = if text.trim().is_empty() { "{}" } else { text.as_str() };
        let shown: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let mut fields = Vec::new();
        missing(&shown, &real, "", &mut fields);
        let is_problem = |answer: &Value| answer["code"].is_string();
        if !fields.is_empty() || is_problem(&real) != is_problem(&shown) {
            wrong.push(format!("{command}\n  has no {fields:?}: {real}"));
        }
        note_ids(&shown, &real, &mut ids);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_guide_leaves_out_is_no_json() {
    for (shown, expected) in [
        (r#"{"a":1,…}"#, r#"{"a":1}"#),
        (r#"{"a":{"b":"x…",…},…,"c":[…]}"#, r#"{"a":{"b":"x…"},"c":[]}"#),
        (r#"{…,"a":"\"…",…}"#, r#"{"a":"\"…"}"#),
        (r#"[{"a":1},…]"#, r#"[{"a":1}]"#),
    ] {
        assert_eq!(whole(shown), expected);
    }
}

#[test]
fn a_field_that_is_not_there_is_named() {
    let shown = serde_json::json!({ "a": [{ "b": 1, "c": 2 }], "d": { "e": 1 }, "f": 1 });
    let mut found = Vec::new();
    let real = serde_json::json!({ "a": [{ "b": 1 }, { "c": 1 }], "d": null });
    missing(&shown, &real, "", &mut found);
    assert_eq!(found, [".a[].c", ".f"]);
    let guide = "```console\n$ curl a \\\n    b\n{1}\n$ other\n```\n```\n$ curl c\n```\n";
    let found = examples(guide);
    assert_eq!((found.len(), found[0].shown.as_str()), (1, "\n{1}"));
}
