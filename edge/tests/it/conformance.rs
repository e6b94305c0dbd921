//! One suite for every gallery: the one in memory, the store, and the store opened again before
//! each call, which shows that nothing lives in memory only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edge::gallery::{
    Class, ClassOverrides, Enrolled, Example, Gallery, GalleryError, GallerySettings, Label,
    NewExample, SenseOverride, UndoTarget,
};
use models::knowledge::wordnet::SynsetId;

use crate::fixtures::{example, examples, label};

pub(crate) const SPACE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(crate) fn open(dir: &Path) -> Gallery {
    Gallery::open(dir, SPACE).unwrap()
}

/// Everything that a gallery keeps.
pub(crate) type Contents = (u64, Vec<Class>, Vec<Arc<Example>>, GallerySettings);

pub(crate) fn contents(gallery: &Gallery) -> Contents {
    let background = gallery.background().to_vec();
    (gallery.revision(), gallery.classes(), background, *gallery.settings())
}

/// An example without its id.
type Fact = ([u8; 32], Vec<f32>, String);

/// What a gallery keeps without ids, which no two galleries share.
pub(crate) type Facts = (u64, Vec<(Label, ClassOverrides, Vec<Fact>)>, Vec<Fact>, GallerySettings);

pub(crate) fn facts(gallery: &Gallery) -> Facts {
    let fact = |one: &Arc<Example>| (one.sha256, one.embedding.clone(), one.precision.clone());
    let classes = gallery.iter().map(|class| {
        let examples = class.examples.iter().map(fact).collect();
        (class.label.clone(), class.overrides.clone(), examples)
    });
    let background = gallery.background().iter().map(fact).collect();
    (gallery.revision(), classes.collect(), background, *gallery.settings())
}

/// A gallery, or a store that is closed and opened again before every call.
pub(crate) enum Subject {
    Kept(Box<Gallery>),
    Reopened(PathBuf),
}

impl Subject {
    pub(crate) fn with<T>(&mut self, call: impl FnOnce(&mut Gallery) -> T) -> T {
        match self {
            Self::Kept(gallery) => call(gallery),
            Self::Reopened(dir) => call(&mut open(dir)),
        }
    }

    pub(crate) fn revision(&mut self) -> u64 {
        self.with(|gallery| gallery.revision())
    }

    fn classes(&mut self) -> Vec<Class> {
        self.with(|gallery| gallery.classes())
    }

    fn class(&mut self, id_or_label: &str) -> Result<Arc<Class>, GalleryError> {
        self.with(|gallery| gallery.class(id_or_label).cloned())
    }

