//! Name knowledge: the lexicon, classes without images, overrides, explanations.

use serde_json::json;

use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{CLASSES, CLASSIFY, Service, class};

fn explained() -> String {
    format!("{CLASSIFY}?explain=true")
}

#[test]
fn the_lexicon_lists_the_senses_of_a_noun() {
    let service = Service::knowing();
    assert!(service.report.contains("names   on"), "{}", service.report);
    assert_eq!(service.get("/version").json()["bundle"]["names"], true);
    let answer = service.get("/v1/lexicon?q=mouse").json();
    assert_eq!((&answer["q"], &answer["default_sense"]), (&json!("mouse"), &json!("n00000013")));
    let synsets: Vec<_> =
        answer["senses"].as_array().unwrap().iter().map(|s| &s["synset"]).collect();
    assert_eq!(synsets, ["n00000013", "n00000014"]);
    let mine = service.get("/v1/lexicon?q=my%20mouse%202").ok();
    assert_eq!(
        (&mine["default_sense"], &mine["senses"]),
        (&answer["default_sense"], &answer["senses"])
    );
    let handle = json!([{ "synset": "n00000018", "name": "handle" }]);
    let mug = &service.get("/v1/lexicon?q=coffee%20mugs").json()["senses"][0];
    assert_eq!(mug["gloss"], "a cup with a handle");
    assert_eq!((&mug["kind_of"], &mug["attributes"]), (&json!(["cup"]), &handle));
    assert_eq!(service.get("/v1/lexicon?q=gadget").json()["senses"], json!([]));
    assert_eq!(answer["completions"], json!([]));
    let typed = service.get("/v1/lexicon?q=ze&prefix=true").ok();
    let nouns: Vec<_> = typed["completions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|noun| noun.as_str().unwrap())
        .collect();
    assert!(nouns.contains(&"zebra") && nouns.iter().all(|noun| noun.starts_with("ze")), "{typed}");
    for wrong in
        ["/v1/lexicon", "/v1/lexicon?q=a&prefix=x", &format!("/v1/lexicon?q={}", "x".repeat(129))]
    {
        service.get(wrong).assert_problem(400, "bad_request");
    }
}

#[test]
fn a_class_is_recognized_from_its_name_before_its_first_image() {
    let service = Service::knowing();
    let made = service.put(&class("zebra"), "{}");
    assert_eq!(made.status, 201);
    let made = &made.json()["class"];
    assert_eq!((&made["provisional"], &made["examples"]), (&json!(true), &json!(0)));
    assert_eq!(
        (&made["meaning"]["rule"], &made["meaning"]["synset"]),
        (&json!("label"), &json!("n00000012"))
    );
    assert_eq!(service.put(&class("zebra"), "{}").status, 200, "it existed");
    let answer = service.post(&explained(), &draw::png(stripes(0))).json();
    assert_eq!(answer["fusion"], "trusted");
    let result = &answer["results"][0];
    assert_eq!((&result["label"], &result["decision"]), (&json!("zebra"), &json!("accepted")));
    let why = &result["explanation"];
    assert_eq!(why["share"], json!({ "images": 0.0, "knowledge": 1.0 }));
    assert_eq!((&why["attributes"][0]["name"], &why["nearest"]), (&json!("hoof"), &json!([])));
    let enrolled = service.enroll("zebra", &draw::png(stripes(4))).json();
    assert_eq!(enrolled["class"]["provisional"], false);
    let result = &service.post(&explained(), &draw::png(stripes(4))).json()["results"][0];
    assert_eq!(
        result["explanation"]["share"]["images"], 1.0,
        "a single class with an image uses its images only"
    );
    assert_eq!(result["explanation"]["nearest"].as_array().unwrap().len(), 1);
    let plain = service.post(CLASSIFY, &draw::png(stripes(4))).json();
    assert!(plain["results"][0].get("explanation").is_none());
}

#[test]
fn a_sense_is_overridden_and_reset() {
    let service = Service::knowing();
    service.enroll("mouse", &draw::png(columns(0)));
    let meaning = |json: &str| {
        let answer = service.put(&class("mouse"), json);
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        (answer["class"]["meaning"]["synset"].clone(), answer["class"]["meaning"]["rule"].clone())
    };
    assert_eq!(meaning(r#"{"synset":"n00000014"}"#), (json!("n00000014"), json!("override")));
    assert_eq!(meaning(r#"{"images_only":true}"#), (json!(null), json!(null)));
    assert_eq!(service.get(&class("mouse")).ok()["class"]["images_only"], true);
    assert_eq!(meaning("{}"), (json!("n00000013"), json!("label")));
    let put = |json: &str| service.put(&class("mouse"), json);
    put(r#"{"synset":"n99999999"}"#).assert_problem(422, "unknown_synset");
    put(r#"{"synset":"mouse"}"#).assert_problem(422, "unknown_synset");
    put(r#"{"synset":"n00000014","images_only":true}"#).assert_problem(400, "bad_request");
    put(r#"{"label":"x"}"#).assert_problem(400, "bad_request");
    service.put(&class("c_999999"), "{}").assert_problem(404, "unknown_class");
    let stale = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let late = service.send("PUT", &class("mouse"), &stale, b"{}");
    late.assert_problem(412, "precondition_failed");
    let put_if = |name: &str, header: (&str, &str)| {
        let headers = [("content-type", "application/json"), header];
        service.send("PUT", &class(name), &headers, b"{}")
    };
    put_if("nosuch", ("if-match", "*")).assert_problem(412, "precondition_failed");
    put_if("mouse", ("if-none-match", "*")).assert_problem(412, "precondition_failed");
    put_if("mouse", ("if-none-match", "\"1\"")).assert_problem(400, "bad_request");
    assert_eq!(put_if("mouse", ("if-match", "*")).status, 200);
    assert_eq!(put_if("cup", ("if-none-match", "*")).status, 201);
}

#[test]
fn a_patch_changes_what_it_names_as_one_change() {
    let service = Service::knowing();
    service.enroll("mouse", &draw::png(columns(0)));
    let id = service.get(&class("mouse")).ok()["class"]["id"].as_str().unwrap().to_owned();
    let patch = |json: &str| service.patch(&class(&id), json);
    let sense = |json: &str| patch(json).ok()["class"]["meaning"]["synset"].clone();
    let all = patch(r#"{"label":"pointer","synset":"n00000014","attributes":["handle"]}"#).ok();
    assert_eq!(all["revision"], 2, "one change");
    let changed = &all["class"];
    assert_eq!((&changed["label"], &changed["examples"]), (&json!("pointer"), &json!(1)));
    assert_eq!(changed["meaning"]["synset"], "n00000014");
    assert_eq!(changed["attributes"][0]["name"], "handle");
    let last = service.get("/v1/galleries/default/history?limit=1").ok();
    assert_eq!(last["history"][0]["change"], all["change"]);
    assert_eq!(sense(r#"{"label":"mouse"}"#), "n00000014", "it stays");
    assert_eq!(sense(r#"{"images_only":false}"#), "n00000014", "it was not true");
    assert_eq!(sense(r#"{"images_only":true}"#), json!(null));
    assert_eq!(sense(r#"{"synset":null}"#), json!(null), "it was not set");
    assert_eq!(sense(r#"{"images_only":null}"#), "n00000013", "the label decides");
    assert_eq!(sense(r#"{"synset":"n00000014"}"#), "n00000014");
    let reset = patch(r#"{"synset":null,"attributes":null}"#).ok()["class"].clone();
    assert_eq!(reset["meaning"]["rule"], "label");
    assert_eq!(reset["attributes_overridden"], false);
    let before = service.get(CLASSES).ok();
    for (json, status, code) in [
        (r#"{"label":"x","synset":"n99999999"}"#, 422, "unknown_synset"),
        (r#"{"label":"x","attributes":["gizmo"]}"#, 422, "unknown_synset"),
        (r#"{"label":"a/b","synset":"n00000014"}"#, 422, "bad_name"),
        (r#"{"synset":"n00000014","images_only":true}"#, 400, "bad_request"),
    ] {
        patch(json).assert_problem(status, code);
    }
    assert_eq!(service.get(CLASSES).ok(), before, "all or nothing");
    let undone = json!({ "change": all["change"], "through": true }).to_string();
    service.post_json("/v1/galleries/default/undo", &undone).ok();
    let class = service.get(&class(&id)).ok()["class"].clone();
    assert_eq!((&class["label"], &class["meaning"]["rule"]), (&json!("mouse"), &json!("label")));
}

#[test]
fn attributes_are_overridden_and_reset() {
    let service = Service::knowing();
    service.enroll("zebra", &draw::png(stripes(0)));
    let put = |json: &str| service.put(&class("zebra"), json);
    let class = put(r#"{"attributes":["handle","n00000019"]}"#).json()["class"].clone();
    assert_eq!(class["attributes"].as_array().unwrap().len(), 2, "{class}");
    assert_eq!(
        (&class["attributes_overridden"], &class["meaning"]["rule"]),
        (&json!(true), &json!("label"))
    );
    let why = &service.post(&explained(), &draw::png(stripes(4))).json()["results"][0];
    assert_eq!(why["explanation"]["attributes"].as_array().unwrap().len(), 2, "{why}");
    put(r#"{"attributes":["gizmo"]}"#).assert_problem(422, "unknown_synset");
    let many = json!({ "attributes": vec!["hoof"; 129] }).to_string();
    put(&many).assert_problem(400, "bad_request");
    let none = put(r#"{"attributes":[],"images_only":true}"#).json()["class"].clone();
    assert_eq!((&none["attributes"], &none["attributes_overridden"]), (&json!([]), &json!(true)));
    let read = put("{}").json()["class"].clone();
    let hoof = json!([{ "synset": "n00000019", "name": "hoof" }]);
    assert_eq!((&read["attributes"], &read["attributes_overridden"]), (&hoof, &json!(false)));
}

#[test]
fn a_bundle_without_name_knowledge_has_no_lexicon() {
    let service = Service::start(&[]);
    assert!(
        service.report.contains("names   off (this bundle has no name knowledge)"),
        "{}",
        service.report
    );
    service.get("/v1/lexicon?q=zebra").assert_problem(404, "no_lexicon");
    for body in [r#"{"synset":"n00000012"}"#, r#"{"attributes":["hoof"]}"#] {
        service.put(&class("zebra"), body).assert_problem(404, "no_lexicon");
    }
    let made = service.put(&class("zebra"), "{}").json();
    assert_eq!(
        (&made["class"]["provisional"], &made["class"]["meaning"]),
        (&json!(true), &json!(null))
    );
    let answer = service.post(&explained(), &draw::png(stripes(0))).json();
    assert_eq!(
        (&answer["fusion"], &answer["results"][0]["decision"]),
        (&json!("mean"), &json!("empty"))
    );
    assert_eq!(service.get(CLASSES).json()["classes"].as_array().unwrap().len(), 1);
}

#[test]
fn transductive_classification_uses_all_images_of_a_call() {
    let service = Service::start(&[]);
    service.enroll("stripes", &draw::png(stripes(0)));
    service.enroll("columns", &draw::png(columns(0)));
    let images = [4, 8].map(|shift| (draw::png(stripes(shift)), draw::png(columns(shift))));
    let images: Vec<Vec<u8>> = images.into_iter().flat_map(|(a, b)| [a, b]).collect();
    let files: Vec<(&str, &[u8])> = images.iter().map(|p| ("a.png", p.as_slice())).collect();
    let together = format!("{CLASSIFY}?transductive=true");
    let answer = service.post_files(&together, &files).ok();
    let about = (&answer["fusion"], &answer["setting"], &answer["unlabeled"]);
    assert_eq!(about, (&json!("soft-k-means"), &json!("transductive"), &json!(4)));
    let labels: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|result| &result["label"]).collect();
    assert_eq!(labels, ["stripes", "columns", "stripes", "columns"]);
    let inductive = service.post_files(CLASSIFY, &files).ok();
    assert_eq!((&inductive["setting"], &inductive["unlabeled"]), (&json!("inductive"), &json!(0)));
    service.post(&together, &images[0]).assert_problem(422, "needs_more_images");
}
