//! Unknown images on the page: "I don't know this", what can be done about an answer, and the rate.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::browser::Stage;
use crate::draw;
use crate::images::{columns, stripes};
use crate::rejecting::{checks, half_and_half, unknown};
use crate::service::Service;
use crate::webdriver::{END, ENTER, ESCAPE, HOME};

const GALLERY: &str = "/v1/galleries/default";
const BACKGROUND: &str = "/v1/galleries/default/background/examples";
const UNKNOWN: &str = "I don't know this";

/// The page of a service that knows stripes and columns, and rejects other images.
pub(crate) fn taught(test: &str) -> Option<Stage> {
    let stage = Stage::with(test, || {
        let service = Service::rejecting();
        for shift in [0, 4] {
            service.enroll("stripes", &draw::png(stripes(shift))).ok();
            service.enroll("columns", &draw::png(columns(shift))).ok();
        }
        service
    })?;
    stage.wait_for_labels(&["columns", "stripes"]);
    Some(stage)
}

impl Stage {
    pub(crate) fn drawn(&self, name: &str, image: image::RgbImage) -> PathBuf {
        self.file(&format!("{name}.png"), &draw::png(image))
    }

    pub(crate) fn look_at(&self, images: &[(&str, image::RgbImage)]) {
        let files: Vec<_> =
            images.iter().map(|(name, image)| self.drawn(name, image.clone())).collect();
        self.browser.choose("#look-files", &files);
    }

    /// The answers of the table, from above.
    pub(crate) fn captions(&self) -> Value {
        let answers =
            "return [...document.querySelectorAll('.row-answer')].map((e) => e.innerText)";
        self.browser.run(answers)
    }

    pub(crate) fn wait_for_captions(&self, expected: &[&str]) {
        self.browser
            .wait(&format!("the captions {expected:?}"), || self.captions() == json!(expected));
    }
}

#[test]
fn an_unknown_image_is_answered_with_no_class() {
    let Some(stage) = taught("unknown images on the page") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("white", unknown()), ("stripes", stripes(2))]);
    browser.wait_for_text("#verdict", UNKNOWN);
    stage.wait_for_captions(&["unknown", "stripes"]);
    assert!(browser.text("#sure").contains("stripes"), "{}", browser.text("#sure"));
    assert!(browser.text("#bars").starts_with("stripes"));
    assert_eq!(browser.text(".bar.named .bar-label"), "none of them");
    assert!(!browser.is_shown("#reason"), "{}", browser.text("#reason"));
    browser.click("#why > summary");
    browser.wait_for_text("#familiar-words", "at most 5 in 100 may pass");

    browser.click("#table-rows tr:nth-child(2) button");
    browser.wait_for_text("#verdict", "stripes");
    assert!(browser.text("#sure").contains("ure: "), "{}", browser.text("#sure"));
    assert_eq!(browser.text(".bar.named .bar-label"), "stripes");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn two_classes_that_cannot_be_told_apart_are_both_named() {
    let Some(stage) = taught("ambiguous images on the page") else { return };
    stage.look_at(&[("half", half_and_half()), ("stripes", stripes(2))]);
    stage.browser.wait_for_text("#verdict", " or ");
    let verdict = stage.browser.text("#verdict");
    assert!(["stripes or columns?", "columns or stripes?"].contains(&&*verdict), "{verdict}");
    stage.wait_for_captions(&[&verdict, "stripes"]);
    assert_eq!(stage.browser.run("return document.querySelectorAll('.bar.named').length"), 2);
}

#[test]
fn an_unknown_image_is_taught_by_keyboard() {
    let Some(stage) = taught("teaching from an answer") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("white", unknown())]);
    browser.wait_for_text("#verdict", UNKNOWN);
    assert_eq!(browser.text("#correct-title"), "Add it to …");
    browser.tab_to("teach-as-name");
    browser.press(ENTER);
    browser.wait_for_text("#teach-as-error", "Enter a class name first");
    browser.press(ESCAPE);
    browser.wait("the error to go", || !browser.is_shown("#teach-as-error"));

    browser.press("paper");
    browser.press(ENTER);
    browser.wait_for_text("#verdict", "paper");
    browser.wait_for_text("#note-text", "“paper” has 1 image");
    assert_eq!(browser.focused(), "teach-as-name");
    stage.wait_for_labels(&["columns", "paper", "stripes"]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_wrong_answer_is_corrected_with_one_click_on_a_class() {
    let Some(stage) = taught("correcting an answer") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("stripes", stripes(2))]);
    browser.wait_for_text("#verdict", "stripes");
    assert_eq!(browser.text("#correct-title"), "Wrong? It is …");
    assert_eq!(browser.text("#teach-as-known bdi"), "columns", "the answer itself is not offered");
    browser.click("[aria-label='Add it to columns']");
    browser.wait_for_text("#note-text", "“columns” has 3 images");
    assert_eq!(stage.service.known()[0], ("columns".to_owned(), 3));
    browser.click("#done-button");
    browser.wait("the undo", || stage.service.known()[0] == ("columns".to_owned(), 2));
    browser.wait("the note to go", || !browser.is_shown("#note-text"));
}

