//! Keys: each call with each kind of key, and what a key of one gallery may.

mod calls;

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use access::Role;
use access::keys::Keys;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::draw;
use crate::images::stripes;
use crate::service::Service;
use calls::{Body, CALLS, Call, calls};

/// What a change of the keys may take until it holds.
const NOTICED: Duration = Duration::from_secs(2);

const UNDO: &str = "/v1/galleries/default/undo";
const REDO: &str = "/v1/galleries/default/redo";

/// A text that has the role of a key and is none.
const WRONG: &str = "hunter2-is-no-key";

fn add(store: &Path, name: &str, role: Role, gallery: Option<&str>) -> String {
    Keys::add(store, name, role, gallery).unwrap().to_string()
}

/// A service with keys of which some are for its gallery `other`.
struct Fixture {
    service: Service,
    read: String,
    enroll: String,
    admin: String,
    /// An administrator of the gallery `other` only.
    other: String,
    /// An example of the class `mug` in the gallery `line`.
    example: String,
    store: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let store = tempfile::tempdir().unwrap();
        let read = add(store.path(), "reader", Role::Read, None);
        let enroll = add(store.path(), "line-2", Role::Enroll, None);
        let admin = add(store.path(), "office", Role::Admin, None);
        let other = add(store.path(), "visitor", Role::Admin, Some("other"));
        let service = Service::start_on(store.path(), &[]);
        let example = String::new();
        let mut fixture = Self { service, read, enroll, admin, other, example, store };
        for gallery in ["line", "other"] {
            fixture.by_admin("PUT", &format!("/v1/galleries/{gallery}"), &Body::None).ok();
        }
        let enrolling = "/v1/galleries/line/classes/mug/examples?create=true";
        let enrolled = fixture.by_admin("POST", enrolling, &Body::Image).ok();
        enrolled["examples"][0]["id"].as_str().unwrap().clone_into(&mut fixture.example);
        fixture
    }

    fn by_admin(&self, method: &str, path: &str, body: &Body) -> Answer {
        send(&self.service, Some(&self.admin), method, path, body)
    }

    fn by_other(&self, method: &str, path: &str, body: &Body) -> Answer {
        send(&self.service, Some(&self.other), method, path, body)
    }
}

fn send(service: &Service, key: Option<&str>, method: &str, path: &str, body: &Body) -> Answer {
    let authorization = key.map(|key| format!("Bearer {key}"));
    let kind = body.content_type().map(|kind| ("content-type", kind));
    let mut headers: Vec<(&str, &str)> = kind.into_iter().collect();
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    service.send(method, path, &headers, &body.bytes())
}

fn get(service: &Service, key: Option<&str>, path: &str) -> Answer {
    send(service, key, "GET", path, &Body::None)
}

