//! What names tell, on the committed bundle that knows some: meanings, classes without images,
//! wrong names.

use std::collections::BTreeSet;
use std::fs;

use edge::attention::Attention;
use edge::classifier::{Classifier, nearest};
use edge::decision::Decision;
use edge::engine::{EngineChoice, Provider};
use edge::explain::explain;
use edge::gallery::{ClassOverrides, Gallery, NewExample, SenseOverride};
use edge::lexicon::{AttributeError, MAX_ATTRIBUTES, NameKnowledge, Rule};
use edge::recognizer::{Availability, ClassDefinition, Precondition, Recognizer};
use few_shot::decision::gallery::Question;
use few_shot::fusion::Fusion;
use models::bundle::{Bundle, BundleLimits};
use models::knowledge::wordnet::SynsetId;

use crate::files::copy_folder;
use crate::fixtures::{folder, label, onnxruntime, options};

const ANIMAL: SynsetId = SynsetId(10);
const CUP: SynsetId = SynsetId(11);
const ZEBRA: SynsetId = SynsetId(12);
const RODENT: SynsetId = SynsetId(13);
const POINTER: SynsetId = SynsetId(14);
const MUG: SynsetId = SynsetId(21);
const PERSON: SynsetId = SynsetId(7846);

fn bundle() -> Bundle {
    Bundle::open(&folder().join("knowing/knowing-bundle"), &BundleLimits::default()).unwrap()
}

fn knowledge() -> NameKnowledge {
    NameKnowledge::open(&bundle()).unwrap().unwrap()
}

/// Images that look as their class's synset is predicted to, a little off.
fn examples(knowledge: &NameKnowledge, looks_like: &str, n: u8) -> Vec<NewExample> {
    let meaning = knowledge.read(looks_like);
    let prototype = knowledge.semantic(&[meaning]).row(0).to_vec();
    let example = |i: u8| {
        let mut embedding = prototype.clone();
        embedding[usize::from(i)] += 0.3;
        let sha256 = [i + looks_like.len() as u8; 32];
        NewExample { sha256, crop: None, embedding, precision: "fp32".into(), image: None }
    };
    (0..n).map(example).collect()
}

#[test]
fn a_label_is_read_as_people_would() {
    let knowledge = knowledge();
    let read = |label: &str| knowledge.read(label).map(|m| (m.synset, m.rule));
    assert_eq!(read("zebra"), Some((ZEBRA, Rule::Label)));
    assert_eq!(read("Striped Horse"), Some((ZEBRA, Rule::Label)));
    assert_eq!(read("zebras"), Some((ZEBRA, Rule::Label)));
    assert_eq!(read("mouse"), Some((RODENT, Rule::Label)), "the most frequent sense");
    assert_eq!(read("mug"), Some((MUG, Rule::Label)), "the thing, not the person");
    assert_eq!(read("person"), Some((PERSON, Rule::Label)), "where there is nothing else");
    assert_eq!(read("my favorite cup #3"), Some((CUP, Rule::HeadNoun)));
    for nothing in ["gadget", "idea", "كوب", "42", "👩\u{200D}🚀"] {
        assert_eq!(read(nothing), None, "{nothing}");
    }
    let sense = knowledge.sense(ZEBRA).unwrap();
    assert_eq!((sense.lemmas[1].as_str(), sense.kind_of[0].as_str()), ("striped horse", "animal"));
    let hoof = edge::lexicon::Attribute { synset: SynsetId(19), name: "hoof".to_owned() };
    assert_eq!((sense.attributes, sense.has_vector), (vec![hoof], true));
    let found = knowledge.look_up("my 2 mouse").unwrap();
    assert_eq!((found.senses, found.default_sense), (vec![RODENT, POINTER], Some(RODENT)));
    let unseen = knowledge.look_up("idea").unwrap();
    assert_eq!((unseen.senses.len(), unseen.default_sense), (1, None), "no image shows one");
    let long = "so ".repeat(5000) + "zebra";
    assert_eq!(read(&long), Some((ZEBRA, Rule::HeadNoun)));
}

