//! The frame of the page: language, colors, keys, settings, and what a first visit transfers.

use serde_json::json;

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::stripes;
use crate::service::Service;
use crate::webdriver::{CONTROL, ESCAPE};

/// What a first visit may transfer, in bytes.
const LIMIT: u64 = 150_000;

const OPEN: &str = "return document.querySelector('dialog[open]')?.id ?? ''";

fn choose(stage: &Stage, id: &str, value: &str) {
    stage.browser.run(&format!(
        "const list = document.getElementById('{id}'); list.value = '{value}'; \
         list.dispatchEvent(new Event('change'))"
    ));
}

fn blur(stage: &Stage) {
    stage.browser.run("document.activeElement.blur()");
}

fn background(stage: &Stage) -> serde_json::Value {
    stage.browser.run("return getComputedStyle(document.body).backgroundColor")
}

#[test]
fn the_page_is_in_the_language_that_is_asked_for() {
    let service = Service::start(&[]);
    for (accepted, expected) in [("de-AT,de;q=0.9", "de"), ("fr", "en")] {
        let page = service.send("GET", "/", &[("accept-language", accepted)], &[]);
        assert!(page.text().contains(&format!("<html lang=\"{expected}\">")), "{accepted}");
        assert_eq!(page.header("vary"), Some("accept-language, accept-encoding"));
        assert_eq!(page.header("content-encoding"), None);
    }
    let gzip = service.send("GET", "/page/main.js", &[("accept-encoding", "gzip, br")], &[]);
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.body[..2], [0x1f, 0x8b]);
    assert_eq!(gzip.header("content-type"), Some("text/javascript; charset=utf-8"));
}

#[test]
fn a_first_visit_transfers_at_most_150_kb() {
    let Some(stage) = Stage::set("what a first visit transfers") else { return };
    let browser = &stage.browser;
    browser.wait("the first steps", || browser.is_shown("#first"));
    let sizes = |field: &str| {
        let script = format!(
            "const all = ['navigation', 'resource'].flatMap((type) => \
                 performance.getEntriesByType(type)); \
             const own = all.filter(({{ name }}) => !name.includes('/v1/')); \
             return own.reduce((sum, entry) => sum + entry.{field}, 0)"
        );
        browser.run(&script).as_u64().unwrap()
    };
    let sent = sizes("transferSize");
    eprintln!("a first visit: {sent} bytes transferred, {} unpacked", sizes("decodedBodySize"));
    assert!((20_000..=LIMIT).contains(&sent), "{sent} bytes");
}

