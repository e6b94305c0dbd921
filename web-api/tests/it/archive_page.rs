//! Export and import on the page.

use crate::browser::Stage;
use crate::draw;
use crate::images::stripes;
use crate::service::Service;
use crate::webdriver::Browser;

#[test]
fn a_gallery_is_imported_from_a_file_and_the_link_exports_it() {
    let other = Service::start(&[]);
    other.enroll("mug", &draw::png(stripes(0))).ok();
    let exported = other.get("/v1/galleries/default/export").body;

    let Some(stage) = Stage::set("a file of a gallery on the page") else { return };
    let browser = &stage.browser;
    let file = stage.file("things.handful", &exported);
    browser.click("#galleries-open");
    browser.choose("#import-file", std::slice::from_ref(&file));
    browser.wait("the question", || browser.is_shown("#confirm-yes"));
    browser.click("#confirm-yes");
    stage.wait_for_labels(&["mug"]);
    let link = "return document.querySelector('#export').getAttribute('href')";
    assert_eq!(browser.run(link), "/v1/galleries/default/export");
    assert_eq!(stage.service.get("/v1/galleries/default/export").body, exported);

    // The bar is in the dialog, which takes all clicks.
    browser.wait_for_text("#done-text", "Imported 1 image, 1 with a copy.");
    browser.click("#done-button");
    stage.wait_for_labels(&[]);
    browser.wait_for_text("#done-button", "Redo");
    browser.click("#done-button");
    stage.wait_for_labels(&["mug"]);

    browser.choose("#import-file", &[file]);
    browser.wait("the question", || browser.is_shown("#confirm-yes"));
    browser.click("#confirm-yes");
    let same = "Nothing new: the gallery has all 2 changes already.";
    browser.wait_for_text("#import-status", same);
    assert_eq!(browser.complaints(), [""; 0]);

    let damaged = stage.file("damaged.handful", &exported[1..]);
    browser.choose("#import-file", &[damaged]);
    browser.wait("the question", || browser.is_shown("#confirm-yes"));
    browser.click("#confirm-yes");
    browser.wait("the error", || browser.text("#import-error").contains("nothing was imported"));
}

/// Drops the file of the gallery `other` on an element.
fn drop_gallery(browser: &Browser, css: &str) {
    browser.run(&format!(
        "return (async () => {{ \
            const answer = await fetch('v1/galleries/other/export'); \
            const file = new File([await answer.blob()], 'things.handful'); \
            const dataTransfer = new DataTransfer(); \
            dataTransfer.items.add(file); \
            const init = {{ bubbles: true, cancelable: true, dataTransfer }}; \
            document.querySelector('{css}').dispatchEvent(new DragEvent('drop', init)); \
        }})()"
    ));
}

#[test]
fn a_file_of_a_gallery_is_imported_wherever_it_is_dropped() {
    let Some(stage) = Stage::set("dropping a gallery on the page") else { return };
    let browser = &stage.browser;
    stage.service.put("/v1/galleries/other", "").ok();
    let other = "/v1/galleries/other/classes/mug/examples?create=true";
    stage.service.post(other, &draw::png(stripes(0))).ok();
    drop_gallery(browser, "#stage");
    browser
        .wait_for_text("#confirm-text", "“things.handful” is joined with the gallery “My gallery”");
    browser.click("#confirm-no");
    browser.wait("the question to close", || !browser.is_shown("#confirm-yes"));
    assert_eq!(stage.labels(), [""; 0]);
    assert!(!browser.is_shown("#look-error"), "it is no image");

    drop_gallery(browser, "footer");
    browser.wait("the question", || browser.is_shown("#confirm-yes"));
    browser.click("#confirm-yes");
    browser.wait_for_text("#done-text", "Imported 1 image, 1 with a copy.");
    stage.wait_for_labels(&["mug"]);
    // This device made the changes itself, so an undo of all of its changes is not offered.
    assert!(!browser.is_shown("#done-button"));
    assert_eq!(browser.complaints(), [""; 0]);
}
