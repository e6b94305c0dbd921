//! A browser driven through the WebDriver protocol.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{self, Answer};

const DRIVERS: [&str; 2] = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"];
const CHROMIUM: &str = "/usr/bin/chromium";
/// The driver takes a free IPv4 port and needs the same IPv6 port, which may be in use.
const STARTS: usize = 5;
const TIMEOUT: Duration = Duration::from_secs(20);

/// The name under which the protocol hides an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";
pub(crate) const END: &str = "\u{e010}";
pub(crate) const HOME: &str = "\u{e011}";
pub(crate) const UP: &str = "\u{e013}";
pub(crate) const RIGHT: &str = "\u{e014}";
pub(crate) const DOWN: &str = "\u{e015}";
pub(crate) const SHIFT: &str = "\u{e008}";
pub(crate) const CONTROL: &str = "\u{e009}";

/// Whether the page is seen on a dark phone unless a test chooses otherwise. `cargo xtask test` runs
/// the tests of the page a second time so.
pub(crate) fn is_phone() -> bool {
    std::env::var_os("HANDFUL_TEST_VIEW").is_some_and(|view| view == "dark-phone")
}

pub(crate) struct Browser {
    driver: Child,
    address: String,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// None, with the reason on standard error, where there is no browser.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[])
    }

    /// The same with further flags.
    pub(crate) fn start_with(test: &str, flags: &[&str]) -> Option<Self> {
        let driver = DRIVERS.iter().find(|path| Path::new(path).exists());
        let Some(driver) = driver.filter(|_| Path::new(CHROMIUM).exists()) else {
            eprintln!("skipped: {test}: chromium and chromedriver are not installed");
            return None;
        };
        let (driver, port) =
            (0..STARTS).find_map(|_| listening(driver)).expect("chromedriver listens");
        let address = format!("127.0.0.1:{port}");
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, address, session: String::new(), profile };
        let answer = browser.post("/session", &browser.capabilities(flags));
        browser.session = answer["sessionId"].as_str().unwrap().to_owned();
        if is_phone() {
            browser.size(390, 844);
            browser.color_scheme("dark");
        }
        Some(browser)
    }

    fn capabilities(&self, flags: &[&str]) -> Value {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let usual = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            // What scrolls by itself would move what is about to be clicked.
            "--force-prefers-reduced-motion",
            "--lang=en",
            // A camera that shows a moving test image, without a permission prompt.
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            &profile,
        ];
        let args = [&usual, flags].concat();
        json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": CHROMIUM, "args": args}
        }}})
    }

    fn answer(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json; charset=utf-8")];
        client::request(&self.address, "POST", path, &json, &serde_json::to_vec(body).unwrap())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.answer(path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["value"].clone()
    }

    fn ask(&self, command: &str, body: &Value) -> Value {
        self.post(&format!("/session/{}/{command}", self.session), body)
    }

    pub(crate) fn go(&self, url: &str) {
        self.ask("url", &json!({ "url": url }));
    }

    /// What a function body returns in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The visible text of the first element that matches; empty when there is none.
    pub(crate) fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({css:?})?.innerText ?? ''");
        self.run(&script).as_str().unwrap().trim().to_owned()
    }

    pub(crate) fn is_shown(&self, css: &str) -> bool {
        let script = format!("return document.querySelector({css:?})?.offsetParent");
        !self.run(&script).is_null()
    }

    pub(crate) fn wait_for_text(&self, css: &str, expected: &str) {
        self.wait(&format!("{css} to show `{expected}`"), || self.text(css).contains(expected));
    }

    pub(crate) fn wait(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let start = Instant::now();
        while !happened() {
            let waited = start.elapsed();
            assert!(waited < TIMEOUT, "waited for {what}; the page shows: {}", self.text("body"));
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn element(&self, css: &str) -> String {
        let found = self.ask("element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// The page may redraw the element between finding and clicking it; then it is found again.
    pub(crate) fn click(&self, css: &str) {
        self.wait(&format!("{css} to stay for a click"), || {
            let path = format!("/session/{}/element/{}/click", self.session, self.element(css));
            let answer = self.answer(&path, &json!({}));
            // A row that is being drawn has no place yet.
            let may_come = answer.status == 404 || answer.text().contains("not interactable");
            assert!(answer.status == 200 || may_come, "{css}: {}", answer.text());
            answer.status == 200
        });
    }

    pub(crate) fn type_into(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.ask(&format!("element/{element}/clear"), &json!({}));
        self.ask(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Chooses files in a file input.
    pub(crate) fn choose(&self, css: &str, files: &[PathBuf]) {
        let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        let element = self.element(css);
        self.ask(&format!("element/{element}/value"), &json!({ "text": names.join("\n") }));
    }

    /// Presses keys one after another, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let down_and_up = |key: char| {
            let key = key.to_string();
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        };
        let actions: Vec<Value> = keys.chars().flat_map(down_and_up).collect();
        self.ask(
            "actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
        );
    }

    /// Presses a key while others are held.
    pub(crate) fn press_with(&self, held: &[&str], key: &str) {
        let keys = || held.iter().copied().chain([key]);
        let down = keys().map(|key| json!({"type": "keyDown", "value": key}));
        let up = keys().map(|key| json!({"type": "keyUp", "value": key}));
        let actions: Vec<Value> = down.chain(up).collect();
        self.ask(
            "actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
        );
    }

    /// Drags over an element, from and to a share of its width and height.
    pub(crate) fn drag(&self, pointer: &str, css: &str, from: (f64, f64), to: (f64, f64)) {
        let script = format!(
            "const element = document.querySelector({css:?}); \
             element.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const {{ left, top, width, height }} = element.getBoundingClientRect(); \
             return [left, top, width, height]"
        );
        let place: Vec<f64> = serde_json::from_value(self.run(&script)).unwrap();
        let to_point = |(x, y): (f64, f64)| {
            let point = [place[0] + x * place[2], place[1] + y * place[3]];
            let [x, y] = point.map(|at| at.round() as i64);
            json!({"type": "pointerMove", "duration": 20, "x": x, "y": y})
        };
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        let actions = [
            to_point(from),
            json!({"type": "pointerDown", "button": 0}),
            to_point(middle),
            to_point(to),
            json!({"type": "pointerUp", "button": 0}),
        ];
        let parameters = json!({ "pointerType": pointer });
        let pointer = json!({"type": "pointer", "id": pointer, "parameters": parameters,
            "actions": actions});
        self.ask("actions", &json!({ "actions": [pointer] }));
    }

    /// The middle of an element in the window.
    fn middle(&self, css: &str) -> [i64; 2] {
        let script = format!(
            "const element = document.querySelector({css:?}); \
             element.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const {{ left, top, width, height }} = element.getBoundingClientRect(); \
             return [Math.round(left + width / 2), Math.round(top + height / 2)]"
        );
        serde_json::from_value(self.run(&script)).unwrap()
    }

    /// Presses a pointer on an element and releases it after a time.
    pub(crate) fn hold(&self, pointer: &str, css: &str, milliseconds: u32) {
        let [x, y] = self.middle(css);
        let actions = json!([
            {"type": "pointerMove", "duration": 0, "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pause", "duration": milliseconds},
            {"type": "pointerUp", "button": 0}
        ]);
        let parameters = json!({ "pointerType": pointer });
        let pointer = json!({"type": "pointer", "id": pointer, "parameters": parameters,
            "actions": actions});
        self.ask("actions", &json!({ "actions": [pointer] }));
    }

    /// Presses a key and releases it after a time.
    pub(crate) fn hold_key(&self, key: &str, milliseconds: u32) {
        let actions = json!([
            {"type": "keyDown", "value": key},
            {"type": "pause", "duration": milliseconds},
            {"type": "keyUp", "value": key}
        ]);
        self.ask(
            "actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
        );
    }

    /// Drops files and folders of the disk on an element.
    pub(crate) fn drop_on(&self, css: &str, paths: &[&Path]) {
        let [x, y] = self.middle(css);
        let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({"type": kind, "x": x, "y": y, "data": data});
            self.devtools("Input.dispatchDragEvent", &event);
        }
    }

    /// The id, else the label, else the text of what has the focus.
    pub(crate) fn focused(&self) -> String {
        let script = "const e = document.activeElement; \
            return e.id || e.getAttribute('aria-label') || e.innerText || e.tagName";
        self.run(script).as_str().unwrap().to_owned()
    }

    /// Tabs until `wanted` has the focus.
    pub(crate) fn tab_to(&self, wanted: &str) {
        let mut seen = Vec::new();
        while self.focused() != wanted {
            seen.push(self.focused());
            assert!(seen.len() < 60, "the keyboard does not reach {wanted}, only {seen:?}");
            self.press(TAB);
        }
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.ask("goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let mobile = width < 600;
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(crate) fn color_scheme(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// The whole page or what is in view as PNG, in base64.
    pub(crate) fn screenshot(&self, is_whole: bool) -> String {
        let parameters = json!({"format": "png", "captureBeyondViewport": is_whole});
        let command = json!({"cmd": "Page.captureScreenshot", "params": parameters});
        self.ask("goog/cdp/execute", &command)["data"].as_str().unwrap().to_owned()
    }

    /// Errors in the browser log: refused resources, violated policies, uncaught errors.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        let severe = entries.filter(|entry| entry["level"] == "SEVERE");
        let messages = severe.map(|entry| entry["message"].as_str().unwrap().to_owned());
        messages.filter(|message| !is_of_what_went(message)).collect()
    }
}

/// Whether the images of a class were asked for while the class went.
fn is_of_what_went(message: &str) -> bool {
    message.contains("/examples") && message.contains("status of 404")
}

/// A driver and its port; none if it ended without one.
fn listening(driver: &str) -> Option<(Child, u16)> {
    let command = &mut Command::new(driver);
    let mut driver = command.arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(driver.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        Some(port.trim_end_matches('.').parse().unwrap())
    });
    if port.is_none() {
        driver.wait().unwrap();
    }
    Some((driver, port?))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; a driver that is gone already needs no end.
        let path = format!("/session/{}", self.session);
        let _ =
            std::panic::catch_unwind(|| client::request(&self.address, "DELETE", &path, &[], &[]));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
