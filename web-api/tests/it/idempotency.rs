//! `Idempotency-Key`: a change that is sent again is answered as before, and not made again.

use std::thread;

use serde_json::json;

use crate::client::{Answer, Connection, head};
use crate::draw;
use crate::images::stripes;
use crate::service::{CLASSES, CLASSIFY, Service, class, examples};

const GALLERY: &str = "/v1/galleries/default";

/// A call with JSON and a key.
fn keyed(service: &Service, method: &str, path: &str, key: &str, json: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    service.send(method, path, &headers, json.as_bytes())
}

/// An enrollment with a key.
fn enroll(service: &Service, label: &str, key: &str, image: &[u8]) -> Answer {
    let headers = [("content-type", "image/png"), ("idempotency-key", key)];
    service.send("POST", &examples(label), &headers, image)
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

fn revision(service: &Service) -> u64 {
    service.get(GALLERY).ok()["revision"].as_u64().unwrap()
}

#[test]
fn a_change_that_is_sent_again_is_made_once() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    let first = enroll(&service, "mug", "k1", &image);
    assert_eq!((first.status, is_replayed(&first)), (201, false));
    // Without the key it would be an example that the class does not have any more.
    let id = first.ok()["examples"][0]["id"].as_str().unwrap().to_owned();
    service.delete(&format!("{GALLERY}/examples/{id}")).ok();
    let again = enroll(&service, "mug", "k1", &image);
    assert_eq!((again.status, is_replayed(&again)), (201, true));
    assert_eq!(again.body, first.body);
    for header in ["etag", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(revision(&service), 2);
    assert_eq!(enroll(&service, "mug", "k2", &image).ok()["revision"], 3, "another key");
}

#[test]
fn every_kind_of_change_takes_a_key() {
    let service = Service::start(&[]);
    let line = "/v1/galleries/line";
    for (method, path, json, status) in [
        ("PUT", line.to_owned(), "", 201),
        ("PUT", class("mug"), "{}", 201),
        ("PATCH", class("mug"), r#"{"label":"cup"}"#, 200),
        ("PATCH", GALLERY.to_owned(), r#"{"rate":0.1}"#, 200),
        ("POST", format!("{GALLERY}/undo"), "", 200),
        ("DELETE", class("cup"), "", 200),
        ("DELETE", line.to_owned(), "", 200),
        ("POST", "/v1/compact".to_owned(), "", 204),
    ] {
        let key = format!("{method} {path}").replace([' ', '/', '%'], "-");
        let first = keyed(&service, method, &path, &key, json);
        assert_eq!((first.status, is_replayed(&first)), (status, false), "{key}");
        let again = keyed(&service, method, &path, &key, json);
        assert_eq!((again.status, is_replayed(&again)), (status, true), "{key}");
        assert_eq!(again.body, first.body, "{key}");
    }
}

#[test]
fn a_key_of_another_call_is_refused() {
    let service = Service::start(&[]);
    keyed(&service, "PUT", &class("mug"), "k", "{}").ok();
    for (method, path, json) in [
        ("PUT", class("mug"), "{ }"),
        ("PUT", class("mug"), ""),
        ("PUT", class("cup"), "{}"),
        ("PATCH", class("mug"), "{}"),
        ("PUT", format!("{}?x=1", class("mug")), "{}"),
    ] {
        let refused = keyed(&service, method, &path, "k", json);
        // A call that takes no parameters refuses them before.
        if path.contains('?') {
            refused.assert_problem(400, "bad_request");
        } else {
            refused.assert_problem(422, "idempotency_key_reused");
        }
    }
    let text = [("content-type", "text/plain"), ("idempotency-key", "k")];
    let other_type = service.send("PUT", &class("mug"), &text, b"{}");
    other_type.assert_problem(422, "idempotency_key_reused");
    assert_eq!(service.known(), [("mug".to_owned(), 0)]);
}

#[test]
fn a_refusal_of_the_call_is_an_answer_too() {
    let service = Service::start(&[]);
    let rename = |label: &str| {
        let json = json!({ "label": label }).to_string();
        keyed(&service, "PATCH", &class("mug"), "k", &json)
    };
    rename("cup").assert_problem(404, "unknown_class");
    service.put(&class("mug"), "{}").ok();
    let again = rename("cup");
    again.assert_problem(404, "unknown_class");
    assert!(is_replayed(&again));
    rename("bowl").assert_problem(422, "idempotency_key_reused");
}

#[test]
fn a_call_that_was_not_judged_may_be_sent_again() {
    let service = Service::start(&[]);
    let long = "0".repeat(20 << 20);
    let refused = enroll(&service, "mug", "k", long.as_bytes());
    refused.assert_problem(413, "too_large");
    let headers = [("host", "evil.example"), ("idempotency-key", "k2")];
    service.send("PUT", &class("mug"), &headers, &[]).assert_problem(403, "forbidden");
    keyed(&service, "PUT", &class("mug"), "k2", "{}").ok();
    let store = tempfile::tempdir().unwrap();
    assert!(Service::start_on(store.path(), &[]).stop().success());
    let read_only = Service::start_on(store.path(), &["--read-only"]);
    for _ in 0..2 {
        let refused = keyed(&read_only, "PUT", &class("mug"), "k", "{}");
        refused.assert_problem(503, "read_only");
        assert!(!is_replayed(&refused));
    }
}

#[test]
fn a_key_is_one_visible_word() {
    let service = Service::start(&[]);
    let long = "x".repeat(256);
    for wrong in ["", "a b", &long] {
        let refused = keyed(&service, "PUT", &class("mug"), wrong, "{}");
        refused.assert_problem(400, "bad_request");
        assert!(refused.text().contains("Idempotency-Key"), "{}", refused.text());
    }
    keyed(&service, "PUT", &class("mug"), &long[1..], "{}").ok();
}

#[test]
fn reads_ignore_keys() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    service.enroll("mug", &image).ok();
    let headers = [("content-type", "image/png"), ("idempotency-key", "a b")];
    for path in [CLASSIFY, "/v1/embed"] {
        for _ in 0..2 {
            let answer = service.send("POST", path, &headers, &image);
            assert_eq!((answer.status, is_replayed(&answer)), (200, false), "{path}");
        }
    }
    let calibrate = format!("{GALLERY}/calibrate");
    assert_eq!(service.send("POST", &calibrate, &headers[1..], &[]).status, 200);
    assert_eq!(service.send("GET", CLASSES, &headers[1..], &[]).status, 200);
}

#[test]
fn of_calls_at_the_same_time_one_is_made() {
    let service = Service::start(&[]);
    let large = draw::png(draw::flat(2000, 2000, [1, 2, 3]));
    let answers: Vec<Answer> = thread::scope(|scope| {
        let calls: Vec<_> =
            (0..4).map(|_| scope.spawn(|| enroll(&service, "mug", "k", &large))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let made = answers.iter().filter(|answer| answer.status == 201 && !is_replayed(answer));
    assert_eq!(made.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.assert_problem(409, "conflict");
    }
    assert_eq!(revision(&service), 1);
}

#[test]
fn the_answer_is_there_for_a_client_that_left() {
    let service = Service::start(&[]);
    let image = draw::png(draw::flat(1000, 1000, [1, 2, 3]));
    let length = image.len().to_string();
    let headers = [
        ("content-length", length.as_str()),
        ("content-type", "image/png"),
        ("idempotency-key", "k"),
    ];
    let mut connection = Connection::open(&service.address);
    let path = examples("mug");
    connection.write(head(&service.address, "POST", &path, &headers).as_bytes()).unwrap();
    connection.write(&image).unwrap();
    // The call has begun when its key is in use; then the client leaves.
    let mut answer = enroll(&service, "mug", "k", &image);
    drop(connection);
    while answer.status == 409 {
        answer = enroll(&service, "mug", "k", &image);
    }
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(revision(&service), 1);
    assert!(is_replayed(&enroll(&service, "mug", "k", &image)));
}
