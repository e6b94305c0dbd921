//! A part of an image on the page: it is dragged on the preview, or set with the keyboard.

use serde_json::{Value, json};

use crate::browser::Stage;
use crate::crop::side_by_side;
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{CLASSIFY, Service, class};
use crate::webdriver::{ESCAPE, RIGHT, SHIFT};

const AREA: &str = "#look-crop-area";
const LEFT_HALF: [(f64, f64); 2] = [(0.01, 0.02), (0.49, 0.98)];
const RIGHT_HALF: [(f64, f64); 2] = [(0.51, 0.02), (0.99, 0.98)];

/// The page of a service that knows stripes and columns; it records what it asks.
fn taught(test: &str) -> Option<Stage> {
    let stage = Stage::with(test, || {
        let service = Service::start(&[]);
        service.enroll("stripes", &draw::png(stripes(0))).ok();
        service.enroll("columns", &draw::png(columns(0))).ok();
        service
    })?;
    stage.wait_for_labels(&["columns", "stripes"]);
    stage.browser.run(
        "window.asked = []; const before = window.fetch; \
         window.fetch = (path, rest) => { window.asked.push(path); return before(path, rest); }",
    );
    Some(stage)
}

impl Stage {
    fn look_at_two_things(&self) {
        self.browser.choose("#look-files", &[self.file("two.png", &draw::png(side_by_side()))]);
        self.browser.wait("the preview", || self.browser.is_shown(AREA));
        self.browser.wait("an answer", || !self.browser.text("#verdict").is_empty());
    }

    fn drag_on_image(&self, pointer: &str, [from, to]: [(f64, f64); 2]) {
        self.browser.drag(pointer, AREA, from, to);
    }

    /// The paths of calls that begin so, oldest first.
    fn asked(&self, start: &str) -> Vec<String> {
        let asked = self.browser.run("return window.asked");
        let asked = asked.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned());
        asked.filter(|path| path.starts_with(start)).collect()
    }

    /// The crop of the last call that begins so; `None` if it is of the whole image.
    fn last_crop(&self, start: &str) -> Option<String> {
        let asked = self.asked(start);
        let (_, crop) = asked.last()?.split_once("crop=")?;
        Some(crop.to_owned())
    }
}

/// Left, top, width and height.
fn sides(crop: &str) -> Vec<f64> {
    crop.split(',').map(|side| side.parse().unwrap()).collect()
}

fn assert_near(crop: &str, expected: [f64; 4], tolerance: f64) {
    let sides = sides(crop);
    assert_eq!(sides.len(), 4, "{crop}");
    let is_near =
        sides.iter().zip(expected).all(|(side, wanted)| (side - wanted).abs() < tolerance);
    assert!(is_near, "{crop} is not near {expected:?}");
}

