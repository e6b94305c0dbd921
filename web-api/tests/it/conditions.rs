//! Conditional requests: `If-Match` of changes, `If-None-Match` of reads.

use image::ImageFormat;

use crate::client::Answer;
use crate::draw;
use crate::images::stripes;
use crate::service::{CLASSES, Service, class, examples};

const GALLERY: &str = "/v1/galleries/default";
const BACKGROUND: &str = "/v1/galleries/default/background/examples";
const LINE: &str = "/v1/galleries/line";

/// Enrolls an image if the gallery has the revision.
fn post_if(service: &Service, path: &str, revision: &str, image: &[u8]) -> Answer {
    let headers = [("content-type", "image/png"), ("if-match", revision)];
    service.send("POST", path, &headers, image)
}

/// A call without a body.
fn send_if(service: &Service, method: &str, path: &str, condition: (&str, &str)) -> Answer {
    service.send(method, path, &[condition], &[])
}

fn get_unless(service: &Service, path: &str, tag: &str) -> Answer {
    send_if(service, "GET", path, ("if-none-match", tag))
}

/// The id of the only example of an answer.
fn id(answer: &Answer) -> String {
    answer.ok()["examples"][0]["id"].as_str().unwrap().to_owned()
}

fn image_of(id: &str) -> String {
    format!("{GALLERY}/examples/{id}/image")
}

#[test]
fn an_enrollment_needs_the_revision_that_it_names() {
    let service = Service::start(&[]);
    service.enroll("mug", &draw::png(stripes(0))).ok();
    let image = draw::png(stripes(4));
    for (path, revision) in [(examples("mug"), "\"1\""), (BACKGROUND.to_owned(), "\"2\"")] {
        let stale = post_if(&service, &path, "\"0\"", &image);
        stale.assert_problem(412, "precondition_failed");
        post_if(&service, &path, "x", &image).assert_problem(400, "bad_request");
        assert_eq!(post_if(&service, &path, revision, &image).status, 201, "{path}");
    }
    assert_eq!(service.known(), [("mug".to_owned(), 2)]);
    let background = service.get(BACKGROUND);
    let example = format!("{BACKGROUND}/{}", id(&background));
    let stale = send_if(&service, "DELETE", &example, ("if-match", "\"2\""));
    stale.assert_problem(412, "precondition_failed");
    send_if(&service, "DELETE", &example, ("if-match", "\"3\"")).ok();
}

#[test]
fn a_gallery_is_created_if_the_condition_holds() {
    let service = Service::start(&[]);
    for revision in ["*", "\"0\""] {
        let missing = send_if(&service, "PUT", LINE, ("if-match", revision));
        missing.assert_problem(412, "precondition_failed");
        assert!(missing.text().contains("`line` does not exist"), "{}", missing.text());
    }
    service.get(LINE).assert_problem(404, "unknown_gallery");
    assert_eq!(send_if(&service, "PUT", LINE, ("if-none-match", "*")).status, 201);
    let there = send_if(&service, "PUT", LINE, ("if-none-match", "*"));
    there.assert_problem(412, "precondition_failed");
    let stale = send_if(&service, "PUT", LINE, ("if-match", "\"1\""));
    stale.assert_problem(412, "precondition_failed");
    for revision in ["*", "\"0\""] {
        assert_eq!(send_if(&service, "PUT", LINE, ("if-match", revision)).status, 200);
    }
    let wrong = send_if(&service, "PUT", LINE, ("if-none-match", "\"0\""));
    wrong.assert_problem(400, "bad_request");
}

#[test]
fn a_gallery_is_restored_at_the_revision_that_it_had() {
    let service = Service::start(&[]);
    service.put(LINE, "").ok();
    service.put(&format!("{LINE}/classes/mug"), "{}").ok();
    let stale = send_if(&service, "DELETE", LINE, ("if-match", "\"0\""));
    stale.assert_problem(412, "precondition_failed");
    send_if(&service, "DELETE", LINE, ("if-match", "\"1\"")).ok();
    let undelete = format!("{LINE}/undelete");
    let stale = send_if(&service, "POST", &undelete, ("if-match", "\"0\""));
    stale.assert_problem(412, "precondition_failed");
    service.get(LINE).assert_problem(404, "unknown_gallery");
    let restored = send_if(&service, "POST", &undelete, ("if-match", "\"1\"")).ok();
    assert_eq!(restored["classes"], 1);
}

