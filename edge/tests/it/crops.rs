//! Rectangles of images: what is embedded and kept of them, and which are the same example.

use edge::embedder::Embedded;
use edge::engine::{EngineChoice, Provider};
use edge::gallery::{Archive, Galleries, Gallery, GallerySettings, KeepImages};
use edge::quality::Code;
use edge::recognizer::{Precondition, Recognizer};
use image::imageops::crop_imm;
use image::{ImageFormat, Rgb, RgbImage};
use models::fault::{Blame, Fault};
use models::image::{Crop, Detail, ImageLimits, decode};

use crate::files::encode;
use crate::fixtures::{options, tiny_bundle};

fn recognizer(gallery: Gallery) -> Recognizer {
    Recognizer::new(tiny_bundle(), EngineChoice::Only(Provider::Tract), options(None), gallery)
}

fn crop(text: &str) -> Crop {
    text.parse().unwrap()
}

/// Noise, so that every rectangle differs from every other.
fn noise(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mixed = (x * 4096 + y).wrapping_mul(0x9E37_79B9);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA6B);
        let [red, green, blue, _] = (mixed ^ (mixed >> 13)).to_le_bytes();
        Rgb([red, green, blue])
    })
}

/// Colors that change slowly: they are nearly the same at every scale.
fn smooth(width: u32, height: u32) -> RgbImage {
    let level = |at: u32, side: u32| u8::try_from(255 * at / side).unwrap();
    RgbImage::from_fn(width, height, |x, y| Rgb([level(x, width), level(y, height), 90]))
}

fn bits(embedded: &Embedded) -> Vec<u32> {
    embedded.embedding.iter().map(|value| value.to_bits()).collect()
}

/// Enrolls a part of a file in a class; whether it is a new example.
fn enroll(recognizer: &mut Recognizer, class: &str, file: &[u8], part: Option<&str>) -> bool {
    let keep = recognizer.settings().keep_images;
    let embedded = recognizer.embed_to_keep(file, keep, part.map(crop)).unwrap();
    !recognizer.enroll(class, &[embedded], true).unwrap().outcomes[0].duplicate
}

#[test]
fn a_crop_has_the_embedding_of_an_image_of_its_pixels() {
    let mut recognizer = recognizer(Gallery::in_memory());
    let drawn = noise(151, 97);
    let file = encode(drawn.clone(), ImageFormat::Png);
    for seed in 0_u32..40 {
        let [left, top] = [seed * 37 % 120, seed * 23 % 80];
        let [width, height] = [8 + seed * 29 % (144 - left), 8 + seed * 31 % (90 - top)];
        let part = crop_imm(&drawn, left, top, width, height).to_image();
        let expected = recognizer.embed(&encode(part, ImageFormat::Png)).unwrap();
        let pixels = format!("{left},{top},{width},{height}");
        let embedded = recognizer.embed_cropped(&file, Some(crop(&pixels))).unwrap();
        assert_eq!(bits(&embedded), bits(&expected), "{pixels}");
        // What is remembered means the same pixels.
        let region = embedded.crop.unwrap();
        let again = recognizer.embed_cropped(&file, Some(region.into())).unwrap();
        assert_eq!((again.crop, bits(&again)), (Some(region), bits(&expected)), "{region}");
        assert_ne!(embedded.key(), recognizer.embed(&file).unwrap().key());
    }
}

#[test]
fn a_crop_of_a_jpeg_has_the_detail_that_the_network_needs() {
    let recognizer = recognizer(Gallery::in_memory());
    let decoder = recognizer.decoder();
    let jpeg = encode(smooth(1024, 768), ImageFormat::Jpeg);
    let whole = decode(&jpeg, &ImageLimits::default(), Detail::Full).unwrap();
    let whole = RgbImage::from_raw(1024, 768, whole.rgb).unwrap();
    let mut costs = vec![decoder.cost(&jpeg, None).unwrap()];
    for (text, [left, top, width, height]) in
        [("0.25,0.25,0.5,0.5", [256, 192, 512, 384]), ("301,203,200,150", [301, 203, 200, 150])]
    {
        let part = crop_imm(&whole, left, top, width, height).to_image();
        let expected = decoder.decode(&encode(part, ImageFormat::Png), None).unwrap().input;
        let input = decoder.decode(&jpeg, Some(crop(text))).unwrap().input;
        let difference = (&input - &expected).mapv(f32::abs).mean().unwrap();
        assert!(difference < 0.05, "{text}: {difference}");
        costs.push(decoder.cost(&jpeg, Some(crop(text))).unwrap());
    }
    // An eighth of the size, a quarter, and all of it.
    let [eighth, quarter, full] = costs[..] else { panic!("{costs:?}") };
    assert!(eighth < quarter && quarter < full && full == 1024 * 768, "{costs:?}");
    let kept = decoder.cost_to_keep(&jpeg, KeepImages::Thumb, Some(crop("0,0,0.5,0.5"))).unwrap();
    assert_eq!(kept, quarter + 1024 * 768, "the thumbnail needs all pixels");
}

