//! "Things it knows" on the page: the images of a class, its menu, search and order, many classes.

use serde_json::{Value, json};

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::Service;
use crate::webdriver::{CONTROL, END, ENTER, ESCAPE, HOME, RIGHT, SHIFT};

const GALLERY: &str = "/v1/galleries/default";
const DELETE: &str = "\u{e017}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
const COUNT: &str = ".select-count";

/// The page of a service with three images of a mug, one of a cup and two of a jug.
fn taught(test: &str, width: u32) -> Option<Stage> {
    let stage = Stage::with(test, || {
        let service = Service::start(&[]);
        for shift in [0, 4, 8] {
            service.enroll("mug", &draw::png(stripes(shift))).ok();
        }
        service.enroll("cup", &draw::png(columns(0))).ok();
        for shift in [2, 6] {
            service.enroll("jug", &draw::png(columns(shift))).ok();
        }
        service
    })?;
    stage.browser.size(width, if width < 600 { 844 } else { 860 });
    stage.wait_for_labels(&["cup", "jug", "mug"]);
    Some(stage)
}

impl Stage {
    /// Opens the row of the mug.
    fn open_mug(&self) {
        self.browser.click("[aria-label='Images of mug']");
        self.wait_for_images(3);
    }

    /// Waits until `n` images of the open row are loaded.
    fn wait_for_images(&self, n: usize) {
        let loaded = "return [...document.querySelectorAll('.thumb img')] \
            .filter((e) => e.complete && e.naturalWidth > 0).length";
        self.browser.wait(&format!("{n} images"), || self.browser.run(loaded) == n);
    }

    fn order_by(&self, order: &str) {
        self.browser.run(&format!(
            "const list = document.getElementById('classes-sort'); list.value = '{order}'; \
             list.dispatchEvent(new Event('change'))"
        ));
    }

    fn shown_labels(&self) -> Value {
        self.browser.run(
            "return [...document.querySelectorAll('.class:not([hidden]) .class-name')] \
                 .map((e) => e.textContent)",
        )
    }
}

/// An expression for the row of a class.
fn row_of(label: &str) -> String {
    format!("document.querySelector(\"[aria-label='Actions for {label}']\").closest('.class')")
}

