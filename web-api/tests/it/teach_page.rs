//! "Add a class" on the page: a series from the camera, folders, pasted images, the choice of the
//! camera. On a desktop and on a phone.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::Service;
use crate::webdriver::{Browser, ENTER};

const HISTORY: &str = "/v1/galleries/default/history";
const TWO_CAMERAS: &str = "--use-fake-device-for-media-stream=device-count=2";
const SIZES: [(u32, u32); 2] = [(1280, 860), (390, 844)];

/// Which images of the tray count.
const CHOSEN: &str = "return [...document.querySelectorAll('#tray-images button')] \
    .map((e) => e.ariaPressed === 'true')";

/// From now on the camera's images are black during each other half second.
const BLACK_IMAGES: &str = "const draw = CanvasRenderingContext2D.prototype.drawImage; \
    CanvasRenderingContext2D.prototype.drawImage = function (...rest) { \
        const dark = Math.floor(performance.now() / 500) % 2 === 0; \
        if (dark && rest[0] instanceof HTMLVideoElement) this.fillRect(0, 0, 640, 640); \
        else draw.apply(this, rest); \
    }";

/// Pastes an image where the focus is.
const PASTE: &str = "const canvas = document.createElement('canvas'); \
    const context = canvas.getContext('2d'); \
    for (let i = 0; i < 9; i++) context.fillRect((i * 70) % 300, (i * 40) % 150, 30, 20); \
    canvas.toBlob((blob) => { \
        const clipboardData = new DataTransfer(); \
        clipboardData.items.add(new File([blob], 'pasted.png', { type: 'image/png' })); \
        const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true }); \
        document.activeElement.dispatchEvent(paste); \
    })";

impl Stage {
    fn start_camera(&self) {
        self.browser.click("#teach-camera");
        self.browser.wait_for_text("#teach-camera", "Take images");
        let ready = "return document.getElementById('video').videoWidth > 0";
        self.browser.wait("the camera", || self.browser.run(ready) == true);
    }

    /// Which images of the tray count, after it opened.
    fn chosen(&self) -> Vec<bool> {
        self.browser.wait("the tray", || self.browser.is_shown("#tray"));
        serde_json::from_value(self.browser.run(CHOSEN)).unwrap()
    }

    fn has_no_sideways_scrolling(&self, width: u32) -> bool {
        self.browser.run("return document.documentElement.scrollWidth") == width
    }
}

/// The number of calls that changed the gallery.
fn changes(service: &Service) -> usize {
    service.get(HISTORY).ok()["history"].as_array().unwrap().len()
}

