//! A gallery of another model on the page: what it is, and how its images are recomputed.

use crate::browser::Stage;
use crate::draw;
use crate::images::stripes;
use crate::reembed::Two;

const START: &str = "#reembed-start";
const USE: &str = "#reembed-use";
const DISCARD: &str = "#reembed-discard";

/// The page of a service with two classes of three images each, of another model.
fn stage(test: &str) -> Option<Stage> {
    let stage = Stage::with(test, || Two::new(3).into_service())?;
    stage.browser.wait("the banner", || stage.browser.is_shown("#reembed"));
    Some(stage)
}

fn is_disabled(stage: &Stage, css: &str) -> bool {
    let script = format!("return document.querySelector('{css}').disabled");
    stage.browser.run(&script) == true
}

#[test]
fn images_are_recomputed_used_and_taken_back() {
    let Some(stage) = stage("recomputing on the page") else { return };
    let browser = &stage.browser;
    stage.wait_for_labels(&["columns", "stripes"]);
    browser.wait_for_text("#reembed-words", "6 images can be recomputed, all of them from small");
    for refused in ["#look-files", "#teach-files", "#camera-toggle", "#none-files"] {
        browser.wait(refused, || is_disabled(&stage, refused));
    }
    assert!(browser.is_shown("[data-locked]"), "the reason");
    browser.click(START);
    browser.wait("the end", || browser.is_shown(USE));
    assert!(browser.text("#reembed-changes").contains("of 6 images"));
    assert!(browser.text("#reembed-now").ends_with('%'));

    browser.click(USE);
    browser.wait_for_text("#done-text", "Recomputed the images with this model.");
    browser.wait("the banner to close", || !browser.is_shown("#reembed"));
    browser.wait("the fields", || !is_disabled(&stage, "#look-files"));
    browser.choose("#look-files", &[stage.file("new.png", &draw::png(stripes(9)))]);
    browser.wait_for_text("#verdict", "stripes");
    assert_eq!(browser.complaints(), [""; 0]);

    browser.click("#done-button");
    browser.wait("the banner", || browser.is_shown("#reembed"));
    browser.wait_for_text("#reembed-status", "6 images of 6 are recomputed already");
    browser.click(DISCARD);
    browser.wait("the question", || browser.is_shown("#confirm-yes"));
    browser.click("#confirm-yes");
    browser.wait_for_text("#reembed-status", "the gallery once used 6 recomputed images");
}

#[test]
fn what_was_recomputed_is_discarded() {
    let Some(stage) = stage("discarding on the page") else { return };
    let browser = &stage.browser;
    assert!(!browser.is_shown(DISCARD), "nothing is there");
    browser.click(START);
    browser.wait("the end", || browser.is_shown(USE));
    browser.click(DISCARD);
    browser.wait("the question", || browser.is_shown("#confirm-yes"));
    browser.click("#confirm-yes");
    browser.wait("the start", || browser.is_shown(START) && !browser.is_shown(USE));
    assert_eq!(browser.text(START), "Recompute with this model");
    assert!(!browser.is_shown("#reembed-found"));
    assert_eq!(stage.service.get("/v1/galleries/default/reembed").ok()["embedded"], 0);
    assert_eq!(browser.complaints(), [""; 0]);
}
