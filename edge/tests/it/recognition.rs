//! Images to embeddings to names, on every engine that runs here.

use std::fs;

use edge::classifier::Classifier;
use edge::embedder::{EmbedError, Embedder};
use edge::engine::{EngineChoice, Provider};
use edge::evaluate::{EvaluateError, Evaluation, embed_split, evaluate};
use edge::gallery::{Gallery, NewExample};
use edge::recognizer::{ClassifyOptions, Recognizer, RecognizerError};
use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
use few_shot::evaluation::report::Protocol;
use image::ImageFormat;
use models::dataset::{Dataset, Split};
use models::fault::{Blame, Fault};
use models::image::ImageLimits;
use sha2::{Digest, Sha256};

use crate::files::{draw_classes, encode, image, png};
use crate::fixtures::{label, onnxruntime, options, tiny_bundle};

fn embedder(provider: Provider, test: &str) -> Option<Embedder> {
    let library = match provider {
        Provider::Tract => None,
        _ => Some(onnxruntime(test)?),
    };
    let choice = EngineChoice::Only(provider);
    Some(Embedder::open(&tiny_bundle(), choice, &options(library)).unwrap())
}

fn tract() -> Embedder {
    embedder(Provider::Tract, "").unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn engines_agree_on_images() {
    let Some(mut ort) = embedder(Provider::Cpu, "tract and ONNX Runtime agree") else { return };
    let mut tract = tract();
    for kind in 0..3 {
        let [a, b] = [&mut tract, &mut ort].map(|e| e.embed(&png(kind, 0)).unwrap().embedding);
        assert!(cosine(&a, &b) > 0.99999, "kind {kind}");
        let largest = a.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let worst = a.iter().zip(&b).fold(0.0_f32, |w, (a, b)| w.max((a - b).abs()));
        assert!(worst < 1e-4 * largest, "kind {kind}: {worst}");
    }
}

#[test]
fn an_embedding_brings_its_hash_its_times_and_warnings() {
    let mut embedder = tract();
    let bytes = png(0, 0);
    let embedded = embedder.embed(&bytes).unwrap();
    assert_eq!(embedded.embedding.len(), embedder.manifest().backbone.embedding_size);
    assert_eq!(embedded.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
    assert!(embedded.timing.embed.as_nanos() > 0 && embedded.timing.decode.as_nanos() > 0);
    assert!(embedded.warnings.is_empty());
}

#[test]
fn with_mirror_an_image_and_its_mirror_image_are_one() {
    let embed = |embedder: &mut Embedder, rgb: &image::RgbImage| {
        embedder.embed(&encode(rgb.clone(), ImageFormat::Png)).unwrap().embedding
    };
    let mut bundle = tiny_bundle();
    bundle.manifest.preprocess.hflip = true;
    let choice = EngineChoice::Only(Provider::Tract);
    let mut mirroring = Embedder::open(&bundle, choice, &options(None)).unwrap();
    // Only one corner is dark: an image that is far from its mirror image.
    let mut rgb = image(1, 0);
    let (width, height) = rgb.dimensions();
    (0..height / 2)
        .for_each(|y| (0..width / 2).for_each(|x| rgb.put_pixel(x, y, image::Rgb([0; 3]))));
    let mirrored = image::imageops::flip_horizontal(&rgb);
    let (one, other) = (embed(&mut tract(), &rgb), embed(&mut tract(), &mirrored));
    for rgb in [&rgb, &mirrored] {
        for ((both, one), other) in embed(&mut mirroring, rgb).iter().zip(&one).zip(&other) {
            assert!((both - (one + other) / 2.0).abs() < 1e-6, "{both}, {one}, {other}");
        }
    }
    assert!(one.iter().zip(&other).any(|(one, other)| (one - other).abs() > 1e-3));
}

#[test]
fn images_in_batches_have_the_embeddings_of_single_images() {
    for provider in [Provider::Tract, Provider::Cpu] {
        let Some(mut embedder) = embedder(provider, "batches of images") else { continue };
        let count = embedder.manifest().backbone.max_batch + 3;
        let images: Vec<_> = (0..count).map(|i| png((i % 3) as u8, i as u32)).collect();
        let reader = embedder.decoder().clone();
        let inputs: Vec<_> = images.iter().map(|p| reader.decode(p, None).unwrap().input).collect();
        let together = embedder.embed_images(&inputs).unwrap();
        assert_eq!(together.nrows(), count);
        for at in [0, 1, count / 2, count - 1] {
            let single = embedder.embed(&images[at]).unwrap().embedding;
            let row = together.row(at).to_vec();
            assert!(cosine(&single, &row) > 0.999_999, "{provider}: image {at}");
        }
        assert_eq!(embedder.embed_images(&[]).unwrap().nrows(), 0);
        let other_shape = ndarray::Array3::zeros((3, 5, 5));
        let generalized_zero_shot = embedder.embed_images(&[inputs[0].clone(), other_shape]);
        assert!(matches!(generalized_zero_shot, Err(EmbedError::Engine(_))));
    }
}

#[test]
fn what_is_no_image_is_the_senders_fault() {
    let jpeg = encode(image(0, 0), ImageFormat::Jpeg);
    let mut embedder = tract().with_limits(ImageLimits { max_bytes: 10_000, max_pixels: 3_000 });
    embedder.embed(&jpeg).unwrap();
    let too_long = [&jpeg[..], &[0; 10_000]].concat();
    for bytes in [&b""[..], b"text", &jpeg[..jpeg.len() / 3], &too_long] {
        let error = embedder.embed(bytes).unwrap_err();
        assert_eq!(error.blame(), Blame::Input, "{error}");
    }
    let large = image::RgbImage::new(60, 60);
    let error = embedder.embed(&encode(large, ImageFormat::Png)).unwrap_err();
    assert_eq!(error.blame(), Blame::Input, "{error}");
}

#[test]
fn enrolled_things_are_recognized() {
    let mut embedder = tract();
    let mut gallery = Gallery::in_memory();
    let names = ["red", "green", "blue"];
    for (kind, name) in (0..).zip(names) {
        let examples = (0..3).map(|variant| {
            let embedded = embedder.embed(&png(kind, variant)).unwrap();
            let (sha256, embedding) = (embedded.sha256, embedded.embedding);
            NewExample { sha256, crop: None, embedding, precision: "fp32".to_owned(), image: None }
        });
        gallery.enroll(&label(name), examples.collect(), true).unwrap();
    }
    let classifier = Classifier::new(gallery.iter(), None);
    for (kind, name) in (0..).zip(names) {
        // Stripes have a period of 12: the pixels of variant 1 in another file.
        let again = encode(image(kind, 13), ImageFormat::WebP);
        let answer = embedder.embed(&again).unwrap().embedding;
        let ranked = classifier.rank(&answer, 2);
        assert_eq!(ranked.len(), 2);
        assert_eq!(ranked[0].label.as_str(), name);
        assert!(ranked[0].similarity > ranked[1].similarity && ranked[0].similarity <= 1.0 + 1e-6);
        assert_eq!(ranked[0].examples, 3);
    }
}

#[test]
fn a_taken_embedder_embeds_for_its_recognizer() {
    let choice = EngineChoice::Only(Provider::Tract);
    let limits = ImageLimits { max_bytes: 100_000, max_pixels: 3_000 };
    let recognizer = Recognizer::new(tiny_bundle(), choice, options(None), Gallery::in_memory());
    let mut recognizer = recognizer.with_image_limits(limits);
    let before = recognizer.embed(&png(0, 0)).unwrap();
    let mut embedder = recognizer.take_embedder().unwrap();
    assert_eq!(embedder.decoder().limits(), &limits);
    let embedded = embedder.embed(&png(0, 0)).unwrap();
    assert_eq!(embedded.embedding, before.embedding);
    assert_eq!(recognizer.enroll("red", &[embedded], true).unwrap().class.examples, 1);
    let found = recognizer.classify(&[before], ClassifyOptions::default()).unwrap();
    assert_eq!(found.answers[0].candidates[0].label.as_str(), "red");
    assert!(recognizer.engine().is_some());
    assert_eq!(recognizer.manifest().space_id, embedder.manifest().space_id);
    for refused in [recognizer.embed(&png(0, 0)).map(drop), recognizer.take_embedder().map(drop)] {
        assert!(matches!(refused, Err(RecognizerError::EmbedderTaken)), "{refused:?}");
    }
}

#[test]
fn the_classifier_uses_mean_and_cosine() {
    let mut gallery = Gallery::in_memory();
    let fact = |number: u8, embedding: [f32; 2]| NewExample {
        sha256: [number; 32],
        crop: None,
        embedding: embedding.to_vec(),
        precision: "fp32".to_owned(),
        image: None,
    };
    gallery.enroll(&label("b"), vec![fact(1, [4.0, 0.0]), fact(2, [0.0, 4.0])], true).unwrap();
    gallery.enroll(&label("a"), vec![fact(3, [2.0, 2.0])], true).unwrap();
    gallery.enroll(&label("c"), vec![fact(4, [0.0, -1.0])], true).unwrap();
    gallery.enroll(&label("empty"), Vec::new(), true).unwrap();
    let classifier = Classifier::new(gallery.iter(), None);
    assert_eq!(classifier.classes(), 3);
    let ranked = classifier.rank(&[0.0, 2.0], 9);
    let found: Vec<_> = ranked.iter().map(|c| (c.label.as_str(), c.similarity)).collect();
    let diagonal = std::f32::consts::FRAC_1_SQRT_2;
    let expected = [("a", diagonal), ("b", diagonal), ("c", -1.0)];
    for ((label, score), (expected, value)) in found.iter().zip(expected) {
        assert!(*label == expected && (score - value).abs() < 1e-6, "{found:?}");
    }
    assert_eq!(classifier.rank(&[0.0, 2.0], 1).len(), 1);
    assert_eq!(Classifier::new(&[], None).rank(&[0.0, 2.0], 5), []);
}

fn protocol(n_query: usize) -> Protocol {
    let spec = EpisodeSpec { n_way: 2, k_shot: 1, n_query };
    Protocol { split: Split::Base, half: None, spec, episodes: 50, seed: 7 }
}

fn evaluation(dataset: &Dataset, n_query: usize) -> Evaluation<'_> {
    Evaluation { dataset, protocol: protocol(n_query), knowledge: None, unknown: None }
}

#[test]
fn an_evaluation_is_that_of_the_embeddings() {
    let root = tempfile::tempdir().unwrap();
    draw_classes(root.path(), 6);
    let dataset = Dataset::open(root.path()).unwrap();
    let mut steps = Vec::new();
    let mut progress = |done, total| steps.push((done, total));
    let report = evaluate(&mut tract(), &evaluation(&dataset, 3), &mut progress).unwrap();
    assert_eq!(steps, [(6, 18), (12, 18), (18, 18)]);
    assert_eq!((report.n_way, report.episodes, report.seed), (2, 50, 7));
    let embeddings = embed_split(&mut tract(), &dataset, Split::Base, &mut |_, _| ()).unwrap();
    let episodes = Episodes { spec: protocol(3).spec, count: 50, seed: 7 };
    let direct = few_shot::evaluation::comparison::evaluate(&embeddings, episodes).unwrap();
    assert!(direct.accuracy > 0.6, "drawn colors are easy: {}", direct.accuracy);
    assert_eq!(report.results, [direct]);
}

#[test]
fn an_evaluation_that_cannot_be_is_told_first() {
    let root = tempfile::tempdir().unwrap();
    draw_classes(root.path(), 3);
    let dataset = Dataset::open(root.path()).unwrap();
    let mut never = |_, _| panic!("nothing may be embedded");
    let error = evaluate(&mut tract(), &evaluation(&dataset, 3), &mut never).unwrap_err();
    assert!(matches!(&error, EvaluateError::FewShot(_)), "{error}");
    assert_eq!(error.blame(), Blame::Input);
    fs::write(root.path().join("red/1.png"), "not an image").unwrap();
    let dataset = Dataset::open(root.path()).unwrap();
    let error = evaluate(&mut tract(), &evaluation(&dataset, 2), &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("red/1.png"), "{error}");
    assert_eq!(error.blame(), Blame::Input);
}
