//! Classify and embed, and every kind of image that is decoded.

use image::{DynamicImage, GrayAlphaImage, LumaA, Rgb, imageops};

use crate::draw;
use crate::service::{CLASSIFY, Service};

/// Two patterns that every network separates, each with a little variation.
pub(crate) fn stripes(shift: u8) -> image::RgbImage {
    let level = |y: u32| if (y / 4).is_multiple_of(2) { 230 } else { 20 };
    image::RgbImage::from_fn(48, 48, |_, y| Rgb([level(y), 30 + shift, 20]))
}

pub(crate) fn columns(shift: u8) -> image::RgbImage {
    let level = |x: u32| if (x / 8).is_multiple_of(2) { 240 } else { 60 };
    image::RgbImage::from_fn(48, 48, |x, _| Rgb([20, 40 + shift, level(x)]))
}

#[test]
fn an_empty_gallery_gives_the_decision_empty() {
    let service = Service::start(&[]);
    let answer = service.post(CLASSIFY, &draw::png(stripes(0)));
    assert_eq!(answer.status, 200);
    let result = &answer.ok()["results"][0];
    assert_eq!(result["decision"], "empty");
    assert!(result["label"].is_null());
    assert_eq!(result["candidates"], serde_json::json!([]));
}

#[test]
fn the_closest_class_comes_first() {
    let service = Service::start(&[]);
    for shift in [0, 10] {
        service.enroll("stripes", &draw::png(stripes(shift))).ok();
        service.enroll("columns", &draw::jpeg(&columns(shift))).ok();
    }
    let (a, b) = (draw::png(stripes(5)), draw::webp(&columns(5)));
    let answer = service.post_files(CLASSIFY, &[("a.png", &a), ("b.webp", &b)]).ok();
    assert_eq!(answer["fusion"], "mean");
    assert_eq!(answer["setting"], "inductive");
    assert_eq!(answer["unlabeled"], 0);
    assert_eq!(answer["model"]["provider"], "tract");
    assert_eq!(answer["model"]["precision"], "fp32");
    for part in ["decode", "preprocess", "embed", "classify"] {
        assert!(answer["timing_ms"][part].as_f64().unwrap() >= 0.0);
    }
    for (i, file, label) in [(0, "a.png", "stripes"), (1, "b.webp", "columns")] {
        let result = &answer["results"][i];
        assert_eq!(result["file"], file);
        assert_eq!(result["decision"], "accepted");
        assert_eq!(result["label"], label);
        let candidates = result["candidates"].as_array().unwrap();
        assert_eq!(candidates.len(), 2);
        assert_eq!(candidates[0]["label"], label);
        assert_eq!(candidates[0]["examples"], 2);
        let similarity = |i: usize| candidates[i]["similarity"].as_f64().unwrap();
        assert!(similarity(0) > similarity(1), "{candidates:?}");
        assert!(similarity(0) <= 1.000_001, "{candidates:?}");
        let keys: Vec<_> = candidates[0].as_object().unwrap().keys().collect();
        let expected =
            ["class", "examples", "knowledge", "label", "name_bias", "probability", "similarity"];
        assert_eq!(keys, expected);
        assert_eq!(candidates[0]["name_bias"], 0.0);
    }
}

#[test]
fn top_limits_the_candidates() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    for name in ["a", "b", "c", "d", "e", "f"] {
        service.enroll(name, &image).ok();
    }
    let count = |query: &str| {
        let answer = service.post(&format!("{CLASSIFY}{query}"), &image).ok();
        answer["results"][0]["candidates"].as_array().unwrap().len()
    };
    assert_eq!((count(""), count("?top=1"), count("?top=1000")), (5, 1, 6));
    for query in ["?top=0", "?top=1001", "?top=x", "?top=-1", "?tip=5"] {
        service.post(&format!("{CLASSIFY}{query}"), &image).assert_problem(400, "bad_request");
    }
}

#[test]
fn classifying_follows_each_change_of_the_gallery() {
    let service = Service::start(&[]);
    let image = draw::png(stripes(0));
    let label = || service.post(CLASSIFY, &image).ok()["results"][0]["label"].clone();
    service.enroll("mug", &image).ok();
    assert_eq!(label(), "mug");
    service.patch(&crate::service::class("mug"), r#"{"label":"cup"}"#).ok();
    assert_eq!(label(), "cup");
    service.delete(&crate::service::class("cup")).ok();
    assert!(label().is_null());
}

fn embedding(service: &Service, image: &[u8]) -> Vec<f64> {
    let answer = service.post("/v1/embed", image).ok();
    let embedding = answer["results"][0]["embedding"].as_array().unwrap();
    embedding.iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn an_embedding_has_the_length_of_the_bundle() {
    let service = Service::start(&[]);
    let size = service.get("/version").ok()["bundle"]["embedding_size"].as_u64().unwrap();
    let embedded = embedding(&service, &draw::png(stripes(0)));
    assert_eq!(embedded.len() as u64, size);
    assert!(embedded.iter().any(|number| *number != 0.0));
}

#[test]
fn every_kind_of_image_is_decoded() {
    let service = Service::start(&[]);
    let gray = GrayAlphaImage::from_fn(40, 30, |x, y| LumaA([(x * 5) as u8, (y * 8) as u8]));
    let plain = DynamicImage::ImageRgb8(draw::gradient(40, 30));
    for (name, image) in [
        ("jpeg", draw::jpeg(&draw::gradient(40, 30))),
        ("webp", draw::webp(&draw::gradient(40, 30))),
        ("16 bit", draw::png(plain.to_rgb16())),
        ("gray", draw::png(plain.to_luma8())),
        ("gray and alpha", draw::png(gray)),
        ("alpha", draw::png(plain.to_rgba8())),
        ("cmyk", draw::cmyk_jpeg([200, 100, 50, 250])),
        ("one pixel", draw::png(draw::flat(1, 1, [9, 9, 9]))),
        ("a line", draw::png(draw::gradient(3000, 1))),
    ] {
        let answer = service.enroll(name, &image);
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
    }
}

#[test]
fn a_rotated_image_is_turned_upright() {
    let service = Service::start(&[]);
    let upright = draw::gradient(48, 32);
    // Orientation 6: turned by a quarter clockwise when shown, so stored a quarter the other way.
    let stored = imageops::rotate270(&upright);
    let rotated = embedding(&service, &draw::png_with_exif(&stored, &draw::exif(6)));
    assert_eq!(rotated, embedding(&service, &draw::png(upright)));
    assert_ne!(rotated, embedding(&service, &draw::png(stored)));
}

#[test]
fn an_animation_counts_as_its_first_frame_with_a_warning() {
    let service = Service::start(&[]);
    let (first, second) = (stripes(0), columns(0));
    for animated in [draw::animated_png(&first, &second), draw::animated_webp(&first, &second)] {
        let label = format!("{} bytes", animated.len());
        let enrolled = service.enroll(&label, &animated).ok();
        assert_eq!(enrolled["examples"][0]["warnings"][0]["code"], "animated");
        let answer = service.post(CLASSIFY, &animated).ok();
        assert_eq!(answer["results"][0]["warnings"][0]["code"], "animated");
        assert_eq!(embedding(&service, &animated), embedding(&service, &draw::png(first.clone())));
    }
}
