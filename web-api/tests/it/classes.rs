//! Galleries and classes: list, read, rename, delete, labels.

use crate::draw;
use crate::service::{CLASSES, Service, class, examples};

fn red() -> Vec<u8> {
    draw::png(draw::flat(32, 32, [200, 30, 30]))
}

fn blue() -> Vec<u8> {
    draw::png(draw::flat(32, 32, [30, 30, 200]))
}

#[test]
fn a_new_gallery_is_empty() {
    let service = Service::start(&[]);
    let answer = service.get(CLASSES);
    assert_eq!(answer.header("etag"), Some("\"0\""));
    assert_eq!(answer.ok(), serde_json::json!({"classes": [], "next": null, "revision": 0}));
    let gallery = service.get("/v1/galleries/default").ok();
    assert_eq!(gallery["gallery"], "default");
    assert_eq!(gallery["fusion"], "mean");
    let list = service.get("/v1/galleries").ok();
    assert_eq!(
        (&list["galleries"][0]["gallery"], &list["galleries"][0]["classes"]),
        (&"default".into(), &0.into())
    );
}

/// The labels and the `next` of a part of the list.
fn part(service: &Service, query: &str) -> (Vec<String>, serde_json::Value) {
    let answer = service.get(&format!("{CLASSES}?{query}")).ok();
    let classes = answer["classes"].as_array().unwrap().iter();
    (
        classes.map(|class| class["label"].as_str().unwrap().to_owned()).collect(),
        answer["next"].clone(),
    )
}

#[test]
fn the_list_of_classes_is_read_in_parts() {
    let service = Service::start(&[]);
    for label in ["Mug", "bowl", "cup", "ÄPFEL", "plate"] {
        service.put(&class(label), "{}").ok();
    }
    assert_eq!(part(&service, "limit=2").0, ["bowl", "cup"]);
    assert_eq!(part(&service, "limit=2").1, "cup");
    assert_eq!(part(&service, "limit=2&after=CUP").0, ["Mug", "plate"]);
    let last = part(&service, "limit=2&after=plate");
    assert_eq!((last.0, last.1.is_null()), (vec!["ÄPFEL".to_owned()], true));
    // The class that a list goes on after may be gone.
    service.delete(&class("cup")).ok();
    assert_eq!(part(&service, "limit=1&after=cup").0, ["Mug"]);
    assert_eq!(part(&service, "after=%C3%A4pfel").0, Vec::<String>::new());
    for wrong in ["limit=0", "limit=1001", "limit=x", "before=a", &format!("after={:0>129}", 0)] {
        service.get(&format!("{CLASSES}?{wrong}")).assert_problem(400, "bad_request");
    }
}

#[test]
fn a_long_list_of_classes_is_whole_and_of_one_revision() {
    let service = Service::start(&[]);
    let labels: Vec<_> = (0..400).map(|number| format!("class {number:04}")).collect();
    for label in &labels {
        service.put(&class(label), "{}").ok();
    }
    let all = service.get(&format!("{CLASSES}?limit=1000"));
    assert_eq!(all.header("etag"), Some("\"400\""));
    assert_eq!(all.ok()["revision"], 400);
    assert_eq!(part(&service, "limit=1000"), (labels.clone(), serde_json::Value::Null));
    let some = part(&service, "limit=399");
    assert_eq!((some.0.len(), some.1), (399, "class 0398".into()));
}

#[test]
fn a_gallery_does_not_grow_beyond_its_limits() {
    let service = Service::start(&["--max-classes", "2", "--max-examples", "2"]);
    service.enroll("mug", &red()).ok();
    service.put(&class("cup"), "{}").ok();
    service.put(&class("bowl"), "{}").assert_problem(409, "limit_reached");
    service.enroll("bowl", &red()).assert_problem(409, "limit_reached");
    service.put(&class("cup"), "{}").ok();
    service.enroll("cup", &red()).ok();
    let full = service.enroll("cup", &blue());
    full.assert_problem(409, "limit_reached");
    let reason = "There are 2 examples, and at most 2 are allowed; delete some before you add 1.";
    assert_eq!(full.json()["detail"], reason);
    // What it has already is no growth.
    service.enroll("cup", &red()).ok();
    service.delete(&class("mug")).ok();
    service.enroll("cup", &blue()).ok();
}

