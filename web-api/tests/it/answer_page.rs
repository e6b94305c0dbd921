//! The answer on the page: what its bars show, the nearest example, several images as a table, the
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

    /// Whether all of an element is in the window.
    fn sees(&self, css: &str) -> bool {
        let script = format!(
            "const {{ top, bottom }} = document.querySelector('{css}').getBoundingClientRect(); \
             return top >= 0 && bottom <= innerHeight"
        );
        self.run(&script) == true
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
fn the_bars_show_the_numbers_beside_them() {
    let Some(stage) = taught("the bars of an answer") else { return };
    let browser = &stage.browser;
    // The widths agree with the numbers, and together they are everything.
    let agree = "const number = (text) => parseFloat(text.replace(/[<>]/, '')); \
        const bars = [...document.querySelectorAll('.bar')].map((bar) => [ \
            number(bar.querySelector('.bar-fill').style.width), \
            number(bar.querySelector('.bar-score').innerText)]); \
        const sum = bars.reduce((sum, [width]) => sum + width, 0); \
        return bars.every(([width, score]) => Math.abs(width - score) <= 1) \
            && Math.abs(sum - 100) < 1";
    stage.look_at(&[("checks", checks())]);
    browser.wait_for_text("#verdict", "I don't know this");
    assert_eq!(browser.run(agree), true);
    assert_eq!(browser.text(".bar.named .bar-label"), "none of them");
    assert!(browser.text("#bars-words").contains("how likely"));
    // The same image at another rate.
    browser.run(
        "const slider = document.getElementById('rate-slider'); slider.value = 20; \
         slider.dispatchEvent(new Event('input'))",
    );
    browser.wait_for_text("#verdict", "stripes");
    assert_eq!(browser.run(agree), true);
    assert_eq!(browser.text(".bar.named .bar-label"), "stripes");
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
        browser.wait_for_text("#note-text", "” has ");
        assert_eq!(browser.text("tr.selected .row-file"), "white.png");
        browser.click("#done-button");
        browser.wait("the undo", || stage.examples() == 4);
        browser.wait("the note to go", || !browser.is_shown("#note-text"));
        stage.wait_for_captions(&["stripes", "unknown", "columns"]);
    }
    browser.click("#look-clear");
    browser.wait("the table to go", || !browser.is_shown("#table"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_row_of_the_table_takes_any_class() {
    let Some(stage) = with_table("a row and any class") else { return };
    let browser = &stage.browser;
    for (width, height) in SIZES {
        browser.size(width, height);
        let heights = "return new Set([...document.querySelectorAll('#table-rows tr')] \
            .map((row) => row.offsetHeight)).size";
        assert_eq!(browser.run(heights), 1, "rows of one height");
        browser.click("#table-rows tr:nth-child(3) .row-wrong .button:last-child");
        browser.click("[data-do='another']");
        assert_eq!(browser.focused(), "Add columns.png to another class");
        browser.press(ENTER);
        browser.wait_for_text("#table-rows tr:nth-child(3) .error", "Enter a class name first");
        browser.press("pillar");
        browser.press(ENTER);
        browser.wait_for_text("#done-text", "pillar");
        browser.wait("the chips again", || !browser.is_shown(".row-form"));
        browser.wait("the image", || stage.examples() == 5);
        browser.click("#done-button");
        browser.wait("the undo", || stage.examples() == 4);
        stage.wait_for_captions(&["stripes", "unknown", "columns"]);
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_is_found_comes_into_sight() {
    let Some(stage) = taught("answers in sight") else { return };
    let browser = &stage.browser;
    for (width, height) in [(1366, 625), (390, 844)] {
        browser.size(width, height);
        browser.run("scrollTo(0, 0)");
        stage.look_at(&[("stripes", stripes(2))]);
        browser.wait_for_text("#verdict", "stripes");
        browser.wait("the answer in sight", || browser.sees("#verdict") && browser.sees("#bars"));
        browser.run("scrollTo(0, 0)");
        stage.look_at(&[("stripes", stripes(2)), ("white", unknown()), ("columns", columns(2))]);
        stage.wait_for_captions(&["stripes", "unknown", "columns"]);
        browser.wait("the table in sight", || browser.sees("#table-count"));
        browser.click("#look-clear");
    }
}

#[test]
fn a_second_correction_moves_the_image() {
    let Some(stage) = taught("a second correction") else { return };
    let browser = &stage.browser;
    stage.look_at(&[("checks", checks())]);
    browser.wait_for_text("#verdict", "I don't know this");
    browser.click("[aria-label='Add it to columns']");
    browser.wait_for_text("#note-text", "“columns” has 3 images");
    browser.type_into("#teach-as-name", "chess");
    browser.press(ENTER);
    browser.wait_for_text("#note-text", "It is in “chess” now");
    stage.wait_for_known(&[("chess", 1), ("columns", 2), ("stripes", 2)]);
    // The new class and the move are taken back as one.
    browser.click("#done-button");
    stage.wait_for_known(&[("columns", 3), ("stripes", 2)]);
}

#[test]
fn the_table_stays_while_the_camera_runs() {
    let Some(stage) = with_table("a table and the camera") else { return };
    let browser = &stage.browser;
    let digits = "return [...document.querySelectorAll('#teach-as-known .digit')] \
        .filter((digit) => digit.offsetParent).length";
    assert_ne!(browser.run(digits), 0);
    browser.click("#camera-toggle");
    browser.wait("the camera", || browser.is_shown("#live") && browser.is_shown("#correct"));
    stage.wait_for_captions(&["stripes", "unknown", "columns"]);
    // Its classes change their order, so they have no numbers.
    assert_eq!(browser.run(digits), 0);
    browser.click("#verdict");
    browser.press("1");
    browser.click("#table-rows tr:nth-child(3) .row-open");
    browser.wait_for_text("#camera-toggle", "Classify with camera");
    browser.wait_for_text("#verdict", "columns");
    assert_eq!(stage.examples(), 4);
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
    browser.wait_for_text("#note-text", "” has ");
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
    let head = "row,file,decision,answer,best_class,best_probability,second_class,\
        second_probability,unknown_probability,error";
    assert_eq!(lines[0], head);
    assert!(lines[1].starts_with("1,\"'=1,2.png\",accepted,stripes,stripes,"), "{text}");
    assert!(lines[2].starts_with("2,white.png,rejected,,stripes,"), "{text}");
    assert!(lines[3].starts_with("3,notes.png,,,,,,,,"), "{text}");
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
