//! The images of the page in the documentation, each of a state that the page is brought to here:
//! with `HANDFUL_SCREENSHOTS=docs` they are written anew.

use std::path::Path;

use crate::browser::{Stage, snap_view};
use crate::service::Service;
use crate::{draw, things};

// High enough for what is shown: thumbnails are loaded where they are seen.
const DESKTOP: (u32, u32) = (1280, 1400);
const PHONE: (u32, u32) = (390, 1500);
/// The names of all things but one, which stays unknown.
const TAUGHT: [&str; 3] = [things::NAMES[0], things::NAMES[1], things::NAMES[2]];
const OTHER: &str = things::NAMES[3];
/// Drawings are unlike the photographs that the bundle's decision was fitted to.
const RATE: &str = r#"{"rate":0.1}"#;

/// A page of a service with the shipped bundle.
fn stage(test: &str, things: &[&str]) -> Option<Stage> {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0");
    if !bundle.is_dir() {
        eprintln!("skipped: {test}: models/bundles holds no bundle yet");
        return None;
    }
    Stage::with(test, || {
        let store = tempfile::tempdir().unwrap();
        let service = Service::start_with(&bundle, store.path(), &[]).keeping(vec![store]);
        for name in things {
            for view in 0..5 {
                service.enroll(name, &draw::png(things::draw(name, view))).ok();
            }
        }
        service.patch("/v1/galleries/default", RATE).ok();
        service
    })
}

impl Stage {
    fn shows(&self, (width, height): (u32, u32), scheme: &str) {
        self.browser.size(width, height);
        self.browser.color_scheme(scheme);
    }

    /// Classifies images of things that were not enrolled.
    fn ask(&self, asked: &[(&str, u32)]) {
        let files: Vec<_> = asked
            .iter()
            .map(|(name, view)| {
                let file = format!("{}-{view}.png", name.replace(' ', "-"));
                self.file(&file, &draw::png(things::draw(name, *view)))
            })
            .collect();
        self.browser.choose("#look-files", &files);
    }

    /// Waits for the thumbnails of the rows, and takes the image.
    fn take(&self, name: &str) {
        let waiting = "return [...document.querySelectorAll('.strip img, #nearest img')] \
            .filter((e) => e.offsetParent && !e.naturalWidth).length";
        self.browser.run("scrollTo(0, 0); document.activeElement.blur()");
        self.browser.wait("the thumbnails", || self.browser.run(waiting) == 0);
        snap_view(&self.browser, name);
    }
}

#[test]
fn the_first_visit() {
    let Some(stage) = stage("the first visit", &[]) else { return };
    stage.shows(DESKTOP, "light");
    stage.browser.wait("the first steps", || stage.browser.is_shown("#first-apple"));
    stage.take("first");
}

#[test]
fn answers_and_things_on_each_size() {
    let Some(stage) = stage("the images of the documentation", &TAUGHT) else { return };
    let browser = &stage.browser;
    stage.wait_for_labels(&TAUGHT);
    stage.shows(DESKTOP, "light");
    stage.ask(&[(TAUGHT[0], 9)]);
    browser.wait_for_text("#verdict", TAUGHT[0]);
    stage.take("page");
    stage.shows(PHONE, "dark");
    stage.take("page-phone");

    stage.shows(DESKTOP, "light");
    stage.ask(&[(OTHER, 9)]);
    browser.wait_for_text("#verdict", "I don't know this");
    stage.take("unknown");

    stage.ask(&[(TAUGHT[0], 8), (OTHER, 7), (TAUGHT[2], 8), (TAUGHT[1], 8), (TAUGHT[0], 7)]);
    let rows = "return document.querySelectorAll('#table-rows tr .row-answer').length";
    browser.wait("the table", || browser.run(rows) == 5);
    browser.wait_for_text("#table-count", "5 images");
    stage.shows(DESKTOP, "dark");
    stage.take("table");
}

#[test]
fn the_images_of_a_class() {
    let Some(stage) = stage("the images of a class", &TAUGHT) else { return };
    let browser = &stage.browser;
    stage.shows(DESKTOP, "light");
    stage.wait_for_labels(&TAUGHT);
    browser.click(&format!("[aria-label='Images of {}']", TAUGHT[1]));
    let loaded = "return [...document.querySelectorAll('.thumb img')] \
        .filter((e) => e.complete && e.naturalWidth > 0).length";
    browser.wait("the images", || browser.run(loaded) == 5);
    browser.click(".thumb");
    browser.wait_for_text(".select-count", "1 selected");
    stage.take("things");
}

#[test]
fn a_series_from_the_camera() {
    let Some(stage) = stage("a series from the camera", &TAUGHT) else { return };
    let browser = &stage.browser;
    stage.shows(PHONE, "light");
    browser.type_into("#teach-name", "clock");
    // It moves the buttons below it.
    browser.wait_for_text("#teach-sense", "timepiece");
    browser.click("#teach-camera");
    browser.wait_for_text("#teach-camera", "Take images");
    let is_ready = "return document.getElementById('video').videoWidth > 0";
    browser.wait("the camera", || browser.run(is_ready) == true);
    browser.hold("mouse", "#teach-camera", 3000);
    browser.wait("the tray", || browser.is_shown("#tray"));
    browser.run("document.getElementById('teach-form').scrollIntoView()");
    snap_view(browser, "camera-phone");
}

#[test]
fn the_settings() {
    let Some(stage) = stage("the settings", &TAUGHT) else { return };
    stage.shows(DESKTOP, "dark");
    stage.wait_for_labels(&TAUGHT);
    stage.browser.click("#settings-open");
    stage.browser.wait("the engine", || !stage.browser.text("#about-engine").is_empty());
    snap_view(&stage.browser, "settings");
}
