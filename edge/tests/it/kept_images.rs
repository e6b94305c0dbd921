//! What is kept of enrolled images: a thumbnail, the file, or nothing.

use std::path::Path;

use edge::engine::{EngineChoice, Provider};
use edge::gallery::{Gallery, GallerySettings, KeepImages};
use edge::recognizer::{Precondition, Recognizer};
use image::{ImageFormat, Rgb, RgbImage};
use models::image::{Detail, ImageLimits, decode};

use crate::files::{encode, png};
use crate::fixtures::{options, tiny_bundle};

/// A place, as cameras write it beside the pixels.
const PLACE: &[u8] = b"52.52N 13.40E";

fn recognizer(gallery: Gallery, keep_images: KeepImages) -> Recognizer {
    let tract = EngineChoice::Only(Provider::Tract);
    let mut recognizer = Recognizer::new(tiny_bundle(), tract, options(None), gallery);
    let settings = GallerySettings { keep_images, ..GallerySettings::default() };
    recognizer.set_settings(settings, Precondition::Anything).unwrap();
    recognizer
}

fn in_memory(keep_images: KeepImages) -> Recognizer {
    recognizer(Gallery::in_memory(), keep_images)
}

fn in_store(folder: &Path) -> Gallery {
    Gallery::open(folder, &tiny_bundle().manifest.space_id).unwrap()
}

