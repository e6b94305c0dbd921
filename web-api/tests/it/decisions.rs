//! Known and unknown images: the answers, the settings of a gallery, its background set.

use serde_json::{Value, json};

use crate::draw;
use crate::images::{columns, stripes};
use crate::rejecting::{checks, half_and_half, unknown};
use crate::service::{CLASSIFY, Service};

const GALLERY: &str = "/v1/galleries/default";
const CALIBRATE: &str = "/v1/galleries/default/calibrate";
const BACKGROUND: &str = "/v1/galleries/default/background/examples";

/// A service that knows stripes and columns, and rejects other images.
fn taught() -> Service {
    let service = Service::rejecting();
    for shift in [0, 4] {
        service.enroll("stripes", &draw::png(stripes(shift))).ok();
        service.enroll("columns", &draw::png(columns(shift))).ok();
    }
    service
}

fn result(service: &Service, image: image::RgbImage) -> Value {
    service.post(CLASSIFY, &draw::png(image)).ok()["results"][0].clone()
}

#[test]
fn a_known_image_is_accepted_with_its_probabilities() {
    let result = result(&taught(), stripes(2));
    assert_eq!(result["decision"], "accepted");
    assert_eq!(result["label"], "stripes");
    assert!(result["ambiguous_with"].is_null());
    let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
    let expected =
        ["ambiguous_with", "candidates", "confidence", "decision", "file", "label", "unknown"];
    assert_eq!(keys, expected);
    let candidates = result["candidates"].as_array().unwrap();
    assert_eq!(result["confidence"], candidates[0]["probability"]);
    let classes: f64 = candidates.iter().map(|one| one["probability"].as_f64().unwrap()).sum();
    let unknown = result["unknown"]["probability"].as_f64().unwrap();
    assert!((classes + unknown - 1.0).abs() < 1e-9, "{classes} + {unknown}");
    assert!(result["confidence"].as_f64().unwrap() > 0.8, "{result}");
}

#[test]
fn an_unknown_image_is_rejected_and_its_candidates_remain() {
    let result = result(&taught(), unknown());
    assert_eq!(result["decision"], "rejected");
    assert!(result["label"].is_null());
    assert_eq!(result["candidates"].as_array().unwrap().len(), 2);
    let unknown = &result["unknown"];
    assert_eq!(unknown["stated"], true);
    assert_eq!(unknown["stated_false_accept_rate"], 0.05);
    assert_eq!(unknown["false_accept_rate"], 0.5);
    assert!(unknown["score"].as_f64() < unknown["threshold"].as_f64(), "{unknown}");
    assert!(unknown["probability"].as_f64().unwrap() > 0.9, "{unknown}");
    assert_eq!(unknown["background"], false);
}

#[test]
fn what_looks_like_a_background_example_is_rejected() {
    let service = taught();
    service.post(BACKGROUND, &draw::png(stripes(2))).ok();
    let result = result(&service, stripes(2));
    assert_eq!(result["decision"], "rejected");
    assert_eq!(result["unknown"]["background"], true);
    assert_eq!(result["candidates"].as_array().unwrap().len(), 2, "it is no candidate");
}

#[test]
fn an_image_of_two_classes_is_ambiguous() {
    let result = result(&taught(), half_and_half());
    assert_eq!(result["decision"], "ambiguous");
    let labels = (result["label"].as_str().unwrap(), result["ambiguous_with"].as_str().unwrap());
    assert!([("stripes", "columns"), ("columns", "stripes")].contains(&labels), "{labels:?}");
}

#[test]
fn a_gallery_of_one_class_states_no_rate() {
    let service = Service::rejecting();
    service.enroll("stripes", &draw::png(stripes(0))).ok();
    for (image, decision) in [(stripes(2), "accepted"), (checks(), "rejected")] {
        let result = result(&service, image);
        assert_eq!(result["decision"], decision);
        assert_eq!(result["unknown"]["stated"], false);
    }
}

#[test]
fn a_bundle_without_a_decision_rejects_nothing() {
    let service = Service::start(&[]);
    assert_eq!(result(&service, unknown())["unknown"], Value::Null);
    service.enroll("stripes", &draw::png(stripes(0))).ok();
    service.enroll("columns", &draw::png(columns(0))).ok();
    let result = result(&service, unknown());
    assert_eq!(result["decision"], "accepted");
    assert_eq!(result["label"], "stripes");
    for field in ["confidence", "ambiguous_with", "unknown"] {
        assert!(result[field].is_null(), "{field}: {}", result[field]);
    }
    assert_eq!(result["candidates"][0]["probability"], json!(null));
}

