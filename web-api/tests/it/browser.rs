//! The page in a real browser: enroll from files, classify, rename, delete; by keyboard, at the
//! width of a phone, with the camera.
//!
//! With `HANDFUL_SCREENSHOTS=DIR` some tests also save screenshots.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::draw;
use crate::images::{columns, stripes};
use crate::service::Service;
use crate::things;
use crate::webdriver::{Browser, ENTER, ESCAPE, TAB};

/// A browser that shows the page of a service.
pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) service: Service,
    dir: tempfile::TempDir,
}

impl Stage {
    /// None where there is no browser.
    pub(crate) fn set(test: &str) -> Option<Self> {
        Self::with(test, || Service::start(&[]))
    }

    pub(crate) fn with(test: &str, service: impl FnOnce() -> Service) -> Option<Self> {
        let browser = Browser::start(test)?;
        let service = service();
        let stage = Self { browser, service, dir: tempfile::tempdir().unwrap() };
        stage.open();
        Some(stage)
    }

    pub(crate) fn open(&self) {
        self.browser.go(&format!("http://{}/", self.service.address));
        self.browser.wait_for_text("#health-text", "Ready");
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn stripes(&self, shift: u8) -> PathBuf {
        self.file(&format!("stripes-{shift}.png"), &draw::png(stripes(shift)))
    }

    fn columns(&self, shift: u8) -> PathBuf {
        self.file(&format!("columns-{shift}.png"), &draw::png(columns(shift)))
    }

    pub(crate) fn teach(&self, label: &str, files: &[PathBuf]) {
        self.browser.type_into("#teach-name", label);
        self.browser.choose("#teach-files", files);
        self.browser.wait_for_text("#teach-status", "” has ");
    }

    pub(crate) fn labels(&self) -> Vec<String> {
        let script = "return [...document.querySelectorAll('.class-name')].map((e) => e.innerText)";
        let labels = self.browser.run(script);
        labels.as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned()).collect()
    }

    /// Chooses something from the menu of a class: `add`, `rename`, `meaning`, `images` or `delete`.
    pub(crate) fn act(&self, label: &str, action: &str) {
        self.browser.click(&format!("[aria-label='Actions for {label}']"));
        self.browser.click(&format!(".menu [data-do='{action}']"));
    }

    /// Waits until the service has these classes with these numbers of images.
    pub(crate) fn wait_for_known(&self, expected: &[(&str, u64)]) {
        let expected: Vec<(String, u64)> =
            expected.iter().map(|(label, n)| ((*label).to_owned(), *n)).collect();
        self.browser.wait(&format!("{expected:?}"), || self.service.known() == expected);
    }

    pub(crate) fn wait_for_labels(&self, expected: &[&str]) {
        self.browser.wait(&format!("the classes {expected:?}"), || self.labels() == expected);
    }
}

