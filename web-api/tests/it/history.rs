//! The history: who changed what, undo, redo, purge.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Answer;
use crate::draw;
use crate::images::stripes;
use crate::service::{Service, class, examples};

const GALLERY: &str = "/v1/galleries/default";
const BACKGROUND: &str = "/v1/galleries/default/background/examples";
const HISTORY: &str = "/v1/galleries/default/history";
const UNDO: &str = "/v1/galleries/default/undo";
const REDO: &str = "/v1/galleries/default/redo";
const PURGE: &str = "/v1/galleries/default/purge";

fn history(service: &Service) -> Vec<Value> {
    service.get(HISTORY).ok()["history"].as_array().unwrap().clone()
}

/// What each call did, newest first.
fn summaries(service: &Service) -> Vec<String> {
    let texts = history(service).into_iter();
    texts.map(|entry| entry["summary"].as_str().unwrap().to_owned()).collect()
}

fn change(answer: &Answer) -> String {
    answer.ok()["change"].as_str().unwrap().to_owned()
}

/// The first digits of the random half of an id.
fn short(change: &str) -> String {
    format!("ch_{}", &change[19..25])
}

fn with(change: &str) -> String {
    json!({ "change": change }).to_string()
}

/// A call without a body.
fn bare(service: &Service, path: &str) -> Answer {
    service.send("POST", path, &[], &[])
}