#[test]
fn a_class_without_images_is_recognized_by_its_name() {
    let knowledge = knowledge();
    let mut gallery = Gallery::in_memory();
    for name in ["zebra", "cup"] {
        gallery.define(&label(name), ClassOverrides::default()).unwrap();
    }
    gallery.define(&label("gadget"), ClassOverrides::default()).unwrap();
    let classifier = Classifier::new(gallery.iter(), Some(&knowledge));
    assert_eq!((classifier.classes(), classifier.fusion()), (2, Fusion::Trusted));
    for name in ["zebra", "cup"] {
        let image = &examples(&knowledge, name, 1)[0].embedding;
        let best = &classifier.rank(image, 1)[0];
        assert_eq!((best.label.as_str(), best.examples, best.knowledge), (name, 0, 1.0));
        assert_eq!(best.meaning.map(|m| m.rule), Some(Rule::Label));
    }
    assert_eq!(
        Classifier::new(gallery.iter(), None).classes(),
        0,
        "without knowledge there is nothing"
    );
}

#[test]
fn a_classifier_after_a_change_is_that_of_the_gallery() {
    let knowledge = knowledge();
    let mut gallery = Gallery::in_memory();
    let mut before: Option<Classifier> = None;
    for (name, images) in [("zebra", 0), ("gadget", 1), ("cup", 2), ("mouse", 0), ("animal", 1)] {
        let examples = examples(&knowledge, if images > 0 { "cup" } else { name }, images);
        gallery.enroll(&label(name), examples, true).unwrap();
        if name == "mouse" {
            gallery.delete("zebra").unwrap();
        }
        let after = Classifier::after(before.as_ref(), gallery.iter(), Some(&knowledge));
        let query = [0.3; 4096];
        let query = &query[..knowledge.frame().center().len()];
        let anew = Classifier::new(gallery.iter(), Some(&knowledge));
        assert_eq!(after.rank(query, 9), anew.rank(query, 9), "after {name}");
        before = Some(after);
    }
}

#[test]
fn a_change_of_one_of_many_named_classes_gives_the_classifier_of_the_gallery() {
    let knowledge = knowledge();
    let mut gallery = Gallery::in_memory();
    for number in 0..30_u8 {
        let name = ["zebra", "cup", "mouse"][usize::from(number) % 3];
        let images = examples(&knowledge, name, 1 + number % 4);
        gallery.enroll(&label(&format!("my {name} #{number}")), images, true).unwrap();
    }
    let query = examples(&knowledge, "cup", 1).remove(0).embedding;
    let mut before = Classifier::new(gallery.iter(), Some(&knowledge));
    for step in 0..4 {
        let images = examples(&knowledge, "zebra", 6);
        match step {
            0 => drop(gallery.enroll(&label("my zebra #0"), images, false).unwrap()),
            1 => drop(gallery.rename("my cup #1", &label("my mouse #31")).unwrap()),
            2 => drop(gallery.delete("my mouse #2").unwrap()),
            _ => drop(gallery.enroll(&label("my cup #32"), images, true).unwrap()),
        }
        let after = Classifier::after(Some(&before), gallery.iter(), Some(&knowledge));
        let anew = Classifier::new(gallery.iter(), Some(&knowledge));
        assert_eq!(after.rank(&query, 99), anew.rank(&query, 99), "step {step}");
        assert_ne!(after.rank(&query, 99), before.rank(&query, 99), "step {step}");
        before = after;
    }
}

#[test]
fn name_trust_is_high_where_names_fit_the_images() {
    let knowledge = knowledge();
    let shares = |of: [(&str, &str); 4]| {
        let mut gallery = Gallery::in_memory();
        for (name, looks_like) in of {
            gallery.enroll(&label(name), examples(&knowledge, looks_like, 1), true).unwrap();
        }
        let classifier = Classifier::new(gallery.iter(), Some(&knowledge));
        let query = examples(&knowledge, "zebra", 1).remove(0).embedding;
        let candidates = classifier.rank(&query, 9);
        candidates.iter().map(|candidate| candidate.knowledge).fold(0.0, f32::max)
    };
    let own = |name| (name, name);
    let right = shares([own("zebra"), own("cup"), own("mouse"), own("animal")]);
    let wrong =
        shares([("zebra", "cup"), ("cup", "zebra"), ("mouse", "animal"), ("animal", "mouse")]);
    assert!(right > 0.25 && wrong < 0.1, "{right} {wrong}");
}

