//! Search: the examples that images are most similar to.

use serde_json::{Value, json};

use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{Service, class};

const SEARCH: &str = "/v1/galleries/default/search";
const BACKGROUND: &str = "/v1/galleries/default/background/examples";

fn id(service: &Service, label: &str, image: &[u8]) -> Value {
    service.enroll(label, image).ok()["examples"][0]["id"].clone()
}

#[test]
fn the_nearest_examples_are_found_whatever_their_class() {
    let service = Service::start(&[]);
    let empty = service.post(SEARCH, &draw::png(stripes(0))).ok();
    assert_eq!(empty["results"], json!([{ "file": null, "neighbors": [] }]));
    let same = id(&service, "mug", &draw::png(stripes(0)));
    let near = id(&service, "cup", &draw::png(stripes(9)));
    let far = id(&service, "cup", &draw::png(columns(0)));
    service.post(BACKGROUND, &draw::png(stripes(1))).ok();
    let found = service.post(SEARCH, &draw::png(stripes(0))).ok();
    let neighbors = found["results"][0]["neighbors"].as_array().unwrap();
    let ids: Vec<_> = neighbors.iter().map(|one| one["example"].clone()).collect();
    assert_eq!(ids, [same, near, far]);
    assert_eq!(neighbors[1]["label"], "cup");
    assert_eq!(neighbors[1]["class"], service.get(&class("cup")).ok()["class"]["id"]);
    let similarity = |n: usize| neighbors[n]["similarity"].as_f64().unwrap();
    assert!(similarity(0) > 0.999 && similarity(1) > similarity(2), "{neighbors:?}");
    assert_eq!(found["model"]["provider"], "tract");
    for part in ["decode", "preprocess", "embed", "search"] {
        assert!(found["timing_ms"][part].as_f64().unwrap() >= 0.0, "{part}");
    }
    // Each change is followed.
    service.delete(&class("mug")).ok();
    let found = service.post(SEARCH, &draw::png(stripes(0))).ok();
    assert_eq!(found["results"][0]["neighbors"].as_array().unwrap().len(), 2);
}

#[test]
fn k_limits_the_examples_of_each_image() {
    let service = Service::start(&[]);
    for shift in 0..12 {
        service.enroll("mug", &draw::png(stripes(shift))).ok();
    }
    let (a, b) = (draw::png(stripes(0)), draw::png(columns(0)));
    let count = |query: &str| {
        let path = format!("{SEARCH}{query}");
        let found = service.post_files(&path, &[("a.png", &a), ("b.png", &b)]).ok();
        assert_eq!(found["results"][1]["file"], "b.png");
        let results = found["results"].as_array().unwrap().iter();
        let counts = results.map(|result| result["neighbors"].as_array().unwrap().len());
        counts.collect::<Vec<_>>()
    };
    assert_eq!(count(""), [10, 10]);
    assert_eq!(count("?k=1"), [1, 1]);
    assert_eq!(count("?k=1000"), [12, 12]);
    for wrong in ["k=0", "k=1001", "k=x", "top=3"] {
        service.post(&format!("{SEARCH}?{wrong}"), &a).assert_problem(400, "bad_request");
    }
    service.post(&format!("{SEARCH}?crop=0,0,0.5,0.5"), &a).ok();
    service.post("/v1/galleries/other/search", &a).assert_problem(404, "unknown_gallery");
}
