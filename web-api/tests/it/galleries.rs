//! Several galleries: create, read, rename, delete, restore; each has its own classes.

use edge::gallery::{Galleries, Label, NewExample};
use serde_json::{Value, json};

use crate::draw;
use crate::images::stripes;
use crate::service::Service;

fn names(service: &Service) -> Vec<String> {
    names_in(&service.get("/v1/galleries").ok())
}

fn names_in(list: &Value) -> Vec<String> {
    let galleries = list["galleries"].as_array().unwrap().iter();
    galleries.map(|one| one["gallery"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_list_is_read_in_parts() {
    let service = Service::start(&[]);
    for name in ["b", "A", "c"] {
        assert_eq!(service.put(&format!("/v1/galleries/{name}"), "").status, 201);
    }
    let first = service.get("/v1/galleries?limit=2").ok();
    assert_eq!(
        (names_in(&first), &first["next"]),
        (vec!["default".into(), "A".into()], &json!("A"))
    );
    let second = service.get("/v1/galleries?limit=2&after=A").ok();
    assert_eq!((names_in(&second), &second["next"]), (vec!["b".into(), "c".into()], &json!(null)));
    // Also after one that is gone.
    service.delete("/v1/galleries/A").ok();
    assert_eq!(names_in(&service.get("/v1/galleries?after=a").ok()), ["b", "c"]);
    assert!(names_in(&service.get("/v1/galleries?after=c").ok()).is_empty());
    for wrong in ["limit=0", "limit=1001", "page=2"] {
        service.get(&format!("/v1/galleries?{wrong}")).assert_problem(400, "bad_request");
    }
}

#[test]
fn galleries_are_created_deleted_and_restored() {
    let service = Service::start(&[]);
    assert_eq!(names(&service), ["default"]);
    let created = service.put("/v1/galleries/Line%202", "");
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["gallery"], "Line 2");
    assert_eq!(service.put("/v1/galleries/line%202", "").status, 200);
    service.put("/v1/galleries/line%202/classes/mug", "{}");
    assert_eq!(names(&service), ["default", "Line 2"]);
    let list = service.get("/v1/galleries").ok();
    assert_eq!(list["galleries"][1]["classes"], 1);
    assert_eq!(list["galleries"][0]["classes"], 0, "each has its own classes");
    let id = created.json()["id"].clone();
    assert_eq!(list["galleries"][1]["id"], id);
    let by_id = service.get(&format!("/v1/galleries/{}", id.as_str().unwrap())).ok();
    assert_eq!((&by_id["gallery"], &by_id["id"]), (&json!("Line 2"), &id));
    let put = service.put(&format!("/v1/galleries/{}", id.as_str().unwrap()), "");
    assert_eq!((put.status, &put.json()["gallery"]), (200, &json!("Line 2")));
    service.get("/v1/galleries/default/classes/mug").assert_problem(404, "unknown_class");

    let left = service.delete("/v1/galleries/line%202").ok();
    assert_eq!(left["galleries"].as_array().unwrap().len(), 1);
    service.get("/v1/galleries/line%202").assert_problem(404, "unknown_gallery");
    let restored = service.post_json("/v1/galleries/line%202/undelete", "").ok();
    assert_eq!((&restored["gallery"], &restored["classes"]), (&json!("Line 2"), &json!(1)));
    assert_eq!(restored["id"], id);
    assert_eq!(service.get("/v1/galleries/line%202/classes/mug").ok()["class"]["label"], "mug");
}

#[test]
fn deleted_galleries_are_listed_in_parts_and_restored_by_id() {
    let service = Service::start(&[]);
    let deleted = "/v1/deleted-galleries";
    assert_eq!(service.get(deleted).ok(), json!({ "galleries": [], "next": null }));
    for _ in 0..2 {
        service.put("/v1/galleries/line", "").ok();
        service.put("/v1/galleries/line/classes/mug", "{}").ok();
        service.delete("/v1/galleries/line").ok();
    }
    let last = service.get(&format!("{deleted}?limit=1")).ok();
    let next = last["next"].as_str().unwrap().to_owned();
    assert_eq!(last["galleries"][0]["id"], next);
    assert_eq!(last["galleries"][0]["classes"], 1);
    let first = service.get(&format!("{deleted}?limit=1&after={next}")).ok();
    assert_eq!((&first["galleries"][0]["gallery"], &first["next"]), (&json!("line"), &json!(null)));
    let id = first["galleries"][0]["id"].as_str().unwrap();
    let times = ["deleted_at", "kept_until"].map(|field| first["galleries"][0][field].clone());
    assert!(times[0].as_str().unwrap() < times[1].as_str().unwrap(), "{first}");
    let restored = service.post_json(&format!("/v1/galleries/{id}/undelete"), "").ok();
    assert_eq!((&restored["gallery"], &restored["id"]), (&json!("line"), &json!(id)));
    // The name is taken now, so that the other one is purged by its id only.
    let purge = format!("/v1/galleries/{next}/purge");
    service.post_json(&purge, r#"{"older_than_days":0}"#).ok();
    assert_eq!(service.get(deleted).ok()["galleries"], json!([]));
    service.get(&format!("{deleted}?after={next}")).assert_problem(404, "unknown_gallery");
    for query in ["after=line", "limit=0", "deleted=true"] {
        service.get(&format!("{deleted}?{query}")).assert_problem(400, "bad_request");
    }
    assert_eq!(names(&service), ["default", "line"]);
}

#[test]
fn a_gallery_is_created_without_a_body() {
    let service = Service::start(&[]);
    for body in [r#"{"rate":0.1}"#, "[]", "rate=0.1", "null"] {
        let refused = service.put("/v1/galleries/line", body);
        refused.assert_problem(400, "bad_request");
        assert!(refused.text().contains("change its settings with PATCH"), "{}", refused.text());
    }
    assert_eq!(names(&service), ["default"], "nothing was made");
    assert_eq!(service.put("/v1/galleries/line", "{}").status, 201);
    assert_eq!(service.put("/v1/galleries/line", "").status, 200);
    assert_eq!(service.send("PUT", "/v1/galleries/other", &[], &[]).status, 201);
}

#[test]
fn a_refused_restore_says_what_stands_in_the_way() {
    let service = Service::start(&[]);
    service.put("/v1/galleries/line", "").ok();
    let undelete = "/v1/galleries/line/undelete";
    for path in [undelete, "/v1/galleries/default/undelete"] {
        let refused = service.post_json(path, "");
        refused.assert_problem(409, "conflict");
        assert_eq!(refused.json()["title"], "Conflict with what exists");
        assert!(refused.text().contains("is not deleted"), "{}", refused.text());
    }
    service.delete("/v1/galleries/line").ok();
    service.put("/v1/galleries/line", "").ok();
    let refused = service.post_json(undelete, "");
    refused.assert_problem(409, "conflict");
    assert!(refused.text().contains("rename or delete that one first"), "{}", refused.text());
}

#[test]
fn calls_for_galleries_that_cannot_be_are_refused() {
    let service = Service::start(&[]);
    service.delete("/v1/galleries/default").assert_problem(409, "conflict");
    service.delete("/v1/galleries/nobody").assert_problem(404, "unknown_gallery");
    service.post_json("/v1/galleries/nobody/undelete", "").assert_problem(404, "unknown_gallery");
    service.put("/v1/galleries/a%0Ab", "").assert_problem(422, "bad_name");
    for path in ["", "/classes", "/history", "/background/examples"] {
        let answer = service.get(&format!("/v1/galleries/nobody{path}"));
        answer.assert_problem(404, "unknown_gallery");
    }
    let images = [("a.png", &b"no image"[..])];
    let classify = service.post_files("/v1/galleries/nobody/classify", &images);
    classify.assert_problem(404, "unknown_gallery");
    assert_eq!(names(&service), ["default"]);
}

#[test]
fn a_gallery_is_renamed() {
    let service = Service::start(&[]);
    service.put("/v1/galleries/Line%202", "").ok();
    service.put("/v1/galleries/line%202/classes/mug", "{}").ok();
    let stale = [("content-type", "application/json"), ("if-match", "\"0\"")];
    let late = service.send("PATCH", "/v1/galleries/line%202", &stale, br#"{"name":"x"}"#);
    late.assert_problem(412, "precondition_failed");
    let renamed = service.patch("/v1/galleries/LINE%202", r#"{"name":" Line 3 "}"#);
    assert_eq!(renamed.header("etag"), Some("\"1\""));
    let renamed = renamed.ok();
    assert_eq!((&renamed["gallery"], &renamed["classes"]), (&json!("Line 3"), &json!(1)));
    assert_eq!(names(&service), ["default", "Line 3"]);
    service.get("/v1/galleries/line%202").assert_problem(404, "unknown_gallery");
    assert_eq!(service.get("/v1/galleries/line%203/classes/mug").ok()["class"]["label"], "mug");
}

#[test]
fn a_new_name_that_cannot_be_is_refused() {
    let service = Service::start(&[]);
    service.put("/v1/galleries/a", "").ok();
    service.put("/v1/galleries/b", "").ok();
    for (gallery, patch, status, code) in [
        ("nobody", r#"{"name":"x"}"#, 404, "unknown_gallery"),
        ("default", r#"{"name":"x"}"#, 409, "conflict"),
        ("a", r#"{"name":"B"}"#, 409, "conflict"),
        ("a", r#"{"name":"Default"}"#, 409, "conflict"),
        ("a", r#"{"name":"x/y"}"#, 422, "bad_name"),
        ("a", r#"{"name":""}"#, 422, "bad_name"),
        ("a", r#"{"name":null}"#, 400, "bad_request"),
        ("a", r#"{"name":"x","rate":0.1}"#, 400, "bad_request"),
    ] {
        let refused = service.patch(&format!("/v1/galleries/{gallery}"), patch);
        assert_eq!(refused.problem(), (status, code.to_owned()), "{gallery} {patch}");
    }
    assert_eq!(names(&service), ["default", "a", "b"]);
    assert_eq!(service.get("/v1/galleries/a").ok()["rate"], 0.05, "nothing was changed");
}

#[test]
fn an_undo_stays_in_its_gallery() {
    let service = Service::start(&[]);
    service.put("/v1/galleries/other", "");
    service.put("/v1/galleries/default/classes/cup", "{}");
    service.put("/v1/galleries/other/classes/mug", "{}");
    let undone: Value = service.post_json("/v1/galleries/other/undo", "").ok();
    assert_eq!(undone["undone"][0]["summary"], "created \"mug\"");
    assert!(service.get("/v1/galleries/default/classes/cup").ok().is_object());
}

#[test]
fn a_deleted_gallery_is_purged_for_good() {
    let service = Service::start(&[]);
    service.put("/v1/galleries/line%202", "");
    let examples = "/v1/galleries/line%202/classes/mug/examples?create=true";
    service.post(examples, &draw::png(stripes(0))).ok();
    service.delete("/v1/galleries/line%202").ok();
    let purge = "/v1/galleries/Line%202/purge";
    // The time in which it can be restored is not over.
    let early = service.post_json(purge, "{}").ok();
    assert_eq!((&early["purged"], &early["change"]), (&json!(0), &Value::Null));
    let stale = [("if-match", "\"1\"")];
    service.send("POST", purge, &stale, &[]).assert_problem(404, "unknown_gallery");
    let purged = service.post_json(purge, r#"{"older_than_days":0}"#).ok();
    assert_eq!((&purged["purged"], &purged["revision"]), (&json!(1), &json!(0)));
    assert!(purged["change"].is_string(), "{purged}");
    service.post_json("/v1/galleries/line%202/undelete", "").assert_problem(410, "purged");
    service.post_json(purge, r#"{"older_than_days":0}"#).assert_problem(410, "purged");
    service.get("/v1/galleries/line%202").assert_problem(404, "unknown_gallery");
    let nobody = service.post_json("/v1/galleries/nobody/purge", "{}");
    nobody.assert_problem(404, "unknown_gallery");
    // The name is free.
    let created = service.put("/v1/galleries/line%202", "");
    assert_eq!((created.status, &created.json()["classes"]), (201, &json!(0)));
}

#[test]
fn a_gallery_of_another_model_is_deleted_and_purged() {
    let store = tempfile::tempdir().unwrap();
    assert!(Service::start_on(store.path(), &[]).stop().success());
    let mut galleries = Galleries::open(store.path(), "another space").unwrap();
    galleries.create(&Label::parse("old").unwrap()).unwrap();
    let mut old = galleries.gallery("old").unwrap();
    // Without an embedding it would be of any model.
    let example = NewExample {
        sha256: [7; 32],
        crop: None,
        embedding: vec![1.0; 4],
        precision: "fp32".to_owned(),
        image: None,
    };
    old.enroll(&Label::parse("mug").unwrap(), vec![example], true).unwrap();
    drop(old);
    drop(galleries);
    let service = Service::start_on(store.path(), &[]);
    assert_eq!(service.get("/v1/galleries/old").ok()["other_space"], true);
    let stale = [("if-match", "\"9\"")];
    let refused = service.send("DELETE", "/v1/galleries/old", &stale, &[]);
    refused.assert_problem(412, "precondition_failed");
    service.delete("/v1/galleries/old").ok();
    service.post_json("/v1/galleries/old/purge", r#"{"older_than_days":0}"#).ok();
    service.post_json("/v1/galleries/old/undelete", "").assert_problem(410, "purged");
    assert_eq!(names(&service), ["default"]);
}
