//! A check of galleries of photographs: it names images that are in the wrong class, and what it
//! expects of classes that have enough images comes true.
//!
//! `HANDFUL_CALTECH` names an archive of Caltech-101 with a validation split.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;

use edge::classifier::Classifier;
use edge::doctor::{self, Verdict};
use edge::embedder::Embedder;
use edge::engine::EngineChoice;
use edge::evaluate::embed_classes;
use edge::gallery::{ExampleId, Gallery, NewExample};
use edge::locate::{self, Environment};
use few_shot::decision::sampling::hash;
use models::bundle::{Bundle, BundleLimits};
use models::dataset::{Dataset, Split};
use ndarray::Array2;

use crate::fixtures::{label, options};

pub(crate) const DATA: &str = "HANDFUL_CALTECH";

const GALLERIES: u64 = 40;
const CLASSES: usize = 10;
const IMAGES: usize = 10;
/// Of the 100 images of a gallery.
const MISPLACED: usize = 5;
/// Enough to hold 30 images of each class out.
const MOST: usize = 40;

/// What was counted in all galleries.
#[derive(Debug, Default)]
struct Counts {
    misplaced: usize,
    named: usize,
    suspects: usize,
    /// Classes that have enough, what is expected of them and what they do, summed.
    enough: usize,
    expected: f64,
    held_out: f64,
}

/// A gallery of photographs.
struct Drawn {
    gallery: Gallery,
    misplaced: BTreeSet<ExampleId>,
    /// For each class, the images that are not enrolled.
    held_out: Vec<Vec<Vec<f32>>>,
}

/// The network for photographs.
pub(crate) fn embedder() -> Embedder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0");
    let bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
    let library = locate::onnxruntime(None, &Environment::read()).ok();
    Embedder::open(&bundle, EngineChoice::Auto, &options(library)).unwrap()
}

fn embeddings(data: &Path) -> Vec<Array2<f32>> {
    let mut embedder = embedder();
    let dataset = Dataset::open(data).unwrap();
    let classes = dataset.filled_split(Split::Val).unwrap();
    embed_classes(&mut embedder, &dataset, &classes, MOST, &mut |_, _| {}).unwrap()
}

/// The numbers below `n` in an order that looks drawn.
pub(crate) fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    all.sort_by_key(|&one| hash(hash(seed).wrapping_add(one as u64)));
    all
}

/// The label of a class of a gallery.
fn name(class: usize) -> String {
    format!("class {class}")
}

impl Drawn {
    fn new(embeddings: &[Array2<f32>], seed: u64) -> Self {
        let misplaced: BTreeSet<usize> =
            shuffled(CLASSES * IMAGES, seed)[..MISPLACED].iter().copied().collect();
        let mut drawn = Self {
            gallery: Gallery::in_memory(),
            misplaced: BTreeSet::new(),
            held_out: Vec::new(),
        };
        let chosen = shuffled(embeddings.len(), seed).into_iter().take(CLASSES);
        for (class, source) in chosen.enumerate() {
            let images = &embeddings[source];
            let order = shuffled(images.nrows(), seed + 1);
            let rows: Vec<Vec<f32>> = order.iter().map(|&row| images.row(row).to_vec()).collect();
            for (number, row) in rows[..IMAGES].iter().enumerate() {
                let is_misplaced = misplaced.contains(&(class * IMAGES + number));
                let other = (class + 1 + number % (CLASSES - 1)) % CLASSES;
                let id = drawn.enroll(if is_misplaced { other } else { class }, row);
                drawn.misplaced.extend(is_misplaced.then_some(id));
            }
            drawn.held_out.push(rows[IMAGES..].to_vec());
        }
        drawn
    }

    fn enroll(&mut self, class: usize, embedding: &[f32]) -> ExampleId {
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&(self.gallery.n_examples() as u64).to_le_bytes());
        let embedding = embedding.to_vec();
        let precision = "fp32".to_owned();
        let example = NewExample { sha256, crop: None, embedding, precision, image: None };
        let enrolled = self.gallery.enroll(&label(&name(class)), vec![example], true).unwrap();
        enrolled.outcomes[0].example_id
    }

    fn count(&self, counts: &mut Counts) {
        let classifier = Classifier::new(self.gallery.iter(), None);
        let report = doctor::check(&classifier);
        counts.misplaced += self.misplaced.len();
        counts.suspects += report.suspects.len();
        let suspects = report.suspects.iter();
        counts.named += suspects.filter(|one| self.misplaced.contains(&one.example)).count();
        for (class, images) in self.held_out.iter().enumerate() {
            let found = report.classes.iter().find(|one| one.class.label.as_str() == name(class));
            let Some(found) = found.filter(|one| one.verdict == Verdict::Enough) else { continue };
            counts.enough += 1;
            counts.expected += found.expected_accuracy.unwrap();
            let right = images
                .iter()
                .filter(|image| classifier.rank(image, 1)[0].label == found.class.label)
                .count();
            counts.held_out += right as f64 / images.len() as f64;
        }
    }
}

#[test]
fn photographs_in_the_wrong_class_are_named_and_enough_is_enough() {
    let Some(data) = env::var_os(DATA) else {
        eprintln!("skipped: the check of photographs: {DATA} names no archive of Caltech-101");
        return;
    };
    let embeddings = embeddings(Path::new(&data));
    let mut counts = Counts::default();
    for seed in 0..GALLERIES {
        Drawn::new(&embeddings, seed).count(&mut counts);
    }
    eprintln!("{counts:?}");
    let named = counts.named as f64 / counts.misplaced as f64;
    let wrongly_named = 1.0 - counts.named as f64 / counts.suspects as f64;
    assert!(named >= 0.8 && wrongly_named <= 0.2, "{named} {wrongly_named}");
    let excess = (counts.expected - counts.held_out) / counts.enough as f64;
    assert!(counts.enough > 100 && excess.abs() <= 0.03, "{excess}");
}
