//! What a finger does on the page: it turns images, selects them and goes back. And the page in
//! German, with the tables of a German spreadsheet.

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::Service;
use crate::webdriver::is_phone;

/// The page of a service with three images of a mug, on a phone.
fn taught(test: &str) -> Option<Stage> {
    let stage = Stage::with(test, || {
        let service = Service::start(&[]);
        for shift in [0, 4, 8] {
            service.enroll("mug", &draw::png(stripes(shift))).ok();
        }
        service
    })?;
    stage.browser.size(390, 844);
    stage.wait_for_labels(&["mug"]);
    Some(stage)
}

fn open_mug(stage: &Stage) {
    let browser = &stage.browser;
    browser.click("[aria-label='Images of mug']");
    let shown = "return document.querySelectorAll('.thumb').length";
    browser.wait("the images", || browser.run(shown) == 3);
}

fn speak_german(stage: &Stage) {
    stage.browser.run(
        "const list = document.getElementById('settings-language'); list.value = 'de'; \
         list.dispatchEvent(new Event('change'))",
    );
    stage.browser.wait_for_text("#health-text", "Bereit");
}

#[test]
fn back_closes_a_dialog_in_place_of_leaving_the_page() {
    let Some(stage) = Stage::set("the back key on a phone") else { return };
    let browser = &stage.browser;
    browser.size(390, 844);
    let open = "return document.querySelector('dialog[open]')?.id ?? ''";
    let entry = "return history.state?.dialogs ?? 0";
    for dialog in ["settings", "galleries", "help"] {
        browser.click(&format!("#{dialog}-open"));
        browser.wait("an entry", || browser.run(entry) == 1);
        assert_eq!(browser.run(open), dialog);
        browser.run("history.back()");
        browser.wait("the dialog to close", || browser.run(open) == "");
        // A dialog that its button closes leaves no entry.
        browser.click(&format!("#{dialog}-open"));
        browser.wait("an entry", || browser.run(entry) == 1);
        browser.click(&format!("#{dialog} [data-close]"));
        browser.wait("the entry to go", || browser.run(entry) == 0);
        assert_eq!(browser.run("return location.pathname"), "/");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_finger_turns_images_and_an_undo_shows_the_one_that_is_back() {
    let Some(stage) = taught("images under a finger that swipes") else { return };
    let browser = &stage.browser;
    open_mug(&stage);
    browser.drag("touch", ".thumb", (0.5, 0.5), (0.5, 0.5));
    browser.wait_for_text("#enlarge-title", "mug · 1 of 3");
    browser.drag("touch", ".enlarged-stage", (0.8, 0.5), (0.2, 0.5));
    browser.wait_for_text("#enlarge-title", "mug · 2 of 3");
    // Of a double tap the second one was meant for the same image.
    let twice = "const button = document.querySelector('#enlarge .risky'); \
        button.click(); button.click()";
    browser.run(twice);
    browser.wait_for_text("#enlarge-title", "mug · 2 of 2");
    browser.wait("the undo", || browser.is_shown("#done-button"));
    let covered = "const [bar, button] = ['#done', '#enlarge .risky'] \
        .map((one) => document.querySelector(one).getBoundingClientRect()); \
        return bar.top < button.bottom";
    assert_eq!(browser.run(covered), false, "the bar covers no button");
    snap(browser, "enlarge-undo");
    browser.click("#done-button");
    browser.wait_for_text("#enlarge-title", "mug · 2 of 3");
    browser.wait_for_text("#done-text", "1 image is back in “mug”.");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn selecting_an_image_moves_no_other() {
    let Some(stage) = taught("selecting on a phone") else { return };
    let browser = &stage.browser;
    for width in [390, 1280] {
        browser.size(width, 844);
        stage.open();
        stage.wait_for_labels(&["mug"]);
        open_mug(&stage);
        let top = "return Math.round(document.querySelector('.thumbs').getBoundingClientRect().top \
            - document.querySelector('.class').getBoundingClientRect().top)";
        let before = browser.run(top);
        browser.click(".select-bar [data-do='pick']");
        browser.click(".thumb");
        browser.wait("what can be done", || browser.is_shown(".select-bar [data-do='remove']"));
        assert_eq!(browser.run(top), before, "at {width}");
    }
}

#[test]
fn the_saved_table_follows_the_language() {
    let Some(stage) = taught("a table in German") else { return };
    let browser = &stage.browser;
    stage.service.enroll("cup", &draw::png(columns(0))).ok();
    speak_german(&stage);
    let files = [stage.file("a.png", &draw::png(stripes(2))), stage.file("b.txt", b"notes")];
    browser.choose("#look-files", &files);
    browser.wait_for_text("#table-count", "2 Bilder");
    browser.run(
        "const make = URL.createObjectURL; URL.createObjectURL = (file) => { \
             if (file.type === 'text/csv') file.text().then((text) => { window.kept = text }); \
             return make(file); }",
    );
    browser.click("#table-csv");
    browser.wait("the table", || !browser.run("return window.kept ?? null").is_null());
    let kept = browser.run("return window.kept");
    let text = kept.as_str().unwrap();
    assert!(text.contains("Zeile;Datei;Entscheidung;Antwort;"), "{text}");
    assert!(text.contains("1;a.png;erkannt;mug;"), "{text}");
    browser.wait_for_text("#table-note", "2 Zeilen gespeichert: handful-20");
}

#[test]
fn a_name_that_is_not_known_makes_no_class_without_images() {
    let Some(stage) = Stage::with("an unknown name", Service::knowing) else { return };
    let browser = &stage.browser;
    speak_german(&stage);
    browser.type_into("#teach-name", "Krabbe");
    browser.click("#teach-by-name");
    browser.wait_for_text("#teach-name-error", "den englischen Namen");
    assert_eq!(browser.focused(), "teach-name");
    assert_eq!(stage.labels(), [""; 0]);
    browser.type_into("#teach-name", "x");
    browser.wait("the message to go", || !browser.is_shown("#teach-name-error"));
}

/// The other tests hold in this view.
#[test]
fn the_page_is_seen_as_it_was_asked_for() {
    let Some(stage) = Stage::set("the view") else { return };
    let browser = &stage.browser;
    let is_narrow = browser.run("return innerWidth < 600") == true;
    assert_eq!(is_narrow, is_phone());
    let channels = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3)";
    let is_dark = browser.run(&format!("return {channels}.every((one) => one < 90)")) == true;
    assert_eq!(is_dark, is_phone());
}