/// A service where `mug` was enrolled and then renamed to `cup`, with both changes.
fn renamed() -> (Service, String, String) {
    let service = Service::start(&[]);
    let enrolled = change(&service.enroll("mug", &draw::png(stripes(0))));
    let renamed = change(&service.patch(&class("mug"), r#"{"label":"cup"}"#));
    (service, enrolled, renamed)
}

#[test]
fn every_write_answers_with_its_change() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    let mut changes = vec![
        change(&service.enroll("mug", &image)),
        change(&service.put(&class("cup"), "{}")),
        change(&service.patch(&class("cup"), r#"{"label":"bowl"}"#)),
        change(&service.post(BACKGROUND, &image)),
        change(&service.patch(GALLERY, r#"{"rate":0.1,"retention_days":7}"#)),
    ];
    let background = service.get(BACKGROUND).ok()["examples"][0]["id"].clone();
    let background = format!("{BACKGROUND}/{}", background.as_str().unwrap());
    changes.push(change(&service.delete(&background)));
    changes.push(change(&service.delete(&class("mug"))));
    let listed = history(&service);
    let listed: Vec<_> = listed.iter().rev().map(|entry| entry["change"].clone()).collect();
    assert_eq!(json!(listed), json!(changes));
    // What changes nothing, and what only reads, has no change.
    for answer in [
        service.put(&class("bowl"), "{}"),
        service.patch(GALLERY, r#"{"rate":0.1}"#),
        service.get(GALLERY),
        service.get(&class("bowl")),
    ] {
        assert_eq!(answer.ok().get("change"), Some(&Value::Null), "{}", answer.text());
    }
    assert_eq!(history(&service).len(), changes.len());
}

#[test]
fn the_history_is_read_in_parts_newest_first() {
    let service = Service::start(&[]);
    let answer = service.get(HISTORY).ok();
    assert_eq!(answer, json!({"history": [], "next": null, "revision": 0}));
    for label in ["a", "b", "c"] {
        service.put(&class(label), "{}").ok();
    }
    let all = history(&service);
    assert_eq!(summaries(&service), ["created \"c\"", "created \"b\"", "created \"a\""]);
    let first = service.get(&format!("{HISTORY}?limit=2"));
    assert_eq!(first.header("etag"), Some("\"3\""));
    assert_eq!(first.ok()["history"], json!(all[..2]));
    let next = first.ok()["next"].as_str().unwrap().to_owned();
    assert_eq!(all[1]["change"], next.as_str());
    let rest = service.get(&format!("{HISTORY}?limit=1&after={next}")).ok();
    assert_eq!((&rest["history"], &rest["next"]), (&json!(all[2..]), &Value::Null));
    for wrong in ["limit=0", "limit=1001", "after=x", "after=ch_123456", "before=x"] {
        service.get(&format!("{HISTORY}?{wrong}")).assert_problem(400, "bad_request");
    }
    let unknown = format!("{HISTORY}?after=ch_{:032}", 0);
    service.get(&unknown).assert_problem(404, "unknown_change");
    service.get("/v1/galleries/other/history").assert_problem(404, "unknown_gallery");
}

#[test]
fn the_history_shows_who_when_and_where() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    for (label, client) in [("a", "page"), ("b", "Page"), ("c", "admin"), ("d", "")] {
        let headers = [("content-type", "image/png"), ("handful-client", client)];
        service.send("POST", &examples(label), &headers, &image).ok();
    }
    service.enroll("mug", &image).ok();
    let entries = history(&service);
    let actors: Vec<_> = entries.iter().map(|entry| &entry["actor"]).collect();
    assert_eq!(actors, ["http", "http", "http", "http", "page"]);
    for entry in &entries {
        assert_eq!(entry["device"], entries[0]["device"]);
        let at = entry["at"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
        assert_eq!((&entry["undone"], &entry["is_undo"]), (&json!(false), &json!(false)));
    }
    assert_eq!(entries[0]["summary"], "enrolled 1 image in \"mug\"");
}

#[test]
fn the_last_change_is_undone_and_redone() {
    let (service, enrolled, renamed) = renamed();
    let undone = bare(&service, UNDO);
    assert_eq!(undone.header("etag"), Some("\"3\""));
    let answer = undone.ok();
    assert_eq!(answer["undone"][0]["change"], renamed.as_str());
    assert_eq!(answer["undone"][0]["undone"], true);
    assert_eq!((&answer["revision"], service.known()[0].0.as_str()), (&json!(3), "mug"));
    let entries = history(&service);
    assert_eq!((&entries[0]["is_undo"], &entries[0]["change"]), (&json!(true), &answer["change"]));
    assert_eq!(entries[1]["undone"], true);

    assert_eq!(service.post_json(UNDO, "{}").ok()["undone"][0]["change"], enrolled.as_str());
    assert_eq!(service.known(), []);
    bare(&service, UNDO).assert_problem(409, "cannot_undo");
    bare(&service, REDO).ok();
    assert_eq!(service.known()[0].0, "mug");
    service.post_json(REDO, "{}").ok();
    assert_eq!(service.known(), [("cup".to_owned(), 1)]);
    bare(&service, REDO).assert_problem(409, "cannot_undo");
}

#[test]
fn a_change_that_others_depend_on_is_undone_with_them() {
    let (service, enrolled, renamed) = renamed();
    let refused = service.post_json(UNDO, &with(&enrolled));
    refused.assert_problem(409, "cannot_undo");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(&short(&renamed)) && detail.contains("renamed"), "{detail}");
    assert_eq!(service.known()[0].0, "cup");
    let through = json!({"change": enrolled, "through": true}).to_string();
    let answer = service.post_json(UNDO, &through).ok();
    let undone: Vec<_> =
        answer["undone"].as_array().unwrap().iter().map(|entry| &entry["change"]).collect();
    assert_eq!(undone, [renamed.as_str(), enrolled.as_str()]);
    assert_eq!(service.known(), []);
    // Both were undone by one change.
    service.post_json(REDO, &with(answer["change"].as_str().unwrap())).ok();
    assert_eq!(service.known(), [("cup".to_owned(), 1)]);
}

#[test]
fn a_change_is_named_by_its_id_whole_or_short() {
    let (service, enrolled, renamed) = renamed();
    let undo = change(&service.post_json(UNDO, &with(&short(&renamed))));
    service.post_json(UNDO, &with(&renamed)).assert_problem(409, "cannot_undo");
    service.post_json(REDO, &with(&enrolled)).assert_problem(409, "cannot_undo");
    service.post_json(REDO, &with(&short(&undo))).ok();
    assert_eq!(service.known()[0].0, "cup");
    for unknown in ["ch_000000", "ch_00000000000000000000000000000000"] {
        service.post_json(UNDO, &with(unknown)).assert_problem(404, "unknown_change");
        service.post_json(REDO, &with(unknown)).assert_problem(404, "unknown_change");
    }
    for wrong in [r#"{"change":"x"}"#, r#"{"change":"ch_12345"}"#, r#"{"chang":"x"}"#, "[]", "x"] {
        service.post_json(UNDO, wrong).assert_problem(400, "bad_request");
        service.post_json(REDO, wrong).assert_problem(400, "bad_request");
    }
    let text = [("content-type", "text/plain")];
    service.send("POST", UNDO, &text, b"{}").assert_problem(415, "unsupported_media_type");
}

#[test]
fn an_undo_needs_the_revision_that_it_names() {
    let (service, ..) = renamed();
    let stale = [("if-match", "\"1\"")];
    for path in [UNDO, REDO] {
        service.send("POST", path, &stale, &[]).assert_problem(412, "precondition_failed");
    }
    service.send("POST", UNDO, &[("if-match", "\"2\"")], &[]).ok();
    assert_eq!(service.known()[0].0, "mug");
}

#[test]
fn what_is_purged_cannot_be_restored() {
    let service = Service::start(&[]);
    let enrolled = service.enroll("mug", &draw::png(stripes(0)));
    service.enroll("cup", &draw::png(stripes(4))).ok();
    service.delete(&class("mug")).ok();
    // The time in which it can be restored is not over.
    let early = bare(&service, PURGE).ok();
    assert_eq!((&early["purged"], &early["change"]), (&json!(0), &Value::Null));
    let purged = service.post_json(PURGE, r#"{"older_than_days":0}"#);
    assert_eq!(purged.ok()["purged"], 1);
    assert_eq!(history(&service)[0]["change"], change(&purged).as_str());
    service.post_json(UNDO, &with(&change(&purged))).assert_problem(409, "cannot_undo");
    let undo = json!({"change": change(&enrolled), "through": true}).to_string();
    service.post_json(UNDO, &undo).assert_problem(409, "cannot_undo");
    assert_eq!(service.known(), [("cup".to_owned(), 1)]);
    for wrong in [r#"{"older_than_days":36501}"#, r#"{"older_than_days":-1}"#, r#"{"days":1}"#] {
        service.post_json(PURGE, wrong).assert_problem(400, "bad_request");
    }
    assert_eq!(bare(&service, "/v1/compact").status, 204);
}

#[test]
fn the_time_to_restore_is_a_setting() {
    let service = Service::start(&[]);
    assert_eq!(service.get(GALLERY).ok()["retention_days"], 30);
    service.patch(GALLERY, r#"{"retention_days":0}"#).ok();
    service.enroll("mug", &draw::png(stripes(0))).ok();
    service.delete(&class("mug")).ok();
    assert_eq!(bare(&service, PURGE).ok()["purged"], 1);
    for wrong in ["36501", "-1", "1.5", "\"7\""] {
        let patch = format!("{{\"retention_days\":{wrong}}}");
        service.patch(GALLERY, &patch).assert_problem(400, "bad_request");
    }
}

#[test]
fn the_history_outlives_the_process() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    service.enroll("mug", &draw::png(stripes(0))).ok();
    service.delete(&class("mug")).ok();
    let before = history(&service);
    assert!(service.stop().success());
    let service = Service::start_on(store.path(), &[]);
    assert_eq!(history(&service), before);
    bare(&service, UNDO).ok();
    assert_eq!(service.known(), [("mug".to_owned(), 1)]);
}

#[test]
fn the_service_purges_by_itself_what_is_due() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    service.patch(GALLERY, r#"{"retention_days":0}"#).ok();
    service.put("/v1/galleries/line", "").ok();
    service.patch("/v1/galleries/line", r#"{"retention_days":0}"#).ok();
    service.put("/v1/galleries/kept", "").ok();
    service.put("/v1/galleries/kept/classes/mug", "{}").ok();
    service.enroll("mug", &draw::png(stripes(0))).ok();
    service.delete(&class("mug")).ok();
    service.delete("/v1/galleries/line").ok();
    service.delete("/v1/galleries/kept").ok();
    let limit = Instant::now() + Duration::from_secs(120);
    while history(&service)[0]["actor"] != "retention" {
        assert!(Instant::now() < limit, "nothing was purged: {:?}", summaries(&service));
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(summaries(&service)[0], "purged 1 image");
    // Deleted galleries come after all others. What is asked for here purges nothing itself.
    let old = r#"{"older_than_days":36500}"#;
    while service.post_json("/v1/galleries/line/purge", old).status != 410 {
        assert!(Instant::now() < limit, "the deleted gallery was not purged");
        thread::sleep(Duration::from_millis(100));
    }
    service.post_json("/v1/galleries/line/undelete", "").assert_problem(410, "purged");
    service.post_json("/v1/galleries/kept/undelete", "").ok();
}
