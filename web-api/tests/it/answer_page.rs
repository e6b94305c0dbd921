//! The answer on the page: where known begins, the nearest example, several images as a table, the
//! commands, the camera that holds its image.

use serde_json::{Value, json};

use access::Role;
use access::keys::Keys;

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::{columns, stripes};
use crate::rejecting::{checks, unknown};
use crate::service::{Service, examples};
use crate::unknown_page::taught;
use crate::webdriver::{Browser, DOWN, END, ENTER, ESCAPE, HOME, UP};

const SIZES: [(u32, u32); 2] = [(1280, 860), (390, 844)];
const FIRST_CHIP: &str = "#table-rows tr:nth-child(2) .row-wrong .button";

/// Keeps what would be copied or saved.
const KEEP: &str = "navigator.clipboard.writeText = async (text) => { window.kept = text }; \
    const make = URL.createObjectURL; URL.createObjectURL = (file) => { \
        if (file.type === 'text/csv') file.text().then((text) => { window.kept = text }); \
        return make(file); }";

impl Browser {
    fn kept(&self) -> String {
        let mut kept = Value::Null;
        self.wait("what was kept", || {
            kept =
                self.run("const { kept } = window; window.kept = undefined; return kept ?? null");
            kept != Value::Null
        });
        kept.as_str().unwrap().to_owned()
    }

    fn has_no_sideways_scrolling(&self) -> bool {
        self.run("return document.documentElement.scrollWidth <= innerWidth") == true
    }

    /// Chooses an order of the table.
    fn order(&self, order: &str) {
        self.run(&format!(
            "const list = document.querySelector('#table-order'); list.value = '{order}'; \
             list.dispatchEvent(new Event('change'))"
        ));
    }
}

#[test]
fn the_mark_on_the_bars_agrees_with_the_verdict() {
    let Some(stage) = taught("the mark where known begins") else { return };
    let browser = &stage.browser;
    let beyond = "const at = (css, side) => \
            parseFloat(document.querySelector(`#bars li:first-child ${css}`).style[side]); \
        return at('.bar-fill', 'width') >= at('.bar-mark', 'insetInlineStart')";
    stage.look_at(&[("checks", checks())]);
    browser.wait_for_text("#verdict", "I don't know this");
    assert_eq!(browser.run(beyond), false);
    // The same image at another rate.
    browser.run(
        "const slider = document.getElementById('rate-slider'); slider.value = 20; \
         slider.dispatchEvent(new Event('input'))",
    );
    browser.wait_for_text("#verdict", "stripes");
    assert_eq!(browser.run(beyond), true);
    assert!(browser.text("#bars li:first-child .bar-score").ends_with('%'));
}

#[test]
fn the_most_similar_example_is_shown_and_enlarged() {
    let Some(stage) = taught("the most similar example") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("stripes", stripes(2))]);
    browser.wait_for_text("#nearest-words", "Most similar image: stripes, ");
    browser.wait("its thumbnail", || {
        browser.run("return document.querySelector('#nearest img')?.naturalWidth > 0") == true
    });
    browser.click("#nearest");
    browser.wait_for_text("dialog[open]", "stripes");
    browser.press(ESCAPE);
    browser.wait("the focus to return", || browser.focused() == "nearest");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn one_click_corrects_an_answer_on_each_size() {
    let Some(stage) = taught("correcting on each size") else { return };
    let browser = &stage.browser;
    for (width, height) in SIZES {
        for scheme in ["light", "dark"] {
            browser.size(width, height);
            browser.color_scheme(scheme);
            stage.look_at(&[("stripes", stripes(2))]);
            browser.wait("the answer", || browser.is_shown("#correct"));
            assert_eq!(browser.text("#correct-title"), "Wrong? It is …");
            assert!(browser.has_no_sideways_scrolling());
            snap(browser, &format!("answer-{width}-{scheme}"));
            browser.click("[aria-label='Add it to columns']");
            browser.wait_for_text("#note-text", "“columns” has 3 images");
            browser.click("#done-button");
            browser.wait("the undo", || stage.service.known()[0].1 == 2);
            browser.wait("the note to go", || !browser.is_shown("#note-text"));
        }
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_digit_teaches_the_class_with_that_number() {
    let Some(stage) = taught("digits on the page") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("stripes", stripes(2))]);
    browser.wait_for_text("#teach-as-known .digit", "2");
    // In a field a digit is text.
    browser.click("#teach-as-name");
    browser.press("2");
    browser.press(ESCAPE);
    browser.click("#verdict");
    browser.press("2");
    browser.wait_for_text("#note-text", "“columns” has 3 images");
    assert_eq!(stage.service.known()[1], ("stripes".to_owned(), 2));
}

impl Stage {
    /// The number of examples of all classes.
    fn examples(&self) -> u64 {
        self.service.known().iter().map(|(_, count)| count).sum()
    }
}

/// The page with three rows: stripes, an unknown image, columns.
fn with_table(test: &str) -> Option<Stage> {
    let stage = taught(test)?;
    stage.look_at(&[("stripes", stripes(2)), ("white", unknown()), ("columns", columns(2))]);
    stage.wait_for_captions(&["stripes", "unknown", "columns"]);
    Some(stage)
}