#[test]
fn a_series_is_taken_while_the_button_is_held() {
    let Some(stage) = Stage::set("a series from the camera") else { return };
    let browser = &stage.browser;
    for (pointer, (width, height)) in ["mouse", "touch"].into_iter().zip(SIZES) {
        browser.size(width, height);
        stage.open();
        let before = changes(&stage.service);
        browser.type_into("#teach-name", pointer);
        stage.start_camera();
        browser.hold(pointer, "#teach-camera", 3500);
        let chosen = stage.chosen();
        assert!(chosen.len() > 1 && chosen.iter().all(|chosen| *chosen), "{chosen:?}");
        assert_eq!(changes(&stage.service), before, "nothing counts yet");
        assert!(stage.has_no_sideways_scrolling(width));
        snap(browser, &format!("teach-tray-{width}"));

        browser.click("#tray-images button");
        let n = chosen.len() - 1;
        browser.wait_for_text("#tray-add", &format!("Add {n} image"));
        browser.click("#tray-add");
        browser.wait_for_text("#teach-status", &format!("has {n} image"));
        assert!(!browser.is_shown("#tray"));
        assert_eq!(browser.focused(), "teach-camera");
        assert_eq!(changes(&stage.service), before + 1, "one call, so one undo");
        browser.click("#camera-toggle");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_series_ends_by_itself() {
    let Some(stage) = Stage::set("the end of a series") else { return };
    stage.start_camera();
    stage.browser.run(
        "window.counts = []; const count = document.getElementById('teach-camera'); \
         new MutationObserver(() => window.counts.push(count.innerText)) \
             .observe(count, { childList: true, subtree: true, characterData: true })",
    );
    stage.browser.hold("mouse", "#teach-camera", 8000);
    let counts = stage.browser.run("return window.counts").to_string();
    assert!(counts.contains("1 of 15") && counts.contains("15 of 15"), "{counts}");
    assert!(counts.ends_with("\"Take images\"]"), "{counts}");
    let left = stage.chosen().len();
    assert!(left < 15, "nearly the same images are left out, but {left} are there");
    stage.browser.wait_for_text("#tray-words", "nearly the same");
}

#[test]
fn a_series_is_taken_and_chosen_by_keyboard() {
    let Some(stage) = Stage::set("a series by keyboard") else { return };
    let browser = &stage.browser;
    stage.start_camera();
    browser.run("document.activeElement.blur()");
    // The page scrolls to the images, and not by the space bar.
    browser.run(
        "window.spaces = 0; addEventListener('keydown', (event) => \
             { if (event.key === ' ' && !event.defaultPrevented) window.spaces++ })",
    );
    browser.hold_key(" ", 1500);
    let first = stage.chosen();
    assert!(!first.is_empty());
    assert_eq!(browser.run("return window.spaces"), 0, "the space bar does not scroll");
    browser.tab_to("Image 1");
    browser.press(" ");
    assert!(!stage.chosen()[0]);
    browser.press(ENTER);
    assert!(stage.chosen()[0]);
    browser.tab_to("tray-add");
    browser.press(ENTER);
    browser.wait_for_text("#teach-name-error", "Enter a class name first");
    assert_eq!(browser.focused(), "teach-name");
    // In a field the space bar is a space.
    browser.press("my cup");
    assert_eq!(stage.chosen(), first, "no image was taken");
    browser.tab_to("tray-discard");
    browser.press(ENTER);
    assert_eq!(browser.focused(), "teach-camera");
    // A short press adds one image at once.
    browser.press(ENTER);
    browser.wait_for_text("#teach-status", "has 1 image");
    assert_eq!(stage.service.known(), [("my cup".to_owned(), 1)]);
    assert!(!browser.is_shown("#tray"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_poor_image_of_a_series_is_not_chosen() {
    let Some(stage) = Stage::set("poor images of a series") else { return };
    let browser = &stage.browser;
    browser.color_scheme("dark");
    stage.start_camera();
    browser.run(BLACK_IMAGES);
    browser.hold("mouse", "#teach-camera", 3500);
    let chosen = stage.chosen();
    assert_eq!(chosen.iter().filter(|chosen| !**chosen).count(), 1, "{chosen:?}");
    assert!(browser.text("#tray-images").contains("too dark"));
    let poor = "#tray-images button[aria-pressed=false]";
    browser.click(poor);
    browser.wait_for_text("#tray-add", &format!("Add {} images", chosen.len()));
    browser.click("#tray-discard");
    assert!(!browser.is_shown("#tray"));
    assert_eq!(stage.service.known(), []);
}

/// A folder of two folders with images, and files that are none.
fn things(dir: &Path) {
    for label in ["cup", "mug"] {
        fs::create_dir(dir.join(label)).unwrap();
    }
    for shift in [0, 4, 8] {
        let name = format!("{shift}.png");
        fs::write(dir.join("mug").join(&name), draw::png(stripes(shift))).unwrap();
        fs::write(dir.join("cup").join(&name), draw::png(columns(shift))).unwrap();
    }
    fs::write(dir.join("mug/notes.txt"), "not an image").unwrap();
    fs::write(dir.join("mug/.hidden.png"), "not an image").unwrap();
}

#[test]
fn a_dropped_folder_of_folders_adds_a_class_for_each() {
    let stage = Stage::with("folders on the page", || {
        let service = Service::start(&[]);
        // Else the page shows the first steps, and what is dropped on moves.
        service.enroll("apple", &draw::png(draw::gradient(50, 50))).ok();
        service
    });
    let Some(stage) = stage else { return };
    let browser = &stage.browser;
    stage.wait_for_labels(&["apple"]);
    let dir = tempfile::tempdir().unwrap();
    things(dir.path());
    browser.drop_on("[data-drop=teach]", &[dir.path()]);
    browser.wait_for_text("#done-text", "Added 6 images to 2 classes.");
    assert!(browser.text("#teach-status").contains("1 file of the folders was left out"));
    stage.wait_for_labels(&["apple", "cup", "mug"]);
    assert_eq!(stage.service.known()[1..], [("cup".to_owned(), 3), ("mug".to_owned(), 3)]);
    browser.click("#done-button");
    stage.wait_for_labels(&["apple"]);

    // One folder, and a file beside it that the field names.
    let one = stage.file("bowl.png", &draw::png(draw::gradient(40, 160)));
    browser.type_into("#teach-name", "bowl");
    browser.drop_on("[data-drop=teach]", &[&dir.path().join("mug"), &one]);
    stage.wait_for_labels(&["apple", "bowl", "mug"]);
    // Dropped elsewhere, the images of a folder are classified.
    browser.drop_on("#stage", &[&dir.path().join("cup")]);
    let rows = "return document.querySelectorAll('#table-rows tr').length";
    browser.wait("the images", || browser.run(rows) == 3);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_chosen_folder_names_its_class() {
    let Some(stage) = Stage::set("a chosen folder") else { return };
    let dir = tempfile::tempdir().unwrap();
    things(dir.path());
    stage.browser.choose("#teach-folder", &[dir.path().join("cup")]);
    stage.browser.wait_for_text("#teach-status", "“cup” has 3 images.");
    assert_eq!(stage.service.known(), [("cup".to_owned(), 3)]);
}

#[test]
fn images_and_the_meaning_of_their_name_are_undone_as_one() {
    let Some(stage) = Stage::with("undoing a meaning", Service::knowing) else { return };
    let browser = &stage.browser;
    browser.type_into("#teach-name", "mouse");
    browser.wait_for_text("#teach-sense", "a small rodent");
    browser.click("#teach-sense button");
    browser.wait_for_text("#teach-sense", "Only the images are used");
    browser.choose("#teach-files", &[stage.file("mouse.png", &draw::png(stripes(0)))]);
    browser.wait_for_text("#teach-status", "“mouse” has 1 image");
    // The field is ready for the next name.
    assert_eq!(browser.run("return document.getElementById('teach-name').value"), "");
    assert!(!browser.is_shown("#teach-sense"));
    // Of a class that exists its own meaning is shown, not that of a new class.
    browser.click("#teach-again");
    browser.wait_for_text("#teach-sense", "Only the images are used");
    assert_eq!(changes(&stage.service), 2);
    browser.run("document.activeElement.blur()");
    browser.press("u");
    stage.wait_for_labels(&[]);
    browser.wait("the message to go", || !browser.is_shown("#teach-status"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_first_of_many_errors_are_shown() {
    let Some(stage) = Stage::set("many bad files on the page") else { return };
    let mut files: Vec<_> =
        (0..7).map(|nth| stage.file(&format!("bad{nth}.png"), b"not an image")).collect();
    files.push(stage.file("good.png", &draw::png(stripes(0))));
    stage.teach("mug", &files);
    let errors = stage.browser.text("#teach-errors");
    assert!(errors.contains("bad4.png") && !errors.contains("bad5.png"), "{errors}");
    assert!(errors.ends_with("And 2 more."), "{errors}");
    assert!(stage.browser.text("#teach-status").contains("7 files could not be used"));
}

#[test]
fn a_pasted_image_teaches_where_classes_are_added() {
    let Some(stage) = Stage::set("a pasted image") else { return };
    let browser = &stage.browser;
    browser.type_into("#teach-name", "mug");
    browser.run(PASTE);
    browser.wait_for_text("#teach-status", "has 1 image");
    browser.run("document.activeElement.blur()");
    browser.run(PASTE);
    browser.wait_for_text("#verdict", "mug");
    assert_eq!(stage.service.known(), [("mug".to_owned(), 1)]);
}

/// The camera that the page shows as the one in use.
fn camera_of(browser: &Browser) -> Value {
    browser.run("return document.getElementById('camera-choice').value")
}

fn open_with_camera(browser: &Browser, service: &Service, (width, height): (u32, u32)) {
    browser.size(width, height);
    browser.go(&format!("http://{}/", service.address));
    browser.wait_for_text("#health-text", "Ready");
    browser.click("#camera-toggle");
    browser.wait("the choice", || browser.is_shown("#camera-bar"));
}

#[test]
fn another_camera_is_chosen_and_remembered() {
    let Some(browser) = Browser::start_with("two cameras", &[TWO_CAMERAS]) else { return };
    let service = Service::start(&[]);
    for (flip, size) in ["#camera-flip", "#teach-flip"].into_iter().zip(SIZES) {
        open_with_camera(&browser, &service, size);
        let before = camera_of(&browser);
        browser.click(flip);
        browser.wait("the other camera", || {
            let now = camera_of(&browser);
            now != before && now != ""
        });
        let chosen = camera_of(&browser);
        open_with_camera(&browser, &service, size);
        assert_eq!(camera_of(&browser), chosen, "it is kept for the session");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_front_camera_is_shown_as_a_mirror_with_a_frame() {
    let Some(stage) = Stage::set("a front camera") else { return };
    let browser = &stage.browser;
    browser.run(
        "MediaStreamTrack.prototype.getSettings = () => ({ deviceId: 'x', facingMode: 'user' })",
    );
    stage.start_camera();
    let mirrored = "return getComputedStyle(document.getElementById('video')).transform";
    browser.wait("the mirror", || browser.run(mirrored) == "matrix(-1, 0, 0, 1, 0, 0)");
    // The middle square of the image as it is drawn.
    let frame = "const stage = document.getElementById('stage'); \
        const { videoWidth, videoHeight } = document.getElementById('video'); \
        const scale = Math.min(stage.clientWidth / videoWidth, stage.clientHeight / videoHeight); \
        const { width, height } = getComputedStyle(stage.querySelector('.guide'), '::after'); \
        const side = scale * Math.min(videoWidth, videoHeight); \
        return [width, height].map((it) => Math.abs(parseFloat(it) - side) < 2)";
    assert_eq!(browser.run(frame), json!([true, true]));
}