/// Waits for a change of the keys.
fn await_status(service: &Service, key: Option<&str>, expected: u16) {
    let start = Instant::now();
    while get(service, key, "/version").status != expected {
        assert!(start.elapsed() < NOTICED, "{expected} is not the answer after {NOTICED:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The table is `http-api.md` as a test: no call is missing in it, and each is answered to each
/// kind of key as it says.
#[test]
fn every_call_is_open_to_its_roles_only() {
    let fixture = Fixture::new();
    let Fixture { service, read, enroll, admin, other, example, .. } = &fixture;
    let callers = [
        ("no key", None),
        ("a wrong key", Some(WRONG)),
        ("read", Some(read.as_str())),
        ("enroll", Some(enroll.as_str())),
        ("admin", Some(admin.as_str())),
        ("admin of another gallery", Some(other.as_str())),
    ];
    let mut wrong = Vec::new();
    for call in calls() {
        for (caller, key) in callers {
            let answer = send(service, key, call.method, &call.path(example), &call.body);
            let expected = call.expected(caller);
            if answer.status != expected {
                wrong.push(format!("{call} with {caller}: {}, not {expected}", answer.status));
            }
            check_refusal(&answer, caller, &call);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A refusal is a problem with a code of its own; 401 also says how to send a key.
fn check_refusal(answer: &Answer, caller: &str, call: &Call) {
    let challenge = answer.header("www-authenticate");
    match answer.status {
        401 => {
            assert_refused(answer, "unauthorized", call);
            let error = if caller == "no key" { "" } else { ", error=\"invalid_token\"" };
            let expected = format!("Bearer realm=\"handful\"{error}");
            assert_eq!(challenge, Some(&*expected), "{call} with {caller}");
        }
        403 => assert_refused(answer, "forbidden", call),
        _ => assert_eq!(challenge, None, "{call} with {caller}"),
    }
}

fn assert_refused(answer: &Answer, code: &str, call: &Call) {
    if call.is_inference() {
        assert!(answer.json()["error"].is_string(), "{call}: {}", answer.text());
        return;
    }
    answer.assert_problem(answer.status, code);
}

#[test]
fn the_document_has_the_calls_of_the_table_and_their_security() {
    let document = Service::start(&[]).get("/openapi.json").ok();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            let path = path.replace("/v1/galleries/{gallery}", "G");
            let name = format!("{} {path}", method.to_uppercase());
            let expected = match path.as_str() {
                "/livez" | "/readyz" => Value::Null,
                _ => json!([{"bearer": []}, {"x-api-key": []}]),
            };
            assert_eq!(call["security"], expected, "{name}");
            if !expected.is_null() {
                assert!(call["responses"]["default"].is_object(), "{name}");
            }
            found.insert(name);
        }
    }
    let table: BTreeSet<_> = calls().map(|call| call.to_string()).collect();
    assert_eq!(table.len(), CALLS.trim().lines().count(), "a call is there twice");
    assert_eq!(found, table);
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    assert_eq!(
        (&schemes["x-api-key"]["in"], &schemes["x-api-key"]["name"]),
        (&json!("header"), &json!("x-api-key"))
    );
}

#[test]
fn the_page_and_unknown_paths_need_no_key() {
    let fixture = Fixture::new();
    let service = &fixture.service;
    assert_eq!(service.get("/").status, 200);
    assert_eq!(service.get("/page/main.js").status, 200);
    service.get("/nowhere").assert_problem(404, "not_found");
    let answer = service.send("PUT", "/v1/galleries", &[], &[]);
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[test]
fn keys_are_added_and_revoked_while_the_service_runs() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    assert_eq!(get(&service, None, "/version").status, 200, "no key was ever made");
    assert_eq!(get(&service, Some(WRONG), "/version").status, 200);
    let phone = add(store.path(), "phone", Role::Read, None);
    await_status(&service, None, 401);
    assert_eq!(get(&service, Some(&phone), "/version").status, 200);
    assert_eq!(service.send("GET", "/version", &[("x-api-key", &phone)], &[]).status, 200);
    let tablet = add(store.path(), "tablet", Role::Read, None);
    await_status(&service, Some(&tablet), 200);
    Keys::revoke(store.path(), "phone").unwrap();
    await_status(&service, Some(&phone), 401);
    assert_eq!(get(&service, Some(&tablet), "/version").status, 200);
    Keys::revoke(store.path(), "tablet").unwrap();
    await_status(&service, Some(&tablet), 401);
    assert_eq!(get(&service, None, "/version").status, 401, "it stays closed without keys");
    drop(service);
    let again = Service::start_on(store.path(), &[]);
    assert_eq!(get(&again, None, "/version").status, 401, "also after a restart");
}

#[test]
fn no_key_is_in_the_log() {
    let store = tempfile::tempdir().unwrap();
    let key = add(store.path(), "phone", Role::Enroll, None);
    let mut service = Service::start_on(store.path(), &["--log", "debug"]);
    let image = Body::Image;
    let path = "/v1/galleries/default/classes/mug/examples?create=true";
    send(&service, Some(&key), "POST", path, &image).ok();
    send(&service, Some(&key), "POST", "/v1/compact", &Body::None).assert_problem(403, "forbidden");
    send(&service, Some(WRONG), "POST", path, &image).assert_problem(401, "unauthorized");
    for key in [key.as_str(), WRONG] {
        service.send("GET", "/version", &[("x-api-key", key)], &[]);
        service.send("GET", "/version", &[("authorization", key)], &[]);
    }
    service.signal("-TERM");
    assert!(service.wait().success());
    let log = service.errors();
    assert!(log.contains("answered") && log.contains("401"), "{log}");
    for secret in [key.as_str(), WRONG] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn the_body_of_a_refused_call_is_read_before_the_answer() {
    let fixture = Fixture::new();
    let service = &fixture.service;
    let large = vec![0; 8 << 20];
    for path in ["/v1/galleries/line/classify", "/v1/embed"] {
        service.post(path, &large).assert_problem(401, "unauthorized");
    }
}

#[test]
fn wrong_keys_are_slowed_down_and_right_ones_are_not() {
    let fixture = Fixture::new();
    let Fixture { service, read, .. } = &fixture;
    let refused = (0..30).find_map(|n| {
        let answer = get(service, Some(&format!("guess-{n}")), "/version");
        if answer.status == 401 {
            return None;
        }
        assert!(n >= 10, "only {n} were answered");
        Some(answer)
    });
    let refused = refused.expect("no guess was refused");
    refused.assert_problem(429, "too_many_attempts");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");
    assert_eq!(get(service, Some(read), "/version").status, 200);
    assert_eq!(get(service, None, "/version").status, 401);
    assert_eq!(service.get("/livez").status, 200);
    let metrics = get(service, Some(read), "/metrics").text();
    for reason in ["attempts", "wrong", "missing"] {
        let line = format!("handful_keys_refused_total{{reason=\"{reason}\"}}");
        assert!(metrics.contains(&line), "{line} is missing in {metrics}");
    }
}

#[test]
fn a_key_of_one_gallery_sees_only_that() {
    let fixture = Fixture::new();
    let names = |answer: &Answer, list: &str| -> Vec<String> {
        let entries = answer.ok()[list].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["gallery"].as_str().unwrap().to_owned()).collect()
    };
    for gallery in ["line", "other"] {
        fixture.by_admin("POST", &format!("/v1/galleries/{gallery}/classify"), &Body::Image).ok();
    }
    assert_eq!(
        names(&fixture.by_other("GET", "/v1/galleries", &Body::None), "galleries"),
        ["other"]
    );
    let metrics = fixture.by_other("GET", "/metrics", &Body::None).text();
    assert!(metrics.contains("gallery=\"other\"") && !metrics.contains("\"line\""), "{metrics}");
    let all = fixture.by_admin("GET", "/metrics", &Body::None).text();
    assert!(all.contains("gallery=\"other\"") && all.contains("gallery=\"line\""), "{all}");
    // In every spelling; one that is not there is refused as others are.
    assert_eq!(fixture.by_other("GET", "/v1/galleries/OTHER", &Body::None).status, 200);
    for gallery in ["line", "nowhere", "g_00000000000070008000000000000000"] {
        let answer = fixture.by_other("GET", &format!("/v1/galleries/{gallery}"), &Body::None);
        answer.assert_problem(403, "forbidden");
    }
    let name = Body::Json(r#"{"name":"mine"}"#.to_owned());
    fixture.by_other("PATCH", "/v1/galleries/other", &name).assert_problem(403, "forbidden");
    let left = fixture.by_other("DELETE", "/v1/galleries/other", &Body::None);
    assert!(names(&left, "galleries").is_empty(), "{left:?}");
    fixture.by_admin("PUT", "/v1/galleries/gone", &Body::None).ok();
    fixture.by_admin("DELETE", "/v1/galleries/gone", &Body::None).ok();
    let deleted = fixture.by_other("GET", "/v1/deleted-galleries", &Body::None);
    assert_eq!(names(&deleted, "galleries"), ["other"]);
    let refused = fixture.by_other("POST", "/v1/galleries/gone/undelete", &Body::None);
    refused.assert_problem(403, "forbidden");
    fixture.by_other("POST", "/v1/galleries/other/undelete", &Body::None).ok();
}

/// An answer may show what the key of today may not see.
#[test]
fn answers_are_not_given_again_to_another_key_of_the_same_name() {
    let fixture = Fixture::new();
    let Fixture { service, admin, store, .. } = &fixture;
    let delete = |key: &str| {
        let headers = [("x-api-key", key), ("idempotency-key", "k")];
        service.send("DELETE", "/v1/galleries/line", &headers, &[])
    };
    let first = delete(admin);
    assert!(first.text().contains("other"), "{}", first.text());
    assert_eq!(delete(admin).header("idempotent-replayed"), Some("true"));
    Keys::revoke(store.path(), "office").unwrap();
    await_status(service, Some(admin), 401);
    delete(admin).assert_problem(401, "unauthorized");
    let limited = add(store.path(), "office", Role::Admin, Some("line"));
    await_status(service, Some(&limited), 200);
    delete(&limited).assert_problem(404, "unknown_gallery");
}

#[test]
fn a_key_for_enrolling_takes_back_only_its_own_changes() {
    let fixture = Fixture::new();
    let Fixture { service, enroll, store, .. } = &fixture;
    let second = add(store.path(), "line-3", Role::Enroll, None);
    await_status(service, Some(&second), 200);
    let post = |key: &str, path: &str, json: &str| {
        send(service, Some(key), "POST", path, &Body::Json(json.to_owned()))
    };
    let image = "/v1/galleries/default/classes/jug/examples?create=true";
    let made = send(service, Some(enroll), "POST", image, &Body::Image).ok();
    let own = json!({"change": made["change"], "through": true}).to_string();
    let added = Body::Raw(draw::png(stripes(7)));
    send(service, Some(&second), "POST", image, &added).ok();
    let refused = post(enroll, UNDO, "{}");
    refused.assert_problem(403, "forbidden");
    assert!(refused.text().contains("was made by `line-3`"), "{}", refused.text());
    post(enroll, UNDO, &own).assert_problem(403, "forbidden");
    let devices = r#"{"devices":["d_00000000000070008000000000000000"]}"#;
    post(enroll, UNDO, devices).assert_problem(403, "forbidden");
    let history = get(service, Some(&fixture.read), "/v1/galleries/default/history").ok();
    let entries = history["history"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "nothing was undone");
    assert_eq!((&entries[0]["actor"], &entries[1]["actor"]), (&json!("line-3"), &json!("line-2")));
    post(&second, UNDO, "{}").ok();
    post(enroll, REDO, "{}").assert_problem(403, "forbidden");
    post(enroll, UNDO, &own).ok();
    post(enroll, REDO, "{}").ok();
    post(&fixture.admin, UNDO, "{}").ok();
}
