//! `--crop` of `enroll` and `classify`, and the crops that `gallery show` lists.

use std::fs;

use image::imageops::replace;
use image::{ImageFormat, RgbImage};
use serde_json::Value;

use crate::files::{encode, image};
use crate::gallery_command::{json_of, text};
use crate::sandbox::Sandbox;

/// A desk of 96x40 pixels with a red thing on the left and a green one on the right.
fn desk() -> Vec<u8> {
    let mut desk = RgbImage::new(96, 40);
    replace(&mut desk, &image(0, 0), 0, 0);
    replace(&mut desk, &image(1, 0), 48, 0);
    encode(desk, ImageFormat::Png)
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("desk.png"), desk()).unwrap();
    sandbox
}

#[test]
fn two_things_of_one_image_are_two_classes() {
    let sandbox = sandbox();
    let parts = [("red", "0,0,48,40", "0,0,0.5,1"), ("green", "0.5,0,0.5,1", "0.5,0,0.5,1")];
    for (class, part, _) in parts {
        sandbox.ok(&["enroll", "--class", class, "--crop", part, "desk.png"]);
    }
    for (class, part, fractions) in parts {
        let args = ["classify", "--json", "--crop", part, "desk.png"];
        let result = &sandbox.json(&args)["results"][0];
        assert_eq!(result["candidates"][0]["label"], class, "{result}");
        assert_eq!(result["crop"], fractions, "{result}");
    }
    let again =
        sandbox.json(&["enroll", "--json", "--class", "red", "--crop", "0,0,0.5,1", "desk.png"]);
    assert_eq!((&again["classes"][0]["added"], &again["quality"]), (&0.into(), &Value::Null));
}

#[test]
fn the_same_part_in_two_classes_is_reported_as_a_part() {
    let sandbox = sandbox();
    for (class, part) in [("red", "0,0,48,40"), ("green", "0.5,0,0.5,1")] {
        sandbox.ok(&["enroll", "--class", class, "--crop", part, "desk.png"]);
    }
    let wrong = sandbox.run(&["enroll", "--class", "green", "--crop", "0,0,0.5,1", "desk.png"]);
    assert_eq!(wrong.code, 0, "{wrong:?}");
    let finding = "desk.png: the class \"red\" has the same part of the same file; remove it";
    assert!(wrong.err.contains(finding), "{wrong:?}");
}

#[test]
fn crops_are_shown_where_there_are_any() {
    let sandbox = sandbox();
    sandbox.ok(&["enroll", "--class", "red", "desk.png"]);
    assert!(!text(&sandbox, &["show", "red"]).contains("crop"));
    sandbox.ok(&["enroll", "--class", "red", "--crop", "0,0,48,20", "desk.png"]);
    let shown = json_of(&sandbox, &["show", "red"]);
    let crops = [0, 1].map(|at| shown["examples"][at]["crop"].clone());
    assert_eq!(crops, [Value::Null, "0,0,0.5,0.5".into()]);
    let table = text(&sandbox, &["show", "red"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].ends_with("precision  crop") && lines[2].ends_with("  -"), "{table}");
    assert!(lines[3].ends_with("  0,0,0.5,0.5"), "{table}");
    sandbox.ok(&["enroll", "--background", "--crop", "48,0,48,40", "desk.png"]);
    let background = json_of(&sandbox, &["show", "--background"]);
    assert_eq!(background["examples"][0]["crop"], "0.5,0,0.5,1");
}

#[test]
fn a_wrong_crop_is_refused_with_the_file_and_what_to_do() {
    let sandbox = sandbox();
    sandbox.ok(&["enroll", "--class", "red", "desk.png"]);
    let enroll = ["enroll", "--class", "red", "desk.png", "--crop"];
    let classify = ["classify", "desk.png", "--crop"];
    for command in [&enroll[..], &classify[..]] {
        for (part, words) in [
            ("0.5,0,0.6,1", ["desk.png", "0.5,0,0.6,1 leaves", "96x40"]),
            ("0,0,7,40", ["desk.png", "0,0,7,40 has 7x40 pixels", "at least 8 a side"]),
            ("1,2,3", ["--crop", "`1,2,3` is not a crop", "0.25,0.1,0.5,0.5"]),
            ("-1,0,9,9", ["--crop", "`-1,0,9,9` is not a crop", "100,40,200,200"]),
        ] {
            let outcome = sandbox.run(&[command, &[part]].concat());
            assert_eq!(outcome.code, 2, "{outcome:?}");
            let mut lines = outcome.err.lines();
            let is_named = lines.any(|line| words.iter().all(|word| line.contains(word)));
            assert!(is_named, "{words:?}: {outcome:?}");
        }
    }
}