#[test]
fn a_part_is_dragged_with_mouse_pen_and_finger() {
    let Some(stage) = taught("a part of an image on the page") else { return };
    let browser = &stage.browser;
    stage.look_at_two_things();
    assert_eq!(stage.last_crop(CLASSIFY), None);
    assert!(browser.text("#look-crop").contains("Drag on the image"));
    assert!(!browser.is_shown("#look-crop-whole"));
    for (pointer, half, label, left) in [
        ("mouse", LEFT_HALF, "stripes", 0.01),
        ("mouse", RIGHT_HALF, "columns", 0.51),
        ("touch", LEFT_HALF, "stripes", 0.01),
        ("pen", RIGHT_HALF, "columns", 0.51),
    ] {
        // Outside of the part before, or the drag would move it.
        if browser.is_shown("#look-crop-whole") {
            browser.click("#look-crop-whole");
        }
        if pointer == "touch" {
            // Only devices with touch show the button.
            browser.run("document.getElementById('look-crop-choose').click()");
        }
        stage.drag_on_image(pointer, half);
        browser.wait(&format!("the part of {pointer}"), || {
            stage.last_crop(CLASSIFY).is_some_and(|crop| (sides(&crop)[0] - left).abs() < 0.02)
        });
        let crop = stage.last_crop(CLASSIFY).unwrap();
        assert_near(&crop, [left, 0.02, 0.48, 0.96], 0.02);
        assert!(crop.split(',').all(|side| side.len() == 6), "{crop} has 4 decimals");
        browser.wait_for_text("#verdict", label);
        let file = draw::png(side_by_side());
        let answer = stage.service.post(&format!("{CLASSIFY}?crop={crop}"), &file).ok();
        assert_eq!(answer["results"][0]["label"], label);
        browser.wait_for_text("#look-crop-status", "Only the marked part is used");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_finger_on_the_whole_image_scrolls_the_page() {
    let Some(stage) = taught("a finger on an image") else { return };
    let browser = &stage.browser;
    browser.size(390, 844);
    stage.look_at_two_things();
    let before = stage.asked(CLASSIFY).len();
    stage.drag_on_image("touch", [(0.5, 0.9), (0.4, 0.1)]);
    assert!(!browser.is_shown("#look-crop-whole"));
    assert_eq!(stage.asked(CLASSIFY).len(), before);
}

#[test]
fn the_whole_image_is_used_again() {
    let Some(stage) = taught("the whole image on the page") else { return };
    let browser = &stage.browser;
    stage.look_at_two_things();
    stage.drag_on_image("mouse", LEFT_HALF);
    browser.wait("a part", || stage.last_crop(CLASSIFY).is_some());
    browser.click("#look-crop-whole");
    browser.wait("the whole image", || stage.last_crop(CLASSIFY).is_none());
    browser.wait_for_text("#look-crop-status", "The whole image is used");
    assert!(!browser.is_shown("#look-crop-whole"));
    assert_eq!(browser.focused(), "look-crop-area");

    stage.drag_on_image("mouse", RIGHT_HALF);
    browser.wait("a part", || stage.last_crop(CLASSIFY).is_some());
    browser.press(ESCAPE);
    browser.wait("the whole image", || stage.last_crop(CLASSIFY).is_none());
    // A click is no part.
    let before = stage.asked(CLASSIFY).len();
    stage.drag_on_image("mouse", [(0.5, 0.5); 2]);
    assert!(!browser.is_shown("#look-crop-whole"));
    assert_eq!(stage.asked(CLASSIFY).len(), before);
}

#[test]
fn a_part_is_moved_and_resized() {
    let Some(stage) = taught("moving a part of an image") else { return };
    let browser = &stage.browser;
    stage.look_at_two_things();
    let is_near = |expected: [f64; 4]| {
        let crop = stage.last_crop(CLASSIFY);
        crop.is_some_and(|crop| {
            sides(&crop).iter().zip(expected).all(|(side, wanted)| (side - wanted).abs() < 0.02)
        })
    };
    stage.drag_on_image("mouse", [(0.2, 0.2), (0.5, 0.6)]);
    browser.wait("the part", || is_near([0.2, 0.2, 0.3, 0.4]));
    stage.drag_on_image("mouse", [(0.35, 0.4), (0.45, 0.3)]);
    browser.wait("the part elsewhere", || is_near([0.3, 0.1, 0.3, 0.4]));
    stage.drag_on_image("mouse", [(0.6, 0.5), (0.9, 0.9)]);
    browser.wait("a larger part", || is_near([0.3, 0.1, 0.6, 0.8]));
    // It stays in the image.
    stage.drag_on_image("mouse", [(0.5, 0.5), (0.95, 0.5)]);
    browser.wait("the part at the edge", || is_near([0.4, 0.1, 0.6, 0.8]));
}

#[test]
fn a_part_is_set_with_the_keyboard() {
    let Some(stage) = taught("a part of an image by keyboard") else { return };
    let browser = &stage.browser;
    stage.look_at_two_things();
    browser.tab_to("look-crop-area");
    browser.press(RIGHT);
    browser.wait("the middle", || {
        stage.last_crop(CLASSIFY).as_deref() == Some("0.2500,0.2500,0.5000,0.5000")
    });
    browser.press(RIGHT);
    browser.press_with(&[SHIFT], RIGHT);
    browser.wait("a larger part further right", || {
        stage.last_crop(CLASSIFY).as_deref() == Some("0.2700,0.2500,0.5200,0.5000")
    });
    browser.press(ESCAPE);
    browser.wait("the whole image", || stage.last_crop(CLASSIFY).is_none());
}

#[test]
fn only_a_single_image_has_parts() {
    let Some(stage) = taught("parts of several images") else { return };
    let browser = &stage.browser;
    let two = stage.file("two.png", &draw::png(side_by_side()));
    let one = stage.file("one.png", &draw::png(stripes(2)));
    browser.choose("#look-files", &[two, one]);
    browser.wait_for_text("#table-rows", "stripes");
    assert!(!browser.is_shown(AREA) && !browser.is_shown("#look-crop"));
    stage.look_at_two_things();
    stage.drag_on_image("mouse", LEFT_HALF);
    browser.wait("a part", || stage.last_crop(CLASSIFY).is_some());
    // Another image begins without a part.
    stage.look_at_two_things();
    browser.wait("the whole image", || stage.last_crop(CLASSIFY).is_none());
    assert!(!browser.is_shown("#look-crop-whole"));
}

/// The preview leaves bars beside a narrow image, and the page may be small.
#[test]
fn the_part_follows_the_image_as_it_is_drawn() {
    let Some(stage) = taught("a narrow image on the page") else { return };
    let browser = &stage.browser;
    let narrow = stage.file("narrow.png", &draw::png(draw::gradient(40, 160)));
    browser.choose("#look-files", &[narrow]);
    browser.wait("the preview", || browser.is_shown(AREA));
    let shape = "const area = document.querySelector('#look-crop-area').getBoundingClientRect(); \
        const image = document.querySelector('#shown').getBoundingClientRect(); \
        return [area.width / area.height, (area.left + area.right - image.left - image.right) / 2, \
            area.height / image.height, image.width > 2 * area.width]";
    for width in [1280, 360] {
        browser.size(width, 740);
        browser.wait("the shape of the image", || {
            let found = browser.run(shape);
            let near = |at: usize, wanted: f64| (found[at].as_f64().unwrap() - wanted).abs();
            near(0, 0.25) < 0.01 && near(1, 0.0) < 1.0 && near(2, 1.0) < 0.01 && found[3] == true
        });
        stage.drag_on_image("mouse", [(0.1, 0.5), (0.9, 0.95)]);
        browser.wait("a part", || stage.last_crop(CLASSIFY).is_some());
        assert_near(&stage.last_crop(CLASSIFY).unwrap(), [0.1, 0.5, 0.8, 0.45], 0.03);
        let scroll = "return [document.documentElement.scrollWidth, innerWidth]";
        assert_eq!(browser.run(scroll), json!([width, width]));
        browser.press(ESCAPE);
        browser.wait("the whole image", || stage.last_crop(CLASSIFY).is_none());
    }
}

#[test]
fn a_part_is_taught_from_an_answer() {
    let Some(stage) = taught("teaching a part of an image") else { return };
    let browser = &stage.browser;
    stage.look_at_two_things();
    stage.drag_on_image("mouse", LEFT_HALF);
    browser.wait("a part", || stage.last_crop(CLASSIFY).is_some());
    browser.wait_for_text("#verdict", "stripes");
    browser.click("#teach-as-name");
    browser.press("bars");
    browser.click("#teach-as-save");
    browser.wait_for_text("#note-text", "“bars” has 1 image");
    let crop = stage.last_crop(&class("bars")).unwrap();
    assert_near(&crop, [0.01, 0.02, 0.48, 0.96], 0.02);
    assert_listed(&stage, "bars", &crop);
}

#[test]
fn the_object_is_marked_before_an_image_is_added() {
    let Some(stage) = taught("marking an object before it is added") else { return };
    let browser = &stage.browser;
    let two = stage.file("two.png", &draw::png(side_by_side()));
    browser.type_into("#teach-name", "bars");
    browser.click("#mark-wanted");
    browser.choose("#teach-files", std::slice::from_ref(&two));
    browser.wait("the preview", || browser.is_shown("#mark-crop-area"));
    assert_eq!(stage.asked(&class("bars")), [""; 0], "nothing is added yet");
    let [from, to] = RIGHT_HALF;
    browser.run("document.getElementById('mark-crop-choose').click()");
    browser.drag("touch", "#mark-crop-area", from, to);
    browser.wait_for_text("#mark-crop-status", "Only the marked part is used");
    browser.click("#mark-add");
    browser.wait_for_text("#teach-status", "has 1 image");
    assert!(!browser.is_shown("#mark"));
    let crop = stage.last_crop(&class("bars")).unwrap();
    assert_near(&crop, [0.51, 0.02, 0.48, 0.96], 0.02);
    assert_listed(&stage, "bars", &crop);

    // The image without a part, and one that is not added after all.
    for button in ["#mark-add", "#mark-cancel"] {
        browser.choose("#teach-files", std::slice::from_ref(&two));
        browser.wait("the preview", || browser.is_shown("#mark-crop-area"));
        browser.click(button);
        browser.wait("the preview to close", || !browser.is_shown("#mark"));
    }
    browser.wait_for_text("#teach-status", "has 2 images");
    assert_eq!(stage.last_crop(&class("bars")), None);
    // Several images are added at once.
    let others =
        [0, 4].map(|shift| stage.file(&format!("stripes-{shift}.png"), &draw::png(stripes(shift))));
    browser.choose("#teach-files", &others);
    browser.wait_for_text("#teach-status", "has 4 images");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// The service remembers the pixels that the part of the last cropped example has.
fn assert_listed(stage: &Stage, label: &str, crop: &str) {
    let list = stage.service.get(&format!("{}/examples", class(label))).ok();
    let crops = list["examples"].as_array().unwrap().iter().map(|example| &example["crop"]);
    let listed = crops.filter_map(Value::as_str).next_back().unwrap().to_owned();
    let expected: [f64; 4] = sides(crop).try_into().unwrap();
    // Half a pixel of 48 at each edge.
    assert_near(&listed, expected, 1.0 / 48.0 + 0.001);
}