    pub(crate) fn enroll(
        &mut self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrolled, GalleryError> {
        self.with(|gallery| gallery.enroll(label, examples, create))
    }

    fn define(
        &mut self,
        label: &Label,
        overrides: ClassOverrides,
    ) -> Result<(Arc<Class>, bool), GalleryError> {
        self.with(|gallery| gallery.define(label, overrides))
    }

    fn rename(&mut self, id_or_label: &str, label: &Label) -> Result<Arc<Class>, GalleryError> {
        self.with(|gallery| gallery.rename(id_or_label, label))
    }

    pub(crate) fn delete(&mut self, id_or_label: &str) -> Result<Arc<Class>, GalleryError> {
        self.with(|gallery| gallery.delete(id_or_label))
    }
}

/// Runs a check on an empty gallery of each kind.
pub(crate) fn on_each(check: fn(&mut Subject)) {
    let root = tempfile::tempdir().unwrap();
    check(&mut Subject::Kept(Box::new(Gallery::in_memory())));
    check(&mut Subject::Kept(Box::new(open(&root.path().join("store")))));
    check(&mut Subject::Reopened(root.path().join("reopened")));
}

#[test]
fn a_new_gallery_is_empty() {
    on_each(|gallery| {
        assert_eq!(gallery.revision(), 0);
        assert_eq!(gallery.classes(), []);
        assert!(matches!(gallery.class("mug"), Err(GalleryError::UnknownClass(_))));
    });
}

#[test]
fn labels_in_another_spelling_name_the_same_class() {
    on_each(|gallery| {
        gallery.enroll(&label("Coffee Mug"), examples(0..1), true).unwrap();
        let again = gallery.enroll(&label("coffee\u{200B}  ＭＵＧ"), examples(1..2), true).unwrap();
        assert_eq!(again.class.label.as_str(), "Coffee Mug", "the first spelling");
        assert_eq!((gallery.classes().len(), again.class.examples.len()), (1, 2));
        gallery.enroll(&label("Cup"), examples(2..3), true).unwrap();
        let taken = gallery.rename("Cup", &label("COFFEE MUG"));
        assert!(matches!(taken, Err(GalleryError::LabelTaken(_))), "{taken:?}");
        // Another spelling of its own label is no conflict.
        assert_eq!(gallery.rename("cup", &label("CUP")).unwrap().label.as_str(), "CUP");
        let labels: Vec<_> = gallery.classes().into_iter().map(|class| class.label).collect();
        assert_eq!(labels, [label("Coffee Mug"), label("CUP")]);
        gallery.delete("coffee mug").unwrap();
        assert!(gallery.class("Coffee Mug").is_err());
    });
}

#[test]
fn classes_are_listed_from_any_label_on() {
    on_each(|gallery| {
        for name in ["cup", "Bowl", "mug"] {
            gallery.define(&label(name), ClassOverrides::default()).unwrap();
        }
        for (after, expected) in [("", 3), ("a", 3), ("BOWL", 2), ("cup", 1), ("mug", 0)] {
            let found = gallery.with(|gallery| gallery.iter_after(after).count());
            assert_eq!(found, expected, "after {after:?}");
        }
    });
}

#[test]
fn overrides_are_kept_until_they_are_replaced() {
    on_each(|gallery| {
        let zebra = Some(SenseOverride::Synset(SynsetId(2_391_049)));
        let hoof = [SynsetId(2_154_508), SynsetId(1_895_735)].into();
        let zebra = ClassOverrides { sense: zebra, attributes: Some(hoof) };
        let (class, is_new) = gallery.define(&label("zebra"), zebra.clone()).unwrap();
        assert_eq!((&class.overrides, class.examples.len(), is_new), (&zebra, 0, true));
        let again = gallery.define(&label("zebra"), zebra.clone()).unwrap();
        assert_eq!(again, (class.clone(), false));
        assert_eq!(gallery.revision(), 1, "nothing new, no new revision");
        gallery.enroll(&label("zebra"), examples(0..2), false).unwrap();
        gallery.rename("zebra", &label("striped horse")).unwrap();
        let kept = gallery.class("striped horse").unwrap();
        assert_eq!((kept.id, &kept.overrides, kept.examples.len()), (class.id, &zebra, 2));
        let without_attributes = ClassOverrides { sense: None, attributes: Some([].into()) };
        for overrides in
            [without_attributes, Some(SenseOverride::ImagesOnly).into(), ClassOverrides::default()]
        {
            gallery.define(&label("striped horse"), overrides.clone()).unwrap();
            assert_eq!(gallery.classes()[0].overrides, overrides);
        }
        gallery.define(&label("striped horse"), zebra).unwrap();
        gallery.delete("striped horse").unwrap();
        gallery.enroll(&label("striped horse"), examples(0..1), true).unwrap();
        assert_eq!(gallery.class("striped horse").unwrap().overrides, ClassOverrides::default());
    });
}

#[test]
fn enrolling_keeps_facts_bit_for_bit_and_in_order() {
    on_each(|gallery| {
        let mut odd = example(1);
        odd.embedding = vec![-0.0, f32::MIN_POSITIVE / 4.0, f32::MAX];
        odd.precision = "int8".to_owned();
        let given = vec![odd, example(3), example(2)];
        let enrolled = gallery.enroll(&label("mug"), given.clone(), true).unwrap();
        assert_eq!((enrolled.revision, gallery.revision()), (1, 1));
        assert!(enrolled.outcomes.iter().all(|outcome| !outcome.duplicate));
        let class = gallery.class("mug").unwrap();
        assert_eq!(class, enrolled.class);
        for ((kept, given), outcome) in class.examples.iter().zip(&given).zip(&enrolled.outcomes) {
            assert_eq!(kept.id, outcome.example_id);
            assert_eq!((kept.sha256, &kept.precision), (given.sha256, &given.precision));
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&kept.embedding), bits(&given.embedding));
        }
        assert_eq!(class.examples.len(), 3);
    });
}