#[test]
fn each_row_shows_images_and_whether_they_are_enough() {
    for width in [1280, 390] {
        let Some(stage) = taught("rows with images", width) else { return };
        let browser = &stage.browser;
        browser.run("document.getElementById('classes').scrollIntoView()");
        let loaded = "return [...document.querySelectorAll('.strip img')] \
            .filter((e) => e.naturalWidth > 0).length";
        browser.wait("the images of the rows", || browser.run(loaded) == 6);
        let words = "return [...document.querySelectorAll('#classes .class-count')].map((e) => e.innerText)";
        let expected = [
            "1 image · add 4 more images",
            "2 images · add 3 more images",
            "3 images · add 2 more images",
        ];
        assert_eq!(browser.run(words), json!(expected));
        assert_eq!(
            browser.run("return [document.documentElement.scrollWidth, innerWidth]"),
            json!([width, width])
        );
        for scheme in ["light", "dark"] {
            browser.color_scheme(scheme);
            snap(browser, &format!("list-{width}-{scheme}"));
        }
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

#[test]
fn the_menu_of_a_class_is_used_by_keyboard() {
    let Some(stage) = taught("the menu of a class", 1280) else { return };
    let browser = &stage.browser;
    browser.tab_to("Actions for mug");
    browser.press(ENTER);
    assert_eq!(browser.focused(), "Add images");
    let expanded = "return document.querySelector(\"[aria-label='Actions for mug']\").ariaExpanded";
    assert_eq!(browser.run(expanded), "true");
    browser.press(UP);
    assert_eq!(browser.focused(), "Delete");
    browser.press(DOWN);
    browser.press(DOWN);
    assert_eq!(browser.focused(), "Rename");
    browser.press("s");
    assert_eq!(browser.focused(), "Show images");
    browser.press(ESCAPE);
    assert_eq!(browser.focused(), "Actions for mug");
    assert_eq!(browser.run(expanded), "false");
    browser.press(ENTER);
    browser.press("s");
    browser.press(ENTER);
    stage.wait_for_images(3);
}

#[test]
fn images_are_selected_removed_and_moved_as_one_change() {
    let Some(stage) = taught("selected images", 1280) else { return };
    let browser = &stage.browser;
    stage.open_mug();
    browser.click(".thumb");
    assert_eq!(browser.focused(), "Image 1 of mug");
    assert_eq!(browser.text(COUNT), "1 selected");
    browser.press_with(&[SHIFT], RIGHT);
    assert_eq!(browser.text(COUNT), "2 selected");
    browser.press(ESCAPE);
    assert_eq!(browser.text(COUNT), "3 images");
    browser.press_with(&[CONTROL], "a");
    assert_eq!(browser.text(COUNT), "3 selected");
    browser.press(HOME);
    browser.press_with(&[SHIFT], RIGHT);
    browser.press(DELETE);
    browser.wait_for_text("#done-text", "Deleted 2 images from “mug”.");
    stage.wait_for_known(&[("cup", 1), ("jug", 2), ("mug", 1)]);
    browser.wait("the focus to stay", || browser.focused() == "Image 1 of mug");
    browser.press_with(&[CONTROL], "z");
    stage.wait_for_known(&[("cup", 1), ("jug", 2), ("mug", 3)]);
    stage.wait_for_images(3);

    browser.press(END);
    browser.click(".select-bar [data-do='move']");
    assert_eq!(browser.focused(), "Move 1 image to");
    let choices = "return [...document.querySelector('.images select').options].map((e) => e.text)";
    assert_eq!(browser.run(choices), json!(["choose a class", "cup", "jug", "None of these"]));
    browser.press(ESCAPE);
    browser.wait("the focus to return", || browser.focused() == "Image 3 of mug");
    browser.click(".select-bar [data-do='move']");
    browser.click("[aria-label='Move 1 image to the chosen class']");
    assert_eq!(browser.focused(), "Move 1 image to", "no class is taken that was not chosen");
    browser.run("document.querySelector('.images select').value = '=cup'");
    browser.click("[aria-label='Move 1 image to the chosen class']");
    browser.wait_for_text("#done-text", "Moved 1 image to “cup”.");
    stage.wait_for_known(&[("cup", 2), ("jug", 2), ("mug", 2)]);
    stage.wait_for_images(2);

    browser.click(".thumb");
    browser.click(".select-bar [data-do='move']");
    browser.run("document.querySelector('.images select').value = '='");
    browser.click("[aria-label='Move 1 image to the chosen class']");
    browser.wait_for_text("#done-text", "Moved 1 image to “None of these”.");
    assert_eq!(stage.service.get(GALLERY).ok()["background_examples"], 1);
    browser.click("#done-button");
    stage.wait_for_known(&[("cup", 2), ("jug", 2), ("mug", 2)]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_slash_searches_also_among_a_few_classes() {
    let Some(stage) = taught("searching a few classes", 1280) else { return };
    let browser = &stage.browser;
    stage.wait_for_labels(&["cup", "jug", "mug"]);
    assert!(!browser.is_shown("#classes-search"));
    browser.press("/");
    assert_eq!(browser.focused(), "classes-search");
    browser.press("cu");
    browser.wait_for_text("#classes-count", "1 of 3 classes");
    browser.press(ESCAPE);
    browser.wait_for_text("#classes-count", "3 classes");
    browser.press(ESCAPE);
    assert!(!browser.is_shown("#classes-search"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn an_image_is_enlarged_and_removed_there() {
    for width in [1280, 390] {
        let Some(stage) = taught("an enlarged image", width) else { return };
        let browser = &stage.browser;
        stage.open_mug();
        browser.run("document.querySelector('.thumb').focus()");
        browser.press(ENTER);
        browser.wait_for_text("#enlarge-title", "mug · 1 of 3");
        browser.wait("the image", || {
            browser.run("return document.querySelector('.enlarged').naturalWidth > 0") == true
        });
        browser.wait_for_text("#enlarge .fine", "a program");
        snap(browser, &format!("enlarge-{width}"));
        browser.press(RIGHT);
        browser.wait_for_text("#enlarge-title", "mug · 2 of 3");
        browser.press(DELETE);
        browser.wait_for_text("#enlarge-title", "mug · 2 of 2");
        browser.click("#done-button");
        stage.wait_for_known(&[("cup", 1), ("jug", 2), ("mug", 3)]);
        browser.press(ESCAPE);
        browser.wait("the focus to return", || browser.focused().starts_with("Image "));
        // What was looked at is not selected.
        browser.wait_for_text(COUNT, "3 images");
        assert_eq!(
            browser.run("return document.getElementById('done').parentNode.tagName"),
            "BODY"
        );
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

#[test]
fn a_finger_enlarges_with_a_tap_and_selects_by_resting() {
    let Some(stage) = taught("images under a finger", 390) else { return };
    let browser = &stage.browser;
    stage.open_mug();
    browser.drag("touch", ".thumb", (0.5, 0.5), (0.5, 0.5));
    browser.wait_for_text("#enlarge-title", "mug · 1 of 3");
    browser.click("#enlarge .card-head button");
    browser.wait("the image to close", || !browser.is_shown("#enlarge-title"));
    browser.click(".select-bar [data-do='pick']");
    // Not the first one: the browser could take this tap and the one above for a double tap.
    for n in [2, 3] {
        browser.drag("touch", &format!(".thumb:nth-child({n})"), (0.5, 0.5), (0.5, 0.5));
    }
    browser.wait_for_text(COUNT, "2 selected");
    browser.click(".select-bar [data-do='remove']");
    stage.wait_for_known(&[("cup", 1), ("jug", 2), ("mug", 1)]);
}

#[test]
fn images_are_dragged_to_another_row_and_files_are_dropped_on_one() {
    let Some(stage) = taught("dropping on rows", 1280) else { return };
    let browser = &stage.browser;
    stage.open_mug();
    browser.click(".thumb:nth-child(2)");
    let drag = format!(
        "const data = new DataTransfer(); \
         const send = (type, to) => to.dispatchEvent(new DragEvent(type, \
             {{ bubbles: true, cancelable: true, dataTransfer: data }})); \
         send('dragstart', document.querySelector('.thumb:nth-child(2)')); \
         send('dragover', {0}); send('drop', {0})",
        row_of("cup")
    );
    browser.run(&drag);
    browser.wait_for_text("#done-text", "Moved 1 image to “cup”.");
    stage.wait_for_known(&[("cup", 2), ("jug", 2), ("mug", 2)]);

    let drop = format!(
        "const data = new DataTransfer(); const canvas = document.createElement('canvas'); \
         const paint = canvas.getContext('2d'); paint.fillStyle = 'red'; \
         paint.fillRect(20, 20, 90, 60); \
         canvas.toBlob((blob) => {{ data.items.add(new File([blob], 'a.png', \
             {{ type: 'image/png' }})); \
             for (const type of ['dragover', 'drop']) {}.dispatchEvent(new DragEvent(type, \
                 {{ bubbles: true, cancelable: true, dataTransfer: data }})); }})",
        row_of("jug")
    );
    browser.run(&drop);
    stage.wait_for_known(&[("cup", 2), ("jug", 3), ("mug", 2)]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn classes_are_searched_and_ordered() {
    let Some(stage) = taught("many classes", 1280) else { return };
    let browser = &stage.browser;
    assert!(!browser.is_shown("#classes-find"), "three classes need no search");
    for n in 0..300 {
        stage.service.put(&format!("{GALLERY}/classes/thing%20{n:03}"), "{}").ok();
    }
    stage.service.enroll("Übertopf", &draw::png(columns(9))).ok();
    stage.open();
    browser.wait_for_text("#classes-count", "304 classes");
    let rows = "return document.querySelectorAll('.class').length";
    browser.wait("all rows", || browser.run(rows) == 304);
    browser.type_into("#classes-search", "uber");
    browser.wait_for_text("#classes-count", "1 of 304 classes");
    assert_eq!(stage.shown_labels(), json!(["Übertopf"]));
    browser.press("x");
    browser.wait_for_text("#classes-empty", "No class has this in its name.");
    browser.press(ESCAPE);
    browser.wait_for_text("#classes-count", "304 classes");

    stage.order_by("newest");
    browser.wait("the newest first", || stage.shown_labels()[0] == "Übertopf");
    stage.order_by("fewest");
    browser.wait("a class without images first", || stage.shown_labels()[0] == "thing 000");
    stage.order_by("name");
    browser.wait("the first name first", || stage.shown_labels()[0] == "cup");

    // A change draws its row only.
    browser.run("for (const e of document.querySelectorAll('.class')) e.old = true");
    stage.service.delete(&format!("{GALLERY}/classes/cup")).ok();
    browser.run("window.dispatchEvent(new Event('focus'))");
    browser.wait_for_text("#classes-count", "303 classes");
    let kept = "return [...document.querySelectorAll('.class')].filter((e) => e.old).length";
    assert_eq!(browser.run(kept), 303);
}