#[test]
fn images_together_move_prototypes_towards_them() {
    let mut gallery = Gallery::in_memory();
    let fact = |number: u8, embedding: [f32; 2]| NewExample {
        sha256: [number; 32],
        crop: None,
        embedding: embedding.to_vec(),
        precision: "fp32".to_owned(),
        image: None,
    };
    // The one image of `a` is far from what its class looks like.
    gallery.enroll(&label("a"), vec![fact(1, [1.0, 0.0])], true).unwrap();
    gallery.enroll(&label("b"), vec![fact(2, [-0.2, 1.0])], true).unwrap();
    let classifier = Classifier::new(gallery.iter(), None);
    let unlabeled: Vec<Vec<f32>> =
        [[1.0, 0.6], [1.0, 0.7], [1.0, 0.8], [0.9, 0.85]].map(|e| e.to_vec()).to_vec();
    let single = &classifier.rank(&unlabeled[2], 2)[0];
    let together =
        &classifier.classify_together(&unlabeled, 2, Question::default())[2].candidates[0];
    assert_eq!((single.label.as_str(), together.label.as_str()), ("a", "a"));
    assert!(
        together.similarity > single.similarity + 0.05,
        "{} {}",
        together.similarity,
        single.similarity
    );
    // A class without images stays its name, whatever the images are.
    let knowledge = knowledge();
    let mut gallery = Gallery::in_memory();
    gallery.enroll(&label("cup"), examples(&knowledge, "cup", 3), true).unwrap();
    gallery.define(&label("zebra"), ClassOverrides::default()).unwrap();
    let cups = examples(&knowledge, "cup", 5).split_off(3);
    let cups: Vec<Vec<f32>> = cups.into_iter().map(|example| example.embedding).collect();
    let classifier = Classifier::new(gallery.iter(), Some(&knowledge));
    for ranked in classifier.classify_together(&cups, 2, Question::default()) {
        assert_eq!(ranked.candidates[0].label.as_str(), "cup", "{ranked:?}");
    }
    let nothing = Classifier::new(&[], None).classify_together(&unlabeled, 2, Question::default());
    assert!(nothing.iter().all(|one| one.decision == Decision::Empty), "{nothing:?}");
    assert_eq!(nothing.len(), 4);
}

#[test]
fn an_override_replaces_the_sense_of_the_label() {
    let knowledge = knowledge();
    let mut gallery = Gallery::in_memory();
    let mut meaning = |sense| {
        let class = gallery.define(&label("mouse"), ClassOverrides::from(sense)).unwrap().0;
        knowledge.meaning(&class).map(|m| (m.synset, m.rule))
    };
    assert_eq!(meaning(Some(SenseOverride::Synset(POINTER))), Some((POINTER, Rule::Override)));
    assert_eq!(meaning(Some(SenseOverride::ImagesOnly)), None);
    assert_eq!(meaning(Some(SenseOverride::Synset(SynsetId(99)))), None, "not in this lexicon");
    assert_eq!(meaning(None), Some((RODENT, Rule::Label)));
}

#[test]
fn one_image_beside_no_other_class_is_taken_as_it_is() {
    let knowledge = knowledge();
    let mut gallery = Gallery::in_memory();
    gallery.enroll(&label("cup"), examples(&knowledge, "zebra", 2), true).unwrap();
    let classes = gallery.classes();
    let classifier = Classifier::new(gallery.iter(), Some(&knowledge));
    let query = &classes[0].examples[1].embedding;
    let best = &classifier.rank(query, 1)[0];
    assert_eq!((best.knowledge, best.meaning), (0.0, None));
    let near = nearest(&classes[0], query, 5);
    assert_eq!((near.len(), near[0].example_id), (2, classes[0].examples[1].id));
    assert!(near[0].similarity > near[1].similarity);
}

