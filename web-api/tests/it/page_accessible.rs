//! axe-core finds nothing to criticize on any view of the page.
//!
//! `cargo xtask setup` installs axe in `.venv`; without it the tests are skipped.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Stage;
use crate::draw;
use crate::images::{columns, stripes};
use crate::rejecting::unknown;
use crate::service::Service;

/// Violations as `rule: element: reason`.
const RUN: &str = "return axe.run(document, { resultTypes: ['violations'] }).then((found) => \
    found.violations.flatMap(({ id, nodes }) => nodes.map((node) => \
        `${id}: ${node.target.join(' ')}: ${node.failureSummary}`)))";

/// The script, which stands in the package of a Python module.
fn axe() -> Option<String> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/lib");
    let mut versions = fs::read_dir(venv).ok()?.filter_map(Result::ok);
    let script = "site-packages/axe_playwright_python/axe.min.js";
    versions.find_map(|version| fs::read_to_string(version.path().join(script)).ok())
}

/// A page that axe looks at.
struct Examined {
    stage: Stage,
    axe: String,
    width: u32,
}

impl Examined {
    /// None, with the reason on standard error, where there is no browser or no axe.
    fn set(test: &str, service: impl FnOnce() -> Service) -> Option<Self> {
        let Some(axe) = axe() else {
            eprintln!("skipped: {test}: no axe in .venv; `cargo xtask setup` installs it");
            return None;
        };
        Some(Self { stage: Stage::with(test, service)?, axe, width: 1280 })
    }

    /// What axe finds on the page as it is, in light and in dark.
    fn violations(&self) -> Vec<Value> {
        let browser = &self.stage.browser;
        if browser.run("return typeof axe") == "undefined" {
            // A script that the driver runs is not bound by the page's policy.
            browser.run(&self.axe);
        }
        let mut found = Vec::new();
        for scheme in ["light", "dark"] {
            browser.color_scheme(scheme);
            // Colors change softly.
            browser.run("return new Promise((done) => setTimeout(done, 250))");
            let violations = browser.run(RUN);
            found.extend(violations.as_array().unwrap().iter().map(|one| json!([scheme, one])));
        }
        found
    }

    fn assert_clean(&self, view: &str) {
        let found = self.violations();
        assert!(found.is_empty(), "{view}, {} wide: {found:#?}", self.width);
    }

    /// Goes on with a page of this width in this language, as of a new visit.
    fn restart(&mut self, width: u32, language: &str) {
        self.width = width;
        let browser = &self.stage.browser;
        browser.size(width, if width < 600 { 844 } else { 860 });
        browser.run(&format!("localStorage.setItem('handful-language', '{language}')"));
        browser.go(&format!("http://{}/", self.stage.service.address));
        let ready = if language == "de" { "Bereit" } else { "Ready" };
        browser.wait_for_text("#health-text", ready);
    }

    fn look_at(&self, images: &[(&str, image::RgbImage)]) {
        let files: Vec<_> = images
            .iter()
            .map(|(name, image)| self.stage.file(name, &draw::png(image.clone())))
            .collect();
        self.stage.browser.choose("#look-files", &files);
    }

    fn dialogs(&self) {
        let browser = &self.stage.browser;
        for dialog in ["settings", "help", "galleries", "key", "confirm"] {
            browser.run(&format!("document.getElementById('{dialog}').showModal()"));
            if dialog == "confirm" {
                browser.run(
                    "for (const part of ['title', 'text', 'yes']) \
                         document.getElementById(`confirm-${part}`).textContent = part",
                );
            }
            self.assert_clean(dialog);
            browser.run(&format!("document.getElementById('{dialog}').close()"));
        }
    }
}

const SIZES: [(u32, &str); 4] = [(1280, "en"), (390, "en"), (1280, "de"), (390, "de")];

#[test]
fn axe_finds_what_is_wrong() {
    let Some(examined) = Examined::set("axe itself", || Service::start(&[])) else { return };
    examined.stage.browser.run("document.querySelector('main').append(new Image(9, 9))");
    let found = examined.violations();
    assert!(found.iter().any(|one| one.to_string().contains("image-alt")), "{found:?}");
}

#[test]
fn the_first_visit_and_an_empty_gallery_are_accessible() {
    let test = "axe at the first visit";
    let Some(mut examined) = Examined::set(test, || Service::start(&[])) else { return };
    for (width, language) in SIZES {
        examined.stage.browser.run("localStorage.clear()");
        examined.restart(width, language);
        let browser = &examined.stage.browser;
        browser.wait("the first steps", || browser.is_shown("#first"));
        examined.assert_clean("first visit");
        browser.click("#first-skip");
        examined.assert_clean("empty gallery");
        examined.dialogs();
    }
}

#[test]
fn a_gallery_in_use_is_accessible() {
    let Some(mut examined) = Examined::set("axe on a gallery in use", || {
        let service = Service::rejecting();
        for shift in [0, 4] {
            service.enroll("stripes", &draw::png(stripes(shift))).ok();
            service.enroll("columns", &draw::png(columns(shift))).ok();
        }
        service
    }) else {
        return;
    };
    for (width, language) in SIZES {
        examined.restart(width, language);
        examined.stage.wait_for_labels(&["columns", "stripes"]);
        examined.assert_clean("classes");
        let browser = &examined.stage.browser;
        examined.look_at(&[("stripes.png", stripes(2))]);
        browser.wait_for_text("#verdict", "stripes");
        examined.assert_clean("known");
        browser.run("for (const one of document.querySelectorAll('details')) one.open = true");
        browser.wait("the history", || !browser.text("#history-list").is_empty());
        examined.assert_clean("all details open");
        examined.look_at(&[("white.png", unknown())]);
        browser.wait("the answer", || {
            browser.run("return document.getElementById('answer').dataset.decision") == "rejected"
        });
        examined.assert_clean("unknown");
        examined.look_at(&[("white.png", unknown()), ("stripes.png", stripes(2))]);
        browser.wait("the table", || browser.is_shown("#table"));
        examined.assert_clean("table");
        browser.click("#camera-toggle");
        browser.wait("the camera", || browser.is_shown("#live"));
        examined.assert_clean("camera");
        browser.click("#camera-toggle");
    }
}
