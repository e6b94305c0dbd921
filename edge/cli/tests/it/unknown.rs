//! `handful` with a bundle that rejects unknown images.

use std::fs;

use serde_json::{Value, json};

use crate::decided::write_decision;
use crate::files::{draw_classes, png};
use crate::rejecting::{gray, half_green_half_red};
use crate::sandbox::{Outcome, Sandbox};

/// Three classes, an image of one of them, an unknown one, and one of two classes.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::rejecting(4);
    fs::write(sandbox.path("red.png"), png(0, 9)).unwrap();
    fs::write(sandbox.path("gray.png"), gray()).unwrap();
    fs::write(sandbox.path("half.png"), half_green_half_red()).unwrap();
    sandbox
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The command ends with this code and one line that starts with `error: ` and has these words.
fn assert_fails(outcome: &Outcome, code: i32, words: &[&str]) {
    let last = outcome.err.lines().last().unwrap_or_default();
    let has_all = words.iter().all(|word| last.contains(word));
    assert!(outcome.code == code && last.starts_with("error: ") && has_all, "{outcome:?}");
}

/// clap refuses the value of an option.
fn assert_value_refused(outcome: &Outcome, option: &str) {
    let names = outcome.err.starts_with("error: ") && outcome.err.contains(option);
    assert!(outcome.code == 2 && names && outcome.out.is_empty(), "{outcome:?}");
}