/// A JPEG of 1024x768 pixels with EXIF: it is decoded to an eighth a side for the tiny
/// network.
fn photo() -> Vec<u8> {
    let drawn = RgbImage::from_fn(1024, 768, |x, y| {
        if (x / 64 + y / 64).is_multiple_of(2) { Rgb([220, 60, 30]) } else { Rgb([20, 40, 160]) }
    });
    let jpeg = encode(drawn, ImageFormat::Jpeg);
    // A directory without entries.
    let exif = [&b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"[..], PLACE].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length[..], &exif[..], &jpeg[2..]].concat()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Enrolls a file in the class `mug`; what is kept of it.
fn enroll(recognizer: &mut Recognizer, file: &[u8]) -> Option<Vec<u8>> {
    let embedded = recognizer.embed_to_enroll(file).unwrap();
    let enrolled = recognizer.enroll("mug", &[embedded], true).unwrap();
    recognizer.example_image(&enrolled.outcomes[0].example_id.to_string()).unwrap()
}

#[test]
fn a_thumbnail_is_a_small_jpeg_without_metadata() {
    let mut recognizer = in_memory(KeepImages::Thumb);
    let kept = enroll(&mut recognizer, &photo()).unwrap();
    let thumbnail = decode(&kept, &ImageLimits::default(), Detail::Full).unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (256, 192));
    // The squares of the photo are 16 pixels wide here.
    let first = &thumbnail.rgb[3 * (256 * 8 + 8)..][..3];
    let next = &thumbnail.rgb[3 * (256 * 8 + 24)..][..3];
    assert!(first[0] > 180 && first[2] < 80 && next[0] < 80 && next[2] > 120, "{first:?} {next:?}");
    assert!(has(&photo(), PLACE) && !has(&kept, PLACE) && !has(&kept, b"Exif"));
    let small = enroll(&mut recognizer, &png(0, 0)).unwrap();
    let small = decode(&small, &ImageLimits::default(), Detail::Full).unwrap();
    assert_eq!((small.width, small.height), (48, 40), "it is not enlarged");
}

#[test]
fn the_file_or_nothing_is_kept_if_that_is_set() {
    let photo = photo();
    assert_eq!(enroll(&mut in_memory(KeepImages::Original), &photo), Some(photo.clone()));
    assert_eq!(enroll(&mut in_memory(KeepImages::Off), &photo), None);
}

#[test]
fn embeddings_do_not_depend_on_what_is_kept() {
    for file in [photo(), png(1, 2)] {
        let plain = in_memory(KeepImages::Off).embed(&file).unwrap();
        assert_eq!(plain.kept, None);
        let bits: Vec<u32> = plain.embedding.iter().map(|value| value.to_bits()).collect();
        for keep in [KeepImages::Thumb, KeepImages::Original, KeepImages::Off] {
            let mut recognizer = in_memory(keep);
            let kept = recognizer.embed_to_enroll(&file).unwrap();
            assert!(kept.embedding.iter().map(|value| value.to_bits()).eq(bits.clone()), "{keep}");
            assert_eq!(kept.sha256, plain.sha256);
            assert_eq!(recognizer.embed(&file).unwrap().kept, None, "only enrolling keeps images");
        }
    }
}

#[test]
fn what_is_turned_off_meanwhile_is_not_kept() {
    let mut recognizer = in_memory(KeepImages::Thumb);
    let embedded = recognizer.embed_to_enroll(&photo()).unwrap();
    assert!(embedded.kept.is_some());
    let settings = GallerySettings { keep_images: KeepImages::Off, ..GallerySettings::default() };
    recognizer.set_settings(settings, Precondition::Anything).unwrap();
    let enrolled = recognizer.enroll("mug", &[embedded], true).unwrap();
    let example = enrolled.outcomes[0].example_id.to_string();
    assert_eq!(recognizer.example_image(&example).unwrap(), None);
    assert_eq!(recognizer.example_image_size(&example).unwrap(), None);
}

#[test]
fn background_images_are_kept_too() {
    let mut recognizer = in_memory(KeepImages::Thumb);
    let embedded = recognizer.embed_to_enroll(&photo()).unwrap();
    let kept = embedded.kept.clone();
    let enrolled = recognizer.enroll_background(&[embedded]).unwrap();
    let example = enrolled.outcomes[0].example_id.to_string();
    assert!(kept.is_some());
    assert_eq!(recognizer.example_image(&example).unwrap(), kept);
    assert_eq!(recognizer.example_image_size(&example).unwrap(), kept.map(|image| image.len()));
}

#[test]
fn kept_images_are_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = recognizer(in_store(folder.path()), KeepImages::Thumb);
    let kept = enroll(&mut first, &photo());
    let id = first.examples("mug").unwrap()[0].id.to_string();
    drop(first);
    let again = recognizer(in_store(folder.path()), KeepImages::Thumb);
    assert!(kept.is_some());
    assert_eq!(again.example_image(&id).unwrap(), kept);
    assert_eq!(again.example_image_size(&id).unwrap(), kept.map(|image| image.len()));
}

#[test]
fn a_file_is_kept_only_with_its_own_embedding() {
    let mut embedded = in_memory(KeepImages::Off).embed(&png(0, 0)).unwrap();
    assert!(!embedded.keep_original(png(1, 0)));
    assert_eq!(embedded.kept, None);
    assert!(embedded.keep_original(png(0, 0)));
    assert_eq!(embedded.kept, Some(png(0, 0)));
}

#[test]
fn a_thumbnail_costs_more_only_where_the_network_sees_less() {
    let recognizer = in_memory(KeepImages::Thumb);
    let decoder = recognizer.decoder();
    let photo = photo();
    let plain = decoder.cost(&photo, None).unwrap();
    let more = decoder.cost_to_keep(&photo, KeepImages::Thumb, None).unwrap();
    assert_eq!(more, plain + 1024 * 768, "all pixels once more");
    for keep in [KeepImages::Original, KeepImages::Off] {
        assert_eq!(decoder.cost_to_keep(&photo, keep, None).unwrap(), plain);
    }
    let small = png(0, 0);
    let costs =
        [KeepImages::Thumb, KeepImages::Off].map(|keep| decoder.cost_to_keep(&small, keep, None));
    assert!(costs.into_iter().all(|cost| cost.unwrap() == decoder.cost(&small, None).unwrap()));
}