#[test]
fn the_language_is_chosen_in_the_settings() {
    let Some(stage) = Stage::with("the languages of the page", Service::knowing) else { return };
    let browser = &stage.browser;
    browser.click("#settings-open");
    choose(&stage, "settings-language", "de");
    browser.wait_for_text("#health-text", "Bereit");
    assert_eq!(browser.run("return document.documentElement.lang"), "de");
    browser.click("#first-apple");
    stage.wait_for_labels(&["Apfel"]);
    browser.wait_for_text("#done-text", "„Apfel“ mit 3 Bildern hinzugefügt.");
    browser.click("#history-title");
    browser.wait_for_text("#history-list", "3 Bilder zu „Apfel“ hinzugefügt.");
    let missing = "return document.body.innerText.includes('undefined')";
    assert_eq!(browser.run(missing), false);
    snap(browser, "page-german");

    browser.click("#settings-open");
    choose(&stage, "settings-language", "");
    browser.wait_for_text("#health-text", "Ready");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chosen_colors_are_there_before_the_page_is() {
    let Some(stage) = Stage::set("the colors of the page") else { return };
    let browser = &stage.browser;
    browser.color_scheme("light");
    let light = background(&stage);
    browser.click("#settings-open");
    choose(&stage, "settings-theme", "dark");
    let dark = background(&stage);
    assert_ne!(light, dark);
    stage.open();
    assert_eq!(background(&stage), dark);
    let first = "return document.head.querySelector('script').outerHTML";
    assert_eq!(browser.run(first), "<script src=\"page/theme.js\"></script>");
    browser.click("#settings-open");
    choose(&stage, "settings-theme", "");
    assert_eq!(background(&stage), light);
    browser.color_scheme("dark");
    assert_eq!(background(&stage), dark);
}

#[test]
fn single_keys_work_where_nothing_is_typed_and_can_be_switched_off() {
    let Some(stage) = Stage::set("the keys of the page") else { return };
    let browser = &stage.browser;
    blur(&stage);
    for (key, dialog) in [("?", "help"), ("g", "galleries"), ("s", "settings")] {
        browser.press(key);
        browser.wait(dialog, || browser.run(OPEN) == dialog);
        browser.press("n");
        assert_eq!(browser.run(OPEN), dialog, "a dialog takes the keys");
        browser.press(ESCAPE);
        browser.wait("the dialog to close", || browser.run(OPEN) == "");
    }
    assert!(browser.text("#help-keys").contains("name a new class"));
    blur(&stage);
    browser.press("n");
    assert_eq!(browser.focused(), "teach-name");
    browser.press("n?g");
    let typed = "return document.getElementById('teach-name').value";
    assert_eq!(browser.run(typed), "n?g");
    assert_eq!(browser.run(OPEN), "");
    blur(&stage);
    browser.press("c");
    browser.wait_for_text("#camera-toggle", "Stop camera");
    browser.press("c");
    browser.wait_for_text("#camera-toggle", "Classify with camera");

    browser.press("s");
    browser.click("#settings-keys");
    browser.press(ESCAPE);
    stage.open();
    blur(&stage);
    browser.press("g");
    assert_eq!(browser.run(OPEN), "");
    browser.click("#help-open");
    browser.wait_for_text("#help-off", "switched off");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_last_change_is_undone_and_redone_by_keys() {
    let Some(stage) = Stage::with("undo by keys", || {
        let service = Service::start(&[]);
        service.enroll("mug", &draw::png(stripes(0))).ok();
        service
    }) else {
        return;
    };
    let browser = &stage.browser;
    stage.wait_for_labels(&["mug"]);
    blur(&stage);
    browser.press("u");
    stage.wait_for_labels(&[]);
    browser.press_with(&[CONTROL], "y");
    stage.wait_for_labels(&["mug"]);
    browser.press_with(&[CONTROL], "z");
    stage.wait_for_labels(&[]);
    browser.click("#history-title");
    browser.wait_for_text("#history-list", "just now");
    let exact = "return document.querySelector('#history-list time').title.length > 8";
    assert_eq!(browser.run(exact), true);
}

#[test]
fn what_is_kept_is_changed_from_the_line_at_the_foot() {
    let Some(stage) = Stage::set("the line about privacy") else { return };
    let browser = &stage.browser;
    browser.wait_for_text("footer", "Everything stays on this device. A thumbnail of each image");
    browser.click("#foot-change");
    assert_eq!(browser.focused(), "keep-images");
    choose(&stage, "keep-images", "off");
    // The dialog takes all clicks, so the bar is in it.
    browser.wait_for_text("#done-text", "From now on: No images are kept.");
    browser.click("#done-button");
    browser.wait_for_text("#keep-words", "A thumbnail of each image is kept.");
    browser.press(ESCAPE);
    browser.wait_for_text("footer", "A thumbnail of each image is kept.");
    let kept = stage.service.get("/v1/galleries/default").ok();
    assert_eq!(kept["keep_images"], "thumb");
}

#[test]
fn the_settings_say_which_engine_runs_and_fit_a_phone() {
    let Some(stage) = Stage::set("the settings on a phone") else { return };
    let browser = &stage.browser;
    browser.size(360, 740);
    browser.click("#settings-open");
    assert!(browser.text("#about-engine").contains("tract"));
    assert!(browser.text("#about-version").starts_with("0."));
    snap(browser, "settings-phone");
    for dialog in ["settings", "galleries", "help"] {
        browser.run("document.querySelector('dialog[open]')?.close()");
        browser.run(&format!("document.getElementById('{dialog}').showModal()"));
        let small = "return [...document.querySelectorAll('dialog[open] :is(button, select)')] \
            .filter((e) => e.offsetParent && e.offsetHeight < 36).map((e) => e.outerHTML)";
        assert_eq!(browser.run(small), json!([]), "too small for a finger");
        let width = "const box = document.querySelector('dialog[open]'); \
            return [box.scrollWidth <= box.clientWidth, document.documentElement.scrollWidth]";
        assert_eq!(browser.run(width), json!([true, 360]));
    }
    assert_eq!(browser.complaints(), [""; 0]);
}
