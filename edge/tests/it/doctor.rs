//! A check of a gallery, on drawn clusters of embeddings with planted mistakes.

use std::collections::BTreeSet;

use edge::Recognizer;
use edge::classifier::Classifier;
use edge::doctor::{self, AdviceKind, ClassReport, DoctorReport, Verdict};
use edge::engine::{EngineChoice, Provider};
use edge::gallery::{ExampleId, Gallery, NewExample};
use few_shot::decision::sampling::hash;

use crate::fixtures::{label, options, tiny_bundle};

/// The length of a drawn embedding.
const SIZE: usize = 32;

/// A gallery of drawn embeddings.
struct Drawn {
    gallery: Gallery,
    drawn: u64,
}

impl Drawn {
    fn new() -> Self {
        Self { gallery: Gallery::in_memory(), drawn: 0 }
    }

    /// Near a center, of which only these values are not 0.
    fn embedding(&mut self, center: &[(usize, f32)]) -> Vec<f32> {
        let mut embedding = vec![0.0; SIZE];
        for value in &mut embedding {
            self.drawn += 1;
            let uniform = (hash(self.drawn) >> 40) as f32 / (1 << 24) as f32;
            *value = 0.3 * (uniform - 0.5);
        }
        for &(at, value) in center {
            embedding[at] += value;
        }
        embedding
    }

    fn enroll(&mut self, class: &str, embedding: Vec<f32>) -> ExampleId {
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&(self.gallery.n_examples() as u64).to_le_bytes());
        self.enroll_file(class, sha256, embedding)
    }

    fn enroll_file(&mut self, class: &str, sha256: [u8; 32], embedding: Vec<f32>) -> ExampleId {
        let precision = "fp32".to_owned();
        let example = NewExample { sha256, crop: None, embedding, precision, image: None };
        let enrolled = self.gallery.enroll(&label(class), vec![example], true).unwrap();
        enrolled.outcomes[0].example_id
    }

    /// Examples of `class` near the center number `at`.
    fn cluster(&mut self, class: &str, at: usize, examples: usize) {
        for _ in 0..examples {
            let embedding = self.embedding(&[(at, 1.0)]);
            self.enroll(class, embedding);
        }
    }

    fn check(&self) -> DoctorReport {
        doctor::check(&Classifier::new(self.gallery.iter(), None))
    }
}

/// Six classes of ten examples that are far apart, with one example of another class in three of
/// them, and two classes that hardly differ.
fn with_mistakes() -> (Drawn, Vec<ExampleId>) {
    let mut drawn = Drawn::new();
    for class in 0..6 {
        drawn.cluster(&format!("class {class}"), class, 10);
    }
    let mut misplaced = Vec::new();
    for (of, to) in [(0, "class 1"), (2, "class 3"), (4, "class 5")] {
        let embedding = drawn.embedding(&[(of, 1.0)]);
        misplaced.push(drawn.enroll(to, embedding));
    }
    for _ in 0..10 {
        for (class, difference) in [("left", 0.05), ("right", -0.05)] {
            let embedding = drawn.embedding(&[(6, 1.0), (7, difference)]);
            drawn.enroll(class, embedding);
        }
    }
    (drawn, misplaced)
}

fn class<'a>(report: &'a DoctorReport, label: &str) -> &'a ClassReport {
    report.classes.iter().find(|one| one.class.label.as_str() == label).unwrap()
}

/// How many examples of a class are not recognized when they are left out.
fn wrong(report: &DoctorReport, label: &str) -> usize {
    class(report, label).checked - class(report, label).right
}

/// The class that the example of the advice is close to.
fn other(report: &ClassReport) -> Option<&str> {
    report.other.as_ref().map(|other| other.label.as_str())
}

fn kind(report: &DoctorReport, label: &str) -> AdviceKind {
    class(report, label).kind
}

fn advice<'a>(report: &'a DoctorReport, label: &str) -> &'a str {
    &class(report, label).advice
}

