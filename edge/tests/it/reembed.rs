//! Another model: a gallery is embedded anew from its kept images, and the swap is undone.

use std::fs;
use std::path::Path;

use edge::engine::{EngineChoice, Provider};
use edge::gallery::{
    Archive, Galleries, Gallery, GalleryError, GallerySettings, KeptImage, NewExample, Reembedded,
    UndoTarget,
};
use edge::recognizer::{ClassifyOptions, Precondition, Recognizer, RecognizerError};

use crate::conformance::{SPACE, Subject, facts, on_each};
use crate::files::png;
use crate::fixtures::{example, label, options, tiny_bundle};

const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
/// Of the other space; that of the examples is 3.
const LENGTH: usize = 2;

/// An example whose image is kept.
fn kept(number: u8) -> NewExample {
    // An archive takes what begins as an image does.
    NewExample { image: Some(vec![b'B', b'M', number]), ..example(number.into()) }
}

/// What the other model makes of an image.
fn embedded(image: &KeptImage) -> Reembedded {
    let embedding = Some(vec![f32::from(image.bytes[2]), 7.0]);
    Reembedded { example: image.example, embedding }
}

/// Calls a gallery while a bundle of the other space is in use.
fn of_other<T>(subject: &mut Subject, call: impl FnOnce(&mut Gallery) -> T) -> T {
    subject.with(|gallery| {
        gallery.use_space(OTHER);
        call(gallery)
    })
}

/// Embeds the next images, at most `limit`.
fn go_on(gallery: &mut Gallery, limit: usize) -> usize {
    let images = gallery.next_to_reembed(limit).unwrap();
    let n = images.len();
    gallery.put_reembedded(images.iter().map(embedded).collect(), "int8", LENGTH).unwrap();
    n
}

/// Three images with a kept image in two classes, one without, and one that was removed.
fn fill(subject: &mut Subject) {
    subject.with(|gallery| {
        gallery.use_space(SPACE);
        gallery.enroll(&label("cup"), vec![kept(5)], true).unwrap();
        let removed = gallery.class("cup").unwrap().examples[0].id.to_string();
        gallery.remove_examples(&[removed]).unwrap();
        gallery.enroll(&label("mug"), vec![kept(1), kept(2), example(3)], true).unwrap();
        gallery.enroll(&label("cup"), vec![kept(4)], true).unwrap();
    });
}

#[test]
fn a_gallery_is_embedded_anew_in_parts_and_back() {
    on_each(|subject| {
        fill(subject);
        let before = subject.with(|gallery| facts(gallery));
        let refused = of_other(subject, |gallery| {
            gallery.enroll(&label("mug"), vec![kept(9)], true).unwrap_err()
        });
        let is_told =
            matches!(refused, GalleryError::OtherSpace { examples: 4, with_image: 3, .. });
        assert!(is_told, "{refused}");
        let status = of_other(subject, |gallery| gallery.reembed_status().unwrap());
        assert_eq!((status.examples, status.embedded, status.to_embed), (4, 0, 4));
        assert_eq!((status.without_image, status.thumbnails, status.originals), (1, 3, 0));
        let images = of_other(subject, |gallery| gallery.next_to_reembed(9).unwrap());
        let numbers: Vec<u8> = images.iter().map(|image| image.bytes[2]).collect();
        assert_eq!(numbers, [1, 2, 4, 5], "the removed one comes last");

        assert_eq!(of_other(subject, |gallery| go_on(gallery, 2)), 2);
        let refused = of_other(subject, |gallery| gallery.finish_reembed(true, LENGTH));
        assert!(matches!(refused, Err(GalleryError::NotReembedded { left: 2 })), "{refused:?}");
        assert_eq!(subject.with(|gallery| facts(gallery)), before, "nothing is visible");
        assert_eq!(of_other(subject, |gallery| go_on(gallery, 9)), 2, "it goes on");
        assert_eq!(of_other(subject, |gallery| go_on(gallery, 9)), 0);
        let refused = of_other(subject, |gallery| gallery.finish_reembed(false, LENGTH));
        let is_told = matches!(refused, Err(GalleryError::NeedsImages { without_image: 1, .. }));
        assert!(is_told, "{refused:?}");

        let done = of_other(subject, |gallery| gallery.finish_reembed(true, LENGTH).unwrap());
        assert_eq!((done.examples, done.left_out, done.revision), (3, 1, before.0 + 1));
        let mug = of_other(subject, |gallery| gallery.class("mug").unwrap().clone());
        let anew: Vec<_> = mug.examples.iter().map(|one| one.embedding.clone()).collect();
        assert_eq!(anew, [vec![1.0, 7.0], vec![2.0, 7.0]]);
        assert_eq!(mug.examples[0].precision, "int8");
        assert!(of_other(subject, |gallery| !gallery.is_other_space()));

        of_other(subject, |gallery| gallery.undo(UndoTarget::Last, false).unwrap());
        let again = subject.with(|gallery| facts(gallery));
        assert_eq!((again.1, again.2), (before.1, before.2), "as before, with the fourth image");
        let canceled = of_other(subject, |gallery| gallery.cancel_reembed().unwrap());
        assert!(canceled.forgotten == 0 && canceled.kept > 0, "a redo needs them: {canceled:?}");
        of_other(subject, |gallery| gallery.undo(UndoTarget::LastUndo, false).unwrap());
        assert_eq!(of_other(subject, |gallery| gallery.class("mug").unwrap().clone()), mug);
    });
}