#[test]
fn a_store_does_not_grow_beyond_its_limit() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    service.enroll("mug", &red()).ok();
    assert!(service.stop().success());
    let service = Service::start_on(store.path(), &["--max-store-bytes", "1000"]);
    let full = service.enroll("mug", &blue());
    full.assert_problem(409, "limit_reached");
    let words = ["1000", "purge", "compact"];
    assert!(words.iter().all(|word| full.text().contains(word)), "{}", full.text());
    service.put(&class("cup"), "{}").assert_problem(409, "limit_reached");
    // What makes room, or takes something back, is done.
    service.delete(&class("mug")).ok();
    service.post_json("/v1/galleries/default/undo", "").ok();
    service.delete(&class("mug")).ok();
    let purge = r#"{"older_than_days":0}"#;
    assert_eq!(service.post_json("/v1/galleries/default/purge", purge).ok()["purged"], 1);
    assert_eq!(service.send("POST", "/v1/compact", &[], &[]).status, 204);
    assert_eq!(service.known(), []);
}

#[test]
fn other_galleries_do_not_exist() {
    let service = Service::start(&[]);
    for path in ["", "/classes", "/classes/mug"] {
        service.get(&format!("/v1/galleries/other{path}")).assert_problem(404, "unknown_gallery");
    }
    service.post("/v1/galleries/other/classify", &red()).assert_problem(404, "unknown_gallery");
    let enroll = "/v1/galleries/other/classes/mug/examples?create=true";
    service.post(enroll, &red()).assert_problem(404, "unknown_gallery");
}

#[test]
fn a_class_is_created_only_with_create() {
    let service = Service::start(&[]);
    let path = format!("{}/examples", class("mug"));
    service.post(&path, &red()).assert_problem(404, "unknown_class");
    assert_eq!(service.known(), []);
    let answer = service.enroll("mug", &red());
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(service.post(&path, &blue()).ok()["class"]["examples"], 2);
}