#[test]
fn examples_in_the_wrong_class_are_named_and_no_others() {
    let (drawn, misplaced) = with_mistakes();
    let report = drawn.check();
    let named: BTreeSet<ExampleId> = report.suspects.iter().map(|one| one.example).collect();
    let planted: BTreeSet<ExampleId> = misplaced.iter().copied().collect();
    assert_eq!(named, planted);
    assert_eq!(report.totals.suspects, 3);
    let suspect = report.suspects.iter().find(|one| one.example == misplaced[1]).unwrap();
    let labels = (suspect.class.label.as_str(), suspect.suggested.label.as_str());
    assert_eq!(labels, ("class 3", "class 2"));
    assert!(suspect.margin < -0.5 && suspect.similarity.unwrap() > 0.5, "{suspect:?}");
    let nearest = suspect.nearest.unwrap();
    assert!(drawn.gallery.class("class 2").unwrap().examples.iter().any(|one| one.id == nearest));

    let of_class = class(&report, "class 3");
    assert_eq!((of_class.verdict, of_class.example), (Verdict::Review, Some(misplaced[1])));
    assert!(of_class.advice.ends_with("first: it looks like `class 2`"), "{}", of_class.advice);
    assert_eq!((of_class.kind, other(of_class)), (AdviceKind::Suspect, Some("class 2")));
    assert_eq!((of_class.checked, of_class.right), (11, 10));
}

#[test]
fn classes_that_hardly_differ_are_a_pair_and_need_images() {
    let report = with_mistakes().0.check();
    assert_eq!((report.confusions.len(), report.totals.confusions), (1, 1));
    let pair = &report.confusions[0];
    let labels = BTreeSet::from([pair.class.label.as_str(), pair.other.label.as_str()]);
    assert_eq!(labels, BTreeSet::from(["left", "right"]));
    assert_eq!(pair.count, wrong(&report, "left") + wrong(&report, "right"));
    for label in ["left", "right"] {
        let found = class(&report, label);
        assert_eq!(found.verdict, Verdict::Add, "{found:?}");
        assert!(found.advice.starts_with("add an image like e_"), "{}", found.advice);
        assert!(found.advice.contains("which is taken for `"), "{}", found.advice);
        assert_eq!(found.kind, AdviceKind::TakenFor);
        assert!(found.advice.contains(other(found).unwrap()), "{found:?}");
        assert!(found.expected_accuracy.unwrap() < 0.9);
    }
}