#[test]
fn the_settings_of_a_gallery_decide_what_is_accepted() {
    let service = taught();
    let gallery = service.get(GALLERY).ok();
    assert_eq!(gallery["rejects_unknown"], true);
    assert_eq!(gallery["rate"], 0.05);
    assert_eq!(gallery["threshold"], Value::Null);
    assert_eq!(gallery["expected_unknown_share"], 0.5);
    assert_eq!(result(&service, checks())["decision"], "rejected");

    let changed = service.patch(GALLERY, r#"{"rate":0.2}"#);
    assert_eq!(changed.header("etag"), Some(&*format!("\"{}\"", changed.ok()["revision"])));
    assert_eq!(changed.ok()["rate"], 0.2);
    let accepted = result(&service, checks());
    assert_eq!(accepted["label"], "stripes");
    assert_eq!(accepted["unknown"]["stated_false_accept_rate"], 0.2);

    service.patch(GALLERY, r#"{"threshold":0.04}"#).ok();
    let rejected = result(&service, checks());
    assert_eq!(rejected["decision"], "rejected");
    assert_eq!(rejected["unknown"]["threshold"], 0.04);
    let mut removed = service.patch(GALLERY, r#"{"threshold":null}"#).ok();
    assert_eq!((&removed["threshold"], &removed["rate"]), (&Value::Null, &json!(0.2)));
    // Only the call that changed it has a change.
    assert!(removed["change"].take().is_string());
    assert_eq!(service.get(GALLERY).ok(), removed);
}

#[test]
fn a_lower_expected_share_of_unknown_images_raises_the_confidence() {
    let service = taught();
    let before = result(&service, stripes(2));
    service.patch(GALLERY, r#"{"expected_unknown_share":0.01}"#).ok();
    let after = result(&service, stripes(2));
    assert!(after["confidence"].as_f64() > before["confidence"].as_f64());
    assert_eq!(after["unknown"]["score"], before["unknown"]["score"]);
}

#[test]
fn settings_out_of_range_and_stale_changes_are_refused() {
    let service = taught();
    let revision = service.get(GALLERY).ok()["revision"].clone();
    for (patch, field) in [
        (r#"{"rate":0}"#, "`rate`"),
        (r#"{"rate":0.6}"#, "`rate`"),
        (r#"{"threshold":3}"#, "`threshold`"),
        (r#"{"expected_unknown_share":1}"#, "`expected_unknown_share`"),
        (r#"{"rate":"low"}"#, "rate: expected a number, got \"low\""),
        (r#"{"speed":1}"#, "`speed`"),
    ] {
        let answer = service.patch(GALLERY, patch);
        answer.assert_problem(400, "bad_request");
        assert!(answer.json()["detail"].as_str().unwrap().contains(field), "{}", answer.text());
    }
    let stale = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let answer = service.send("PATCH", GALLERY, &stale, br#"{"rate":0.1}"#);
    answer.assert_problem(412, "precondition_failed");
    assert_eq!(service.get(GALLERY).ok()["revision"], revision);
    let fresh = [stale[0], ("if-match", &*format!("\"{revision}\""))];
    service.send("PATCH", GALLERY, &fresh, br#"{"rate":0.1}"#).ok();
}

#[test]
fn a_call_can_ask_for_another_rate() {
    let service = taught();
    let image = draw::png(checks());
    let ask = |rate: &str| service.post(&format!("{CLASSIFY}?rate={rate}"), &image);
    assert_eq!(ask("0.2").ok()["results"][0]["decision"], "accepted");
    assert_eq!(ask("0.05").ok()["results"][0]["decision"], "rejected");
    for rate in ["0", "0.6", "NaN", "x", ""] {
        ask(rate).assert_problem(400, "bad_request");
    }
}

#[test]
fn a_calibration_lists_thresholds_and_what_they_rest_on() {
    let service = taught();
    let report = service.send("POST", CALIBRATE, &[], &[]).ok();
    assert_eq!(report["stated"], true);
    assert_eq!(report["reason"], Value::Null);
    let thresholds = report["thresholds"].as_array().unwrap();
    let rates: Vec<&Value> = thresholds.iter().map(|one| &one["rate"]).collect();
    assert_eq!(rates, [0.01, 0.02, 0.05, 0.1, 0.2]);
    assert!(thresholds.is_sorted_by(|a, b| a["threshold"].as_f64() >= b["threshold"].as_f64()));
    assert!(thresholds.iter().all(|one| one["known_kept"] == 1.0), "{thresholds:?}");
    assert_eq!(report["evidence"]["examples"], 4);
    assert_eq!(report["evidence"]["pseudo_unknowns"], 4);
    assert!(!report["advice"].as_array().unwrap().is_empty());
}

#[test]
fn a_calibration_says_why_no_rate_is_stated() {
    let service = Service::rejecting();
    let reason = || {
        let report = service.send("POST", CALIBRATE, &[], &[]).ok();
        assert_eq!(report["stated"], false);
        report["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason().contains("no class"), "{}", reason());
    service.enroll("stripes", &draw::png(stripes(0))).ok();
    assert!(reason().contains("one class"), "{}", reason());
}

#[test]
fn background_examples_are_listed_and_removed() {
    let service = taught();
    let images = [draw::png(unknown()), draw::png(checks())];
    let first = service.post(BACKGROUND, &images[0]);
    assert_eq!(first.status, 201);
    assert_eq!(first.ok()["background_examples"], 1);
    let files: [(&str, &[u8]); 2] = [("a.png", &images[0]), ("b.png", &images[1])];
    let second = service.post_files(BACKGROUND, &files).ok();
    assert_eq!(second["background_examples"], 2);
    let ids: Vec<&str> = [0, 1].map(|i| second["examples"][i]["id"].as_str().unwrap()).into();
    assert_eq!(second["examples"][0]["duplicate_of"], ids[0]);
    assert_eq!(second["examples"][1]["duplicate_of"], Value::Null);
    assert_eq!(service.get(GALLERY).ok()["background_examples"], 2);
    assert_eq!(service.known().len(), 2, "a background example is no class");

    let list = |query: &str| service.get(&format!("{BACKGROUND}{query}")).ok();
    assert_eq!(list("")["next"], Value::Null);
    assert_eq!(list("")["examples"].as_array().unwrap().len(), 2);
    let page = list("?limit=1");
    assert_eq!((&page["examples"][0]["id"], &page["next"]), (&ids[0].into(), &ids[0].into()));
    let rest = list(&format!("?limit=1&after={}", ids[0]));
    assert_eq!((&rest["examples"][0]["id"], &rest["next"]), (&ids[1].into(), &Value::Null));

    let removed = service.delete(&format!("{BACKGROUND}/{}", ids[0])).ok();
    assert_eq!(removed["example"]["id"], ids[0]);
    assert_eq!(removed["background_examples"], 1);
    for id in [ids[0], "e_999999", "cup"] {
        let again = service.delete(&format!("{BACKGROUND}/{id}"));
        again.assert_problem(404, "unknown_example");
    }
}

#[test]
fn bad_calls_of_the_background_set_change_nothing() {
    let service = taught();
    let good = draw::png(unknown());
    let files: [(&str, &[u8]); 2] = [("good.png", &good), ("bad.png", b"no image")];
    let answer = service.post_files(BACKGROUND, &files);
    assert_eq!(answer.json()["file"], "bad.png");
    assert!(answer.status >= 400);
    assert_eq!(service.get(BACKGROUND).ok()["examples"], json!([]));
    for query in ["?limit=0", "?limit=1001", "?after=x", "?before=1"] {
        service.get(&format!("{BACKGROUND}{query}")).assert_problem(400, "bad_request");
    }
    for call in ["background/examples", "calibrate"] {
        let path = format!("/v1/galleries/other/{call}");
        service.post(&path, &good).assert_problem(404, "unknown_gallery");
    }
}

#[test]
fn metrics_count_decisions_by_gallery() {
    let service = taught();
    for image in [stripes(2), columns(2), unknown(), half_and_half()] {
        result(&service, image);
    }
    let text = service.get("/metrics").text();
    for expected in [
        "handful_decisions_total{gallery=\"default\",decision=\"accepted\"} 2",
        "handful_decisions_total{gallery=\"default\",decision=\"ambiguous\"} 1",
        "handful_decisions_total{gallery=\"default\",decision=\"rejected\"} 1",
        "handful_false_accept_rate_bucket{le=\"0.001\",gallery=\"default\"} 2",
        "handful_false_accept_rate_count{gallery=\"default\"} 4",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}