#[test]
fn what_was_enrolled_since_stands_in_the_way_of_an_undo() {
    on_each(|subject| {
        fill(subject);
        of_other(subject, |gallery| while go_on(gallery, 3) > 0 {});
        let swap = of_other(subject, |gallery| {
            gallery.finish_reembed(true, LENGTH).unwrap().change.unwrap()
        });
        of_other(subject, |gallery| {
            let new = NewExample { embedding: vec![1.0, 1.0], ..kept(8) };
            gallery.enroll(&label("jar"), vec![new], true).unwrap();
        });
        let target = UndoTarget::Group(swap);
        let refused = subject.with(|gallery| gallery.undo(target, false).unwrap_err());
        assert!(refused.to_string().contains("in \"jar\""), "{refused}");
        let undone = subject.with(|gallery| gallery.undo(target, true).unwrap());
        assert_eq!(undone.len(), 2);
        subject.with(|gallery| {
            gallery.use_space(SPACE);
            assert!(gallery.class("jar").is_err() && !gallery.is_other_space());
            assert_eq!(gallery.n_examples(), 4);
        });
    });
}

#[test]
fn what_was_removed_comes_back_only_with_an_embedding() {
    on_each(|subject| {
        fill(subject);
        let removal = subject.with(|gallery| {
            let id = gallery.class("mug").unwrap().examples[2].id.to_string();
            gallery.remove_examples(&[id]).unwrap();
            gallery.last_change().unwrap()
        });
        let earlier = subject.with(|gallery| gallery.history(9, None).unwrap()[3].change);
        of_other(subject, |gallery| while go_on(gallery, 3) > 0 {});
        of_other(subject, |gallery| gallery.finish_reembed(false, LENGTH).unwrap());
        let refused = of_other(subject, |gallery| {
            gallery.undo(UndoTarget::Group(removal), false).unwrap_err()
        });
        assert!(refused.to_string().contains("for 1 of the images"), "{refused}");
        of_other(subject, |gallery| gallery.undo(UndoTarget::Group(earlier), true).unwrap());
        let cup = of_other(subject, |gallery| gallery.class("cup").unwrap().clone());
        assert_eq!(cup.examples[0].embedding, [5.0, 7.0], "its image was kept");
    });
}

#[test]
fn a_cancelled_work_is_forgotten_and_an_image_that_cannot_be_read_is_not_tried_twice() {
    on_each(|subject| {
        fill(subject);
        assert_eq!(of_other(subject, |gallery| go_on(gallery, 3)), 3);
        assert_eq!(of_other(subject, |gallery| gallery.cancel_reembed().unwrap().forgotten), 3);
        assert_eq!(of_other(subject, |gallery| gallery.reembed_status().unwrap().to_embed), 4);
        of_other(subject, |gallery| {
            let first = gallery.next_to_reembed(1).unwrap();
            let unread = Reembedded { example: first[0].example, embedding: None };
            gallery.put_reembedded(vec![unread], "int8", LENGTH).unwrap();
        });
        assert_eq!(of_other(subject, |gallery| go_on(gallery, 9)), 3);
        let status = of_other(subject, |gallery| gallery.reembed_status().unwrap());
        assert_eq!((status.embedded, status.to_embed, status.unreadable), (2, 0, 1));
        let short = of_other(subject, |gallery| {
            let id = gallery.class("mug").unwrap().examples[0].id;
            let short = Reembedded { example: id, embedding: Some(vec![1.0]) };
            gallery.put_reembedded(vec![short], "int8", LENGTH).unwrap_err()
        });
        assert!(matches!(short, GalleryError::Embedding { .. }), "{short}");
        let own = subject.with(|gallery| {
            gallery.use_space(SPACE);
            gallery.reembed_status().unwrap_err()
        });
        assert!(matches!(own, GalleryError::NotOtherSpace), "{own}");
    });
}

