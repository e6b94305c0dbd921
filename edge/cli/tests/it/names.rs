//! `handful` with a bundle that has name knowledge.

use std::fs;

use crate::files::{copy_folder, png};
use crate::sandbox::{Outcome, Sandbox, folder};

#[test]
fn a_missing_lexicon_is_named_and_not_taken_for_none() {
    let sandbox = Sandbox::new();
    let bundle = sandbox.path("bundle");
    copy_folder(&folder().join("knowing/knowing-bundle"), &bundle);
    let run = |args: &[&str]| {
        Outcome::of(&sandbox.command(args).env("HANDFUL_BUNDLE", &bundle).output().unwrap())
    };
    let senses = run(&["senses", "mouse"]);
    assert!(senses.code == 2 && senses.err.contains("lexicon-"), "{senses:?}");
    assert!(!senses.err.contains("--lexicon"), "the bundle has a lexicon: {senses:?}");
    let doctor = run(&["doctor"]);
    assert_eq!(doctor.code, 2, "{doctor:?}");
    let is_named = |line: &str| line.starts_with("names    off (") && line.contains("lexicon-");
    assert!(doctor.out.lines().any(is_named), "{doctor:?}");
    assert!(doctor.out.contains("problem: names: off ("), "{doctor:?}");
}

#[test]
fn classes_are_added_by_name() {
    let sandbox = Sandbox::new();
    let bundle = folder().join("knowing/knowing-bundle");
    let run = |args: &[&str]| {
        Outcome::of(&sandbox.command(args).env("HANDFUL_BUNDLE", &bundle).output().unwrap())
    };
    let senses = run(&["senses", "mouse"]);
    assert!(senses.out.contains("n00000013  mouse  <- default"), "{senses:?}");
    assert!(senses.out.contains("it moves a pointer"), "{senses:?}");
    assert_eq!(run(&["senses", "gadget"]).code, 2);
    let added = run(&["gallery", "add", "mouse", "--synset", "n00000014"]);
    assert!(added.code == 0 && added.out.contains("it moves a pointer"), "{added:?}");
    let again = run(&["gallery", "add", "mouse"]);
    assert!(again.code == 2 && again.err.contains("--reset"), "overrides are kept: {again:?}");
    let read = run(&["gallery", "add", "mouse", "--reset"]);
    assert!(read.code == 0 && read.out.contains("a small rodent"), "{read:?}");
    run(&["gallery", "add", "mouse", "--synset", "n00000014"]);
    let wrong = run(&["gallery", "add", "mouse", "--synset", "n99999999"]);
    assert!(wrong.code == 2 && wrong.err.contains("handful senses"), "{wrong:?}");
    let has = run(&["gallery", "add", "zebra", "--attributes", "handle, hoof", "--json"]);
    let has: serde_json::Value = serde_json::from_str(&has.out).unwrap();
    assert_eq!(has["classes"][0]["attributes"].as_array().unwrap().len(), 2, "{has}");
    let kept = run(&["gallery", "add", "mouse", "--attributes", "handle"]);
    assert!(
        kept.out.contains("it moves a pointer")
            && kept.out.contains("attributes of mouse (overridden): handle"),
        "{kept:?}"
    );
    let kept = run(&["gallery", "add", "mouse", "--synset", "n00000013", "--json"]);
    let kept: serde_json::Value = serde_json::from_str(&kept.out).unwrap();
    assert_eq!(kept["classes"][0]["attributes"], serde_json::json!(["handle"]), "{kept}");
    run(&["gallery", "add", "mouse", "--reset"]);
    run(&["gallery", "add", "mouse", "--synset", "n00000014"]);
    let wrong = run(&["gallery", "add", "zebra", "--attributes", "gizmo"]);
    assert!(wrong.code == 2 && wrong.err.contains("`gizmo`"), "{wrong:?}");
    let unread = run(&["gallery", "add", "gizmo"]);
    assert!(unread.code == 0 && unread.err.contains("no WordNet sense"), "{unread:?}");
    run(&["gallery", "delete", "gizmo"]);
    run(&["gallery", "add", "zebra", "--reset"]);
    let listed = run(&["gallery", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed["classes"][0]["meaning"]["rule"], "override");
    assert_eq!(listed["classes"][1]["meaning"]["gloss"], "a striped horse");
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    let answer = run(&["classify", "a.png"]);
    assert!(answer.code == 0 && answer.out.contains("from its name only"), "{answer:?}");
    fs::write(sandbox.path("b.png"), "no image").unwrap();
    let one = run(&["classify", "--transductive", "a.png", "b.png"]);
    assert!(one.code == 2 && one.err.contains("--transductive needs at least 2"), "{one:?}");
    let doctor = run(&["doctor"]);
    assert!(doctor.out.contains("names    on: lexicon lexicon-"), "{doctor:?}");
    let tiny = sandbox.run(&["senses", "zebra"]);
    assert!(tiny.code == 2 && tiny.err.contains("no name knowledge"), "{tiny:?}");
    assert!(tiny.err.contains("--lexicon"), "{tiny:?}");
    assert!(sandbox.ok(&["doctor"]).contains("names    off (this bundle has no name knowledge)"));
}

#[test]
fn a_gallery_of_classes_that_cannot_be_recognized_is_refused() {
    let sandbox = Sandbox::new();
    let bundle = folder().join("knowing/knowing-bundle");
    let run = |args: &[&str]| {
        Outcome::of(&sandbox.command(args).env("HANDFUL_BUNDLE", &bundle).output().unwrap())
    };
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    assert_eq!(run(&["gallery", "add", "gizmo"]).code, 0);
    let refused = run(&["classify", "--json", "a.png"]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
    assert!(refused.err.contains("can be recognized yet"), "{refused:?}");
    assert_eq!(run(&["gallery", "add", "zebra"]).code, 0);
    let answer = run(&["classify", "--json", "a.png"]);
    let answer: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(answer["results"][0]["decision"], "accepted", "{answer}");
    assert_eq!(answer["results"][0]["label"], "zebra", "{answer}");
}
