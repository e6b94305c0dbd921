//! The check of a gallery, over HTTP and on the page.

use serde_json::{Value, json};

use crate::browser::Stage;
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::Service;
use crate::webdriver::ENTER;

const DOCTOR: &str = "/v1/galleries/default/doctor";

/// Two images of a cup, and two of a mug that show the same in different files.
fn taught() -> Service {
    let service = Service::start(&[]);
    service.enroll("mug", &draw::png(stripes(0))).ok();
    service.enroll("mug", &draw::webp(&stripes(0))).ok();
    for shift in [0, 90] {
        service.enroll("cup", &draw::png(columns(shift))).ok();
    }
    service
}

/// The ids of the examples of a class.
fn ids(service: &Service, label: &str) -> Vec<String> {
    let list = service.get(&format!("/v1/galleries/default/classes/{label}/examples")).ok();
    let examples = list["examples"].as_array().unwrap().iter();
    examples.map(|example| example["id"].as_str().unwrap().to_owned()).collect()
}

fn labels(report: &Value) -> Vec<&str> {
    let classes = report["classes"].as_array().unwrap().iter();
    classes.map(|class| class["label"].as_str().unwrap()).collect()
}

#[test]
fn classes_of_a_check_are_read_in_parts() {
    let service = taught();
    let answer = service.get(DOCTOR);
    assert_eq!(answer.header("etag"), Some("\"4\""));
    let report = answer.ok();
    assert_eq!((labels(&report), &report["next"]), (vec!["cup", "mug"], &Value::Null));
    assert_eq!((&report["revision"], &report["evidence"]["examples"]), (&json!(4), &json!(4)));
    let first = service.get(&format!("{DOCTOR}?limit=1")).ok();
    assert_eq!((labels(&first), &first["next"]), (vec!["cup"], &json!("cup")));
    let rest = service.get(&format!("{DOCTOR}?after=cup")).ok();
    assert_eq!((labels(&rest), &rest["next"]), (vec!["mug"], &Value::Null));
    assert_eq!(rest["near_duplicates"], report["near_duplicates"]);
    assert_eq!(rest["classes"][0], report["classes"][1]);
    for wrong in ["limit=0", "limit=1001", "limit=x", "before=a"] {
        service.get(&format!("{DOCTOR}?{wrong}")).assert_problem(400, "bad_request");
    }
    let long = "a".repeat(129);
    service.get(&format!("{DOCTOR}?after={long}")).assert_problem(400, "bad_request");
    service.get("/v1/galleries/other/doctor").assert_problem(404, "unknown_gallery");
}

#[test]
fn images_that_are_nearly_the_same_are_found_until_one_is_removed() {
    let service = taught();
    let mug = ids(&service, "mug");
    let report = service.get(DOCTOR).ok();
    let found = report["near_duplicates"].as_array().unwrap();
    let pair = found.iter().find(|pair| pair["label"] == "mug").unwrap();
    assert_eq!((&pair["example"], &pair["of"]), (&json!(mug[1]), &json!(mug[0])));
    assert_eq!(report["totals"]["near_duplicates"], found.len());
    let class = &report["classes"][1];
    assert_eq!((&class["verdict"], &class["checked"]), (&json!("add"), &json!(0)));
    let advice = class["advice"].as_str().unwrap();
    assert_eq!(advice, "add an image from another side: its 2 images are nearly the same");
    assert_eq!((&class["kind"], &class["other_label"]), (&json!("nearly_same"), &Value::Null));

    service.delete(&format!("/v1/galleries/default/examples/{}", mug[1])).ok();
    let report = service.get(DOCTOR).ok();
    let left = report["near_duplicates"].as_array().unwrap().iter();
    assert_eq!(left.filter(|pair| pair["label"] == "mug").count(), 0);
    let advice = report["classes"][1]["advice"].as_str().unwrap();
    assert!(advice.starts_with("add a second image"), "{advice}");
}

#[test]
fn an_image_in_two_classes_is_found_until_it_is_in_one() {
    let service = taught();
    service.enroll("cup", &draw::webp(&stripes(0))).ok();
    let ids = ["cup", "mug"].map(|label| ids(&service, label));
    let report = service.get(DOCTOR).ok();
    let found = report["in_two_classes"].as_array().unwrap();
    let pair = found.iter().find(|pair| pair["example"] == *ids[0][2]).unwrap();
    assert_eq!((&pair["label"], &pair["other_label"]), (&json!("cup"), &json!("mug")));
    assert!(ids[1].iter().any(|id| pair["other_example"] == **id), "{pair}");
    assert_eq!(report["totals"]["in_two_classes"], found.len());

    service.delete(&format!("/v1/galleries/default/examples/{}", ids[0][2])).ok();
    let report = service.get(DOCTOR).ok();
    let mut left = report["in_two_classes"].as_array().unwrap().iter();
    assert!(left.all(|pair| pair["example"] != *ids[0][2]), "{report}");
}

#[test]
fn an_empty_gallery_is_checked() {
    let service = Service::start(&[]);
    let report = service.get(DOCTOR).ok();
    assert_eq!((&report["classes"], &report["accuracy"]), (&json!([]), &Value::Null));
    assert_eq!((&report["next"], &report["notes"]), (&Value::Null, &json!([])));
}

#[test]
fn the_page_shows_advice_and_removes_one_of_two_images_that_are_the_same() {
    let Some(stage) = Stage::with("the check on the page", taught) else { return };
    let browser = &stage.browser;
    stage.wait_for_labels(&["cup", "mug"]);
    browser.wait("the check to be offered", || browser.is_shown("#check"));
    assert!(!browser.is_shown("#check-found"));
    browser.tab_to("check-run");
    browser.press(ENTER);
    browser.wait_for_text("#check-advice", "Its 2 images are nearly the same");
    assert!(!browser.text("#check-advice").contains("e_"), "no id");
    browser.wait_for_text(
        "#check-duplicates",
        "Two images of “mug” are nearly the same. One is enough.",
    );
    browser.click("[aria-label^='Delete the later one of two images of mug']");
    browser.wait_for_text("#done-text", "Deleted 1 image from “mug”.");
    browser.wait_for_text("#check-advice", "add a second image");
    assert!(stage.service.known().contains(&("mug".to_owned(), 1)));
    assert!(browser.is_shown("#check-status"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_page_removes_an_image_from_one_of_two_classes() {
    let stage = Stage::with("an image in two classes on the page", || {
        let service = taught();
        service.enroll("cup", &draw::png(stripes(0))).ok();
        service
    });
    let Some(stage) = stage else { return };
    let browser = &stage.browser;
    stage.wait_for_labels(&["cup", "mug"]);
    browser.click("#check-run");
    browser.wait_for_text("#check-shared", "The same image is in “cup” and in “mug”.");
    assert!(!browser.is_shown("#check-suspects") && !browser.is_shown("#check-confusions"), "once");
    browser.click("[aria-label='Delete from cup the image that mug has too']");
    browser.wait_for_text("#done-text", "Deleted 1 image from “cup”.");
    browser.wait("the list without it", || !browser.is_shown("#check-shared"));
    assert!(stage.service.known().contains(&("cup".to_owned(), 2)));
    assert_eq!(browser.complaints(), [""; 0]);
}