#[test]
fn an_image_is_made_one_of_none_of_these_and_back() {
    let Some(stage) = taught("none of these") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("stripes", stripes(2)), ("white", unknown())]);
    stage.wait_for_captions(&["stripes", "unknown"]);
    browser.tab_to("none-of-these");
    browser.press(ENTER);
    browser.wait_for_text("#note-text", "Added to “None of these”");
    browser.wait_for_text("#none-count", "1 image");
    assert_eq!(stage.service.get(GALLERY).ok()["background_examples"], 1);
    stage.wait_for_captions(&["unknown", "unknown"]);
    assert!(browser.text("#sure").contains("more like one of “None of these” than like stripes"));

    for n in [2, 1] {
        // On a phone the bar of what was done lies over the end of the page.
        let row = format!("document.querySelector('#table-rows tr:nth-child({n})')");
        browser.run(&format!("{row}.scrollIntoView({{ block: 'center', behavior: 'instant' }})"));
        browser.click(&format!("#table-rows tr:nth-child({n}) button"));
        assert!(!browser.is_shown("#note-text") || n == 1, "the note is about the first image");
    }
    browser.click("#done-button");
    browser.wait_for_text("#none-count", "0 images");
    assert_eq!(stage.service.get(BACKGROUND).ok()["examples"], json!([]));
    stage.wait_for_captions(&["stripes", "unknown"]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn images_of_none_of_the_classes_are_added_and_removed_in_the_list() {
    let Some(stage) = taught("the list of none of these") else { return };
    let browser = &stage.browser;
    let bad = stage.file("notes.png", b"these are notes");
    let files = [stage.drawn("white", unknown()), bad, stage.drawn("checks", checks())];
    browser.choose("#none-files", &files);
    browser.wait_for_text("#none-count", "2 images");
    assert!(browser.text("#none-error").contains("notes.png"));
    browser.click("#none-clear");
    browser.wait_for_text("#confirm", "2 images of other things");
    browser.click("#confirm-yes");
    browser.wait_for_text("#none-count", "0 images");
    assert_eq!(stage.labels(), ["columns", "stripes"]);
}

#[test]
fn the_rate_is_tried_on_the_shown_images_and_saved() {
    let Some(stage) = taught("the rate on the page") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("checks", checks()), ("half", half_and_half()), ("stripes", stripes(2))]);
    browser.wait("all answers", || stage.captions()[2] == "stripes");
    assert_eq!(stage.captions()[0], "unknown");
    browser.wait_for_text(
        "#rate-words",
        "5 in 100 unknown things are taken for a class, and about 100",
    );

    // While the slider moves, nothing is asked and nothing is saved.
    let moved = "const slider = document.getElementById('rate-slider'); slider.value = 20; \
        slider.dispatchEvent(new Event('input'))";
    browser.run(moved);
    browser.wait_for_text("#verdict", "stripes");
    browser.wait_for_text("#rate-words", "20 in 100");
    assert_eq!(stage.service.get(GALLERY).ok()["rate"], 0.05);

    browser.tab_to("rate-slider");
    browser.press(HOME);
    stage.wait_for_captions(&["unknown", "unknown", "stripes"]);
    browser.wait("the rate", || stage.service.get(GALLERY).ok()["rate"] == 0.01);
    browser.wait_for_text("#verdict", UNKNOWN);
    browser.press(END);
    browser.wait("the rate", || stage.service.get(GALLERY).ok()["rate"] == 0.2);
    browser.wait_for_text("#verdict", "stripes");
    browser.wait_for_text("#rate-words", "20 in 100");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_settings_lead_to_the_rate() {
    let Some(stage) = taught("the way to the rate") else { return };
    let browser = &stage.browser;
    browser.size(1366, 625);
    browser.wait("the rate", || browser.is_shown("#rate"));
    browser.click("#settings-open");
    browser.click("#settings-rate");
    browser.wait("the focus", || browser.focused() == "rate-slider");
    assert!(browser.is_shown("#rate.pointed"));
    let is_seen = "const rate = document.getElementById('rate'); \
        const { top, bottom } = rate.getBoundingClientRect(); \
        return top >= 0 && bottom <= innerHeight";
    browser.wait("the rate in sight", || browser.run(is_seen) == true);
}