#[test]
fn answers_are_written_in_words() {
    let sandbox = sandbox();
    let text = sandbox.ok(&["classify", "red.png", "gray.png", "half.png"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 15, "a file, a verdict and three candidates each: {text}");
    assert_eq!(
        lines[1],
        "  red  99 %  (fewer than 1 in 1000 unknown images would score this high)"
    );
    assert!(lines[2].starts_with("    red     0.97  █"), "{text}");
    assert!(lines[2].ends_with("   99 %  4 examples"), "{text}");
    assert_eq!(lines[6], "  unknown: none of the 3 classes; closest blue (0.92)");
    assert!(lines[11].starts_with("  green  71 % or red  26 %  (fewer than"), "{text}");
    let top = sandbox.ok(&["classify", "--top", "1", "half.png"]);
    assert!(top.contains("\n  green  71 % or red  (fewer than"), "{top}");
}

#[test]
fn answers_in_json_have_the_names_of_the_service() {
    let sandbox = sandbox();
    let answer = sandbox.json(&["classify", "--json", "red.png", "gray.png", "half.png"]);
    let results = answer["results"].as_array().unwrap();
    let decisions: Vec<&Value> = results.iter().map(|result| &result["decision"]).collect();
    assert_eq!(decisions, ["accepted", "rejected", "ambiguous"]);
    let labels: Vec<&Value> = results.iter().map(|result| &result["label"]).collect();
    assert_eq!(labels, [&json!("red"), &Value::Null, &json!("green")]);
    let rivals: Vec<&Value> = results.iter().map(|result| &result["ambiguous_with"]).collect();
    assert_eq!(rivals, [&Value::Null, &Value::Null, &json!("red")]);
    for result in results {
        let candidates = result["candidates"].as_array().unwrap();
        assert_eq!(candidates[0]["probability"], result["confidence"]);
        let unknown = &result["unknown"];
        let classes: f64 = candidates.iter().map(|one| number(&one["probability"])).sum();
        let sum = classes + number(&unknown["probability"]);
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        assert!((number(&unknown["threshold"]) - 0.022).abs() < 1e-6, "{unknown}");
        assert_eq!(unknown["stated"], true);
        assert_eq!(unknown["stated_false_accept_rate"], 0.05);
        let accepted = number(&unknown["score"]) >= 0.022;
        assert_eq!(accepted, result["decision"] != "rejected");
        assert_eq!(accepted, number(&unknown["false_accept_rate"]) <= 0.05);
    }
}

#[test]
fn images_that_are_classified_together_are_rejected_too() {
    let sandbox = sandbox();
    let files = ["red.png", "half.png", "gray.png"];
    let answer = sandbox.json(&[&["classify", "--transductive", "--json"], &files[..]].concat());
    assert_eq!(answer["setting"], "transductive");
    assert_eq!(answer["results"][0]["label"], "red");
    let strict = ["classify", "--transductive", "--fail-unknown", "--rate", "0.001"];
    let outcome = sandbox.run(&[&strict[..], &["red.png", "gray.png"]].concat());
    assert_fails(&outcome, 1, &["1 of 2 images"]);
}

#[test]
fn fail_unknown_ends_with_1_after_all_answers() {
    let sandbox = sandbox();
    let files = ["gray.png", "red.png"];
    let outcome = sandbox.run(&[&["classify", "--fail-unknown"], &files[..]].concat());
    assert_fails(&outcome, 1, &["1 of 2 images unknown", "--fail-unknown"]);
    assert!(files.iter().all(|file| outcome.out.contains(file)), "{outcome:?}");
    sandbox.ok(&["classify", "--fail-unknown", "red.png", "half.png"]);
    sandbox.ok(&["classify", "gray.png"]);
    let outcome = sandbox.run(&["classify", "--fail-unknown", "--json", "gray.png"]);
    assert_eq!(outcome.code, 1);
    let answer: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(answer["results"][0]["decision"], "rejected");
    let outcome = sandbox.run(&["classify", "--fail-unknown", "gray.png", "gone.png"]);
    assert_fails(&outcome, 2, &["1 of 2 files"]);
}

#[test]
fn a_rate_counts_for_one_call() {
    let sandbox = sandbox();
    let answer = sandbox.json(&["classify", "--rate", "0.2", "--json", "gray.png"]);
    assert_eq!(answer["results"][0]["label"], "blue");
    assert_eq!(answer["results"][0]["unknown"]["stated_false_accept_rate"], 0.2);
    assert!(sandbox.ok(&["classify", "gray.png"]).contains("unknown: "));
    for rate in ["0", "0.0009", "0.51", "5", "-0.1", "nan", "inf", "five", "5 %", ""] {
        assert_value_refused(&sandbox.run(&["classify", "gray.png", "--rate", rate]), "--rate");
    }
    let range = sandbox.run(&["classify", "gray.png", "--rate", "5"]).err;
    assert!(range.contains("from 0.001 to 0.5, got 5"), "{range}");
}

#[test]
fn a_bundle_without_a_decision_says_that_it_rejects_nothing() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    let files = ["things/red/0.png", "things/blue/0.png"];
    let outcome = sandbox.run(&[&["classify", "--json"], &files[..]].concat());
    let notes: Vec<&str> = outcome.err.lines().collect();
    assert!(notes.len() == 1 && notes[0].contains("rejects no image"), "once: {outcome:?}");
    assert!(notes[0].contains("fit-decision"), "what to do: {outcome:?}");
    let answer: Value = serde_json::from_str(&outcome.out).unwrap();
    for field in ["confidence", "ambiguous_with", "unknown"] {
        assert_eq!(answer["results"][0][field], Value::Null, "{field}");
    }
    for option in [&["--fail-unknown"][..], &["--rate", "0.1"]] {
        let outcome = sandbox.run(&[&["classify", files[0]], option].concat());
        assert_fails(&outcome, 2, &[option[0], "fit-decision"]);
        assert_eq!(outcome.out, "");
    }
    let calibrated = sandbox.run(&["calibrate"]);
    assert!(
        calibrated.out.starts_with("stated    no: the bundle has no decision"),
        "{calibrated:?}"
    );
    assert!(sandbox.ok(&["gallery", "list"]).contains("accepted: every image"));
    let doctor = sandbox.ok(&["doctor"]);
    assert!(doctor.contains("unknown  off (this bundle has no decision)"), "{doctor}");
    assert!(doctor.contains("hint: every image is accepted"), "{doctor}");
    assert_eq!(sandbox.json(&["doctor", "--json"])["rejects_unknown"], false);
}

