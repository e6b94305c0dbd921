//! Which sense labels have by default, on the lexicon that ships.

use std::path::Path;

use edge::lexicon::NameKnowledge;
use models::bundle::{Bundle, BundleLimits};

/// A label and a word of the sense that most people would choose; `-`: no sense.
const LABELS: &str = include_str!("labels.tsv");

/// The least share of labels whose sense is right, among those that have one.
const PRECISION: f64 = 0.97;

/// The least share of labels with a sense that have the right one.
const RECALL: f64 = 0.95;

fn shipped() -> NameKnowledge {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0");
    let bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
    NameKnowledge::open(&bundle).unwrap().expect("the shipped bundle has a lexicon")
}

#[test]
fn labels_have_the_senses_that_people_mean() {
    let names = shipped();
    let mut given = 0;
    let mut right = 0;
    let mut wrong = Vec::new();
    for line in LABELS.lines() {
        let (label, expected) = line.split_once('\t').unwrap();
        let meaning = names.read(label).and_then(|meaning| names.describe(meaning));
        let lemmas = meaning.map(|meaning| meaning.lemmas);
        given += usize::from(lemmas.is_some());
        match &lemmas {
            Some(lemmas) if lemmas.iter().any(|lemma| lemma == expected) => right += 1,
            None if expected == "-" => {}
            _ => wrong.push(format!("{label}: {lemmas:?}, expected {expected}")),
        }
    }
    let expected = LABELS.lines().filter(|line| !line.ends_with("\t-")).count();
    let precision = f64::from(right) / given as f64;
    let recall = f64::from(right) / expected as f64;
    println!("precision {precision:.3} of {given}, recall {recall:.3} of {expected}: {wrong:#?}");
    assert!(precision >= PRECISION && recall >= RECALL, "{precision} {recall} {wrong:#?}");
}

#[test]
fn every_sense_can_still_be_chosen() {
    let names = shipped();
    for label in ["OK", "Max", "Paris", "no", "speed", "John", "Orion"] {
        let found = names.look_up(label).unwrap();
        assert!(!found.senses.is_empty() && found.default_sense.is_none(), "{label}");
    }
}
