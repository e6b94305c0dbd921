//! What is kept of images on the page, undo and the history.

use std::path::PathBuf;

use serde_json::json;

use crate::browser::Stage;
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::Service;
use crate::webdriver::{CONTROL, ENTER};

const GALLERY: &str = "/v1/galleries/default";

/// How many thumbnails are loaded.
const LOADED: &str = "return [...document.querySelectorAll('.thumb img')] \
    .filter((e) => e.complete && e.naturalWidth > 0).length";

/// The page of a service with three images of a mug and one of a cup.
fn taught(test: &str) -> Option<Stage> {
    let stage = Stage::with(test, || {
        let service = Service::start(&[]);
        for shift in [0, 4, 8] {
            service.enroll("mug", &draw::png(stripes(shift))).ok();
        }
        service.enroll("cup", &draw::png(columns(0))).ok();
        service
    })?;
    stage.wait_for_labels(&["cup", "mug"]);
    Some(stage)
}

impl Stage {
    /// Opens the images of `mug` and waits until `n` thumbnails are loaded.
    fn open_images(&self, n: usize) {
        self.browser.click("[aria-label='Images of mug']");
        self.browser.wait("the thumbnails", || self.browser.run(LOADED) == n);
    }

    fn views(&self) -> Vec<PathBuf> {
        [0, 4, 8]
            .map(|shift| self.file(&format!("{shift}.png"), &draw::png(stripes(shift))))
            .to_vec()
    }
}

#[test]
fn a_batch_of_images_is_undone_and_redone_at_once() {
    let Some(stage) = Stage::set("undo on the page") else { return };
    let browser = &stage.browser;
    stage.teach("mug", &stage.views());
    browser.wait_for_text("#done-text", "Added 3 images to “mug”.");
    browser.click("#done-button");
    stage.wait_for_labels(&[]);
    browser.wait_for_text("#done-text", "3 images are no longer in “mug”.");
    assert_eq!(browser.text("#done-button"), "Redo");
    browser.click("#done-button");
    stage.wait_for_known(&[("mug", 3)]);

    // In a field, the keys belong to the text.
    browser.wait_for_text("#done-text", "Added 3 images to “mug”.");
    browser.type_into("#teach-name", "cup");
    browser.press_with(&[CONTROL], "z");
    browser.run("document.activeElement.blur()");
    assert_eq!(stage.service.known(), [("mug".to_owned(), 3)]);
    browser.press_with(&[CONTROL], "z");
    stage.wait_for_labels(&[]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_history_undoes_what_is_chosen_and_what_depends_on_it() {
    let Some(stage) = taught("the history on the page") else { return };
    let browser = &stage.browser;
    stage.act("cup", "rename");
    browser.press("bowl");
    browser.press(ENTER);
    stage.wait_for_labels(&["bowl", "mug"]);
    browser.click("#history-title");
    browser.wait_for_text("#history-list", "Renamed “cup” to “bowl”.");
    let list = browser.text("#history-list");
    assert!(list.contains("a program"), "{list}");

    browser.click("[aria-label='Undo: Added 1 image to “cup”.']");
    browser.wait_for_text("#history-list .error", "later changes depend on it");
    browser.click("[aria-label^='Undo these too']");
    stage.wait_for_labels(&["mug"]);
    browser.wait("two calls to be marked", || {
        browser.run("return document.querySelectorAll('.call.undone').length") == 2
    });
    browser.wait("the focus to stay", || browser.focused() == "history-title");
    browser.click("#history-list .call:first-child button");
    stage.wait_for_labels(&["bowl", "mug"]);
    let first = "#history-list .call:first-child";
    browser.wait_for_text(first, "Redone");
    assert_eq!(browser.text(&format!("{first} button")), "Undo");
    // The browser reports the refusal too.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|one| one.contains("409 (Conflict)")), "{complaints:?}");
}

#[test]
fn what_is_kept_of_images_is_shown_and_changed() {
    let Some(stage) = Stage::set("kept images on the page") else { return };
    let browser = &stage.browser;
    browser.wait_for_text("#keep-words", "A thumbnail of each image is kept");
    browser.run(
        "const list = document.getElementById('keep-images'); list.value = 'off'; \
         list.dispatchEvent(new Event('change'))",
    );
    browser.wait_for_text("#keep-words", "No images are kept.");
    assert_eq!(stage.service.get(GALLERY).ok()["keep_images"], "off");
    stage.teach("mug", &stage.views());
    stage.wait_for_labels(&["mug"]);
    browser.click("[aria-label='Images of mug']");
    browser.wait("three empty places", || {
        browser.run("return document.querySelectorAll('.thumb .no-image').length") == 3
    });
    browser.click(".thumb");
    browser.click(".select-bar [data-do='remove']");
    stage.wait_for_known(&[("mug", 2)]);
}

#[test]
fn images_and_history_fit_on_a_phone() {
    let Some(stage) = taught("images and history on a phone") else { return };
    let browser = &stage.browser;
    browser.size(360, 740);
    stage.open_images(3);
    browser.click(".select-bar [data-do='pick']");
    browser.click(".thumb");
    browser.click(".select-bar [data-do='move']");
    browser.click("#history-title");
    browser.wait_for_text("#history-list", "Added 1 image");
    let width =
        "return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]";
    assert_eq!(browser.run(width), json!([360, 360, 360]));
    let small = "return [...document.querySelectorAll('.button')].filter((e) => e.offsetParent) \
        .filter((e) => e.offsetHeight < 36).map((e) => e.innerText)";
    assert_eq!(browser.run(small), json!([]), "too small for a finger");
}
