//! `handful enroll` and images that may be poor examples.

use std::fs;

use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};

use crate::files::{encode, png};
use crate::sandbox::Sandbox;

/// A good image and a black one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("things/mug")).unwrap();
    fs::create_dir_all(sandbox.path("things/cup")).unwrap();
    fs::write(sandbox.path("things/mug/good.png"), png(0, 0)).unwrap();
    fs::write(sandbox.path("things/cup/other.png"), png(1, 0)).unwrap();
    let black = encode(RgbImage::new(48, 40), ImageFormat::Png);
    fs::write(sandbox.path("black.png"), black).unwrap();
    sandbox
}

#[test]
fn poor_images_are_enrolled_with_a_warning() {
    let sandbox = sandbox();
    let enroll = ["enroll", "--class", "mug", "things/mug/good.png", "black.png"];
    let outcome = sandbox.run(&enroll);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let dark: Vec<&str> = outcome.err.lines().filter(|line| line.ends_with("(dark)")).collect();
    assert_eq!(dark.len(), 1, "{outcome:?}");
    assert!(dark[0].starts_with("warning: black.png: the image is nearly black; "), "{dark:?}");
    assert!(!outcome.err.contains("good.png"), "{outcome:?}");
    let again = sandbox.run(&enroll);
    assert_eq!((again.code, again.err.as_str()), (0, ""), "nothing new is enrolled");
}

#[test]
fn each_of_many_poor_images_has_a_line() {
    let sandbox = sandbox();
    fs::create_dir_all(sandbox.path("dark/mug")).unwrap();
    for nth in 0..5 {
        let black = encode(RgbImage::new(48 + nth, 40), ImageFormat::Png);
        fs::write(sandbox.path(&format!("dark/mug/{nth}.png")), black).unwrap();
    }
    let outcome = sandbox.run(&["enroll", "dark"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for nth in 0..5 {
        let named: Vec<&str> =
            outcome.err.lines().filter(|line| line.contains(&format!("{nth}.png: "))).collect();
        assert!(named.iter().any(|line| line.ends_with("(dark)")), "{named:?}");
    }
}

#[test]
fn the_json_lists_the_findings() {
    let sandbox = sandbox();
    let background = ["enroll", "--background", "black.png", "--json"];
    let found = &sandbox.json(&background)["quality"];
    assert_eq!((&found[0]["file"], &found[0]["code"]), (&json!("black.png"), &json!("dark")));
    assert_eq!(found[0]["class"], Value::Null);
    let mug = sandbox.json(&["enroll", "--class", "mug", "black.png", "--json"]);
    assert_eq!(mug["quality"][0]["class"], "mug");
    let good = sandbox.json(&["enroll", "--class", "mug", "things/mug/good.png", "--json"]);
    assert_eq!(good["quality"], Value::Null, "absent if there is nothing");
}

#[test]
fn a_strict_command_enrolls_all_or_nothing() {
    let sandbox = sandbox();
    fs::copy(sandbox.path("black.png"), sandbox.path("things/mug/black.png")).unwrap();
    let refused = sandbox.run(&["enroll", "--strict", "things"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("black.png: the image is nearly black"), "{refused:?}");
    assert!(refused.err.contains("1 of 3 files could not be used; nothing was enrolled"));
    let list = sandbox.json(&["gallery", "list", "--json"]);
    assert_eq!(list["classes"], json!([]), "the class before it is not enrolled either");
    let only = sandbox.run(&["enroll", "--strict", "--class", "mug", "black.png"]);
    assert_eq!((only.code, only.err.lines().count()), (2, 1), "{only:?}");
    assert!(only.err.contains("black.png: the image is nearly black"), "{only:?}");
    assert!(only.err.ends_with("(dark); nothing was enrolled\n"), "{only:?}");
    fs::remove_file(sandbox.path("things/mug/black.png")).unwrap();
    sandbox.ok(&["enroll", "--strict", "things"]);
    sandbox.ok(&["enroll", "--strict", "things"]);
}

#[test]
fn a_strict_command_lists_broken_and_poor_images() {
    let sandbox = sandbox();
    fs::copy(sandbox.path("black.png"), sandbox.path("things/mug/black.png")).unwrap();
    fs::write(sandbox.path("things/cup/text.png"), "not an image").unwrap();
    let refused = sandbox.run(&["enroll", "--strict", "things"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    for word in ["black.png: the image is nearly black", "text.png: "] {
        let mut named = refused.err.lines().filter(|line| line.contains(word));
        assert!(named.all(|line| line.starts_with("error: ")), "{refused:?}");
        assert!(refused.err.contains(word), "{word}: {refused:?}");
    }
    assert!(refused.err.contains("2 of 4 files could not be used; nothing was enrolled"));
}

#[test]
fn a_file_in_two_classes_is_reported() {
    let sandbox = sandbox();
    fs::write(sandbox.path("things/mug/same.png"), png(1, 0)).unwrap();
    let refused = sandbox.run(&["enroll", "--strict", "things"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("same.png: the class \"cup\" has the same file"), "{refused:?}");
    let outcome = sandbox.run(&["enroll", "things"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.err.contains("(in_other_class)"), "{outcome:?}");
}

#[test]
fn strict_and_skip_bad_are_not_given_together() {
    let sandbox = sandbox();
    let refused = sandbox.run(&["enroll", "--strict", "--skip-bad", "things"]);
    assert_eq!(refused.code, 2, "{refused:?}");
}