#[test]
fn enrolls_two_classes_from_files_and_classifies_a_third_image() {
    let Some(stage) = Stage::set("the page in a browser") else { return };
    let browser = &stage.browser;
    browser.wait_for_text("#classes-empty", "No classes yet");
    browser.choose("#look-files", &[stage.stripes(9)]);
    browser.wait_for_text("#answer", "has no classes yet");
    stage.teach("blue columns", &[0, 4, 8].map(|shift| stage.columns(shift)));
    stage.teach("red stripes", &[0, 4].map(|shift| stage.stripes(shift)));
    stage.wait_for_labels(&["blue columns", "red stripes"]);
    assert!(browser.text("#classes").contains("3 images"));
    // The page classifies the shown image again by itself.
    browser.wait_for_text("#verdict", "red stripes");
    browser.choose("#look-files", &[stage.columns(6), stage.stripes(6)]);
    browser.wait_for_text("#verdict", "blue columns");
    browser.wait_for_text("#table-rows", "red stripes");
    let bars = browser.text("#bars");
    assert!(bars.starts_with("blue columns") && bars.contains("red stripes"), "{bars}");
    assert!(browser.text("#about").contains("tract"));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// With the shipped bundle: the tiny bundle has random weights and confuses these objects.
#[test]
fn classifies_drawn_objects() {
    let Some(browser) = Browser::start("the page with drawn things") else { return };
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/resnet12-cifar-fs");
    if !shipped.is_dir() {
        eprintln!("skipped: drawn things on the page: models/bundles holds no bundle yet");
        return;
    }
    let service = Service::start(&["--bundle", shipped.to_str().unwrap()]);
    let dir = tempfile::tempdir().unwrap();
    for name in things::NAMES {
        for view in 0..5 {
            service.enroll(name, &draw::png(things::draw(name, view))).ok();
        }
    }
    // Drawings are unlike the photographs that the bundle's decision was fitted to.
    service.patch("/v1/galleries/default", r#"{"threshold":-2}"#).ok();
    browser.go(&format!("http://{}/", service.address));
    let new = things::NAMES.map(|name| {
        let path = dir.path().join(format!("{name}.png"));
        fs::write(&path, draw::png(things::draw(name, 9))).unwrap();
        path
    });
    browser.choose("#look-files", &new);
    let answers = "return [...document.querySelectorAll('.row-answer')].map((e) => e.innerText)";
    browser.wait("an answer for each", || browser.run(answers) == serde_json::json!(things::NAMES));
    take_screenshots(&browser);
}

#[test]
fn a_class_from_its_name_only_can_get_another_sense() {
    let Some(stage) = Stage::with("names on the page", Service::knowing) else { return };
    let browser = &stage.browser;
    browser.type_into("#teach-name", "mouse");
    browser.wait_for_text("#teach-sense", "a small rodent");
    browser.run(
        "const list = document.querySelector('#teach-sense select'); list.value = 'n00000014'",
    );
    browser.click("#teach-by-name");
    browser.wait_for_text("#teach-status", "it moves a pointer");
    browser.wait_for_text("#classes", "it moves a pointer");
    browser.choose("#look-files", &[stage.stripes(0)]);
    browser.wait_for_text("#verdict", "mouse");
    browser.click("#why > summary");
    browser.wait_for_text("#reason", "Based on its name only: it moves a pointer");
    stage.act("mouse", "meaning");
    browser.wait_for_text(".rename", "a small rodent");
    browser.run("const list = document.querySelector('.rename select'); list.value = 'n00000013'");
    browser.click("[aria-label=\"Save the meaning\"]");
    browser.wait_for_text("#classes", "a small rodent");
    browser.wait_for_text("#reason", "a small rodent");
    browser.type_into("#teach-name", "zebra");
    browser.click("#teach-by-name");
    stage.wait_for_labels(&["mouse", "zebra"]);

    stage.act("zebra", "meaning");
    browser.wait("the form", || browser.is_shown(".has"));
    browser.click(".has > summary");
    browser.wait_for_text(".has", "hoof");
    browser.click("[aria-label=\"Remove hoof\"]");
    browser.type_into(".has input", "handle");
    browser.click("[aria-label=\"Add the attribute\"]");
    browser.wait_for_text(".has", "handle");
    browser.run("document.querySelector('.rename select').dispatchEvent(new Event('change'))");
    browser.wait_for_text(".has", "handle");
    browser.click("[aria-label=\"Save the meaning\"]");
    stage.wait_for_labels(&["mouse", "zebra"]);
    stage.act("zebra", "meaning");
    browser.wait("the form", || browser.is_shown(".has"));
    browser.click(".has > summary");
    browser.wait_for_text(".has", "handle");
    assert!(!browser.text(".has").contains("hoof"));
    browser.type_into(".has input", "gizmo");
    browser.click("[aria-label=\"Save the meaning\"]");
    browser.wait_for_text("#classes", "`gizmo`");
}

#[test]
fn a_repeated_image_is_not_added_again() {
    let Some(stage) = Stage::set("the page in a browser") else { return };
    stage.teach("mug", &[stage.stripes(0)]);
    stage.browser.click("#teach-again");
    stage.browser.choose("#teach-files", &[stage.stripes(0)]);
    stage.browser.wait_for_text("#teach-status", "1 image was already there");
    assert!(stage.browser.text("#classes").contains("1 image"));
}

#[test]
fn a_bad_file_is_named_and_the_others_are_enrolled() {
    let Some(stage) = Stage::set("the page in a browser") else { return };
    let bad = stage.file("notes.png", b"these are notes");
    stage.teach("mug", &[stage.stripes(0), bad.clone(), stage.stripes(4)]);
    let errors = stage.browser.text("#teach-errors");
    assert!(errors.contains("notes.png") && errors.contains("JPEG"), "{errors}");
    stage.wait_for_labels(&["mug"]);
    assert!(stage.browser.text("#classes").contains("2 images"));
    stage.browser.choose("#look-files", &[bad]);
    stage.browser.wait_for_text("#look-error", "notes.png");
}

#[test]
fn images_wait_for_a_class_name() {
    let Some(stage) = Stage::set("the page in a browser") else { return };
    stage.browser.choose("#teach-files", &[stage.stripes(0)]);
    stage.browser.wait_for_text("#teach-name-error", "1 image waits for a name.");
    assert_eq!(stage.browser.focused(), "teach-name");
    stage.browser.press("mug");
    stage.browser.press(ENTER);
    stage.wait_for_labels(&["mug"]);
    assert!(!stage.browser.is_shown("#teach-name-error"));
    // The next name is that of another class.
    stage.browser.wait_for_text("#teach-status", "has 1 image");
    stage.browser.press("a/b");
    stage.browser.choose("#teach-files", &[stage.stripes(4)]);
    stage.browser.wait("the reason", || !stage.browser.text("#teach-errors").is_empty());
    assert_eq!(stage.labels(), ["mug"]);
}

#[test]
fn class_names_are_shown_as_text() {
    let Some(stage) = Stage::set("the page in a browser") else { return };
    let name = "<img src=x onerror=\"document.title='broken'\">";
    let right_to_left = "כוס ☕️ כחולה";
    stage.teach(name, &[stage.stripes(0)]);
    stage.teach(right_to_left, &[stage.columns(0)]);
    stage.wait_for_labels(&[name, right_to_left]);
    stage.browser.choose("#look-files", &[stage.stripes(0)]);
    stage.browser.wait_for_text("#verdict", "<img");
    assert_eq!(stage.browser.run("return document.title"), "Handful");
    assert_eq!(stage.browser.run("return document.querySelectorAll('[src=x]').length"), 0);
    assert_eq!(stage.browser.complaints(), [""; 0]);
}

#[test]
fn everything_works_by_keyboard() {
    let Some(stage) = Stage::set("the page by keyboard") else { return };
    let browser = &stage.browser;
    browser.tab_to("teach-name");
    browser.press("mug");
    browser.press(TAB);
    assert_eq!(browser.focused(), "teach-files");
    let outline =
        "return getComputedStyle(document.querySelector('[for=teach-files]')).outlineStyle";
    assert_eq!(browser.run(outline), "solid", "the focus must be visible");
    browser.choose("#teach-files", &[stage.stripes(0)]);
    stage.wait_for_labels(&["mug"]);

    browser.tab_to("Actions for mug");
    browser.press(ENTER);
    assert_eq!(browser.focused(), "Add images");
    browser.press(ENTER);
    browser.choose("#more-files", &[stage.stripes(4)]);
    browser.wait_for_text("#classes", "2 images");
    assert_eq!(browser.focused(), "Actions for mug", "a change must not take the focus");

    browser.press(ENTER);
    browser.press("r");
    browser.press(ENTER);
    browser.press("cup");
    browser.press(ENTER);
    stage.wait_for_labels(&["cup"]);
    browser.wait("the focus to stay", || browser.focused() == "Actions for cup");
    browser.press(ENTER);
    browser.press("r");
    browser.press(ENTER);
    browser.press(ESCAPE);
    assert_eq!(browser.focused(), "Actions for cup");
    stage.wait_for_labels(&["cup"]);

    browser.press(ENTER);
    browser.press("d");
    browser.press(ENTER);
    browser.wait("the question", || browser.focused() == "confirm-no");
    browser.press(ESCAPE);
    browser.wait("the focus to return", || browser.focused() == "Actions for cup");
    assert_eq!(stage.labels(), ["cup"]);
    browser.press(ENTER);
    browser.press("d");
    browser.press(ENTER);
    browser.wait("the question", || browser.focused() == "confirm-no");
    browser.press(TAB);
    assert_eq!(browser.focused(), "confirm-yes");
    browser.press(ENTER);
    stage.wait_for_labels(&[]);
    assert_eq!(stage.service.known(), []);
}

#[test]
fn a_taken_name_is_refused_in_its_row() {
    let Some(stage) = Stage::set("the page in a browser") else { return };
    stage.teach("cup", &[stage.columns(0)]);
    stage.teach("mug", &[stage.stripes(0)]);
    stage.wait_for_labels(&["cup", "mug"]);
    stage.act("mug", "rename");
    stage.browser.press("cup");
    stage.browser.press(ENTER);
    stage.browser.wait_for_text(".class .rename .error", "exists already");
}

#[test]
fn a_phone_needs_no_sideways_scrolling() {
    let Some(stage) = Stage::set("the page on a phone") else { return };
    let browser = &stage.browser;
    browser.size(360, 740);
    let long = "Ä".repeat(128);
    stage.teach(&long, &[stage.stripes(0)]);
    stage.teach("mug", &[stage.columns(0)]);
    browser.choose("#look-files", &[stage.stripes(0), stage.columns(0)]);
    browser.wait_for_text("#table-rows", "mug");
    let width =
        "return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]";
    assert_eq!(browser.run(width), serde_json::json!([360, 360, 360]));
    stage.act("mug", "rename");
    assert_eq!(browser.run(width), serde_json::json!([360, 360, 360]));
    let small = "return [...document.querySelectorAll('.button')].filter((e) => e.offsetParent) \
        .filter((e) => e.offsetHeight < 36).map((e) => e.innerText)";
    assert_eq!(browser.run(small), Value::Array(vec![]), "too small for a finger");
}

#[test]
fn the_camera_enrolls_and_classifies_live() {
    let Some(stage) = Stage::set("the page with a camera") else { return };
    let browser = &stage.browser;
    browser.click("#camera-toggle");
    browser.wait_for_text("#camera-toggle", "Stop camera");
    browser.wait_for_text("#answer", "has no classes yet");
    browser.type_into("#teach-name", "test image");
    browser.click("#teach-camera");
    stage.wait_for_labels(&["test image"]);
    browser.wait_for_text("#verdict", "test image");
    assert!(browser.text("#live").contains("Live"));
    browser.click("#camera-toggle");
    browser.wait_for_text("#camera-toggle", "Classify with camera");
    browser.wait_for_text("#answer", "The result appears here");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn without_a_live_camera_the_page_offers_photos_and_gives_the_reason() {
    // Another host name is not a secure context, so the browser gives no camera.
    let name = ["--host-resolver-rules=MAP device.test 127.0.0.1"];
    let Some(browser) = Browser::start_with("the page without a camera", &name) else { return };
    let service = Service::start(&["--allow-host", "device.test"]);
    let port = service.address.rsplit(':').next().unwrap();
    browser.go(&format!("http://device.test:{port}/"));
    browser.wait_for_text("#camera-note", "https or localhost");
    assert!(browser.is_shown("#look-capture") && !browser.is_shown("#camera-toggle"));
    let image = tempfile::NamedTempFile::with_suffix(".png").unwrap();
    fs::write(image.path(), draw::png(stripes(0))).unwrap();
    browser.choose("#look-photo", &[image.path().to_owned()]);
    browser.wait_for_text("#answer", "has no classes yet");
}

#[test]
fn the_page_reports_that_the_service_is_gone() {
    let Some(mut stage) = Stage::set("the page without its service") else { return };
    stage.service.signal("-KILL");
    stage.service.wait();
    stage.browser.choose("#look-files", &[stage.stripes(0)]);
    stage.browser.wait_for_text("#look-error", "does not answer");
    stage.browser.wait_for_text("#health-text", "Trying again");
}

/// Saves a screenshot if they are wanted.
/// Saves the whole page, if screenshots are wanted.
pub(crate) fn snap(browser: &Browser, name: &str) {
    save(browser, name, true);
}

/// The same for what is in view.
pub(crate) fn snap_view(browser: &Browser, name: &str) {
    save(browser, name, false);
}

fn save(browser: &Browser, name: &str, is_whole: bool) {
    let Some(dir) = std::env::var_os("HANDFUL_SCREENSHOTS") else { return };
    // Colors change softly.
    thread::sleep(Duration::from_millis(500));
    let path = Path::new(&dir).join(format!("{name}.png"));
    fs::write(path, from_base64(&browser.screenshot(is_whole))).unwrap();
}

fn take_screenshots(browser: &Browser) {
    for (width, height) in [(1280, 860), (360, 1500)] {
        for scheme in ["light", "dark"] {
            browser.size(width, height);
            browser.color_scheme(scheme);
            snap(browser, &format!("page-{width}-{scheme}"));
        }
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let digits: Vec<usize> = digits.collect();
    let group = |four: &[usize]| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        let bytes = [bits >> 16, bits >> 8, bits].map(|byte| byte as u8);
        bytes[..four.len() - 1].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}
