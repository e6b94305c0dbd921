//! What may be wrong with images that are enrolled.

use std::path::Path;
use std::slice::from_ref;
use std::time::{Duration, Instant};

use edge::decoder::{ImageDecoder, Timing};
use edge::embedder::Embedded;
use edge::engine::{EngineChoice, EngineKind, Provider};
use edge::gallery::{Gallery, ImageKey, KeepImages, Place};
use edge::quality::{Code, Finding};
use edge::recognizer::{Recognizer, RecognizerError};
use image::imageops::fast_blur;
use image::{ImageFormat, Rgb, RgbImage};
use models::bundle::{Bundle, BundleLimits, Precision};
use models::dataset::{Dataset, Split};
use models::fault::{Blame, Fault};
use models::image::{Detail, ImageLimits};
use models::preprocess::Geometry;

use crate::files::{encode, png};
use crate::fixtures::{example, examples, label, options, tiny_bundle};

/// How many images of each data set are decoded, as in `docs/guide/images.md`.
const IMAGES: usize = 100;

fn recognizer() -> Recognizer {
    let tract = EngineChoice::Only(Provider::Tract);
    Recognizer::new(tiny_bundle(), tract, options(None), Gallery::in_memory())
}

fn codes(found: &[Finding]) -> Vec<Code> {
    found.iter().map(|finding| finding.code).collect()
}

/// An image as if the network had given this angle between the first two dimensions.
fn at(recognizer: &Recognizer, number: u8, degrees: f32) -> Embedded {
    let mut embedding = vec![0.0; recognizer.manifest().backbone.embedding_size];
    let (sin, cos) = degrees.to_radians().sin_cos();
    embedding[..2].copy_from_slice(&[cos, sin]);
    Embedded {
        embedding,
        engine: EngineKind { provider: Provider::Tract, precision: Precision::Fp32 },
        sha256: [number; 32],
        crop: None,
        kept: None,
        warnings: Vec::new(),
        quality: Vec::new(),
        timing: Timing::default(),
    }
}

/// Images whose angles differ by 10 degrees, the first of which has this angle.
fn around(recognizer: &Recognizer, first: u8, degrees: f32) -> Vec<Embedded> {
    (0..5).map(|nth| at(recognizer, first + nth, degrees + 10.0 * f32::from(nth))).collect()
}

#[test]
fn only_images_to_enroll_are_measured() {
    let mut recognizer = recognizer();
    let black = encode(RgbImage::new(48, 40), ImageFormat::Png);
    assert_eq!(codes(&recognizer.embed(&black).unwrap().quality), []);
    assert_eq!(codes(&recognizer.embed_to_enroll(&black).unwrap().quality), [Code::Dark]);
    let kept = recognizer.embed_to_keep(&black, KeepImages::Original, None).unwrap();
    assert_eq!(codes(&kept.quality), [Code::Dark]);
    assert_eq!(codes(&recognizer.embed_to_enroll(&png(0, 0)).unwrap().quality), []);
}

#[test]
fn the_bars_of_a_letterbox_are_not_measured() {
    let mut manifest = tiny_bundle().manifest;
    manifest.preprocess.geometry = Geometry::Letterbox;
    let decoder = ImageDecoder::new(&manifest);
    let black = encode(RgbImage::new(48, 27), ImageFormat::Png);
    let decoded = decoder.decode_to_keep(&black, KeepImages::Off, None).unwrap();
    assert_eq!(codes(&decoded.quality), [Code::Dark]);
    let good = decoder.decode_to_keep(&png(0, 0), KeepImages::Off, None).unwrap();
    assert_eq!(codes(&good.quality), []);
}

#[test]
fn a_gallery_finds_the_places_of_an_image() {
    let mut gallery = Gallery::in_memory();
    for class in ["mug", "cup"] {
        gallery.enroll(&label(class), examples(0..3), true).unwrap();
    }
    gallery.enroll_background(examples([1, 5])).unwrap();
    let [first, other, unknown] =
        [1, 5, 9].map(|number| ImageKey { sha256: example(number).sha256, crop: None });
    let labels: Vec<&str> =
        gallery.classes_with_image(first).map(|class| class.label.as_str()).collect();
    assert_eq!(labels, ["mug", "cup"], "in the order of their ids");
    assert_eq!(gallery.classes_with_image(other).count(), 0);
    assert_eq!(gallery.classes_with_image(unknown).count(), 0);
    let has = [first, other, unknown].map(|image| gallery.has_image(Place::Background, image));
    assert_eq!(has, [true, true, false]);
    let part = ImageKey { crop: "0,0,0.5,1".parse().ok(), ..first };
    assert_eq!(gallery.classes_with_image(part).count(), 0, "a part of it is another image");
    gallery.delete("mug").unwrap();
    assert_eq!(gallery.classes_with_image(first).count(), 1);
}

#[test]
fn the_same_file_in_another_class_and_nearly_the_same_image_are_found() {
    let mut recognizer = recognizer();
    let first = at(&recognizer, 1, 0.0);
    let near = at(&recognizer, 2, 3.0);
    let other = at(&recognizer, 3, 50.0);
    let mug = recognizer.enroll("mug", from_ref(&first), true).unwrap();
    assert_eq!(codes(&mug.quality[0]), []);
    let again = [first.clone(), near, other];
    let mug = recognizer.enroll("mug", &again, true).unwrap();
    let found: Vec<Vec<Code>> = mug.quality.iter().map(|found| codes(found)).collect();
    assert_eq!(found, [vec![], vec![Code::NearDuplicate], vec![]], "the first is a duplicate");
    let cup = recognizer.enroll("cup", from_ref(&first), true).unwrap();
    assert_eq!(codes(&cup.quality[0]), [Code::InOtherClass]);
    assert!(cup.quality[0][0].detail.contains("\"mug\""), "{}", cup.quality[0][0]);
    let background = recognizer.enroll_background(from_ref(&first)).unwrap();
    assert_eq!(codes(&background.quality[0]), [], "it may have an image of a class");
}