#[test]
fn the_same_image_is_a_duplicate_within_its_class_only() {
    on_each(|gallery| {
        let first = gallery.enroll(&label("mug"), examples([1, 1, 2]), true).unwrap();
        let duplicates: Vec<_> = first.outcomes.iter().map(|outcome| outcome.duplicate).collect();
        assert_eq!(duplicates, [false, true, false]);
        assert_eq!(first.outcomes[0].example_id, first.outcomes[1].example_id);
        let again = gallery.enroll(&label("mug"), examples([2, 1]), true).unwrap();
        assert_eq!(again.outcomes[0].example_id, first.outcomes[2].example_id);
        assert_eq!(again.revision, 1, "nothing new: no new revision");
        let more = gallery.enroll(&label("mug"), examples([2, 3]), true).unwrap();
        assert_eq!((more.class.examples.len(), more.revision), (3, 2));
        let other = gallery.enroll(&label("cup"), examples([1]), true).unwrap();
        assert!(!other.outcomes[0].duplicate);
    });
}

#[test]
fn a_class_is_created_only_on_request() {
    on_each(|gallery| {
        let refused = gallery.enroll(&label("mug"), examples([1]), false);
        assert!(matches!(refused, Err(GalleryError::UnknownClass(name)) if name == "mug"));
        assert_eq!(gallery.revision(), 0);
        gallery.enroll(&label("mug"), Vec::new(), true).unwrap();
        assert_eq!(gallery.enroll(&label("mug"), examples([1]), false).unwrap().revision, 2);
    });
}

#[test]
fn an_enrollment_is_all_or_nothing() {
    on_each(|gallery| {
        gallery.enroll(&label("mug"), examples([1]), true).unwrap();
        let wrong: [&[f32]; 4] = [&[1.0, 2.0], &[], &[1.0, f32::NAN, 0.0], &[f32::INFINITY; 3]];
        for embedding in wrong {
            let mut bad = example(3);
            bad.embedding = embedding.to_vec();
            let refused = gallery.enroll(&label("new"), vec![example(2), bad], true);
            assert!(matches!(refused, Err(GalleryError::Embedding { .. })), "{embedding:?}");
            assert_eq!((gallery.revision(), gallery.classes().len()), (1, 1));
        }
    });
}

#[test]
fn classes_are_sorted_by_label_and_found_by_id_or_label() {
    on_each(|gallery| {
        for name in ["mug", "Zebra", "杯子", "apple", "كوب", "👩\u{200D}🚀"] {
            gallery.enroll(&label(name), examples([1]), true).unwrap();
        }
        let classes = gallery.classes();
        let labels: Vec<_> = classes.iter().map(|class| class.label.as_str()).collect();
        assert_eq!(labels, ["apple", "mug", "Zebra", "كوب", "杯子", "👩\u{200D}🚀"]);
        for class in &classes {
            for name in [class.id.to_string(), class.id.short(), class.label.to_string()] {
                assert_eq!(*gallery.class(&name).unwrap(), *class, "{name}");
            }
        }
        // A label is found in any form of the same text.
        gallery.enroll(&label("caf\u{e9}"), examples([1]), true).unwrap();
        assert!(gallery.class(" cafe\u{301} ").is_ok());
        let other = format!("c_{}", "0".repeat(32));
        for wrong in ["", &other, "c_000000", "c_", "nobody", "..", "\0", &"x".repeat(10_000)] {
            let missing = gallery.class(wrong);
            assert!(matches!(missing, Err(GalleryError::UnknownClass(_))), "{wrong:.20?}");
        }
    });
}

#[test]
fn renaming_keeps_everything_but_the_label() {
    on_each(|gallery| {
        let mug = gallery.enroll(&label("mug"), examples([1, 2]), true).unwrap().class;
        gallery.enroll(&label("cup"), examples([3]), true).unwrap();
        let taken = gallery.rename("mug", &label("cup"));
        assert!(matches!(taken, Err(GalleryError::LabelTaken(name)) if name == label("cup")));
        assert_eq!(gallery.rename("mug", &label("mug")).unwrap(), mug);
        assert_eq!(gallery.revision(), 2, "neither of these changed anything");
        let renamed = gallery.rename("mug", &label("beaker")).unwrap();
        assert_eq!((renamed.id, &renamed.examples), (mug.id, &mug.examples));
        assert_eq!(gallery.revision(), 3);
        assert!(gallery.class("mug").is_err());
        // The old label is free again.
        gallery.rename(&mug.id.to_string(), &label("mug")).unwrap();
        assert_eq!(gallery.class("mug").unwrap(), mug);
    });
}

