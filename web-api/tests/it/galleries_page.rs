//! Galleries on the page: create, rename, delete, restore.

use crate::browser::Stage;
use crate::draw;
use crate::images::stripes;

const OPEN: &str = "#galleries-open";
const RENAME: &str = "#gallery-rename";
const NAME: &str = "#gallery-name";
const SUBMIT: &str = "#gallery-submit";
const DELETED: &str = "#gallery-deleted";

fn shown(stage: &Stage) -> String {
    let value = stage.browser.run("return document.querySelector('#gallery').value");
    value.as_str().unwrap().to_owned()
}

fn wait_for(stage: &Stage, gallery: &str) {
    stage.browser.wait(&format!("the gallery {gallery}"), || shown(stage) == gallery);
}

#[test]
fn a_gallery_is_created_and_renamed() {
    let Some(stage) = Stage::set("galleries on the page") else { return };
    let browser = &stage.browser;
    browser.click(OPEN);
    assert!(!browser.is_shown(RENAME), "`default` keeps its name");
    browser.click("#gallery-new");
    browser.type_into(NAME, "line 2");
    browser.click(SUBMIT);
    wait_for(&stage, "line 2");
    browser.wait("the dialog to close", || browser.focused() == "galleries-open");
    browser.click(OPEN);
    browser.wait("the button", || browser.is_shown(RENAME));
    browser.click(RENAME);
    let value = "return document.querySelector('#gallery-name').value";
    assert_eq!(browser.run(value), "line 2");
    browser.type_into(NAME, "default");
    browser.click(SUBMIT);
    browser.wait_for_text("#gallery-error", "exists already");
    browser.type_into(NAME, "line 3");
    browser.click(SUBMIT);
    wait_for(&stage, "line 3");
    browser.wait("the form to close", || !browser.is_shown(NAME));
    assert_eq!(browser.text("#gallery-error"), "");
    let galleries = stage.service.get("/v1/galleries").ok();
    assert_eq!(galleries["galleries"][1]["gallery"], "line 3");
}

#[test]
fn a_deleted_gallery_is_restored_from_the_list() {
    let Some(stage) = Stage::set("deleted galleries on the page") else { return };
    let browser = &stage.browser;
    assert!(!browser.is_shown(DELETED), "there is none");
    stage.service.put("/v1/galleries/line", "").ok();
    stage.service.delete("/v1/galleries/line").ok();
    stage.open();
    browser.click(OPEN);
    browser.wait("the list", || browser.is_shown(DELETED));
    browser.click("#gallery-deleted > summary");
    browser.wait_for_text("#gallery-deleted-list", "kept until");
    browser.click("#gallery-deleted-list button");
    wait_for(&stage, "line");
    browser.click(OPEN);
    browser.wait("the list to go", || !browser.is_shown(DELETED));
    assert_eq!(browser.text("#gallery-error"), "");
}

#[test]
fn a_gallery_is_chosen_from_the_list_and_messages_about_the_other_one_go() {
    let Some(stage) = Stage::set("the list of galleries") else { return };
    let browser = &stage.browser;
    stage.service.put("/v1/galleries/line", "").ok();
    stage.open();
    stage.teach("mug", &[stage.file("mug.png", &draw::png(stripes(0)))]);
    browser.click(OPEN);
    browser.wait_for_text("#gallery-list [aria-current]", "1 class, 1 image");
    browser.wait_for_text("#export", "as a file");
    browser.click("#gallery-list li:nth-child(2) button");
    wait_for(&stage, "line");
    browser.wait_for_text("#gallery-list [aria-current]", "line");
    browser.wait("the rename to be offered", || browser.is_shown(RENAME));
    browser.click("#galleries [data-close]");
    browser.wait("the messages to go", || !browser.is_shown("#teach-status"));
    assert!(!browser.is_shown("#done-button"), "an undo belongs to its gallery");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_list_of_deleted_galleries_says_that_there_are_more() {
    let Some(stage) = Stage::set("many deleted galleries on the page") else { return };
    let browser = &stage.browser;
    for _ in 0..101 {
        stage.service.put("/v1/galleries/line", "").ok();
        stage.service.delete("/v1/galleries/line").ok();
    }
    stage.open();
    browser.click(OPEN);
    browser.wait("the list", || browser.is_shown(DELETED));
    browser.click("#gallery-deleted > summary");
    browser.wait_for_text("#gallery-deleted-more", "only the last 100 are listed");
    browser.click("#gallery-deleted-list button");
    wait_for(&stage, "line");
    browser.click(OPEN);
    browser.wait("the note to go", || !browser.is_shown("#gallery-deleted-more"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_gallery_that_is_deleted_comes_back_from_the_bar() {
    let Some(stage) = Stage::set("deleting a gallery on the page") else { return };
    let browser = &stage.browser;
    browser.click(OPEN);
    browser.click("#gallery-new");
    browser.type_into(NAME, "line");
    browser.click(SUBMIT);
    wait_for(&stage, "line");
    browser.click(OPEN);
    browser.wait("the button", || browser.is_shown("#gallery-delete"));
    browser.click("#gallery-delete");
    browser.wait_for_text("#confirm-text", "“line” is deleted");
    browser.click("#confirm-yes");
    browser.wait_for_text("#done-text", "Deleted the gallery “line”.");
    wait_for(&stage, "default");
    browser.click("#done-button");
    wait_for(&stage, "line");
    browser.wait_for_text("#done-text", "The gallery “line” is back.");
    assert_eq!(browser.complaints(), [""; 0]);
}