#[test]
fn an_image_of_another_class_is_found() {
    let mut recognizer = recognizer();
    let cups = around(&recognizer, 10, 90.0);
    recognizer.enroll("cup", &cups, true).unwrap();
    let mugs = around(&recognizer, 20, 0.0);
    let mugs = recognizer.enroll("mug", &mugs, true).unwrap();
    assert!(mugs.quality.iter().all(Vec::is_empty), "{:?}", mugs.quality);
    let cup = at(&recognizer, 30, 113.0);
    let found = recognizer.quality("mug", &[cup]).unwrap();
    assert_eq!(codes(&found[0]), [Code::CloserTo]);
    assert!(found[0][0].detail.contains("\"cup\""), "{}", found[0][0]);
    let neither = at(&recognizer, 31, 250.0);
    let found = recognizer.quality("mug", &[neither]).unwrap();
    assert_eq!(codes(&found[0]), [Code::Outlier]);
}

#[test]
fn a_strict_check_refuses_and_can_be_repeated() {
    let mut recognizer = recognizer();
    let images = [at(&recognizer, 1, 0.0), at(&recognizer, 2, 3.0)];
    let refused = recognizer.check_quality("mug", &images).unwrap_err();
    assert!(matches!(refused, RecognizerError::RejectedByQuality { image: 1, .. }), "{refused}");
    assert_eq!(refused.blame(), Blame::Input);
    assert_eq!(recognizer.check_background_quality(&images).unwrap_err().blame(), Blame::Input);
    assert_eq!(recognizer.revision(), 0);
    recognizer.check_quality("mug", &images[..1]).unwrap();
    recognizer.enroll("mug", &images, true).unwrap();
    recognizer.check_quality("mug", &images).unwrap();
}

/// The validation images of a data set, some of each class; `None` where it is not.
fn validation(archive: &str) -> Option<Vec<Vec<u8>>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = workspace.join("../shared/data").join(archive);
    if !path.exists() {
        println!("skipped: quality of {archive}: ../shared/data is not there");
        return None;
    }
    let dataset = Dataset::open(&path).unwrap();
    let classes = dataset.split(Split::Val);
    let each = IMAGES.div_ceil(classes.len());
    let images = classes.iter().flat_map(|class| class.images.iter().take(each));
    let images = images.take(IMAGES);
    Some(images.map(|image| dataset.bytes(image).unwrap().into_owned()).collect())
}

fn decoder(bundle: &str) -> ImageDecoder {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles").join(bundle);
    ImageDecoder::new(&Bundle::open(&path, &BundleLimits::default()).unwrap().manifest)
}

/// The file, blurred by a Gaussian of a sixteenth of its short side.
fn blurred(file: &[u8]) -> Vec<u8> {
    let decoded = models::image::decode(file, &ImageLimits::default(), Detail::Full).unwrap();
    let [width, height] = [decoded.width, decoded.height].map(|side| side as u32);
    let sigma = width.min(height) as f32 / 16.0;
    let image = RgbImage::from_raw(width, height, decoded.rgb).unwrap();
    encode(fast_blur(&image, sigma), ImageFormat::Png)
}

/// How many of the files have a finding.
fn n_poor(decoder: &ImageDecoder, files: &[Vec<u8>]) -> usize {
    let each = files.iter();
    let poor = each.filter(|file| {
        let decoded = decoder.decode_to_keep(file, KeepImages::Off, None).unwrap();
        !decoded.quality.is_empty()
    });
    poor.count()
}

#[test]
fn good_validation_images_have_no_finding_and_blurred_ones_have() {
    for (archive, bundle) in [
        ("caltech_fs_base_val.tar.gz", "efficientnet-lite0"),
        ("cifar_fs_base_val.tar.gz", "resnet12-cifar-fs"),
    ] {
        let Some(good) = validation(archive) else { continue };
        let decoder = decoder(bundle);
        let blurred: Vec<Vec<u8>> = good.iter().map(|file| blurred(file)).collect();
        let [of_good, of_blurred] = [&good, &blurred].map(|files| n_poor(&decoder, files));
        println!("{archive}: {of_good} of {} good, {of_blurred} of them blurred", good.len());
        assert!(100 * of_good <= 3 * good.len(), "{archive}: {of_good} of {}", good.len());
        assert!(100 * of_blurred >= 95 * good.len(), "{archive}: {of_blurred}");
    }
}

/// A share of the same run, since a busy machine slows both.
#[test]
fn the_measures_take_less_time_than_decoding() {
    let decoder = decoder("efficientnet-lite0");
    let drawn = RgbImage::from_fn(640, 480, |x, y| Rgb([x as u8, y as u8, 90]));
    let file = encode(drawn, ImageFormat::Png);
    let with = least_time(|| decoder.decode_to_keep(&file, KeepImages::Off, None).is_ok());
    let without = least_time(|| decoder.decode(&file, None).is_ok());
    assert!(with < 2 * without, "decoding: {with:?} with the measures, {without:?} without");
}

/// Of 20 runs: other work on the machine only adds time.
fn least_time(decode: impl Fn() -> bool) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        assert!(decode());
        least = least.min(start.elapsed());
    }
    least
}
