//! Keys on the page: it asks for one, keeps it for the session, and explains what it does not
//! allow.

use std::path::Path;

use access::Role;
use access::keys::Keys;
use serde_json::json;

use crate::browser::{Stage, snap};
use crate::draw;
use crate::images::stripes;
use crate::service::{Service, examples};
use crate::webdriver::{Browser, ENTER, ESCAPE};

const FIELD: &str = "#key-field";
const ERROR: &str = "#key-error";
const FORGET: &str = "#key-forget";

fn add(store: &Path, name: &str, role: Role, gallery: Option<&str>) -> String {
    Keys::add(store, name, role, gallery).unwrap().to_string()
}

fn send(service: &Service, key: &str, method: &str, path: &str, body: &[u8]) {
    let bearer = format!("Bearer {key}");
    let kind = if body.is_empty() { "application/json" } else { "image/png" };
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    service.send(method, path, &headers, body).ok();
}

/// A service with the class `mug` and a key of each role, and a browser that shows its page.
struct Keyed {
    stage: Stage,
    read: String,
    admin: String,
}

impl Keyed {
    /// None where there is no browser.
    fn set(test: &str) -> Option<Self> {
        let store = tempfile::tempdir().unwrap();
        let read = add(store.path(), "looker", Role::Read, None);
        let admin = add(store.path(), "keeper", Role::Admin, None);
        let stage = Stage::with(test, || {
            let service = Service::start_on(store.path(), &[]).keeping(vec![store]);
            send(&service, &admin, "POST", &examples("mug"), &draw::png(stripes(0)));
            service
        })?;
        Some(Self { stage, read, admin })
    }
}

fn is_asking(browser: &Browser) -> bool {
    browser.run("return document.querySelector('#key')?.open ?? false") == true
}

/// Whether it is shown once its dialog is open.
fn is_offered(browser: &Browser, css: &str) -> bool {
    browser.run(&format!("return !document.querySelector({css:?}).hidden")) == true
}

fn enter(browser: &Browser, key: &str) {
    browser.wait("the question for the key", || is_asking(browser));
    browser.type_into(FIELD, key);
    browser.press(ENTER);
}

/// Whether the key stands where another person or program could find it.
fn is_leaked(browser: &Browser, key: &str) -> bool {
    let script = format!(
        "const has = (text) => text.includes({key:?}); \
         const names = performance.getEntriesByType('resource').map((entry) => entry.name); \
         const values = [...document.querySelectorAll('input')].map((field) => field.value); \
         return [document.documentElement.outerHTML, location.href, document.cookie, \
            JSON.stringify(localStorage), ...names, ...values].some(has)"
    );
    browser.run(&script) == true
}

fn is_stored(browser: &Browser, key: &str) -> bool {
    browser.run(&format!("return Object.values(sessionStorage).includes({key:?})")) == true
}

#[test]
fn the_key_is_asked_for_once_and_kept_for_the_session_only() {
    let Some(Keyed { stage, read, .. }) = Keyed::set("the key on the page") else { return };
    let browser = &stage.browser;
    enter(browser, "hf_wrong");
    browser.wait_for_text(ERROR, "does not know this key");
    assert!(!is_stored(browser, "hf_wrong") && !is_leaked(browser, "hf_wrong"));
    enter(browser, "no key");
    browser.wait_for_text(ERROR, "not a key");
    enter(browser, &read);
    stage.wait_for_labels(&["mug"]);
    assert!(!is_asking(browser));

    browser.click("[aria-label^='Images of']");
    let loaded = "const images = [...document.querySelectorAll('.thumb img')]; \
        return images.length === 1 && images[0].naturalWidth > 0";
    browser.wait("the image", || browser.run(loaded) == true);
    assert!(is_stored(browser, &read) && !is_leaked(browser, &read));
    let complaints = browser.complaints();
    assert!(!complaints.iter().any(|line| line.contains(&read)), "{complaints:?}");

    stage.open();
    stage.wait_for_labels(&["mug"]);
    assert!(!is_asking(browser), "the session has it");
    browser.click("#settings-open");
    browser.click(FORGET);
    browser.wait("the question for the key", || is_asking(browser));
    assert!(!is_stored(browser, &read));
}

#[test]
fn the_field_hides_the_key_until_it_is_asked_to_show_it() {
    let Some(Keyed { stage, .. }) = Keyed::set("the field of the key") else { return };
    let browser = &stage.browser;
    browser.wait("the question for the key", || is_asking(browser));
    assert_eq!(browser.focused(), "key-field");
    let kind = "return document.querySelector('#key-field').type";
    assert_eq!(browser.run(kind), "password");
    browser.click("#key-show");
    assert_eq!(browser.run(kind), "text");
    enter(browser, "hf_wrong");
    browser.wait_for_text(ERROR, "does not know this key");
    assert_eq!(browser.run(kind), "password");
}

