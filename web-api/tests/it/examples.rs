//! Examples one by one: list, read, their images, remove, move, merge.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{Service, class};

const GALLERY: &str = "/v1/galleries/default";
const BACKGROUND: &str = "/v1/galleries/default/background/examples";
const BATCH: &str = "/v1/galleries/default/examples/batch";

fn list(label: &str) -> String {
    format!("{}/examples", class(label))
}

fn example(id: &str) -> String {
    format!("{GALLERY}/examples/{id}")
}

/// The id of the only example of an answer.
fn id(answer: &Answer) -> String {
    answer.ok()["examples"][0]["id"].as_str().unwrap().to_owned()
}

fn enrolled(service: &Service, label: &str, shift: u8) -> String {
    id(&service.enroll(label, &draw::png(stripes(shift))))
}

/// The first digits of the random half of an id.
fn short(id: &str) -> String {
    format!("e_{}", &id[18..24])
}

/// The ids and the `next` of a part of a list.
fn part(service: &Service, path: &str) -> (Vec<String>, Value) {
    let answer = service.get(path).ok();
    let examples = answer["examples"].as_array().unwrap().iter();
    let ids = examples.map(|example| example["id"].as_str().unwrap().to_owned());
    (ids.collect(), answer["next"].clone())
}

fn ids(service: &Service, label: &str) -> Vec<String> {
    part(service, &list(label)).0
}

#[test]
fn the_examples_of_a_class_are_read_in_parts() {
    let service = Service::start(&[]);
    let all: Vec<String> = (0..5).map(|shift| enrolled(&service, "mug", shift)).collect();
    enrolled(&service, "cup", 9);
    let answer = service.get(&list("mug"));
    assert_eq!(answer.header("etag"), Some("\"6\""));
    assert_eq!((&answer.ok()["next"], &answer.ok()["revision"]), (&Value::Null, &json!(6)));
    assert_eq!(ids(&service, "mug"), all);
    let first = part(&service, &format!("{}?limit=2", list("mug")));
    assert_eq!(first, (all[..2].to_vec(), json!(all[1])));
    let rest = part(&service, &format!("{}?limit=3&after={}", list("mug"), all[1]));
    assert_eq!(rest, (all[2..].to_vec(), Value::Null));
    // The example that a list goes on after may be gone.
    service.delete(&example(&all[1])).ok();
    let rest = part(&service, &format!("{}?after={}", list("mug"), all[1]));
    assert_eq!(rest, (all[2..].to_vec(), Value::Null));
    for wrong in ["limit=0", "limit=1001", "limit=x", "before=a", "after=x", "after=e_123456"] {
        service.get(&format!("{}?{wrong}", list("mug"))).assert_problem(400, "bad_request");
    }
    service.get(&list("bowl")).assert_problem(404, "unknown_class");
    let other = "/v1/galleries/other/classes/mug/examples";
    service.get(other).assert_problem(404, "unknown_gallery");
}

#[test]
fn an_example_is_read_by_its_id() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    let answer = service.enroll("mug", &image).ok();
    let id = id(&service.enroll("mug", &image));
    let found = service.get(&example(&id)).ok()["example"].clone();
    assert_eq!((&found["id"], &found["label"]), (&json!(id), &json!("mug")));
    assert_eq!(found["class"], answer["class"]["id"]);
    assert_eq!(found["sha256"], answer["examples"][0]["sha256"]);
    assert_eq!(found["precision"], "fp32");
    let added_at = found["added_at"].as_str().unwrap();
    assert!(added_at.len() == 24 && added_at.starts_with("20"), "{added_at}");
    assert_eq!(service.get(&list("mug")).ok()["examples"], json!([found]));
    assert_eq!(service.get(&example(&short(&id))).ok()["example"], found);
    for unknown in ["e_000000", "e_00000000000000000000000000000000", "mug"] {
        service.get(&example(unknown)).assert_problem(404, "unknown_example");
    }
}

#[test]
fn an_example_of_the_background_set_has_no_class() {
    let service = Service::start(&[]);
    let id = id(&service.post(BACKGROUND, &draw::png(stripes(0))));
    let found = service.get(&example(&id)).ok()["example"].clone();
    assert_eq!((&found["class"], &found["label"]), (&Value::Null, &Value::Null));
    assert_eq!(service.delete(&example(&id)).ok()["changed"], 1);
    assert_eq!(service.get(BACKGROUND).ok()["examples"], json!([]));
}

