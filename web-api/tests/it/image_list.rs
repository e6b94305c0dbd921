//! Images as texts in JSON, wherever images are taken.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{CLASSIFY, Service, examples};

const BACKGROUND: &str = "/v1/galleries/default/background/examples";

fn list(images: &[String]) -> String {
    json!({ "images": images }).to_string()
}

#[test]
fn a_list_of_texts_is_as_good_as_a_form() {
    let service = Service::start(&[]);
    let (a, b) = (draw::png(stripes(0)), draw::jpeg(&columns(0)));
    let texts =
        [STANDARD.encode(&a), format!("data:image/jpeg;base64,{}", URL_SAFE_NO_PAD.encode(&b))];
    let enrolled = service.post_json(&examples("mug"), &list(&texts[..1]));
    assert_eq!(enrolled.status, 201, "{}", enrolled.text());
    let again = service.enroll("mug", &a).ok();
    assert_eq!(again["examples"][0]["duplicate_of"], enrolled.ok()["examples"][0]["id"]);
    assert_eq!(service.post_json(BACKGROUND, &list(&texts[1..])).status, 201);
    let found = service.post_json(CLASSIFY, &list(&texts)).ok();
    let form = service.post_files(CLASSIFY, &[("images[0]", &a), ("images[1]", &b)]).ok();
    assert_eq!(found["results"], form["results"]);
    let embedded = service.post_json("/v1/embed", &list(&texts)).ok();
    assert_eq!(embedded["results"].as_array().unwrap().len(), 2);
    assert_eq!(embedded["results"][1]["file"], "images[1]");
}

#[test]
fn what_is_no_list_of_images_is_refused() {
    let service = Service::start(&["--max-files", "2"]);
    let image = STANDARD.encode(draw::png(stripes(0)));
    for (body, word) in [
        ("".to_owned(), "not valid JSON"),
        ("{}".to_owned(), "`images` is missing"),
        (r#"{"images":[]}"#.to_owned(), "one or more"),
        (list(&[image.clone(), "?".to_owned()]), "images[1]: not base64"),
        (json!({ "images": [image, 5] }).to_string(), "images[1]: expected text"),
        (json!({ "images": [image], "names": ["a"] }).to_string(), "`names`"),
    ] {
        let refused = service.post_json(CLASSIFY, &body);
        refused.assert_problem(400, "bad_request");
        assert!(refused.text().contains(word), "{word}: {}", refused.text());
    }
    let three = vec![image.clone(); 3];
    service.post_json(CLASSIFY, &list(&three)).assert_problem(413, "too_large");
    let text = STANDARD.encode("no image");
    let refused = service.post_json(&examples("mug"), &list(&[image, text]));
    refused.assert_problem(415, "unsupported_image");
    assert_eq!(refused.json()["file"], "images[1]");
    assert_eq!(service.known(), []);
}

#[test]
fn a_crop_belongs_to_one_text() {
    let service = Service::start(&[]);
    let image = STANDARD.encode(draw::png(stripes(0)));
    let path = format!("{CLASSIFY}?crop=0,0,0.5,0.5");
    service.post_json(&path, &list(std::slice::from_ref(&image))).ok();
    service.post_json(&path, &list(&[image.clone(), image])).assert_problem(400, "bad_request");
}

#[test]
fn a_list_is_documented_wherever_images_are_taken() {
    let document = Service::start(&[]).get("/openapi.json").ok();
    let mut calls = 0;
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let content = &operation["requestBody"]["content"];
            if content["multipart/form-data"].is_object() {
                let example = &content["application/json"]["example"]["images"][0];
                assert!(STANDARD.decode(example.as_str().unwrap()).is_ok(), "{operation}");
                calls += 1;
            }
        }
    }
    assert_eq!(calls, 5);
    let schema = &document["components"]["schemas"]["ImageList"];
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
}
