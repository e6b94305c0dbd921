//! The first visit: two sample things are taught, a third image is recognized, another one is not
//! known, and is then recognized by its name.

use std::path::Path;

use serde_json::json;

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::stripes;
use crate::service::Service;

const FIRST: &str = "#first";
const UNKNOWN: &str = "I don't know this";

/// A page on a bundle that is shipped; none where there is no browser or no bundle.
fn shipped(test: &str, bundle: &str) -> Option<Stage> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles").join(bundle);
    if !path.is_dir() {
        eprintln!("skipped: {test}: models/bundles holds no {bundle} yet");
        return None;
    }
    Stage::with(test, || {
        let store = tempfile::tempdir().unwrap();
        Service::start_with(&path, store.path(), &[]).keeping(vec![store])
    })
}

fn teach_samples(stage: &Stage) {
    let browser = &stage.browser;
    browser.wait("the first steps", || browser.is_shown(FIRST));
    browser.click("#first-apple");
    browser.wait("the next thing", || browser.focused() == "first-mug");
    browser.click("#first-mug");
    browser.wait("the next step", || browser.focused() == "first-look");
    stage.wait_for_labels(&["apple", "mug"]);
}

/// All steps, and what is shown at each.
fn go_through(stage: &Stage) {
    let browser = &stage.browser;
    teach_samples(stage);
    assert_eq!(stage.service.known(), [("apple".to_owned(), 3), ("mug".to_owned(), 3)]);
    browser.click("#first-look");
    browser.wait_for_text("#first-answer", "It is recognized: “apple”");
    browser.wait_for_text("#verdict", "apple");
    browser.click("#first-unknown");
    browser.wait_for_text("#first-found", UNKNOWN);
    browser.wait_for_text("#verdict", UNKNOWN);
    browser.click("#first-name");
    browser.wait_for_text("#first-found", "recognized as “clock”, from its name only");
    browser.wait_for_text("#verdict", "clock");
    browser.wait("the end", || browser.focused() == "first-remove");
}

#[test]
fn the_steps_work_with_the_small_bundle_and_are_shown_once() {
    let Some(stage) = shipped("the first visit", "resnet12-cifar-fs") else { return };
    let browser = &stage.browser;
    go_through(&stage);
    browser.click("#first-remove");
    browser.wait_for_text("#done-text", "Deleted the samples.");
    stage.wait_for_labels(&[]);
    assert!(!browser.is_shown(FIRST));
    assert!(!browser.is_shown("#shown"), "the sample that was shown last is gone too");
    browser.click("#done-button");
    stage.wait_for_labels(&["apple", "clock", "mug"]);
    browser.wait_for_text("#done-button", "Redo");
    browser.click("#done-button");
    stage.wait_for_labels(&[]);

    stage.open();
    browser.wait_for_text("#classes-empty", "No classes yet");
    assert!(!browser.is_shown(FIRST), "it is shown once");
}

#[test]
fn the_steps_work_with_the_large_bundle_on_a_phone() {
    let Some(stage) = shipped("the first visit on a phone", "efficientnet-lite0") else { return };
    let browser = &stage.browser;
    browser.size(390, 844);
    browser.color_scheme("dark");
    browser.wait("the first steps", || browser.is_shown(FIRST));
    snap(browser, "first-phone");
    go_through(&stage);
    let width = "return [document.documentElement.scrollWidth, innerWidth]";
    assert_eq!(browser.run(width), json!([390, 390]));
    snap(browser, "first-phone-end");
    browser.click("#first-keep");
    assert!(!browser.is_shown(FIRST));
    assert_eq!(stage.labels(), ["apple", "clock", "mug"]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn own_things_end_the_first_visit() {
    let Some(stage) = Stage::set("own things at the first visit") else { return };
    let browser = &stage.browser;
    browser.wait("the first steps", || browser.is_shown(FIRST));
    browser.click("#first-skip");
    assert!(!browser.is_shown(FIRST));
    assert_eq!(browser.focused(), "teach-name");
    stage.open();
    browser.wait_for_text("#classes-empty", "No classes yet");
    assert!(!browser.is_shown(FIRST));

    browser.click("#help-open");
    browser.click("#help-first");
    browser.wait("the first steps", || browser.is_shown(FIRST));
    assert_eq!(browser.focused(), "first-title");
}

#[test]
fn a_gallery_with_classes_shows_no_first_steps() {
    let Some(stage) = Stage::with("the page of a gallery in use", || {
        let service = Service::start(&[]);
        service.enroll("apple", &draw::png(stripes(0))).ok();
        service
    }) else {
        return;
    };
    let browser = &stage.browser;
    stage.wait_for_labels(&["apple"]);
    assert!(!browser.is_shown(FIRST));

    // Begun from the settings, the samples leave the user's own class as it is.
    browser.click("#settings-open");
    browser.click("#settings-first");
    browser.click("#first-apple");
    stage.wait_for_labels(&["apple", "apple (sample)"]);
    assert_eq!(stage.service.known()[0], ("apple".to_owned(), 1));
}

#[test]
fn steps_that_were_begun_go_on_after_a_reload() {
    let Some(stage) = Stage::set("the first visit after a reload") else { return };
    let browser = &stage.browser;
    teach_samples(&stage);
    stage.open();
    browser.wait("the first steps", || browser.is_shown(FIRST));
    let now = "return document.querySelector('[aria-current=step]').dataset.first";
    browser.wait("the second step", || browser.run(now) == "look");
    browser.click("#first-look");
    browser.wait("an answer", || !browser.text("#first-answer").is_empty());
    // This bundle has no names and rejects nothing: the page says what it does.
    browser.click("#first-unknown");
    browser.wait_for_text("#first-found", "it names the class that is closest");
    browser.wait("the end", || browser.is_shown("#first-end"));
    assert!(!browser.is_shown("#first-naming"));
}