#[test]
fn a_thumbnail_of_each_image_is_kept() {
    let service = Service::start(&[]);
    let answer = service.enroll("mug", &draw::png(draw::gradient(600, 300)));
    let sha256 = answer.ok()["examples"][0]["sha256"].as_str().unwrap().to_owned();
    let id = id(&answer);
    for id in [id.clone(), short(&id)] {
        let image = service.get(&format!("{}/image", example(&id)));
        assert_eq!(image.status, 200, "{}", image.text());
        assert_eq!(image.header("content-type"), Some("image/jpeg"));
        assert_eq!(image.header("etag"), Some(format!("\"{sha256}\"").as_str()));
        assert_eq!(image.header("x-content-type-options"), Some("nosniff"));
        let cache = image.header("cache-control").unwrap();
        assert!(cache.starts_with("private") && cache.ends_with("immutable"), "{cache}");
        let decoded = image::load_from_memory(&image.body).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (256, 128));
    }
    let unknown = format!("{}/image", example("e_000000"));
    service.get(&unknown).assert_problem(404, "unknown_example");
}

#[test]
fn the_gallery_decides_what_is_kept_of_an_image() {
    let service = Service::start(&[]);
    let file = draw::png(stripes(0));
    assert_eq!(
        service.patch(GALLERY, r#"{"keep_images":"original"}"#).ok()["keep_images"],
        "original"
    );
    let first = id(&service.enroll("mug", &file));
    assert_eq!(service.patch(GALLERY, r#"{"keep_images":"off"}"#).ok()["keep_images"], "off");
    let second = enrolled(&service, "mug", 4);
    let image = service.get(&format!("{}/image", example(&first)));
    assert_eq!(image.header("content-type"), Some("image/png"));
    assert_eq!(image.body, file);
    let none = service.get(&format!("{}/image", example(&second)));
    none.assert_problem(404, "not_found");
    assert!(none.text().contains("keep_images"), "{}", none.text());
    service.patch(GALLERY, r#"{"keep_images":null}"#).ok();
    assert_eq!(service.get(GALLERY).ok()["keep_images"], "thumb");
    service.patch(GALLERY, r#"{"keep_images":"all"}"#).assert_problem(400, "bad_request");
}

#[test]
fn an_example_is_removed() {
    let service = Service::start(&[]);
    let first = enrolled(&service, "mug", 0);
    let second = enrolled(&service, "mug", 4);
    let stale = service.send("DELETE", &example(&first), &[("if-match", "\"1\"")], &[]);
    stale.assert_problem(412, "precondition_failed");
    let removed = service.send("DELETE", &example(&short(&first)), &[("if-match", "\"2\"")], &[]);
    assert_eq!(removed.header("etag"), Some("\"3\""));
    assert_eq!((&removed.ok()["changed"], &removed.ok()["revision"]), (&json!(1), &json!(3)));
    assert!(removed.ok()["change"].as_str().unwrap().starts_with("ch_"));
    assert_eq!(ids(&service, "mug"), [second]);
    service.delete(&example(&first)).assert_problem(404, "unknown_example");
    service.get(&example(&first)).assert_problem(404, "unknown_example");
}

#[test]
fn an_example_is_moved() {
    let service = Service::start(&[]);
    let id = enrolled(&service, "mug", 0);
    enrolled(&service, "cup", 4);
    let path = format!("{}/move", example(&id));
    let moved = service.post_json(&path, r#"{"to":"cup"}"#).ok();
    assert_eq!((&moved["changed"], &moved["revision"]), (&json!(1), &json!(3)));
    assert_eq!(service.known(), [("cup".to_owned(), 2), ("mug".to_owned(), 0)]);
    let again = service.post_json(&path, r#"{"to":"cup"}"#).ok();
    assert_eq!(again, json!({"changed": 0, "revision": 3, "change": null}));
    let short = format!("{}/move", example(&short(&id)));
    service.post_json(&short, r#"{"to_background":true}"#).ok();
    assert_eq!(service.get(BACKGROUND).ok()["examples"][0]["id"], id.as_str());
    for wrong in ["{}", r#"{"to":"cup","to_background":true}"#, r#"{"too":"cup"}"#, "[]", ""] {
        service.post_json(&path, wrong).assert_problem(400, "bad_request");
    }
    service.post_json(&path, r#"{"to":"bowl"}"#).assert_problem(404, "unknown_class");
    let unknown = format!("{}/move", example("e_000000"));
    service.post_json(&unknown, r#"{"to":"cup"}"#).assert_problem(404, "unknown_example");
    let stale = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let late = service.send("POST", &path, &stale, br#"{"to":"cup"}"#);
    late.assert_problem(412, "precondition_failed");
}

#[test]
fn a_batch_is_one_change() {
    let service = Service::start(&[]);
    let all: Vec<String> = (0..20).map(|shift| enrolled(&service, "mug", shift)).collect();
    service.put(&class("cup"), "{}").ok();
    let batch = |rest: Value, some: &[String]| {
        let mut body = rest;
        body["ids"] = json!(some);
        service.post_json(BATCH, &body.to_string())
    };
    let moved = batch(json!({"move_to": "cup"}), &all).ok();
    assert_eq!((&moved["changed"], &moved["revision"]), (&json!(20), &json!(22)));
    assert_eq!(ids(&service, "cup"), all);
    assert_eq!(batch(json!({"move_to_background": true}), &all[..5]).ok()["changed"], 5);
    // One that is named twice is removed once.
    let twice = [&all[5..8], &all[5..6]].concat();
    let removed = batch(json!({"delete": true}), &twice).ok();
    assert_eq!(removed["changed"], 3);
    let undo = json!({ "change": removed["change"] }).to_string();
    service.post_json(&format!("{GALLERY}/undo"), &undo).ok();
    assert_eq!(ids(&service, "cup"), all[5..]);
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let service = Service::start(&[]);
    let id = enrolled(&service, "mug", 0);
    let unknown = "e_00000000000000000000000000000000";
    let body = json!({"ids": [id, unknown], "delete": true}).to_string();
    service.post_json(BATCH, &body).assert_problem(404, "unknown_example");
    let body = json!({"ids": [id], "move_to": "bowl"}).to_string();
    service.post_json(BATCH, &body).assert_problem(404, "unknown_class");
    for wrong in [
        json!({"ids": [id]}),
        json!({"ids": [], "delete": true}),
        json!({"ids": vec![&id; 1001], "delete": true}),
        json!({"ids": [short(&id)], "delete": true}),
        json!({"ids": [id], "delete": false}),
        json!({"ids": [id], "delete": true, "move_to": "mug"}),
        json!({"ids": [id], "move_to_background": true, "move_to": "mug"}),
        json!({"delete": true}),
    ] {
        service.post_json(BATCH, &wrong.to_string()).assert_problem(400, "bad_request");
    }
    assert_eq!(ids(&service, "mug"), [id]);
    assert_eq!(service.get(GALLERY).ok()["revision"], 1);
}

#[test]
fn a_class_is_merged_into_another() {
    let service = Service::start(&[]);
    let cup = service.enroll("cup", &draw::png(columns(0))).ok()["class"]["id"].clone();
    let mug = enrolled(&service, "mug", 0);
    let path = format!("{}/merge", class("cup"));
    service.post_json(&path, r#"{"into":"cup"}"#).assert_problem(409, "conflict");
    service.post_json(&path, r#"{"into":"bowl"}"#).assert_problem(404, "unknown_class");
    service.post_json(&path, "{}").assert_problem(400, "bad_request");
    let stale = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let late = service.send("POST", &path, &stale, br#"{"into":"mug"}"#);
    late.assert_problem(412, "precondition_failed");
    let merged = service.post_json(&path, r#"{"into":"mug"}"#).ok();
    assert_eq!(
        (&merged["class"]["label"], &merged["class"]["examples"]),
        (&json!("mug"), &json!(2))
    );
    assert!(merged["change"].is_string());
    assert!(ids(&service, "mug").contains(&mug));
    service.get(&class("cup")).assert_problem(404, "unknown_class");
    let by_id = service.get(&class(cup.as_str().unwrap())).ok();
    assert_eq!(by_id["class"]["label"], "mug", "the id of a merged class is another name");
    service.post_json(&format!("{GALLERY}/undo"), "{}").ok();
    assert_eq!(service.known(), [("cup".to_owned(), 1), ("mug".to_owned(), 1)]);
}

#[test]
fn an_original_is_made_small_when_asked() {
    let service = Service::start(&[]);
    service.patch(GALLERY, r#"{"keep_images":"original"}"#).ok();
    let file = draw::png(draw::gradient(700, 350));
    let kept = format!("{}/image", example(&id(&service.enroll("mug", &file))));
    let full = service.get(&format!("{kept}?size=full"));
    assert_eq!((&full.body, full.header("content-type")), (&file, Some("image/png")));
    assert_eq!(service.get(&kept).body, file);
    let small = service.get(&format!("{kept}?size=thumb"));
    assert_eq!(small.header("content-type"), Some("image/jpeg"));
    assert_ne!(small.header("etag"), full.header("etag"));
    let size = image::load_from_memory(&small.body).unwrap();
    assert_eq!((size.width(), size.height()), (256, 128));
    let known = [("if-none-match", small.header("etag").unwrap())];
    assert_eq!(service.send("GET", &format!("{kept}?size=thumb"), &known, &[]).status, 304);
    service.get(&format!("{kept}?size=large")).assert_problem(400, "bad_request");
    // What is kept as a thumbnail is small already.
    service.patch(GALLERY, r#"{"keep_images":"thumb"}"#).ok();
    let thumb = draw::png(draw::gradient(300, 300));
    let thumb = format!("{}/image", example(&id(&service.enroll("cup", &thumb))));
    assert_eq!(service.get(&thumb).body, service.get(&format!("{thumb}?size=thumb")).body);
}