/// A gallery with its store and the bytes of its export.
fn embedded_store(dir: &Path) -> (Gallery, Vec<u8>) {
    let mut store = Gallery::open(dir, SPACE).unwrap();
    store.enroll(&label("mug"), vec![kept(1), kept(2)], true).unwrap();
    store.enroll_background(vec![kept(3)]).unwrap();
    drop(store);
    let galleries = Galleries::open(dir, OTHER).unwrap();
    let mut gallery = galleries.gallery(Galleries::DEFAULT).unwrap();
    while go_on(&mut gallery, 2) > 0 {}
    gallery.finish_reembed(false, LENGTH).unwrap();
    let bytes = galleries.export(Galleries::DEFAULT).unwrap().flat_map(Result::unwrap).collect();
    (gallery, bytes)
}

#[test]
fn an_export_has_the_embeddings_in_use_and_not_the_swap() {
    let root = tempfile::tempdir().unwrap();
    let (gallery, bytes) = embedded_store(&root.path().join("store"));
    assert!(!bytes.windows(7).any(|part| part == b"reembed"));
    let path = root.path().join("things.handful");
    fs::write(&path, &bytes).unwrap();
    assert!(Archive::open(&path, SPACE).is_err(), "it is of the new space");
    let mut copy = Gallery::open(&root.path().join("copy"), OTHER).unwrap();
    copy.import(Archive::open(&path, OTHER).unwrap()).unwrap();
    assert_eq!(copy.digest(), gallery.digest());
    let values = |gallery: &Gallery| {
        let classes = gallery.classes().into_iter().flat_map(|class| class.examples);
        let all = classes.chain(gallery.background().iter().cloned());
        all.map(|one| one.embedding.clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(&copy), values(&gallery));
    let mut former = Gallery::open(&root.path().join("former"), SPACE).unwrap();
    former.enroll(&label("cup"), vec![kept(4)], true).unwrap();
    former.use_space(OTHER);
    let refused = former.import(Archive::open(&path, OTHER).unwrap()).unwrap_err();
    assert!(matches!(refused, GalleryError::OtherSpace { .. }), "{refused}");
}

#[test]
fn a_recognizer_embeds_a_gallery_of_another_model_anew() {
    let root = tempfile::tempdir().unwrap();
    let mut former = Gallery::open(root.path(), OTHER).unwrap();
    for (name, kind) in [("red", 0), ("green", 1)] {
        let image = Some(png(kind, 0));
        let mut sha256 = [0; 32];
        sha256[0] = kind;
        let new = NewExample { image, sha256, ..example(1) };
        former.enroll(&label(name), vec![new], true).unwrap();
    }
    drop(former);
    let gallery = Gallery::open(root.path(), &tiny_bundle().manifest.space_id).unwrap();
    let tract = EngineChoice::Only(Provider::Tract);
    let mut recognizer = Recognizer::new(tiny_bundle(), tract, options(None), gallery);
    assert!(recognizer.is_other_space());
    let query = recognizer.embed(&png(1, 0)).unwrap();
    let queries = std::slice::from_ref(&query);
    let refused = recognizer.classify(queries, ClassifyOptions::default()).unwrap_err();
    let is_told = matches!(refused, RecognizerError::Gallery(GalleryError::OtherSpace { .. }));
    assert!(is_told, "{refused}");
    assert!(recognizer.snapshot().is_err() && recognizer.calibrate().is_err());
    let settings = GallerySettings { rate: 0.01, ..*recognizer.settings() };
    recognizer.set_settings(settings, Precondition::Anything).unwrap();
    for image in recognizer.next_to_reembed(9).unwrap() {
        let embedded = recognizer.embed_kept(&image).unwrap();
        recognizer.put_reembedded(vec![embedded]).unwrap();
    }
    let compared = recognizer.compare_reembedded().unwrap();
    assert_eq!((compared.compared, compared.single_example_classes), (0, 2));
    let done = recognizer.finish_reembed(false).unwrap();
    assert_eq!((done.examples, done.change), (2, recognizer.last_change()));
    assert!(!recognizer.is_other_space());
    let found = recognizer.classify(queries, ClassifyOptions::default()).unwrap();
    assert_eq!(found.answers[0].candidates[0].label.as_str(), "green");
}