#[test]
fn several_images_are_a_table_with_the_hardest_first() {
    let Some(stage) = with_table("a table of images") else { return };
    let browser = &stage.browser;
    assert_eq!(browser.text("#table-count"), "3 images · 1 unknown");
    browser.order("hardest");
    browser.wait("the unknown image first", || stage.captions()[0] == "unknown");
    browser.order("answer");
    browser.wait("names in order", || stage.captions() == json!(["columns", "unknown", "stripes"]));
    browser.order("given");
    stage.wait_for_captions(&["stripes", "unknown", "columns"]);
    for (width, height) in SIZES {
        browser.size(width, height);
        assert!(browser.has_no_sideways_scrolling());
        snap(browser, &format!("table-{width}"));
        browser.click(FIRST_CHIP);
        browser.wait("one more example", || stage.examples() == 5);
        browser.wait_for_text("#note-text", "Added");
        assert_eq!(browser.text("tr.selected .row-file"), "white.png");
        browser.click("#done-button");
        browser.wait("the undo", || stage.examples() == 4);
        browser.wait("the note to go", || !browser.is_shown("#note-text"));
        stage.wait_for_captions(&["stripes", "unknown", "columns"]);
    }
    browser.click("#table-rows tr:nth-child(3) .row-wrong .button:last-child");
    assert_eq!(browser.focused(), "teach-as-name");
    assert_eq!(browser.text("#verdict"), "columns");
    browser.click("#look-clear");
    browser.wait("the table to go", || !browser.is_shown("#table"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_table_works_by_keyboard() {
    let Some(stage) = with_table("the table by keyboard") else { return };
    let browser = &stage.browser;
    browser.tab_to("stripes.png: stripes");
    browser.press(DOWN);
    assert_eq!(browser.focused(), "white.png: unknown");
    assert_eq!(browser.text("#verdict"), "stripes");
    browser.press(ENTER);
    browser.wait_for_text("#verdict", "I don't know this");
    browser.press(END);
    assert_eq!(browser.focused(), "columns.png: columns");
    browser.press(HOME);
    browser.press(UP);
    assert_eq!(browser.focused(), "stripes.png: stripes");
    browser.press(DOWN);
    browser.press("1");
    browser.wait_for_text("#note-text", "Added");
    assert_eq!(browser.text("tr.selected .row-file"), "white.png");
    assert_eq!(stage.examples(), 5);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_table_is_saved_as_csv_that_computes_nothing() {
    let Some(stage) = taught("a table as CSV") else { return };
    let browser = &stage.browser;
    let notes = stage.file("notes.png", b"these are notes");
    let files = [stage.drawn("=1,2", stripes(2)), stage.drawn("white", unknown()), notes];
    browser.choose("#look-files", &files);
    stage.wait_for_captions(&["stripes", "unknown", "failed"]);
    browser.run(KEEP);
    browser.click("#table-csv");
    let text = browser.kept();
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').split("\r\n").collect();
    let head = "file,decision,answer,confidence,second_best,second_confidence,error";
    assert_eq!(lines[0], head);
    assert!(lines[1].starts_with("\"'=1,2.png\",accepted,stripes,"), "{text}");
    assert!(lines[2].starts_with("white.png,rejected,,"), "{text}");
    assert!(lines[3].starts_with("notes.png,,,,,,"), "{text}");
    assert_eq!(lines[4], "");
}

#[test]
fn what_was_done_is_copied_as_a_command_without_the_key() {
    let store = tempfile::tempdir().unwrap();
    let key = Keys::add(store.path(), "keeper", Role::Admin, None).unwrap().to_string();
    let started = Stage::with("commands on the page", || {
        let service = Service::start_on(store.path(), &[]).keeping(vec![store]);
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "image/png")];
        service.send("POST", &examples("mug"), &headers, &draw::png(stripes(0))).ok();
        service
    });
    let Some(stage) = started else { return };
    let browser = &stage.browser;
    browser.wait("the question for the key", || browser.is_shown("#key-field"));
    browser.type_into("#key-field", &key);
    browser.press(ENTER);
    stage.wait_for_labels(&["mug"]);
    stage.look_at(&[("it's", columns(0))]);
    browser.wait_for_text("#verdict", "mug");
    browser.run(KEEP);
    browser.click("#answer-more");
    browser.click("[data-do='curl-classify']");
    let command = browser.kept();
    let address = format!("'http://{}/v1/galleries/default/classify", stage.service.address);
    for part in [
        "curl -H \"authorization: Bearer $HANDFUL_KEY\" -H 'content-type: image/png' ",
        r"--data-binary '@it'\''s.png' ",
        &address,
    ] {
        assert!(command.contains(part), "{command} has no {part}");
    }
    assert!(!command.contains(&key));
    browser.wait_for_text("#answer-copied", "Copied");

    browser.type_into("#teach-as-name", "cup");
    browser.press(ENTER);
    browser.wait_for_text("#note-text", "“cup” has 1 image");
    browser.click("#answer-more");
    browser.click("[data-do='curl-teach']");
    assert!(browser.kept().contains("/classes/cup/examples?create=true'"));
}

#[test]
fn the_camera_holds_its_image_while_a_class_is_chosen() {
    let Some(stage) = taught("an image that the camera holds") else { return };
    let browser = &stage.browser;
    browser.click("#camera-toggle");
    browser.wait_for_text("#verdict", "I don't know this");
    browser.click("#teach-as-name");
    browser.wait_for_text("#live", "held");
    assert!(browser.is_shown("#shown"));
    let bars = browser.text("#bars");
    browser.press("test image");
    assert_eq!(browser.text("#bars"), bars);
    browser.press(ESCAPE);
    browser.wait_for_text("#live", "Live");
    browser.wait("the camera again", || !browser.is_shown("#shown"));
    browser.press("test image");
    browser.wait_for_text("#live", "held");
    browser.press(ENTER);
    browser.wait_for_text("#verdict", "test image");
    browser.wait_for_text("#live", "Live");
    browser.click("#done-button");
    stage.wait_for_labels(&["columns", "stripes"]);
    browser.wait_for_text("#verdict", "I don't know this");
    assert_eq!(browser.complaints(), [""; 0]);
}