#[test]
fn knowledge_that_is_damaged_or_missing_is_named() {
    let root = tempfile::tempdir().unwrap();
    copy_folder(&folder().join("knowing"), root.path());
    let dir = root.path().join("knowing-bundle");
    let open = || NameKnowledge::open(&Bundle::open(&dir, &BundleLimits::default()).unwrap());
    assert_eq!(open().unwrap().unwrap().sense(ANIMAL).unwrap().lemmas, ["animal"]);
    let lexicon = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path());
    let lexicon = lexicon.into_iter().find(|path| path.is_file()).unwrap();
    let mut bytes = fs::read(&lexicon).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&lexicon, &bytes).unwrap();
    let error = open().unwrap_err().to_string();
    assert!(error.contains("lexicon-") && error.contains("SHA-256"), "{error}");
    fs::remove_file(&lexicon).unwrap();
    let error = open().unwrap_err().to_string();
    assert!(error.contains("lexicon-"), "{error}");
}

#[test]
fn attributes_are_weighed_on_every_engine_alike() {
    let (bundle, knowledge) = (bundle(), knowledge());
    let cup = knowledge.read("cup").unwrap();
    let prototype = knowledge.semantic(&[Some(cup)]);
    let weights = |choice: EngineChoice, library| {
        let mut attention = Attention::open(&bundle, choice, &options(library)).unwrap().unwrap();
        let word = knowledge.word(CUP).unwrap();
        // Nobody measured what a zebra is part of; a hoof is measured and no part of a cup.
        let asked = [ZEBRA, SynsetId(18)].into_iter();
        attention.weights(prototype.row(0), word, asked).unwrap()
    };
    let tract = weights(EngineChoice::Only(Provider::Tract), None);
    assert_eq!(tract.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [SynsetId(18)]);
    assert!(tract[0].1.abs() > 1e-3, "{tract:?}");
    // More than the network's two columns.
    let tract_choice = EngineChoice::Only(Provider::Tract);
    let mut attention = Attention::open(&bundle, tract_choice, &options(None)).unwrap().unwrap();
    let asked = [18, 19, 18].map(SynsetId).into_iter();
    let three = attention.weights(prototype.row(0), knowledge.word(CUP).unwrap(), asked).unwrap();
    assert_eq!(three.len(), 3);
    assert!((three[0].1 - tract[0].1).abs() < 1e-6 && three[2] == three[0], "{three:?}");
    assert!((three[1].1 - three[0].1).abs() > 1e-4, "{three:?}");
    let Some(library) = onnxruntime("attributes weighed by ONNX Runtime") else { return };
    let ort = weights(EngineChoice::Only(Provider::Cpu), Some(library));
    assert!((tract[0].1 - ort[0].1).abs() < 1e-5, "{tract:?} {ort:?}");
}