#[test]
fn a_key_that_may_only_read_gets_a_sentence() {
    let Some(Keyed { stage, read, .. }) = Keyed::set("a read key on the page") else { return };
    let browser = &stage.browser;
    enter(browser, &read);
    stage.wait_for_labels(&["mug"]);
    let image = stage.file("stripes.png", &draw::png(stripes(4)));
    browser.type_into("#teach-name", "cup");
    browser.choose("#teach-files", std::slice::from_ref(&image));
    let sentence = "This key may only look and classify. Ask for a key with the role enroll.";
    browser.wait_for_text("#teach-errors", sentence);
    browser.choose("#look-files", &[image]);
    browser.wait_for_text("#verdict", "mug");
    browser.click("#galleries-open");
    browser.click("#export");
    browser.wait_for_text("#import-error", "Ask for a key with the role admin.");
    assert_eq!(browser.text("#gallery-error"), "");
    assert_eq!(browser.text("#classes-error"), "");
    assert_eq!(stage.labels(), ["mug"]);
}

#[test]
fn a_gallery_is_exported_with_a_key() {
    let Some(Keyed { stage, admin, .. }) = Keyed::set("export with a key") else { return };
    let browser = &stage.browser;
    enter(browser, &admin);
    stage.wait_for_labels(&["mug"]);
    browser.click("#galleries-open");
    browser.click("#export");
    browser.wait_for_text("#import-status", "Saved My gallery.handful");
    assert_eq!(browser.text("#import-error"), "");
    assert!(!is_leaked(browser, &admin));
}

#[test]
fn without_a_key_the_page_offers_to_enter_one() {
    let Some(Keyed { stage, read, .. }) = Keyed::set("the page without a key") else { return };
    let browser = &stage.browser;
    browser.wait("the question for the key", || is_asking(browser));
    browser.press(ESCAPE);
    browser.wait_for_text("#classes-error", "Press “Enter key”");
    assert!(!is_asking(browser), "it is asked for once");
    assert!(!is_offered(browser, FORGET));
    browser.click("#key-enter");
    enter(browser, &read);
    stage.wait_for_labels(&["mug"]);
    assert!(!browser.is_shown("#key-note") && is_offered(browser, FORGET));
}

#[test]
fn a_key_to_one_gallery_shows_that_gallery() {
    let Some(browser) = Browser::start("a key to one gallery") else { return };
    let store = tempfile::tempdir().unwrap();
    let admin = add(store.path(), "keeper", Role::Admin, None);
    let limited = add(store.path(), "line", Role::Enroll, Some("line"));
    let service = Service::start_on(store.path(), &[]);
    send(&service, &admin, "PUT", "/v1/galleries/line", &[]);
    browser.go(&format!("http://{}/", service.address));
    enter(&browser, &limited);
    browser.wait_for_text("#classes-empty", "No classes yet");
    let shown = "const list = document.querySelector('#gallery'); return [list.value, list.length]";
    browser.wait("the gallery of the key", || browser.run(shown) == json!(["line", 1]));
    assert_eq!(browser.text("#gallery-error"), "");
}

/// A phone behind a proxy that puts the service into a folder.
#[test]
fn a_phone_works_behind_a_base_path() {
    let Some(browser) = Browser::start("the page on a phone in a folder") else { return };
    let store = tempfile::tempdir().unwrap();
    let key = add(store.path(), "phone", Role::Enroll, None);
    let service = Service::start_on(store.path(), &["--base-path", "/handful"]);
    let host = service.address.split('/').next().unwrap();
    browser.size(390, 844);
    browser.go(&format!("http://{host}/handful/"));
    browser.wait("the question for the key", || is_asking(&browser));
    snap(&browser, "phone-key");
    enter(&browser, &key);
    browser.wait_for_text("#classes-empty", "No classes yet");
    browser.click("#camera-toggle");
    browser.wait_for_text("#answer", "has no classes yet");
    browser.type_into("#teach-name", "test image");
    assert!(browser.is_shown("#teach-video"), "the other image is out of sight");
    browser.click("#teach-camera");
    browser.wait_for_text("#verdict", "test image");
    snap(&browser, "phone-camera");
    let width = "return [document.documentElement.scrollWidth, innerWidth]";
    assert_eq!(browser.run(width), json!([390, 390]));
    let elsewhere = format!(
        "return performance.getEntriesByType('resource').map((entry) => entry.name) \
            .filter((name) => !name.startsWith('http://{host}/handful/'))"
    );
    assert_eq!(browser.run(&elsewhere), json!([]));
}

#[test]
fn the_page_warns_that_http_does_not_hide_the_key() {
    // Another host name is not a secure context.
    let name = ["--host-resolver-rules=MAP device.test 127.0.0.1"];
    let Some(browser) = Browser::start_with("a key over plain http", &name) else { return };
    let store = tempfile::tempdir().unwrap();
    add(store.path(), "looker", Role::Read, None);
    let service = Service::start_on(store.path(), &["--allow-host", "device.test"]);
    let port = service.address.rsplit(':').next().unwrap();
    browser.go(&format!("http://device.test:{port}/"));
    browser.wait("the question for the key", || is_asking(&browser));
    assert!(browser.text("#key-plain").contains("not encrypted"));
    browser.go(&format!("http://127.0.0.1:{port}/"));
    browser.wait("the question for the key", || is_asking(&browser));
    assert!(!browser.is_shown("#key-plain"), "nobody listens on loopback");
}
