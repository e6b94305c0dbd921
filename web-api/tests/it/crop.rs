//! A part of an image is classified, embedded and enrolled: the parameter `crop`.

use image::{RgbImage, imageops};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::draw;
use crate::images::{columns, stripes};
use crate::service::{CLASSIFY, Service, class, examples};

const BACKGROUND: &str = "/v1/galleries/default/background/examples";
const EMBED: &str = "/v1/embed";

/// Stripes on the left, columns on the right: 96 pixels wide and 48 high.
pub(crate) fn side_by_side() -> RgbImage {
    let (left, right) = (stripes(5), columns(5));
    RgbImage::from_fn(96, 48, |x, y| match x {
        0..48 => *left.get_pixel(x, y),
        _ => *right.get_pixel(x - 48, y),
    })
}

/// A service that knows stripes and columns.
fn taught() -> Service {
    let service = Service::start(&[]);
    service.enroll("stripes", &draw::png(stripes(0))).ok();
    service.enroll("columns", &draw::png(columns(0))).ok();
    service
}

/// A path with the parameter `crop`.
fn with(path: &str, crop: &str) -> String {
    let before = if path.contains('?') { '&' } else { '?' };
    format!("{path}{before}crop={crop}")
}

/// Each call that takes images.
fn calls() -> [String; 4] {
    [CLASSIFY.to_owned(), EMBED.to_owned(), examples("mug"), BACKGROUND.to_owned()]
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

/// A field of the examples of a list.
fn listed(service: &Service, path: &str, field: &str) -> Vec<Value> {
    let answer = service.get(path).ok();
    answer["examples"].as_array().unwrap().iter().map(|example| example[field].clone()).collect()
}

#[test]
fn a_crop_is_classified_as_an_image_of_that_part() {
    let service = taught();
    let whole = side_by_side();
    let file = draw::png(whole.clone());
    for (crops, left, label) in
        [(["0,0,0.5,1", "0,0,48,48"], 0, "stripes"), (["0.5,0,0.5,1", "48,0,48,48"], 48, "columns")]
    {
        let part = draw::png(imageops::crop_imm(&whole, left, 0, 48, 48).to_image());
        let expected = service.post(CLASSIFY, &part).ok()["results"][0]["candidates"].clone();
        let embedding = service.post(EMBED, &part).ok()["results"][0]["embedding"].clone();
        for crop in crops {
            let result = service.post(&with(CLASSIFY, crop), &file).ok()["results"][0].clone();
            assert_eq!((&result["label"], &result["candidates"]), (&json!(label), &expected));
            let embedded = service.post(&with(EMBED, crop), &file).ok();
            assert_eq!(embedded["results"][0]["embedding"], embedding, "{crop}");
        }
        let all = service.post(EMBED, &file).ok();
        assert_ne!(all["results"][0]["embedding"], embedding, "the part must matter");
    }
}

#[test]
fn a_crop_is_of_the_upright_image() {
    let service = Service::start(&[]);
    // Orientation 6: turned by a quarter clockwise when shown, so stored a quarter the other way.
    let upright = draw::gradient(96, 48);
    let stored = draw::png_with_exif(&imageops::rotate270(&upright), &draw::exif(6));
    let part = draw::png(imageops::crop_imm(&upright, 24, 0, 48, 24).to_image());
    let embedding =
        |path: &str, file: &[u8]| service.post(path, file).ok()["results"][0]["embedding"].clone();
    let expected = embedding(EMBED, &part);
    assert_eq!(embedding(&with(EMBED, "0.25,0,0.5,0.5"), &stored), expected);
    assert_eq!(embedding(&with(EMBED, "24,0,48,24"), &stored), expected);
}

#[test]
fn a_crop_of_several_images_is_refused() {
    let service = taught();
    let file = draw::png(side_by_side());
    let files: [(&str, &[u8]); 2] = [("a.png", &file), ("b.png", &file)];
    for path in calls() {
        let refused = service.post_files(&with(&path, "0,0,0.5,1"), &files);
        refused.assert_problem(400, "bad_request");
        let detail = detail(&refused);
        assert!(detail.starts_with("crop: ") && detail.contains("2 images"), "{detail}");
        assert!(detail.contains("one image a call"), "{detail}");
        // One file in a form is one image.
        let status = service.post_files(&with(&path, "0,0,0.5,1"), &files[..1]).status;
        assert!((200..300).contains(&status), "{path}: {status}");
    }
}

#[test]
fn a_crop_outside_of_the_image_is_refused_with_its_size() {
    let service = taught();
    let file = draw::png(side_by_side());
    let wrong = ["0.5,0,0.6,1", "90,0,20,20", "0,0,97,48", "0,0,7,20", "0.2,0.2,0,0.5", "0,0,0,0"];
    for path in calls() {
        for crop in wrong {
            let refused = service.post(&with(&path, crop), &file);
            refused.assert_problem(422, "bad_image");
            let detail = detail(&refused);
            assert!(detail.contains(crop) && detail.contains("96x48"), "{crop}: {detail}");
        }
    }
    assert_eq!(service.known().len(), 2, "nothing is enrolled");
}

#[test]
fn a_crop_that_is_no_rectangle_is_refused_with_its_form() {
    let service = taught();
    let file = draw::png(side_by_side());
    let wrong = [
        "",
        "x",
        "0,0,1",
        "0,0,1,1,1",
        "0;0;1;1",
        "-1,0,10,10",
        "0.5,0,10,10",
        "0,0,1e0,1",
        "0,0,nan,1",
        "0,0,inf,1",
        "0,%200,1,1",
    ];
    for path in calls() {
        for crop in wrong {
            let refused = service.post(&with(&path, crop), &file);
            refused.assert_problem(400, "bad_request");
            let detail = detail(&refused);
            let quoted = format!("got `{}`", crop.replace("%20", " "));
            assert!(detail.starts_with("crop: ") && detail.contains(&quoted), "{detail}");
            assert!(detail.contains("x,y,w,h"), "{detail}");
        }
    }
    let twice = service.post(&with(&with(CLASSIFY, "0,0,1,1"), "0,0,1,1"), &file);
    twice.assert_problem(400, "bad_request");
}

#[test]
fn an_example_lists_its_crop() {
    let service = Service::start(&[]);
    let file = draw::png(side_by_side());
    for path in [examples("mug"), BACKGROUND.to_owned()] {
        service.post(&path, &file).ok();
        service.post(&with(&path, "48,0,48,48"), &file).ok();
        service.post(&with(&path, "0.25,0.25,0.50,0.5"), &file).ok();
        // All of the image is no crop.
        let again = service.post(&with(&path, "0,0,1,1"), &file).ok();
        assert!(again["examples"][0]["duplicate_of"].is_string(), "{again}");
    }
    let expected = [Value::Null, json!("0.5,0,0.5,1"), json!("0.25,0.25,0.5,0.5")];
    let list = format!("{}/examples", class("mug"));
    assert_eq!(listed(&service, &list, "crop"), expected);
    assert_eq!(listed(&service, BACKGROUND, "crop"), expected);
    let id = listed(&service, &list, "id")[1].as_str().unwrap().to_owned();
    let one = service.get(&format!("/v1/galleries/default/examples/{id}")).ok();
    assert_eq!(one["example"]["crop"], "0.5,0,0.5,1");
}

#[test]
fn other_crops_of_a_file_are_other_examples() {
    let service = Service::start(&[]);
    let file = draw::png(side_by_side());
    for path in [examples("mug"), BACKGROUND.to_owned()] {
        let enroll =
            |crop: &str| service.post(&with(&path, crop), &file).ok()["examples"][0].clone();
        let left = enroll("0,0,0.5,1");
        let right = enroll("0.5,0,0.5,1");
        assert_eq!(left["sha256"], right["sha256"]);
        assert_ne!(left["id"], right["id"]);
        assert_eq!((&left["duplicate_of"], &right["duplicate_of"]), (&Value::Null, &Value::Null));
        // The same part, however it is written.
        assert_eq!(enroll("0,0,48,48")["duplicate_of"], left["id"]);
        assert_eq!(enroll("0.500,0,0.5,1.0")["duplicate_of"], right["id"]);
    }
    assert_eq!(service.known(), [("mug".to_owned(), 2)]);
}

#[test]
fn the_thumbnail_of_a_cropped_example_is_of_the_part() {
    let service = Service::start(&[]);
    let file = draw::png(draw::gradient(600, 300));
    let enrolled = service.post(&with(&examples("mug"), "0,0,0.5,1"), &file).ok();
    let id = enrolled["examples"][0]["id"].as_str().unwrap();
    let image = service.get(&format!("/v1/galleries/default/examples/{id}/image"));
    let decoded = image::load_from_memory(&image.body).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (256, 256));
}