#[test]
fn an_explanation_names_attributes_and_the_nearest_images() {
    let (bundle, knowledge) = (bundle(), knowledge());
    let mut gallery = Gallery::in_memory();
    gallery.define(&label("zebra"), ClassOverrides::default()).unwrap();
    gallery.enroll(&label("gadget"), examples(&knowledge, "cup", 2), true).unwrap();
    let classes = gallery.classes();
    let classifier = Classifier::new(gallery.iter(), Some(&knowledge));
    let tract = EngineChoice::Only(Provider::Tract);
    let mut attention = Attention::open(&bundle, tract, &options(None)).unwrap();
    let mut explained = |of: &str, embedding: &[f32]| {
        let best = classifier.rank(embedding, 1).swap_remove(0);
        assert_eq!(best.label.as_str(), of);
        let class = classes.iter().find(|class| class.id == best.class_id).unwrap();
        explain(&best, class, embedding, Some(&knowledge), attention.as_mut()).unwrap()
    };
    let by_name = knowledge.semantic(&[knowledge.read("zebra")]).row(0).to_vec();
    let zebra = explained("zebra", &by_name);
    assert_eq!((zebra.knowledge, zebra.nearest.len()), (1.0, 0));
    let [hoof] = zebra.attributes.as_slice() else { panic!("{zebra:?}") };
    assert!(hoof.name == "hoof" && hoof.weight.is_some_and(f32::is_finite), "{hoof:?}");
    let example =
        &classes.iter().find(|class| class.label.as_str() == "gadget").unwrap().examples[1];
    let gadget = explained("gadget", &example.embedding);
    assert_eq!((gadget.attributes.len(), gadget.meaning, gadget.knowledge), (0, None, 0.0));
    assert_eq!((gadget.nearest.len(), gadget.nearest[0].example_id), (2, example.id));

    // What people say that a thing has is weighed, also of a thing whose name means nothing.
    let attributes = knowledge.resolve_attributes(["handle", "n00000019"], None).unwrap();
    let overrides = ClassOverrides { sense: None, attributes: Some(attributes) };
    gallery.define(&label("gadget"), overrides).unwrap();
    let gadget = gallery.class("gadget").unwrap();
    let best = classifier.rank(&gadget.examples[1].embedding, 1).swap_remove(0);
    let why =
        explain(&best, gadget, &gadget.examples[1].embedding, Some(&knowledge), attention.as_mut());
    let attributes = why.unwrap().attributes;
    let names: BTreeSet<&str> = attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["handle", "hoof"].into());
    assert!(attributes.iter().all(|a| a.weight.is_some()), "{attributes:?}");
    assert!(attributes[0].weight > attributes[1].weight, "{attributes:?}");
    let unknown = knowledge.resolve_attributes(["handle", "gizmo"], None).unwrap_err();
    assert!(unknown.to_string().contains("`gizmo`"), "{unknown}");
    let resolve = |words: usize| knowledge.resolve_attributes(vec!["handle"; words], None);
    assert_eq!(resolve(MAX_ATTRIBUTES).unwrap().len(), 1);
    assert_eq!(resolve(MAX_ATTRIBUTES + 1), Err(AttributeError::TooMany(MAX_ATTRIBUTES + 1)));
}

#[test]
fn a_name_without_a_share_is_still_the_word_that_attributes_are_weighed_with() {
    let (bundle, knowledge) = (bundle(), knowledge());
    let handle = knowledge.resolve_attributes(["handle"], None).unwrap();
    let asked: Vec<SynsetId> = handle.iter().copied().collect();
    let mut gallery = Gallery::in_memory();
    gallery.enroll(&label("cup"), examples(&knowledge, "zebra", 1), true).unwrap();
    let overrides = ClassOverrides { sense: None, attributes: Some(handle) };
    let (cup, _) = gallery.define(&label("cup"), overrides).unwrap();
    let image = &cup.examples[0].embedding;
    // A class beside no other one is taken as it is: its name has no share.
    let best = Classifier::new([&cup], Some(&knowledge)).rank(image, 1).swap_remove(0);
    assert_eq!(best.meaning, None);
    let tract = EngineChoice::Only(Provider::Tract);
    let mut attention = Attention::open(&bundle, tract, &options(None)).unwrap().unwrap();
    let word = knowledge.word(CUP).unwrap();
    let expected = attention.weights(image.as_slice().into(), word, asked.into_iter()).unwrap();
    let explained = explain(&best, &cup, image, Some(&knowledge), Some(&mut attention)).unwrap();
    let weights: Vec<_> = explained.attributes.iter().map(|a| a.weight).collect();
    assert_eq!(weights, [Some(expected[0].1)]);
}

#[test]
fn a_recognizer_starts_what_it_is_asked_to_and_counts_what_it_can_recognize() {
    let tract = EngineChoice::Only(Provider::Tract);
    let mut recognizer = Recognizer::new(bundle(), tract, options(None), Gallery::in_memory());
    recognizer.start_backbone().unwrap();
    assert_eq!(*recognizer.attribute_weights(), Availability::NotStarted);
    recognizer.start().unwrap();
    assert_eq!(*recognizer.attribute_weights(), Availability::Ready);
    for name in ["zebra", "gadget"] {
        let definition = ClassDefinition::default();
        recognizer.define(name, &definition, Precondition::Anything).unwrap();
    }
    let summary = recognizer.summary();
    assert_eq!((summary.classes, summary.recognizable), (2, 1), "`gadget` is no noun it knows");
    assert_eq!(recognizer.classes().count(), 2);
}
