//! A store that was written with one bundle and is served with another one: the images of its
//! galleries are embedded anew.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use models::bundle::Manifest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{CLASSIFY, Service, examples, tiny_bundle};

const GALLERY: &str = "/v1/galleries/default";
const REEMBED: &str = "/v1/galleries/default/reembed";
const SWAP: &str = r#"{"swap":true}"#;

/// Longer than any job takes, so that a hang becomes a failure.
const LONGEST: Duration = Duration::from_secs(60);

/// The images of a job that lasts long enough to be looked at.
const MANY: u8 = 128;

/// A store with two classes that were enrolled with the tiny bundle, and a bundle of another space.
pub(crate) struct Two {
    store: TempDir,
    other: TempDir,
}

impl Two {
    /// With `images` of each class.
    pub(crate) fn new(images: u8) -> Self {
        Self::with(images, |_| {})
    }

    /// The same with further calls to the service that has the tiny bundle.
    fn with(images: u8, calls: impl FnOnce(&Service)) -> Self {
        let two = Self { store: tempfile::tempdir().unwrap(), other: other_bundle() };
        let service = two.serve_tiny();
        let shifts: Vec<u8> = (0..images).collect();
        for shifts in shifts.chunks(32) {
            let files: Vec<_> = shifts.iter().map(|shift| draw::png(stripes(*shift))).collect();
            enroll(&service, "stripes", &files);
            let files: Vec<_> = shifts.iter().map(|shift| draw::png(columns(*shift))).collect();
            enroll(&service, "columns", &files);
        }
        calls(&service);
        assert!(service.stop().success());
        two
    }

    /// The service with the bundle that the images were enrolled with.
    fn serve_tiny(&self) -> Service {
        Service::start_on(self.store.path(), &[])
    }

    /// The service with the bundle of another space.
    fn serve(&self, args: &[&str]) -> Service {
        Service::start_with(self.other.path(), self.store.path(), args)
    }

    /// The same; store and bundle live as long as the service.
    pub(crate) fn into_service(self) -> Service {
        self.serve(&[]).keeping(vec![self.store, self.other])
    }
}

fn enroll(service: &Service, label: &str, files: &[Vec<u8>]) {
    let files: Vec<_> = files.iter().map(|file| ("x.png", file.as_slice())).collect();
    service.post_files(&examples(label), &files).ok();
}

/// The tiny network with another preprocessing, and so with other embeddings.
fn other_bundle() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let tiny = tiny_bundle();
    fs::copy(tiny.join("backbone.onnx"), dir.path().join("backbone.onnx")).unwrap();
    let manifest = fs::read(tiny.join("manifest.json")).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    manifest.name = "other-bundle".to_owned();
    manifest.space_id = "e".repeat(64);
    manifest.preprocess.mean = [10.0, 200.0, 90.0];
    fs::write(dir.path().join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
    dir
}

/// The state of the job, after it fulfills a condition.
fn wait_for(service: &Service, what: &str, is_met: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let state = service.get(REEMBED).ok();
        if is_met(&state) {
            return state;
        }
        assert_ne!(state["state"], "failed", "{state}");
        assert!(start.elapsed() < LONGEST, "{what}: {state}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn wait_until_ready(service: &Service) -> Value {
    wait_for(service, "ready", |state| state["state"] == "ready")
}

fn start(service: &Service) {
    let started = service.send("POST", REEMBED, &[], &[]);
    assert_eq!((started.status, &started.json()["state"]), (202, &json!("running")));
}

fn query() -> Vec<u8> {
    draw::png(stripes(200))
}

/// How many images this process has embedded anew.
fn counted(service: &Service) -> u64 {
    let metrics = service.get("/metrics").text();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("handful_reembed_images_total "));
    count.unwrap().parse().unwrap()
}