#[test]
fn enroll_returns_one_example_per_image() {
    let service = Service::start(&[]);
    let (red, blue) = (red(), blue());
    let first = service.enroll("mug", &red).ok();
    let files: [(&str, &[u8]); 3] = [("red.png", &red), ("blue.png", &blue), ("again.png", &blue)];
    let second = service.post_files(&examples("mug"), &files).ok();
    assert_eq!(second["class"]["examples"], 2);
    assert_eq!(second["class"]["label"], "mug");
    let examples = second["examples"].as_array().unwrap();
    assert_eq!(examples[0]["duplicate_of"], first["examples"][0]["id"]);
    assert!(examples[1]["duplicate_of"].is_null());
    assert_eq!(examples[2]["duplicate_of"], examples[1]["id"]);
    assert_eq!(examples[0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(examples[0]["warnings"], serde_json::json!([]));
    let keys: Vec<_> = second.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["change", "class", "examples", "revision"]);
}

#[test]
fn a_retry_changes_nothing() {
    let service = Service::start(&[]);
    let first = service.enroll("mug", &red()).ok();
    let again = service.enroll("mug", &red());
    assert_eq!(again.status, 201);
    assert_eq!(again.ok()["revision"], first["revision"]);
    assert_eq!(service.known(), [("mug".to_owned(), 1)]);
}

#[test]
fn a_class_is_found_renamed_and_deleted_by_id_or_label() {
    let service = Service::start(&[]);
    let id = service.enroll("mug", &red()).ok()["class"]["id"].as_str().unwrap().to_owned();
    assert_eq!(service.get(&class(&id)).ok()["class"], service.get(&class("mug")).ok()["class"]);
    let renamed = service.patch(&class("mug"), r#"{"label":"  cup "}"#).ok();
    assert_eq!(renamed["class"]["label"], "cup");
    assert_eq!(renamed["class"]["id"], id.as_str());
    service.get(&class("mug")).assert_problem(404, "unknown_class");
    assert_eq!(
        service.post(&format!("{}/examples", class(&id)), &blue()).ok()["class"]["examples"],
        2
    );
    assert_eq!(service.delete(&class(&id)).ok()["class"]["label"], "cup");
    assert_eq!(service.known(), []);
    service.delete(&class(&id)).assert_problem(404, "unknown_class");
}

#[test]
fn a_taken_name_is_refused() {
    let service = Service::start(&[]);
    service.enroll("mug", &red()).ok();
    service.enroll("cup", &blue()).ok();
    service.patch(&class("mug"), r#"{"label":"cup"}"#).assert_problem(409, "conflict");
    assert_eq!(service.known(), [("cup".to_owned(), 1), ("mug".to_owned(), 1)]);
}

#[test]
fn a_stale_revision_fails_the_precondition() {
    let service = Service::start(&[]);
    service.enroll("mug", &red()).ok();
    let seen = service.get(CLASSES).header("etag").unwrap().to_owned();
    service.enroll("mug", &blue()).ok();
    let stale = [("if-match", seen.as_str())];
    service.send("DELETE", &class("mug"), &stale, &[]).assert_problem(412, "precondition_failed");
    let json = [("content-type", "application/json"), stale[0]];
    let patch = br#"{"label":"cup"}"#;
    service.send("PATCH", &class("mug"), &json, patch).assert_problem(412, "precondition_failed");
    let fresh = service.get(CLASSES).header("etag").unwrap().to_owned();
    service.send("DELETE", &class("mug"), &[("if-match", &fresh)], &[]).ok();
    service
        .send("DELETE", &class("mug"), &[("if-match", "x")], &[])
        .assert_problem(400, "bad_request");
}

#[test]
fn names_in_every_script_work() {
    let service = Service::start(&[]);
    for name in
        ["☕️ mug", "ספל כחול", "فنجان", "青いマグ", "mug & cup #1?", "50 %", "<b>bold", "@home"]
    {
        service.enroll(name, &red()).ok();
        assert_eq!(service.get(&class(name)).ok()["class"]["label"], name);
        let renamed = serde_json::json!({ "label": format!("{name} 2") });
        service.patch(&class(name), &renamed.to_string()).ok();
        service.delete(&class(&format!("{name} 2"))).ok();
    }
    assert_eq!(service.known(), []);
}

#[test]
fn composed_and_decomposed_letters_are_one_name() {
    let service = Service::start(&[]);
    service.enroll("caf\u{e9}", &red()).ok();
    assert_eq!(service.enroll("cafe\u{301}", &blue()).ok()["class"]["examples"], 2);
}

#[test]
fn invalid_names_are_refused() {
    let service = Service::start(&[]);
    service.enroll("mug", &red()).ok();
    let long = "x".repeat(10_000);
    for name in ["a/b", "/", "..", ".", " ", "a\nb", "\0", "\u{202e}gum", "\u{7f}", &long] {
        service.enroll(name, &red()).assert_problem(422, "bad_name");
        let patch = serde_json::json!({ "label": name }).to_string();
        service.patch(&class("mug"), &patch).assert_problem(422, "bad_name");
    }
    assert_eq!(service.known(), [("mug".to_owned(), 1)]);
}

#[test]
fn a_path_that_is_not_utf8_is_refused() {
    let service = Service::start(&[]);
    service.get(&format!("{CLASSES}/%FF")).assert_problem(400, "bad_request");
}

#[test]
fn a_change_of_a_class_needs_json() {
    let service = Service::start(&[]);
    service.enroll("mug", &red()).ok();
    let text = [("content-type", "text/plain")];
    let answer = service.send("PATCH", &class("mug"), &text, br#"{"label":"cup"}"#);
    answer.assert_problem(415, "unsupported_media_type");
    for body in
        ["", "{", "[]", r#"{"label":3}"#, r#"{"label":null}"#, r#"{"label":"cup","color":1}"#]
    {
        service.patch(&class("mug"), body).assert_problem(400, "bad_request");
    }
    service.patch(&class("mug"), &" ".repeat(1 << 20)).assert_problem(413, "too_large");
}

#[test]
fn an_empty_patch_changes_nothing() {
    let service = Service::start(&[]);
    service.enroll("mug", &red()).ok();
    let same = service.patch(&class("mug"), "{}").ok();
    assert_eq!((&same["revision"], &same["change"]), (&1.into(), &serde_json::Value::Null));
    let merge_patch = [("content-type", "application/merge-patch+json")];
    let renamed = service.send("PATCH", &class("mug"), &merge_patch, br#"{"label":"cup"}"#);
    assert_eq!(renamed.ok()["class"]["label"], "cup");
}
