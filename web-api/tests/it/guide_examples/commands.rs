//! The commands with curl of a guide, and the answers that it shows.

use serde_json::Value;

/// A command and the answer that the guide shows, if it shows one.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) command: String,
    pub(super) shown: String,
}

impl Example {
    fn new(command: &str) -> Self {
        Self { command: command.to_owned(), shown: String::new() }
    }
}

/// What a line of a guide is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Commands after `$`, each with its answer.
    Console,
    /// Commands only.
    Shell,
    Other,
}

impl Block {
    fn begun_by(fence: &str) -> Self {
        match fence {
            "```console" => Self::Console,
            "```sh" => Self::Shell,
            _ => Self::Other,
        }
    }
}

/// The commands with curl of a guide: those of the blocks of a console, with what follows each,
/// those of the blocks of a shell, and those within the text.
pub(super) fn examples(guide: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut block = None;
    // Whether the line before goes on.
    let mut goes_on = false;
    for line in guide.lines() {
        if line.starts_with("```") {
            block = if block.is_some() { None } else { Some(Block::begun_by(line)) };
            continue;
        }
        match block {
            None => examples.extend(line.split('`').skip(1).step_by(2).map(Example::new)),
            Some(Block::Other) => continue,
            Some(_) if goes_on => append(&mut examples, |last| &mut last.command, line),
            Some(Block::Shell) => examples.push(Example::new(line)),
            Some(Block::Console) => match line.strip_prefix("$ ") {
                Some(command) => examples.push(Example::new(command)),
                None => append(&mut examples, |last| &mut last.shown, line),
            },
        }
        let is_command = goes_on || block == Some(Block::Shell) || line.starts_with("$ ");
        goes_on = block.is_some() && is_command && line.ends_with(['\\', '|']);
    }
    // What has no address is a part of a command.
    examples.retain(|Example { command, .. }| command.contains("curl ") && command.contains("://"));
    examples
}

fn append(examples: &mut [Example], part: impl Fn(&mut Example) -> &mut String, line: &str) {
    let Some(last) = examples.last_mut() else { return };
    let part = part(last);
    part.push('\n');
    part.push_str(line);
}

/// JSON without the parts that the guide leaves out: `…` outside of texts.
pub(super) fn whole(shown: &str) -> String {
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
pub(super) fn missing(shown: &Value, real: &Value, path: &str, found: &mut Vec<String>) {
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
    let guide =
        "```console\n$ curl http://a \\\n    b\n{1}\n$ other\n```\n```\n$ curl http://c\n```\n";
    let found = examples(guide);
    assert_eq!((found.len(), found[0].shown.as_str()), (1, "\n{1}"));
}
