//! What may be wrong with enrolled images: in answers, refused if the call is strict, on the page.

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::browser::Stage;
use crate::client::Answer;
use crate::draw;
use crate::service::{Service, examples};

const BACKGROUND: &str = "/v1/galleries/default/background/examples";

/// A good image: large squares.
fn squares() -> RgbImage {
    let is_light = |x: u32, y: u32| (x / 12 + y / 12).is_multiple_of(2);
    RgbImage::from_fn(48, 48, |x, y| Rgb([if is_light(x, y) { 240 } else { 40 }; 3]))
}

fn black() -> Vec<u8> {
    draw::png(draw::flat(48, 48, [0; 3]))
}

/// The codes of the findings of an image.
fn codes(answer: &Answer, image: usize) -> Vec<String> {
    let quality = answer.ok()["examples"][image]["quality"].clone();
    let found = quality.as_array().unwrap().iter();
    found.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn strict(path: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}strict=true")
}

#[test]
fn the_answer_to_an_enrollment_has_the_findings() {
    let service = Service::start(&[]);
    let [good, dark] = [draw::png(squares()), black()];
    let files = [("good.png", &good[..]), ("black.png", &dark[..])];
    let answer = service.post_files(&examples("mug"), &files);
    assert_eq!(codes(&answer, 0), [""; 0]);
    assert_eq!(codes(&answer, 1)[0], "dark");
    let detail = &answer.ok()["examples"][1]["quality"][0]["detail"];
    assert!(detail.as_str().unwrap().contains("use more light"), "{detail}");
    let again = service.enroll("mug", &black());
    assert_eq!(codes(&again, 0), [""; 0], "it is not added again");
    // The same pixels in another file.
    let near = service.enroll("mug", &draw::webp(&squares()));
    assert_eq!(codes(&near, 0), ["near_duplicate"]);
    let other = service.enroll("cup", &good);
    assert_eq!(codes(&other, 0), ["in_other_class"]);
    let detail = &other.ok()["examples"][0]["quality"][0]["detail"];
    assert!(detail.as_str().unwrap().contains("\"mug\""), "{detail}");
}

#[test]
fn a_strict_call_names_the_file_and_adds_nothing() {
    let service = Service::start(&[]);
    let [good, dark] = [draw::png(squares()), black()];
    let files = [("good.png", &good[..]), ("black.png", &dark[..])];
    let refused = service.post_files(&strict(&examples("mug")), &files);
    refused.assert_problem(422, "rejected_by_quality");
    let problem: Value = refused.json();
    assert_eq!(problem["file"], json!("black.png"));
    assert!(problem["detail"].as_str().unwrap().contains("(dark)"), "{problem}");
    assert_eq!(service.known(), []);
    for _ in 0..2 {
        service.post(&strict(&examples("mug")), &good).ok();
    }
    assert_eq!(service.known(), [("mug".to_owned(), 1)]);
}

#[test]
fn the_background_set_has_findings_too() {
    let service = Service::start(&[]);
    service.enroll("mug", &draw::png(squares())).ok();
    let same_as_mug = service.post(&strict(BACKGROUND), &draw::png(squares()));
    assert_eq!(codes(&same_as_mug, 0), [""; 0]);
    let near = service.post(BACKGROUND, &draw::webp(&squares()));
    assert_eq!(codes(&near, 0), ["near_duplicate"]);
    service.post(&strict(BACKGROUND), &black()).assert_problem(422, "rejected_by_quality");
    assert_eq!(codes(&service.post(BACKGROUND, &black()), 0)[0], "dark");
    let wrong = format!("{BACKGROUND}?strict=perhaps");
    service.post(&wrong, &black()).assert_problem(400, "bad_request");
}

#[test]
fn the_page_shows_what_may_be_wrong_beside_the_image() {
    let Some(stage) = Stage::set("warnings about images on the page") else { return };
    let files = [stage.file("good.png", &draw::png(squares())), stage.file("cap.png", &black())];
    stage.teach("mug", &files);
    stage.browser.wait_for_text("#teach-quality", "cap.png: Too dark. Use more light.");
    let shown = "return [...document.querySelectorAll('#teach-quality img')] \
        .filter((image) => image.complete && image.naturalWidth > 0).length";
    stage.browser.wait("the thumbnail", || stage.browser.run(shown) == 1);
    assert!(!stage.browser.text("#teach-quality").contains("good.png"));
    stage.browser.click("#teach-again");
    stage.browser.choose("#teach-files", &[files[0].clone()]);
    stage.browser.wait_for_text("#teach-status", "1 image was already there");
    assert_eq!(stage.browser.text("#teach-quality"), "", "the warnings of the last images only");
}

#[test]
fn the_page_shows_the_first_of_many_warnings() {
    let Some(stage) = Stage::set("many warnings about images on the page") else { return };
    let mut files = Vec::new();
    for nth in 0..26 {
        let black = draw::png(draw::flat(48 + nth, 48, [0; 3]));
        files.push(stage.file(&format!("{nth}.png"), &black));
    }
    stage.teach("mug", &files);
    // Each is dark, and most are nearly the same as one before them too.
    stage.browser.wait_for_text("#teach-quality", " more.");
    let images = "return document.querySelectorAll('#teach-quality img').length";
    assert_eq!(stage.browser.run(images), 24);
}
