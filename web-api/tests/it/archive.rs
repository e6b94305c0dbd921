//! A gallery in one file: export and import over HTTP.

use edge::gallery::{Galleries, Label, NewExample};
use models::bundle::{Bundle, BundleLimits};

use crate::draw;
use crate::images::stripes;
use crate::service::{CLASSES, Service, tiny_bundle};

const EXPORT: &str = "/v1/galleries/default/export";
const IMPORT: &str = "/v1/galleries/default/import";
const ZIP: (&str, &str) = ("content-type", "application/zip");

/// A service that knows two classes.
fn taught() -> Service {
    let service = Service::start(&[]);
    service.enroll("mug", &draw::png(stripes(0))).ok();
    service.enroll("cup", &draw::png(stripes(7))).ok();
    service
}

#[test]
fn a_gallery_moves_to_another_service() {
    let first = taught();
    let exported = first.get(EXPORT);
    assert_eq!(exported.status, 200);
    assert_eq!(exported.header("content-type"), Some("application/zip"));
    let name = "attachment; filename=\"default.handful\"; filename*=UTF-8''default.handful";
    assert_eq!(exported.header("content-disposition"), Some(name));
    assert_eq!(exported.header("etag"), Some("\"2\""));
    assert_eq!(first.get(EXPORT).body, exported.body, "the same gallery is the same file");
    let known = first.send("GET", EXPORT, &[("if-none-match", "\"2\"")], &[]);
    assert_eq!((known.status, known.body.len()), (304, 0), "the client has it");
    assert_eq!((known.header("etag"), known.header("content-disposition")), (Some("\"2\""), None));
    let other_tag = first.send("GET", EXPORT, &[("if-none-match", "\"1\"")], &[]);
    assert_eq!((other_tag.status, other_tag.body), (200, exported.body.clone()));

    let other = Service::start(&[]);
    let imported = other.send("POST", IMPORT, &[ZIP], &exported.body).ok();
    assert_eq!((&imported["examples"], &imported["images"]), (&2.into(), &2.into()));
    assert_eq!((&imported["ahead"], &imported["revision"]), (&0.into(), &1.into()));
    assert_eq!((&imported["in_use"], &imported["purged"]), (&2.into(), &0.into()));
    assert_eq!(imported["new"], imported["changes"]);
    assert_eq!(other.known(), first.known());
    assert_eq!(other.get(CLASSES).ok()["classes"], first.get(CLASSES).ok()["classes"]);
    let again = other.send("POST", IMPORT, &[ZIP], &exported.body).ok();
    assert_eq!((&again["new"], &again["revision"]), (&0.into(), &1.into()));
    other.send("POST", "/v1/galleries/default/undo", &[], &[]).ok();
    assert_eq!(other.known().len(), 1, "the last change of the first service is undone");
}

#[test]
fn an_import_is_undone_as_a_whole() {
    let exported = taught().get(EXPORT).body;
    let service = Service::start(&[]);
    service.put("/v1/galleries/default/classes/own", "{}").ok();
    let imported = service.send("POST", IMPORT, &[ZIP], &exported).ok();
    let device = imported["devices"][0].as_str().unwrap();
    assert_eq!(service.known().len(), 3);
    let undo = "/v1/galleries/default/undo";
    let both = format!(r#"{{"devices":["{device}"],"change":"ch_8a3f21"}}"#);
    for wrong in [r#"{"devices":["d_8a3f21"]}"#, r#"{"devices":"d"}"#, &both] {
        service.post_json(undo, wrong).assert_problem(400, "bad_request");
    }
    let undone = service.post_json(undo, &format!(r#"{{"devices":["{device}"]}}"#)).ok();
    assert_eq!(undone["undone"].as_array().unwrap().len(), 2);
    assert_eq!(service.known(), [("own".to_owned(), 0)]);
    let again = service.post_json(undo, &format!(r#"{{"devices":["{device}"]}}"#));
    again.assert_problem(409, "cannot_undo");
    service.post_json("/v1/galleries/default/redo", "").ok();
    assert_eq!(service.known().len(), 3);
}

#[test]
fn files_that_cannot_be_used_change_nothing() {
    let service = taught();
    let whole = service.get(EXPORT).body;
    let before = service.known();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for wrong in [&b""[..], b"hello", &flipped, &whole[..middle]] {
        service.send("POST", IMPORT, &[ZIP], wrong).assert_problem(422, "bad_archive");
    }
    let stale = [ZIP, ("if-match", "\"1\"")];
    service.send("POST", IMPORT, &stale, &whole).assert_problem(412, "precondition_failed");
    let image = [("content-type", "image/png")];
    service.send("POST", IMPORT, &image, &whole).assert_problem(415, "unsupported_media_type");
    let unknown = "/v1/galleries/nobody/import";
    service.send("POST", unknown, &[ZIP], &whole).assert_problem(404, "unknown_gallery");
    service.get("/v1/galleries/nobody/export").assert_problem(404, "unknown_gallery");
    assert_eq!(service.known(), before);
    let small = Service::start(&["--max-import-bytes", "1000"]);
    small.send("POST", IMPORT, &[ZIP], &whole).assert_problem(413, "too_large");
    let few = Service::start(&["--max-examples", "1"]);
    few.send("POST", IMPORT, &[ZIP], &whole).assert_problem(409, "limit_reached");
    assert!(few.known().is_empty());
}

#[test]
fn embeddings_of_another_length_than_those_of_the_model_do_not_spoil_an_empty_gallery() {
    let bundle = Bundle::open(&tiny_bundle(), &BundleLimits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let galleries = Galleries::open(folder.path(), &bundle.manifest.space_id).unwrap();
    let example = NewExample {
        sha256: [1; 32],
        crop: None,
        embedding: vec![1.0; bundle.manifest.backbone.embedding_size + 1],
        precision: "fp32".to_owned(),
        image: None,
    };
    let mut gallery = galleries.gallery("default").unwrap();
    gallery.enroll(&Label::parse("mug").unwrap(), vec![example], true).unwrap();
    let export = galleries.export("default").unwrap();
    let wrong: Vec<u8> = export.flat_map(Result::unwrap).collect();
    let service = Service::start(&[]);
    service.send("POST", IMPORT, &[ZIP], &wrong).assert_problem(422, "bad_archive");
    service.enroll("mug", &draw::png(stripes(0))).ok();
}

#[test]
fn an_import_leaves_no_file_behind_and_a_read_only_service_exports() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    let whole = taught().get(EXPORT).body;
    service.send("POST", IMPORT, &[ZIP], &whole).ok();
    service.send("POST", IMPORT, &[ZIP], b"hello").assert_problem(422, "bad_archive");
    assert!(!store.path().join("import.part").exists());
    std::fs::write(store.path().join("import.part"), "of a service that was killed").unwrap();
    assert!(service.stop().success());
    let again = Service::start_on(store.path(), &[]);
    assert!(!store.path().join("import.part").exists());
    assert_eq!(again.get(EXPORT).body, whole);
    assert!(again.stop().success());
    let reading = Service::start_on(store.path(), &["--read-only"]);
    assert_eq!(reading.get(EXPORT).body, whole);
    reading.send("POST", IMPORT, &[ZIP], &whole).assert_problem(503, "read_only");
}