#[test]
fn a_read_that_its_client_has_is_not_sent_again() {
    let service = Service::start(&[]);
    let example = id(&service.enroll("mug", &draw::png(stripes(0))));
    service.post(BACKGROUND, &draw::png(stripes(4))).ok();
    for path in [
        GALLERY.to_owned(),
        CLASSES.to_owned(),
        class("mug"),
        format!("{}/examples", class("mug")),
        format!("{GALLERY}/examples/{example}"),
        image_of(&example),
        BACKGROUND.to_owned(),
        format!("{GALLERY}/history"),
        format!("{GALLERY}/doctor"),
        format!("{GALLERY}/reembed"),
        "/v1/galleries".to_owned(),
        "/v1/deleted-galleries".to_owned(),
        "/livez".to_owned(),
        "/readyz".to_owned(),
        "/version".to_owned(),
        "/openapi.json".to_owned(),
        "/v2".to_owned(),
        "/v2/models/backbone".to_owned(),
        "/v2/models/backbone/versions/1/ready".to_owned(),
        "/".to_owned(),
        "/page/main.js".to_owned(),
    ] {
        let tag = service.get(&path).header("etag").unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"0\", {tag}"), "*".to_owned()] {
            let answer = get_unless(&service, &path, &known);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{path} {known}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()), "{path}");
            assert_eq!(answer.header("content-type"), None, "{path}");
        }
        assert_eq!(get_unless(&service, &path, "\"0\"").status, 200, "{path}");
    }
    // Their content changes with every second.
    for path in ["/metrics", "/v1/doctor"] {
        assert!(service.get(path).header("etag").is_some(), "{path}");
        assert_eq!(get_unless(&service, path, "*").status, 304, "{path}");
    }
    let tag = service.get(GALLERY).header("etag").unwrap().to_owned();
    service.put(&class("cup"), "{}").ok();
    assert_eq!(get_unless(&service, GALLERY, &tag).status, 200, "it has changed");
    get_unless(&service, &class("bowl"), "*").assert_problem(404, "unknown_class");
}

#[test]
fn an_image_that_its_client_has_stays_in_its_cache() {
    let service = Service::start(&[]);
    let image = image_of(&id(&service.enroll("mug", &draw::png(stripes(0)))));
    let first = service.get(&image);
    let again = get_unless(&service, &image, first.header("etag").unwrap());
    assert_eq!(again.header("cache-control"), first.header("cache-control"));
    service.patch(GALLERY, r#"{"keep_images":"off"}"#).ok();
    let none = image_of(&id(&service.enroll("cup", &draw::png(stripes(4)))));
    get_unless(&service, &none, "*").assert_problem(404, "not_found");
}

#[test]
fn an_image_that_does_not_fit_the_memory_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    service.patch(GALLERY, r#"{"keep_images":"original"}"#).ok();
    let file = draw::encode(draw::flat(200, 200, [9, 99, 199]), ImageFormat::Bmp);
    assert!(file.len() > 100_000, "a BMP file is not compressed");
    let image = image_of(&id(&service.enroll("mug", &file)));
    assert_eq!(service.get(&image).body, file);
    assert!(service.stop().success());
    let small = ["--max-body-bytes", "10000", "--max-buffer-bytes", "110000"];
    let service = Service::start_on(store.path(), &small);
    let refused = service.get(&image);
    refused.assert_problem(413, "too_large");
    assert!(refused.text().contains("--max-buffer-bytes"), "{}", refused.text());
}

#[test]
fn every_read_and_every_change_has_its_condition() {
    let document = Service::start(&[]).get("/openapi.json").ok();
    for (path, item) in document["paths"].as_object().unwrap() {
        // A compaction changes no gallery.
        if path == "/v1/compact" {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names: Vec<_> = parameters.map(|one| one["name"].as_str().unwrap()).collect();
            let is_change = names.contains(&"idempotency-key");
            let asks =
                ["embed", "classify", "search", "calibrate", "infer"].map(|ask| format!("/{ask}"));
            let expected = match method.as_str() {
                "get" => "if-none-match",
                _ if is_change => "if-match",
                _ => {
                    assert!(asks.iter().any(|ask| path.ends_with(ask)), "{method} {path}");
                    continue;
                }
            };
            assert!(names.contains(&expected), "{method} {path}: {names:?}");
        }
    }
}