#[test]
fn deleting_frees_the_label_and_never_the_id() {
    on_each(|gallery| {
        let mug = gallery.enroll(&label("mug"), examples([1, 2]), true).unwrap().class;
        let cup = gallery.enroll(&label("cup"), examples([3]), true).unwrap().class;
        assert_eq!(gallery.delete("mug").unwrap(), mug);
        assert!(matches!(gallery.delete("mug"), Err(GalleryError::UnknownClass(_))));
        assert_eq!(gallery.classes(), std::slice::from_ref(&*cup));
        let again = gallery.enroll(&label("mug"), examples([1]), true).unwrap().class;
        assert!(again.id > cup.id && again.examples[0].id != mug.examples[0].id);
        assert_eq!((again.examples.len(), gallery.revision()), (1, 4));
    });
}

#[test]
fn the_first_embedding_sets_the_length_for_good() {
    on_each(|gallery| {
        gallery.enroll(&label("mug"), examples([1]), true).unwrap();
        gallery.delete("mug").unwrap();
        let mut short = example(1);
        short.embedding.truncate(1);
        // The deletion can be undone, and embeddings of two lengths cannot be compared.
        let refused = gallery.enroll(&label("mug"), vec![short], true).unwrap_err();
        assert!(matches!(refused, GalleryError::Embedding { .. }), "{refused}");
    });
}

/// Removes the example at this place of the background set, which may have fewer.
fn remove_background(gallery: &mut Gallery, place: u32) -> Result<Arc<Example>, GalleryError> {
    let found = gallery.background().get(place as usize);
    let id = found.map_or("e_000000".to_owned(), |example| example.id.to_string());
    gallery.remove_background(&id)
}

/// Moves the first example of a class to another class, or to the background set.
fn move_first(gallery: &mut Gallery, from: &Label, to: &Label) -> Result<(), GalleryError> {
    let first = gallery.class(from.as_str())?.examples.first().map(|one| one.id.to_string());
    let to = (from != to).then_some(to.as_str());
    gallery.move_examples(&first.into_iter().collect::<Vec<_>>(), to).map(drop)
}

/// Some settings, a few of them out of range.
fn settings([rate, threshold]: [u32; 2]) -> GallerySettings {
    let threshold = (threshold > 4).then(|| f64::from(threshold) / 8.0);
    GallerySettings { rate: f64::from(rate) / 16.0, threshold, ..GallerySettings::default() }
}

/// A long walk of random writes: memory and store agree after every step.
#[test]
fn galleries_agree_on_a_random_walk() {
    let root = tempfile::tempdir().unwrap();
    let mut memory = Gallery::in_memory();
    let mut store = open(&root.path().join("store"));
    let mut state = 9_u64;
    let mut below = |n: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for step in 0..250 {
        let names = ["a", "b", "c", "d"].map(label);
        let (one, other) = (&names[below(4) as usize], &names[below(4) as usize]);
        let numbers = [below(9) as u32, below(9) as u32];
        let action = below(11);
        let write = |gallery: &mut Gallery| match action {
            0 | 1 => gallery.enroll(one, examples(numbers), true).map(drop),
            2 => gallery.rename(one.as_str(), other).map(drop),
            3 => gallery.delete(one.as_str()).map(drop),
            4 => gallery.enroll_background(examples(numbers)).map(drop),
            5 => remove_background(gallery, numbers[0]).map(drop),
            6 => gallery.merge_classes(one.as_str(), other.as_str()).map(drop),
            7 => gallery.undo(UndoTarget::Last, numbers[0] > 4).map(drop),
            8 => gallery.undo(UndoTarget::LastUndo, numbers[0] > 4).map(drop),
            9 => move_first(gallery, one, other),
            _ => gallery.set_settings(settings(numbers)).map(drop),
        };
        let in_memory = write(&mut memory).map_err(|error| error.to_string().len());
        let in_store = write(&mut store).map_err(|error| error.to_string().len());
        assert_eq!(in_memory, in_store, "step {step}");
        assert_eq!(facts(&memory), facts(&store), "step {step}");
    }
    let kept = contents(&store);
    drop(store);
    assert!(memory.revision() > 100);
    assert_eq!(contents(&open(&root.path().join("store"))), kept);
}
