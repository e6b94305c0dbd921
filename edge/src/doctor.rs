//! Checks a gallery: which classes have enough images, which are taken for each other, and which
//! examples are likely in the wrong class.
//!
//! Everything follows from the embeddings that are enrolled. Each example is left out once, with
//! its near-duplicates, and compared with the prototypes of all classes, that of its own class
//! without it (leave-one-out cross-validation). Examples that are nearly the same count once: the
//! first of them is left out for all. Its **margin** is how much higher its own class ranks than
//! the best other one:
//! * The share of positive margins is the accuracy.
//! * The accuracy that is expected of new images of a class is drawn towards that of the gallery
//!   without its suspects: (right + 10 · accuracy) / (checked + 10).
//! * An example is a suspect if its margin lies 2.5 robust standard deviations (1.4826 · median
//!   absolute deviation) below the median margin of the gallery, and 0.4 medians below 0.
//! * Two classes are confused if examples of one that are no suspects are taken for the other.
//!
//! An image that two classes have is likely wrong in one of them. The same one (file and crop) is
//! found in all classes. Nearly the same one is looked for in the class that is the best other one
//! for a checked example.
//!
//! With `n` examples and `c` classes this takes `n · c` comparisons of embeddings. Of a class at
//! most 256 examples are checked, and of a large gallery only as many classes as take 20 million
//! comparisons, some seconds on one processor core. As many again at most compare the checked
//! examples with those of the best other class. [`DoctorEvidence`] states how much was checked.
//!
//! # Examples
//! ```
//! use edge::classifier::Classifier;
//! use edge::doctor::{self, Verdict};
//! use edge::gallery::{Gallery, Label, NewExample};
//!
//! let mut gallery = Gallery::in_memory();
//! for (label, embedding) in [("mug", [1.0, 0.0]), ("key", [0.0, 1.0])] {
//!     let embedding = embedding.to_vec();
//!     let precision = "fp32".to_owned();
//!     let example = NewExample { sha256: [0; 32], crop: None, embedding, precision, image: None };
//!     gallery.enroll(&Label::parse(label)?, vec![example], true)?;
//! }
//! let report = doctor::check(&Classifier::new(gallery.iter(), None));
//! assert_eq!(report.classes[0].verdict, Verdict::Add);
//! assert!(report.classes[0].advice.starts_with("add a second image"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advice;
mod measured;
mod report;
mod suspects;

use crate::classifier::{CheckedClass, Classifier, Shared};
use crate::gallery::Class;

use advice::Advice;
use measured::{Measured, name};

pub use report::{
    AdviceKind, ClassName, ClassReport, Confusion, DoctorEvidence, DoctorReport, DoctorTotals,
    InTwoClasses, NearDuplicate, Suspect, Verdict,
};

/// The most suspects, images in two classes and near-duplicates that a report lists, of each.
const MAX_EXAMPLES: usize = 100;

/// The most pairs of classes that a report lists.
const MAX_CONFUSIONS: usize = 50;

/// A class with this many times the images of another one wins against it more often than it
/// should: the mean of many images is closer to every image of the class.
const UNEVEN: usize = 10;

/// Checks the gallery of a classifier.
#[must_use]
pub fn check(classifier: &Classifier) -> DoctorReport {
    let all = classifier.all_classes();
    let measured = Measured::new(classifier);
    let evidence = DoctorEvidence {
        classes: all.len(),
        checked_classes: measured.classes.iter().filter(|one| !one.margins.is_empty()).count(),
        examples: all.iter().map(|(class, _)| class.examples.len()).sum(),
        checked_examples: measured.checked(),
    };
    let suspects = measured.suspects(MAX_EXAMPLES);
    let confusions = measured.confusions(MAX_CONFUSIONS);
    let shared = classifier.shared(&measured.classes);
    let near_duplicates = near_duplicates(&measured);
    DoctorReport {
        classes: all.iter().map(|(class, at)| class_report(class, *at, &measured)).collect(),
        accuracy: measured.accuracy(),
        evidence,
        totals: DoctorTotals {
            suspects: suspects.1,
            confusions: confusions.1,
            in_two_classes: shared.len(),
            near_duplicates: near_duplicates.len(),
        },
        suspects: suspects.0,
        confusions: confusions.0,
        in_two_classes: in_two_classes(classifier, &shared),
        near_duplicates: near_duplicates.into_iter().take(MAX_EXAMPLES).collect(),
        notes: notes(&all, evidence),
    }
}

fn class_report(class: &Class, at: Option<usize>, measured: &Measured<'_>) -> ClassReport {
    let checked = at.and_then(|at| measured.class(at));
    let Advice { kind, example, other, text } = Advice::of(class, at, measured);
    ClassReport {
        class: name(class),
        examples: class.examples.len(),
        checked: checked.map_or(0, |checked| checked.margins.len()),
        right: checked.map_or(0, CheckedClass::right),
        expected_accuracy: checked.and_then(|checked| measured.expected_accuracy(checked)),
        verdict: kind.verdict(),
        kind,
        example,
        other,
        advice: text,
    }
}

fn in_two_classes(classifier: &Classifier, shared: &[Shared]) -> Vec<InTwoClasses> {
    let described = shared.iter().take(MAX_EXAMPLES).map(|pair| InTwoClasses {
        class: name(classifier.class_at(pair.first.0)),
        example: classifier.example_at(pair.first).id,
        other: name(classifier.class_at(pair.second.0)),
        other_example: classifier.example_at(pair.second).id,
        similarity: pair.similarity,
    });
    described.collect()
}

fn near_duplicates(measured: &Measured<'_>) -> Vec<NearDuplicate> {
    let mut found = Vec::new();
    for checked in &measured.classes {
        let class = measured.examples_of(checked);
        found.extend(checked.duplicates.iter().map(|duplicate| NearDuplicate {
            class: name(class),
            example: class.examples[duplicate.example].id,
            of: class.examples[duplicate.of].id,
            similarity: duplicate.similarity,
        }));
    }
    found
}

/// What there is to say about the gallery as a whole.
fn notes(all: &[(&Class, Option<usize>)], evidence: DoctorEvidence) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(unevenness(all));
    let DoctorEvidence { checked_classes, checked_examples, .. } = evidence;
    // Classes of one image cannot be checked in any gallery.
    let several = all.iter().filter(|(class, at)| at.is_some() && class.examples.len() > 1);
    let several: usize = several.map(|(class, _)| class.examples.len()).sum();
    if checked_examples > 0 && checked_examples < several {
        notes.push(format!(
            "{checked_examples} of {several} examples were checked, in {checked_classes} classes: \
             those that are nearly the same count as one, and of a large gallery a sample is \
             checked"
        ));
    }
    notes
}

/// That the numbers of images differ too much.
fn unevenness(all: &[(&Class, Option<usize>)]) -> Option<String> {
    let with_images = all.iter().map(|(class, _)| *class).filter(|one| !one.examples.is_empty());
    let fewest = with_images.clone().min_by_key(|class| class.examples.len())?;
    let most = with_images.max_by_key(|class| class.examples.len())?;
    if most.examples.len() < UNEVEN * fewest.examples.len() {
        return None;
    }
    Some(format!(
        "uneven: `{}` has {} and `{}` has {}; a class of few images loses against one of many",
        fewest.label,
        counted(fewest.examples.len()),
        most.label,
        counted(most.examples.len())
    ))
}

fn counted(images: usize) -> String {
    if images == 1 { "1 image".to_owned() } else { format!("{images} images") }
}