#[test]
fn a_gallery_of_another_model_is_read_and_changed_but_not_compared() {
    let service = Two::new(3).into_service();
    let gallery = service.get(GALLERY).ok();
    assert_eq!((&gallery["other_space"], &gallery["classes"]), (&json!(true), &json!(2)));
    let state = service.get(REEMBED).ok();
    assert_eq!(state["state"], "none", "{state}");
    assert_eq!((&state["examples"], &state["embedded"]), (&json!(6), &json!(0)), "{state}");
    assert_eq!((&state["thumbnails"], &state["without_image"]), (&json!(6), &json!(0)), "{state}");
    assert_eq!(state["to_space"], "e".repeat(64));
    let refused = service.post(CLASSIFY, &query());
    refused.assert_problem(409, "other_space");
    assert!(refused.text().contains("POST …/reembed"), "{}", refused.text());
    let explained = service.post(&format!("{CLASSIFY}?explain=true"), &query());
    explained.assert_problem(409, "other_space");
    service.enroll("stripes", &query()).assert_problem(409, "other_space");
    let background = format!("{GALLERY}/background/examples");
    service.post(&background, &query()).assert_problem(409, "other_space");
    service.get(&format!("{GALLERY}/doctor")).assert_problem(409, "other_space");
    service.post_json(&format!("{GALLERY}/calibrate"), "").assert_problem(409, "other_space");
    service.patch(&format!("{GALLERY}/classes/columns"), r#"{"label":"bars"}"#).ok();
    assert_eq!(service.known(), [("bars".to_owned(), 3), ("stripes".to_owned(), 3)]);
}

#[test]
fn the_new_embeddings_are_compared_used_and_taken_back() {
    let service = Two::new(3).into_service();
    start(&service);
    let ready = wait_until_ready(&service);
    assert_eq!((&ready["embedded"], &ready["to_embed"]), (&json!(6), &json!(0)), "{ready}");
    assert_eq!(ready["comparison"]["compared"], 6, "{ready}");
    assert!(ready["comparison"]["accuracy_after"].is_number(), "{ready}");
    service.post(CLASSIFY, &query()).assert_problem(409, "other_space");

    let json = ("content-type", "application/json");
    let stale = [json, ("if-match", "\"999\"")];
    let refused = service.send("POST", REEMBED, &stale, SWAP.as_bytes());
    refused.assert_problem(412, "precondition_failed");
    let revision = format!("\"{}\"", ready["revision"]);
    let fresh = [json, ("if-match", revision.as_str())];
    let swapped = service.send("POST", REEMBED, &fresh, SWAP.as_bytes());
    assert_eq!(swapped.status, 200, "{}", swapped.text());
    let tag = format!("\"{}\"", swapped.json()["revision"]);
    assert_eq!(swapped.header("etag"), Some(tag.as_str()));
    assert!(swapped.json()["change"].is_string(), "{}", swapped.text());
    assert_eq!(service.get(REEMBED).ok(), swapped.json(), "the state after it");
    assert_eq!(swapped.json()["state"], "done");
    assert_eq!(service.post(CLASSIFY, &query()).ok()["results"][0]["label"], "stripes");
    assert_eq!(counted(&service), 6);
    let again = service.post_json(REEMBED, SWAP);
    assert_eq!((again.status, &again.json()["change"]), (200, &Value::Null), "nothing to do");

    // The gallery was published for classification: it must not be any more.
    service.post_json(&format!("{GALLERY}/undo"), "").ok();
    service.post(CLASSIFY, &query()).assert_problem(409, "other_space");
    assert_eq!(service.get(GALLERY).ok()["other_space"], true);
    let undone = service.get(REEMBED).ok();
    assert_eq!((&undone["state"], &undone["change"]), (&json!("none"), &Value::Null), "{undone}");
    let canceled = service.delete(REEMBED).ok();
    assert_eq!((&canceled["forgotten"], &canceled["kept"]), (&json!(0), &json!(6)), "{canceled}");
    service.post_json(&format!("{GALLERY}/redo"), "").ok();
    assert_eq!(service.post(CLASSIFY, &query()).ok()["results"][0]["label"], "stripes");
    service.enroll("stripes", &query()).ok();
}

#[test]
fn a_job_that_was_asked_to_swaps_by_itself() {
    let service = Two::new(3).into_service();
    assert_eq!(service.post_json(REEMBED, SWAP).status, 202);
    let done = wait_for(&service, "the swap", |state| state["state"] == "done");
    assert_eq!((&done["other_space"], &done["swap_revision"]), (&json!(false), &done["revision"]));
    assert_eq!(service.post(CLASSIFY, &query()).ok()["results"][0]["label"], "stripes");
    let history = service.get(&format!("{GALLERY}/history?limit=1")).ok();
    assert_eq!(history["history"][0]["actor"], "http", "{history}");
    assert_eq!(history["history"][0]["change"], done["change"], "{history}");
    let again = service.post_json(REEMBED, SWAP);
    assert_eq!((again.status, &again.json()["change"]), (200, &Value::Null), "nothing to do");
    let undo = json!({ "change": service.get(REEMBED).ok()["change"] }).to_string();
    service.post_json(&format!("{GALLERY}/undo"), &undo).ok();
    assert_eq!(service.get(REEMBED).ok()["other_space"], true);
}

#[test]
fn what_was_embedded_is_forgotten_on_request() {
    let two = Two::new(3);
    let service = two.serve(&[]);
    start(&service);
    wait_until_ready(&service);
    let stale = [("if-match", "\"999\"")];
    let refused = service.send("DELETE", REEMBED, &stale, &[]);
    refused.assert_problem(412, "precondition_failed");
    let canceled = service.delete(REEMBED).ok();
    assert_eq!((&canceled["forgotten"], &canceled["kept"]), (&json!(6), &json!(0)), "{canceled}");
    let state = service.get(REEMBED).ok();
    assert_eq!((&state["state"], &state["embedded"]), (&json!("none"), &json!(0)), "{state}");
    assert!(service.stop().success());
    // Nothing of it is left for the bundle that made the gallery.
    let service = two.serve_tiny();
    assert_eq!(service.post(CLASSIFY, &query()).ok()["results"][0]["label"], "stripes");
    assert_eq!(service.delete(REEMBED).ok()["forgotten"], 0);
}

#[test]
fn one_gallery_at_a_time_is_done_beside_other_calls() {
    let service = Two::with(MANY, |service| {
        service.put("/v1/galleries/line", "").ok();
        let examples = "/v1/galleries/line/classes/mug/examples?create=true";
        service.post(examples, &draw::png(stripes(0))).ok();
    })
    .into_service();
    start(&service);
    start(&service);
    let other = "/v1/galleries/line/reembed";
    service.post_json(other, "{}").assert_problem(409, "busy_reembed");
    assert_eq!(service.get(other).ok()["state"], "none");
    service.put("/v1/galleries/new", "").ok();
    let new = "/v1/galleries/new/classes/mug/examples?create=true";
    service.post(new, &draw::png(stripes(0))).ok();
    let found = service.post("/v1/galleries/new/classify", &query()).ok();
    assert_eq!(found["results"][0]["label"], "mug");
    wait_until_ready(&service);
    assert_eq!(service.post_json(other, SWAP).status, 202, "the first one has ended");
}

#[test]
fn a_job_that_was_killed_goes_on_where_it_was() {
    let two = Two::new(MANY);
    let all = 2 * u64::from(MANY);
    let mut service = two.serve(&[]);
    start(&service);
    wait_for(&service, "the first images", |state| state["embedded"].as_u64() >= Some(8));
    service.signal("-KILL");
    service.wait();
    let service = two.serve(&[]);
    let state = service.get(REEMBED).ok();
    let kept = state["embedded"].as_u64().unwrap();
    assert!(kept >= 8 && state["state"] == "none", "it waits for a call: {state}");
    start(&service);
    assert_eq!(wait_until_ready(&service)["embedded"], all);
    assert_eq!(counted(&service), all - kept, "none is embedded twice");
}

#[test]
fn a_job_does_not_delay_the_end_of_the_service() {
    let two = Two::new(MANY);
    let service = two.serve(&[]);
    start(&service);
    let stopping = Instant::now();
    assert!(service.stop().success());
    // The default of --drain-seconds is 5.
    assert!(stopping.elapsed() < Duration::from_secs(7), "{:?}", stopping.elapsed());
    let service = two.serve_tiny();
    assert_eq!(service.post(CLASSIFY, &query()).ok()["results"][0]["label"], "stripes");
}

#[test]
fn images_that_are_not_kept_are_lost_only_when_that_was_asked_for() {
    let service = Two::with(3, |service| {
        service.patch(GALLERY, r#"{"keep_images":"off"}"#).ok();
        service.enroll("stripes", &query()).ok();
    })
    .into_service();
    let state = service.get(REEMBED).ok();
    assert_eq!((&state["examples"], &state["without_image"]), (&json!(7), &json!(1)), "{state}");
    let refused = service.post_json(REEMBED, SWAP);
    refused.assert_problem(409, "conflict");
    assert!(refused.text().contains("leave_out"), "{}", refused.text());
    start(&service);
    wait_until_ready(&service);
    service.post_json(REEMBED, SWAP).assert_problem(409, "conflict");
    let swapped = service.post_json(REEMBED, r#"{"swap":true,"leave_out":true}"#);
    assert_eq!((swapped.status, &swapped.json()["examples"]), (200, &json!(6)));
    assert_eq!(service.known(), [("columns".to_owned(), 3), ("stripes".to_owned(), 3)]);
    service.post_json(&format!("{GALLERY}/undo"), "").ok();
    assert_eq!(service.known(), [("columns".to_owned(), 3), ("stripes".to_owned(), 4)]);
}

#[test]
fn a_store_that_is_read_only_is_not_re_embedded() {
    let two = Two::new(1);
    let service = two.serve(&["--read-only"]);
    assert_eq!(service.get(REEMBED).ok()["examples"], 2);
    service.post_json(REEMBED, "{}").assert_problem(503, "read_only");
    service.delete(REEMBED).assert_problem(503, "read_only");
}

#[test]
fn wrong_requests_are_refused() {
    let service = Service::start(&[]);
    for body in [r#"{"swap":1}"#, r#"{"now":true}"#, "[]", "{"] {
        service.post_json(REEMBED, body).assert_problem(400, "bad_request");
    }
    let parameter = service.post_json(&format!("{REEMBED}?swap=true"), "");
    parameter.assert_problem(400, "bad_request");
    assert!(parameter.text().contains("field of the JSON body"), "{}", parameter.text());
    let unknown = "/v1/galleries/nobody/reembed";
    service.get(unknown).assert_problem(404, "unknown_gallery");
    service.post_json(unknown, "{}").assert_problem(404, "unknown_gallery");
    service.delete(unknown).assert_problem(404, "unknown_gallery");
    let nothing = service.post_json(REEMBED, SWAP);
    assert_eq!((nothing.status, &nothing.json()["other_space"]), (200, &json!(false)));
}