#[test]
fn a_damaged_decision_is_named() {
    let sandbox = sandbox();
    let doctor = sandbox.ok(&["doctor"]);
    assert!(doctor.contains("unknown  on: unknown images are rejected"), "{doctor}");
    assert_eq!(sandbox.json(&["doctor", "--json"])["rejects_unknown"], true);
    write_decision(&sandbox.path("bundle"), b"no decision");
    let outcome = sandbox.run(&["classify", "gray.png"]);
    assert!(outcome.code == 0 && outcome.err.contains("decision cannot be used"), "{outcome:?}");
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.code == 2 && doctor.out.contains("unknown  off ("), "{doctor:?}");
    assert!(doctor.out.contains("problem: the bundle's decision cannot be used"), "{doctor:?}");
}

#[test]
fn background_examples_are_enrolled_listed_and_removed() {
    let sandbox = sandbox();
    fs::create_dir_all(sandbox.path("desk/deeper")).unwrap();
    for variant in 0..2 {
        let path = sandbox.path(&format!("desk/{variant}.png"));
        fs::write(path, png(1, 20 + variant)).unwrap();
    }
    let text = sandbox.ok(&["enroll", "--background", "gray.png", "desk"]);
    let expected = "background set: 3 new, 0 skipped, 3 examples\nundo with: handful gallery undo ";
    assert!(text.starts_with(expected), "{text}");
    let again = sandbox.json(&["enroll", "--background", "gray.png", "red.png", "--json"]);
    let expected = json!({ "examples": 4, "added": 1, "duplicates": 1 });
    assert_eq!((&again["background"], &again["classes"]), (&expected, &json!([])));
    assert_eq!(again["revision"], 5);
    let list = sandbox.ok(&["gallery", "list"]);
    assert!(list.contains("background set (\"none of these\"): 4 examples"), "{list}");
    assert_eq!(sandbox.json(&["gallery", "list", "--json"])["background"], 4);
    assert_eq!(sandbox.json(&["calibrate", "--json"])["evidence"]["background"], 4);
    assert_eq!(sandbox.json(&["doctor", "--json"])["store"]["background"], 4);
    let listed = sandbox.json(&["gallery", "background", "list", "--json"]);
    let ids: Vec<&str> = listed["examples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    let [first, second, third, fourth] = ids[..] else { panic!("{ids:?}") };
    let outcome = sandbox.run(&["gallery", "background", "remove", first, "e_000000"]);
    assert_fails(&outcome, 2, &["`e_000000`", "background list", "nothing was removed"]);
    assert_fails(&sandbox.run(&["gallery", "background", "remove", "@4"]), 2, &["`@4`"]);
    let removed =
        sandbox.json(&["gallery", "background", "remove", second, first, second, "--json"]);
    assert_eq!(
        (removed["examples"].as_array().unwrap().len(), &removed["background"]),
        (2, &json!(2))
    );
    let left = sandbox.ok(&["gallery", "background", "remove", third]);
    assert!(left.contains("removed:") && left.contains("left in the background set: 1"), "{left}");
    sandbox.ok(&["gallery", "background", "remove", fourth]);
    assert!(sandbox.ok(&["gallery", "background", "list"]).contains("enroll --background"));
}

#[test]
fn what_looks_like_a_background_example_is_unknown() {
    let sandbox = sandbox();
    sandbox.ok(&["classify", "--fail-unknown", "red.png", "things/blue/0.png"]);
    sandbox.ok(&["enroll", "--background", "red.png"]);
    let text = sandbox.ok(&["classify", "red.png", "things/blue/0.png"]);
    let verdict = "\n  unknown: more like an example of \"none of these\" than like red (0.97)\n";
    assert!(text.contains(verdict) && text.contains("\n  blue  "), "{text}");
    let answer = sandbox.json(&["classify", "--json", "red.png", "gray.png"]);
    let unknown = [&answer["results"][0]["unknown"], &answer["results"][1]["unknown"]];
    assert_eq!(unknown.map(|one| &one["background"]), [&json!(true), &json!(false)]);
    assert_eq!(answer["results"][0]["label"], Value::Null);
}

#[test]
fn background_files_that_cannot_be_used_are_named() {
    let sandbox = sandbox();
    fs::create_dir_all(sandbox.path("empty")).unwrap();
    fs::write(sandbox.path("text.png"), "no image").unwrap();
    let enroll = |args: &[&str]| sandbox.run(&[&["enroll", "--background"], args].concat());
    assert_fails(&enroll(&["empty", "gray.png"]), 2, &["no images in empty"]);
    assert_fails(&enroll(&["text.png", "gone.png", "gray.png"]), 2, &["2 of 3", "nothing"]);
    assert_eq!(sandbox.json(&["gallery", "list", "--json"])["background"], 0);
    let skipped = enroll(&["empty", "text.png", "gray.png", "--skip-bad"]);
    assert!(skipped.code == 0 && skipped.err.contains("warning: skipped: empty: "), "{skipped:?}");
    assert!(skipped.out.starts_with("background set: 1 new, 0 skipped, 1 examples\n"));
    assert_fails(&enroll(&["empty", "--skip-bad"]), 2, &["no images in empty"]);
    let both = enroll(&["gray.png", "--class", "mug"]);
    assert!(both.code == 2 && both.err.contains("--class"), "{both:?}");
}

#[test]
fn settings_are_shown_changed_and_kept() {
    let sandbox = sandbox();
    let text = sandbox.ok(&["gallery", "settings"]);
    let expected = "rate                    0.05\nthreshold               none\n\
                    expected unknown share  0.5\nretention days          30\n\
                    accepted: up to 5 % of unknown images (rate 0.05)\n\
                    images kept: thumb (a JPEG of at most 256 pixels on the long side)\n";
    assert_eq!(text, expected);
    let set = |args: &[&str]| sandbox.json(&[&["gallery", "settings", "--json"], args].concat());
    let changed = set(&["--rate", "0.2", "--expected-unknown-share", "0.9"]);
    let expected = json!({
        "rate": 0.2, "threshold": null, "expected_unknown_share": 0.9, "keep_images": "thumb",
        "retention_days": 30
    });
    assert_eq!((&changed["settings"], &changed["revision"]), (&expected, &json!(4)));
    assert_eq!(sandbox.json(&["gallery", "list", "--json"])["settings"], expected);
    assert!(sandbox.ok(&["classify", "gray.png"]).contains("blue"), "accepted at 20 %");
    assert_eq!(set(&["--threshold", "-0.5"])["settings"]["threshold"], -0.5);
    assert_eq!(set(&["--threshold", "0.3"])["settings"]["threshold"], 0.3);
    assert!(sandbox.ok(&["classify", "red.png"]).contains("unknown: none of the 3 classes"));
    let list = sandbox.ok(&["gallery", "list"]);
    assert!(list.contains("accepted: scores of 0.3 and more"), "{list}");
    let one_call = sandbox.ok(&["classify", "red.png", "--rate", "0.05"]);
    assert!(one_call.contains("red  9"), "a rate of the call replaces the threshold: {one_call}");
    assert_eq!(set(&["--no-threshold", "--rate", "0.01"])["settings"]["threshold"], Value::Null);
    assert_eq!(set(&[])["settings"]["rate"], 0.01);
    let kept = set(&["--keep-images", "off", "--retention-days", "0"]);
    let settings = &kept["settings"];
    assert_eq!((&settings["keep_images"], &settings["retention_days"]), (&json!("off"), &json!(0)));
    assert_eq!(settings["rate"], 0.01, "what is not given stays");
    let list = sandbox.ok(&["gallery", "list"]);
    assert!(list.contains("\nimages kept: off (no image, only its embedding)\n"), "{list}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let sandbox = sandbox();
    let set = |args: &[&str]| sandbox.run(&[&["gallery", "settings"], args].concat());
    let before = sandbox.ok(&["gallery", "settings", "--json"]);
    for (option, values) in [
        ("--rate", ["0", "0.6", "nan", "-1", ""]),
        ("--threshold", ["2.1", "-2.1", "nan", "inf", "high"]),
        ("--expected-unknown-share", ["0", "1", "nan", "-0.5", "half"]),
        ("--keep-images", ["on", "Thumb", "256", "none", ""]),
        ("--retention-days", ["36501", "1.5", "soon", "1e3", ""]),
    ] {
        for value in values {
            assert_value_refused(&set(&[option, value]), option);
        }
    }
    assert_value_refused(&set(&["--threshold", "0.1", "--no-threshold"]), "--no-threshold");
    assert_eq!(sandbox.ok(&["gallery", "settings", "--json"]), before);
    let fresh = Sandbox::new();
    let outcome = fresh.run(&["gallery", "settings", "--rate", "0.1"]);
    assert_fails(&outcome, 2, &["there is no store in", "handful enroll"]);
    assert!(!fresh.path("data").exists(), "nothing was made");
}

#[test]
fn calibrate_lists_thresholds_and_evidence() {
    let sandbox = sandbox();
    let text = sandbox.ok(&["calibrate"]);
    let expected = "rate  threshold  known kept\n 1 %      0.032      > 99 %\n 2 %      0.028";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("\n 5 %      0.022      > 99 %  <- in use\n"), "{text}");
    assert!(text.contains("\nstated    yes\n"), "{text}");
    assert!(text.contains("12 images of 3 classes: 12 served as unknown images"), "{text}");
    assert!(text.contains("\nsurer     "), "{text}");
    let answer = sandbox.json(&["calibrate", "--json"]);
    assert_eq!((&answer["stated"], &answer["reason"]), (&json!(true), &Value::Null));
    assert_eq!((&answer["rate"], &answer["threshold"]), (&json!(0.05), &Value::Null));
    let rows = answer["thresholds"].as_array().unwrap();
    let falls = |pair: &[Value]| number(&pair[0]["threshold"]) > number(&pair[1]["threshold"]);
    assert!(rows.len() == 5 && rows.windows(2).all(falls), "{answer}");
    assert!(rows.iter().all(|row| number(&row["known_kept"]) == 1.0), "{answer}");
    let evidence = json!({
        "classes": 3, "examples": 12, "pseudo_unknowns": 12, "background": 0, "left_out": 12
    });
    assert_eq!(answer["evidence"], evidence);
    assert!(!answer["advice"].as_array().unwrap().is_empty());
    sandbox.ok(&["gallery", "settings", "--threshold", "0.03"]);
    let text = sandbox.ok(&["calibrate"]);
    assert!(!text.contains("<- in use") && text.contains("in use    scores of 0.03"), "{text}");
}

#[test]
fn one_class_states_no_rate() {
    let sandbox = sandbox();
    sandbox.ok(&["gallery", "delete", "green"]);
    sandbox.ok(&["gallery", "delete", "blue"]);
    let text = sandbox.ok(&["calibrate"]);
    assert!(text.contains("\nstated    no: the gallery has one class"), "{text}");
    assert!(text.contains("enroll a second class"), "{text}");
    let answer = sandbox.json(&["calibrate", "--json"]);
    assert_eq!(answer["stated"], false);
    assert!(answer["reason"].as_str().unwrap().contains("one class"), "{answer}");
    let text = sandbox.ok(&["classify", "--rate", "0.5", "red.png", "gray.png"]);
    assert!(
        text.contains("(no false-accept rate can be stated; see `handful calibrate`)"),
        "{text}"
    );
    assert!(text.contains("unknown: not red ("), "{text}");
    let answer = sandbox.json(&["classify", "--json", "red.png"]);
    assert_eq!(answer["results"][0]["unknown"]["stated"], false);
    sandbox.ok(&["gallery", "delete", "red"]);
    assert_fails(&sandbox.run(&["calibrate"]), 2, &["no class is enrolled"]);
    assert_fails(&sandbox.run(&["classify", "--fail-unknown", "gray.png"]), 2, &["no class"]);
}