#[test]
fn a_fixed_threshold_is_shown_and_replaced_by_a_rate() {
    let Some(stage) = taught("a threshold on the page") else { return };
    stage.service.patch(GALLERY, r#"{"threshold":0.04}"#).ok();
    stage.open();
    let browser = &stage.browser;
    browser.wait_for_text("#rate-words", "fixed at 0.04");
    browser.tab_to("rate-slider");
    browser.press(END);
    browser.wait_for_text("#rate-words", "20 in 100");
    browser.wait("the rate", || stage.service.get(GALLERY).ok()["threshold"].is_null());
}

#[test]
fn with_one_class_the_page_says_why_no_rate_is_stated() {
    let Some(stage) = Stage::with("one class on the page", Service::rejecting) else { return };
    let browser = &stage.browser;
    assert!(!browser.is_shown("#rate"), "without classes there is no rate");
    stage.teach("red stripes", &[stage.drawn("stripes", stripes(0))]);
    browser.wait_for_text("#rate-why", "it has one class");
    browser.wait_for_text("#rate-words", "In other galleries");
    stage.look_at(&[("checks", checks())]);
    browser.wait_for_text("#verdict", UNKNOWN);
    browser.click("#why > summary");
    browser.wait_for_text("#familiar-words", "No rate can be stated");
    stage.teach("blue columns", &[stage.drawn("columns", columns(0))]);
    browser.wait("the reason to go", || !browser.is_shown("#rate-why"));
}

#[test]
fn the_live_camera_shows_no_class_for_an_unknown_image() {
    let Some(stage) = taught("unknown images of the camera") else { return };
    let browser = &stage.browser;
    // Every verdict that is shown is recorded: none may be a class, not even for a moment.
    browser.run(
        "window.verdicts = new Set(); const verdict = document.getElementById('verdict'); \
         new MutationObserver(() => window.verdicts.add(verdict.innerText)) \
             .observe(verdict, { childList: true, subtree: true })",
    );
    browser.click("#camera-toggle");
    browser.wait_for_text("#verdict", UNKNOWN);
    browser.click("#teach-as-name");
    browser.press("test image");
    assert_eq!(browser.run("return [...window.verdicts]"), json!([UNKNOWN]));
    browser.press(ENTER);
    browser.wait_for_text("#verdict", "test image");
    browser.click("#none-of-these");
    browser.wait_for_text("#note-text", "Added to “None of these”");
    browser.click("#done-button");
    browser.wait("the undo", || stage.service.get(GALLERY).ok()["background_examples"] == 0);
    browser.click("#camera-toggle");
    browser.wait_for_text("#answer", "The result appears here");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn an_answer_and_its_form_fit_a_phone() {
    let Some(stage) = taught("an unknown image on a phone") else { return };
    let browser = &stage.browser;
    browser.size(360, 740);
    let long = "Ä".repeat(128);
    stage.service.enroll(&long, &draw::png(checks())).ok();
    stage.look_at(&[("white", unknown()), ("half", half_and_half())]);
    browser.wait_for_text("#verdict", UNKNOWN);
    let width = "return [document.documentElement.scrollWidth, innerWidth]";
    assert_eq!(browser.run(width), json!([360, 360]));
    let small = "return [...document.querySelectorAll('.button, #rate-slider')] \
        .filter((e) => e.offsetParent && e.offsetHeight < 36).map((e) => e.innerText)";
    assert_eq!(browser.run(small), json!([]), "too small for a finger");
}

#[test]
fn without_a_decision_the_page_offers_none_of_it() {
    let Some(stage) = Stage::set("a bundle without a decision") else { return };
    let browser = &stage.browser;
    stage.teach("mug", &[stage.drawn("stripes", stripes(0))]);
    stage.look_at(&[("white", unknown())]);
    browser.wait_for_text("#verdict", "mug");
    for hidden in ["#rate", "#familiar-words", "#none", "#none-of-these"] {
        assert!(!browser.is_shown(hidden), "{hidden}");
    }
    assert!(browser.text("#about-unknown").contains("no decision"));
    browser.click("#teach-as-name");
    browser.press("paper");
    browser.press(ENTER);
    browser.wait_for_text("#verdict", "paper");
}