#[test]
fn classes_that_are_far_from_all_others_have_enough() {
    let report = with_mistakes().0.check();
    for label in ["class 0", "class 2", "class 4"] {
        let found = class(&report, label);
        assert_eq!((found.verdict, found.right), (Verdict::Enough, 10), "{found:?}");
        assert!(found.advice.starts_with("enough: about 9"), "{}", found.advice);
    }
    let evidence = report.evidence;
    assert_eq!((evidence.classes, evidence.checked_classes), (8, 8));
    assert_eq!((evidence.examples, evidence.checked_examples), (83, 83));
    let right: usize = report.classes.iter().map(|one| one.right).sum();
    assert_eq!(report.accuracy, Some(right as f64 / 83.0));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn a_check_of_the_same_gallery_reports_the_same() {
    let (drawn, _) = with_mistakes();
    assert_eq!(drawn.check(), drawn.check());
}

#[test]
fn a_snapshot_keeps_its_report() {
    let tract = EngineChoice::Only(Provider::Tract);
    let gallery = Gallery::in_memory();
    let mut recognizer = Recognizer::new(tiny_bundle(), tract, options(None), gallery);
    let snapshot = recognizer.snapshot().unwrap();
    assert_eq!(snapshot.checked(), None);
    let report = snapshot.doctor();
    assert_eq!(snapshot.checked(), Some(report));
}

#[test]
fn images_of_a_burst_do_not_recognize_each_other() {
    let mut drawn = Drawn::new();
    drawn.cluster("mug", 0, 10);
    drawn.cluster("key", 1, 10);
    let mut frame = drawn.embedding(&[(2, 1.0)]);
    let mut burst = Vec::new();
    for _ in 0..5 {
        frame[2] += 0.001;
        burst.push(drawn.enroll("cup", frame.clone()));
    }
    let report = drawn.check();
    let duplicates = &report.near_duplicates;
    assert_eq!((duplicates.len(), report.totals.near_duplicates), (4, 4));
    assert!(duplicates.iter().all(|one| one.of == burst[0] && one.similarity > 0.99));
    let cup = class(&report, "cup");
    assert_eq!((cup.checked, cup.expected_accuracy, cup.verdict), (0, None, Verdict::Add));
    assert!(cup.advice.ends_with("its 5 images are nearly the same"), "{}", cup.advice);
    assert_eq!((cup.kind, other(cup)), (AdviceKind::NearlySame, None));
    assert_eq!(report.evidence.checked_examples, 20);
    assert!(report.notes[0].starts_with("20 of 25 examples were checked"), "{:?}", report.notes);
}

#[test]
fn nearly_the_same_image_in_two_classes_is_found_once() {
    let mut drawn = Drawn::new();
    drawn.cluster("mug", 0, 6);
    drawn.cluster("key", 1, 6);
    assert_eq!(drawn.check().totals.in_two_classes, 0);
    let mut frame = drawn.embedding(&[(0, 1.0)]);
    let right = drawn.enroll("mug", frame.clone());
    frame[3] += 0.001;
    let wrong = drawn.enroll("key", frame);
    let report = drawn.check();
    assert_eq!((report.in_two_classes.len(), report.totals.in_two_classes), (1, 1));
    let pair = &report.in_two_classes[0];
    assert_eq!((pair.class.label.as_str(), pair.other.label.as_str()), ("key", "mug"));
    assert_eq!((pair.example, pair.other_example), (wrong, right));
    assert!(pair.similarity > 0.99, "{pair:?}");
    assert!(report.near_duplicates.is_empty(), "{:?}", report.near_duplicates);
}

#[test]
fn a_burst_in_two_classes_is_found() {
    let mut drawn = Drawn::new();
    let frame = drawn.embedding(&[(0, 1.0)]);
    for class in ["cup", "mug"] {
        for _ in 0..3 {
            drawn.enroll(class, frame.clone());
        }
    }
    drawn.cluster("key", 1, 3);
    let found = drawn.check().in_two_classes;
    assert!(!found.is_empty() && found.len() <= 2, "{found:?}");
    for pair in found {
        assert_eq!((pair.class.label.as_str(), pair.other.label.as_str()), ("cup", "mug"));
    }
}

#[test]
fn the_same_image_is_found_in_all_classes() {
    let mut drawn = Drawn::new();
    // Classes of one image are not checked otherwise.
    for at in 0..110_u8 {
        for kind in ["cup", "mug"] {
            let embedding = drawn.embedding(&[(usize::from(at) % SIZE, 1.0)]);
            drawn.enroll_file(&format!("{kind} {at}"), [at; 32], embedding);
        }
    }
    let report = drawn.check();
    assert_eq!(report.evidence.checked_examples, 0);
    assert_eq!((report.in_two_classes.len(), report.totals.in_two_classes), (100, 110));
    let mut neighbors = report.in_two_classes.windows(2);
    assert!(neighbors.all(|two| two[0].similarity >= two[1].similarity), "the most similar first");
}

#[test]
fn a_burst_counts_once() {
    let mut drawn = Drawn::new();
    drawn.cluster("mug", 0, 10);
    drawn.cluster("cup", 2, 4);
    let frame = drawn.embedding(&[(2, 1.0)]);
    for _ in 0..5 {
        drawn.enroll("cup", frame.clone());
    }
    let report = drawn.check();
    let cup = class(&report, "cup");
    assert_eq!((cup.examples, cup.checked, cup.right), (9, 5, 5));
    assert_eq!(report.evidence.checked_examples, 15);
    assert!(report.notes[0].starts_with("15 of 19 examples were checked"), "{:?}", report.notes);
}

#[test]
fn a_burst_of_more_images_than_are_compared_is_not_enough() {
    let mut drawn = Drawn::new();
    drawn.cluster("mug", 0, 10);
    drawn.cluster("key", 1, 10);
    let frame = drawn.embedding(&[(2, 1.0)]);
    for _ in 0..300 {
        drawn.enroll("cup", frame.clone());
    }
    let report = drawn.check();
    let cup = class(&report, "cup");
    assert_eq!((cup.checked, cup.expected_accuracy, cup.verdict), (0, None, Verdict::Add));
    let same = "256 of its 300 images are nearly the same";
    assert!(cup.advice.ends_with(same), "{}", cup.advice);
    assert_eq!((report.near_duplicates.len(), report.totals.near_duplicates), (100, 255));
}

#[test]
fn the_frames_of_a_slow_turn_are_not_all_the_same() {
    let mut drawn = Drawn::new();
    drawn.cluster("mug", 0, 10);
    drawn.cluster("key", 1, 10);
    let mut frames = Vec::new();
    // The cosine of two frames is 0.996 at 5 degrees, and 0.985 at 10.
    for frame in 0..10_u8 {
        let (sin, cos) = (5.0 * f32::from(frame)).to_radians().sin_cos();
        let mut embedding = vec![0.0; SIZE];
        embedding[2..4].copy_from_slice(&[cos, sin]);
        frames.push(drawn.enroll("turn", embedding));
    }
    let report = drawn.check();
    let found = report.near_duplicates.iter().map(|one| (one.example, one.of));
    let pairs = frames.chunks(2).map(|pair| (pair[1], pair[0]));
    assert!(found.eq(pairs), "{:?}", report.near_duplicates);
    let turn = class(&report, "turn");
    assert_eq!((turn.checked, turn.right, turn.verdict), (5, 5, Verdict::Enough));
}

#[test]
fn a_class_of_few_images_needs_more() {
    let mut drawn = Drawn::new();
    drawn.cluster("many", 0, 40);
    drawn.cluster("four", 1, 4);
    drawn.cluster("one", 2, 1);
    drawn.gallery.enroll(&label("none"), Vec::new(), true).unwrap();
    let report = drawn.check();
    assert_eq!(class(&report, "many").verdict, Verdict::Enough);
    for label in ["four", "one", "none"] {
        assert_eq!(class(&report, label).verdict, Verdict::Add, "{label}");
    }
    assert!(advice(&report, "four").ends_with("it has 4 different images, and 5 are the fewest"));
    assert!(advice(&report, "one").starts_with("add a second image"));
    assert_eq!(advice(&report, "none"), "add images: it has none");
    let kinds = ["many", "one", "none"].map(|label| kind(&report, label));
    assert_eq!(kinds, [AdviceKind::Enough, AdviceKind::OneImage, AdviceKind::NoImages]);
    assert_eq!((class(&report, "one").checked, class(&report, "none").checked), (0, 0));
    assert_eq!(report.notes.len(), 1);
    let note = "uneven: `one` has 1 image and `many` has 40 images;";
    assert!(report.notes[0].starts_with(note), "{:?}", report.notes);
}

#[test]
fn one_class_cannot_be_checked() {
    let mut drawn = Drawn::new();
    assert!(drawn.check().classes.is_empty());
    drawn.cluster("mug", 0, 6);
    let report = drawn.check();
    assert_eq!((report.accuracy, class(&report, "mug").verdict), (None, Verdict::Unchecked));
    assert!(class(&report, "mug").advice.ends_with("no other class to compare it with"));
    assert_eq!(kind(&report, "mug"), AdviceKind::NoOtherClass);
}

#[test]
fn a_part_of_a_large_gallery_is_checked() {
    let mut drawn = Drawn::new();
    for class in 0..5000 {
        drawn.cluster(&format!("class {class}"), class % SIZE, 2);
    }
    let report = drawn.check();
    // 20 million comparisons of two examples a class with 5000 prototypes.
    assert_eq!(report.evidence.checked_classes, 2000);
    assert_eq!(report.evidence.checked_examples, 4000);
    assert_eq!(report.classes.len(), 5000);
    let unchecked = report.classes.iter().filter(|one| one.verdict == Verdict::Unchecked);
    assert_eq!(unchecked.count(), 3000);
    assert_eq!((report.suspects.len(), report.confusions.len()), (0, 50));
    assert!(report.totals.confusions > 50);
    assert!(report.notes[0].starts_with("4000 of 10000 examples were checked, in 2000 classes"));
}
