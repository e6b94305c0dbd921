//! `handful gallery doctor`.

use std::fs;

use image::ImageFormat;
use serde_json::{Value, json};

use crate::files::{encode, image};
use crate::gallery_command::{json_of, sandbox, short, text};
use crate::sandbox::Sandbox;

#[test]
fn every_class_has_an_advice() {
    let sandbox = sandbox();
    let report = json_of(&sandbox, &["doctor"]);
    assert_eq!(report["revision"], json_of(&sandbox, &["list"])["revision"]);
    let evidence = &report["evidence"];
    assert_eq!((&evidence["classes"], &evidence["examples"]), (&json!(3), &json!(6)));
    let classes = report["classes"].as_array().unwrap();
    let labels: Vec<&Value> = classes.iter().map(|class| &class["label"]).collect();
    assert_eq!(labels, ["blue", "green", "red"]);
    let shown = text(&sandbox, &["doctor"]);
    let header: Vec<&str> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["class", "images", "right", "expected", "advice"]);
    for class in classes {
        // Two images are never enough.
        assert_eq!((&class["examples"], &class["verdict"]), (&json!(2), &json!("add")));
        let advice = class["advice"].as_str().unwrap();
        assert!(advice.starts_with("add an image "), "{advice}");
        assert!(shown.contains(advice), "{shown}");
    }
}

#[test]
fn images_that_are_nearly_the_same_are_named() {
    let sandbox = sandbox();
    let copy = encode(image(0, 0), ImageFormat::Bmp);
    fs::write(sandbox.path("copy.bmp"), copy).unwrap();
    sandbox.ok(&["enroll", "--class", "red", "copy.bmp"]);
    let red = json_of(&sandbox, &["show", "red"])["examples"].clone();
    let report = json_of(&sandbox, &["doctor"]);
    let found = report["near_duplicates"].as_array().unwrap();
    let pair = found.iter().find(|pair| pair["example"] == red[2]["id"]).unwrap();
    assert_eq!((&pair["of"], &pair["label"]), (&red[0]["id"], &json!("red")));
    assert!(pair["similarity"].as_f64().unwrap() > 0.99, "{pair}");
    assert_eq!(report["totals"]["near_duplicates"], found.len());
    let shown = text(&sandbox, &["doctor"]);
    let line = format!("  {} and {} in red (1.000)\n", short(&red[2]["id"]), short(&red[0]["id"]));
    assert!(shown.contains("\nnearly the same:\n") && shown.contains(&line), "{shown}");
}

#[test]
fn an_image_in_two_classes_is_named_with_both() {
    let sandbox = sandbox();
    let copy = encode(image(0, 0), ImageFormat::Bmp);
    fs::write(sandbox.path("copy.bmp"), copy).unwrap();
    sandbox.ok(&["enroll", "--class", "green", "copy.bmp"]);
    let [green, red] = ["green", "red"].map(|class| json_of(&sandbox, &["show", class]));
    let example = &green["examples"][2]["id"];
    let other = &red["examples"][0]["id"];
    let report = json_of(&sandbox, &["doctor"]);
    let found = report["in_two_classes"].as_array().unwrap();
    let pair = found.iter().find(|pair| pair["example"] == *example).unwrap();
    assert_eq!((&pair["label"], &pair["other_label"]), (&json!("green"), &json!("red")));
    assert_eq!(pair["other_example"], *other);
    assert_eq!(report["totals"]["in_two_classes"], found.len());
    let shown = text(&sandbox, &["doctor"]);
    let line = format!("  {} in green and {} in red (1.000)\n", short(example), short(other));
    assert!(shown.contains("\nin two classes:\n") && shown.contains(&line), "{shown}");
}

#[test]
fn an_empty_gallery_has_nothing_to_check() {
    let sandbox = Sandbox::new();
    let report = json_of(&sandbox, &["doctor"]);
    assert_eq!((&report["classes"], &report["accuracy"]), (&json!([]), &Value::Null));
    assert!(text(&sandbox, &["doctor"]).starts_with("no class is enrolled;"));
}