#[test]
fn a_thumbnail_shows_the_crop_and_an_original_is_whole() {
    let file = encode(smooth(1024, 768), ImageFormat::Jpeg);
    let mut kept = Vec::new();
    for keep_images in [KeepImages::Thumb, KeepImages::Original] {
        let mut recognizer = recognizer(Gallery::in_memory());
        let settings = GallerySettings { keep_images, ..GallerySettings::default() };
        recognizer.set_settings(settings, Precondition::Anything).unwrap();
        assert!(enroll(&mut recognizer, "mug", &file, Some("0.5,0,0.5,1")));
        let example = recognizer.examples("mug").unwrap().remove(0);
        assert_eq!(example.crop.unwrap().to_string(), "0.5,0,0.5,1");
        kept.push(recognizer.example_image(&example.id.to_string()).unwrap().unwrap());
    }
    let thumbnail = decode(&kept[0], &ImageLimits::default(), Detail::Full).unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (171, 256));
    assert!(thumbnail.rgb[0].abs_diff(128) < 8, "red is that of the middle of the image");
    assert_eq!(kept[1], file);
}

#[test]
fn the_same_file_with_another_crop_is_another_example() {
    let mut recognizer = recognizer(Gallery::in_memory());
    let file = encode(noise(200, 100), ImageFormat::Png);
    for (part, is_new) in [
        (None, true),
        (Some("0,0,0.5,1"), true),
        (Some("100,0,100,100"), true),
        // Other texts for the same pixels.
        (Some("0,0,100,100"), false),
        (Some("0.5,0,0.5,1"), false),
        (Some("0.0001,0,0.4999,0.999"), false),
        (Some("0,0,1,1"), false),
        (None, false),
    ] {
        assert_eq!(enroll(&mut recognizer, "mug", &file, part), is_new, "{part:?}");
    }
    let crops: Vec<String> = recognizer
        .examples("mug")
        .unwrap()
        .iter()
        .map(|example| example.crop.map_or_else(String::new, |crop| crop.to_string()))
        .collect();
    assert_eq!(crops, ["", "0,0,0.5,1", "0.5,0,0.5,1"]);
}

#[test]
fn only_the_same_crop_is_in_another_class() {
    let mut recognizer = recognizer(Gallery::in_memory());
    let file = encode(noise(200, 100), ImageFormat::Png);
    assert!(enroll(&mut recognizer, "mug", &file, Some("0,0,0.5,1")));
    for (part, is_there) in [("0,0,100,100", true), ("0.5,0,0.5,1", false), ("0,0,1,1", false)] {
        let embedded = recognizer.embed_cropped(&file, Some(crop(part))).unwrap();
        let found = recognizer.quality("key", &[embedded]).unwrap().remove(0);
        let is_found = found.iter().any(|finding| finding.code == Code::InOtherClass);
        assert_eq!(is_found, is_there, "{part}");
    }
}

#[test]
fn classes_that_become_one_have_each_crop_once() {
    let mut recognizer = recognizer(Gallery::in_memory());
    let file = encode(noise(200, 100), ImageFormat::Png);
    for (class, part) in [("mug", "0,0,0.5,1"), ("cup", "0,0,0.5,1"), ("cup", "0.5,0,0.5,1")] {
        assert!(enroll(&mut recognizer, class, &file, Some(part)));
    }
    recognizer.merge_classes("cup", "mug", Precondition::Anything).unwrap();
    assert_eq!(recognizer.examples("mug").unwrap().len(), 2);
}

#[test]
fn crops_are_stored_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let space = tiny_bundle().manifest.space_id;
    let file = encode(noise(201, 101), ImageFormat::Png);
    let store = folder.path().join("store");
    let mut first = recognizer(Gallery::open(&store, &space).unwrap());
    for part in [None, Some("7,9,90,80"), Some("0.5,0.25,0.3,0.5")] {
        assert!(enroll(&mut first, "mug", &file, part));
    }
    let embedded = first.embed_cropped(&file, Some(crop("7,9,90,80"))).unwrap();
    first.enroll_background(&[embedded]).unwrap();
    let examples = first.examples("mug").unwrap();
    drop(first);
    let galleries = Galleries::open(&store, &space).unwrap();
    let archive = folder.path().join("default.handful");
    let parts: Vec<u8> =
        galleries.export("default").unwrap().flat_map(|part| part.unwrap()).collect();
    std::fs::write(&archive, parts).unwrap();
    let opened = recognizer(galleries.gallery("default").unwrap());
    assert_eq!(opened.examples("mug").unwrap(), examples);
    let other = Galleries::open(&folder.path().join("other"), &space).unwrap();
    let mut copy = other.gallery("default").unwrap();
    copy.import(Archive::open(&archive, &space).unwrap()).unwrap();
    let copy = recognizer(copy);
    assert_eq!(copy.examples("mug").unwrap(), examples);
    assert_eq!(copy.background()[0].crop, examples[1].crop);
}

#[test]
fn an_impossible_crop_is_the_senders_fault() {
    let mut recognizer = recognizer(Gallery::in_memory());
    let formats = [ImageFormat::Png, ImageFormat::Jpeg];
    for file in formats.map(|format| encode(smooth(200, 100), format)) {
        for wrong in ["0.5,0,0.6,1", "150,0,100,100", "0,0,0,1", "0,0,7,100"] {
            let error = recognizer.embed_cropped(&file, Some(crop(wrong))).unwrap_err();
            assert_eq!(error.blame(), Blame::Input);
            let text = error.to_string();
            assert!(text.contains(wrong) && text.contains("200x100"), "{text}");
        }
    }
}
