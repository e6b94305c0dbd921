//! The background set of a gallery, in memory and in a store.

use std::sync::Arc;

use edge::gallery::{BackgroundEnrolled, Example, GalleryError, NewExample};

use crate::conformance::{Subject, on_each};
use crate::fixtures::{example, examples, label};

fn background(gallery: &mut Subject) -> Vec<Arc<Example>> {
    gallery.with(|gallery| gallery.background().to_vec())
}

fn enroll(
    gallery: &mut Subject,
    examples: Vec<NewExample>,
) -> Result<BackgroundEnrolled, GalleryError> {
    gallery.with(|gallery| gallery.enroll_background(examples))
}

fn remove(gallery: &mut Subject, id: &str) -> Result<Arc<Example>, GalleryError> {
    gallery.with(|gallery| gallery.remove_background(id))
}

fn hashes(examples: &[Arc<Example>]) -> Vec<[u8; 32]> {
    examples.iter().map(|example| example.sha256).collect()
}

#[test]
fn background_examples_are_kept_bit_for_bit_and_in_order() {
    on_each(|gallery| {
        assert_eq!(background(gallery), []);
        let mut odd = example(1);
        odd.embedding = vec![-0.0, f32::MIN_POSITIVE / 4.0, f32::MAX];
        odd.precision = "int8".to_owned();
        let given = vec![odd, example(3), example(2)];
        let enrolled = enroll(gallery, given.clone()).unwrap();
        assert_eq!((enrolled.examples, enrolled.revision, gallery.revision()), (3, 1, 1));
        let kept = background(gallery);
        assert_eq!(kept.len(), 3);
        for ((kept, given), outcome) in kept.iter().zip(&given).zip(&enrolled.outcomes) {
            assert_eq!((kept.id, outcome.duplicate), (outcome.example_id, false));
            assert_eq!((kept.sha256, &kept.precision), (given.sha256, &given.precision));
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&kept.embedding), bits(&given.embedding));
        }
        enroll(gallery, examples([0])).unwrap();
        assert_eq!(hashes(&background(gallery)), [1, 3, 2, 0].map(|n| example(n).sha256));
    });
}

#[test]
fn the_background_set_is_no_class() {
    on_each(|gallery| {
        enroll(gallery, examples(0..2)).unwrap();
        assert_eq!(gallery.with(|gallery| gallery.classes()), []);
        let mug = gallery.enroll(&label("mug"), examples(0..2), true).unwrap();
        assert!(mug.outcomes.iter().all(|outcome| !outcome.duplicate), "each set has its own");
        gallery.delete("mug").unwrap();
        assert_eq!(background(gallery).len(), 2);
    });
}

#[test]
fn the_same_image_is_in_the_background_set_once() {
    on_each(|gallery| {
        gallery.enroll(&label("mug"), examples([2]), true).unwrap();
        let first = enroll(gallery, examples([1, 1, 2])).unwrap();
        let duplicates: Vec<_> = first.outcomes.iter().map(|outcome| outcome.duplicate).collect();
        assert_eq!((duplicates, first.examples), (vec![false, true, false], 2));
        assert_eq!(first.outcomes[0].example_id, first.outcomes[1].example_id);
        let again = enroll(gallery, examples([2, 1])).unwrap();
        assert_eq!(again.outcomes[0].example_id, first.outcomes[2].example_id);
        assert_eq!((again.revision, gallery.revision()), (2, 2), "nothing new: no new revision");
        assert_eq!(enroll(gallery, Vec::new()).unwrap().revision, 2);
        let more = enroll(gallery, examples([2, 3])).unwrap();
        assert_eq!((more.examples, more.revision), (3, 3));
    });
}

#[test]
fn only_an_example_of_the_background_set_is_removed() {
    on_each(|gallery| {
        let mug = gallery.enroll(&label("mug"), examples([1]), true).unwrap().class;
        enroll(gallery, examples([1, 2, 3])).unwrap();
        let before = background(gallery);
        assert_eq!(remove(gallery, &before[1].id.short()).unwrap(), before[1]);
        assert_eq!(background(gallery), [before[0].clone(), before[2].clone()]);
        assert_eq!(gallery.revision(), 3);
        for id in [before[1].id.to_string(), mug.examples[0].id.short(), "e_999999".to_owned()] {
            let refused = remove(gallery, &id).unwrap_err();
            assert!(matches!(refused, GalleryError::UnknownExample(got) if got == id));
        }
        assert_eq!(gallery.revision(), 3, "a refusal changes nothing");
        // The image may be enrolled again; its former id is not used again.
        let again = enroll(gallery, examples([2])).unwrap();
        assert!(!again.outcomes[0].duplicate && again.outcomes[0].example_id != before[1].id);
    });
}

#[test]
fn classes_and_background_set_share_one_length_of_embeddings() {
    on_each(|gallery| {
        let mut short = example(3);
        short.embedding.truncate(1);
        enroll(gallery, examples([1])).unwrap();
        for given in [vec![short.clone()], vec![example(2), short.clone()]] {
            let refused = enroll(gallery, given).unwrap_err();
            assert!(matches!(refused, GalleryError::Embedding { .. }), "{refused}");
        }
        let refused = gallery.enroll(&label("mug"), vec![short.clone()], true).unwrap_err();
        assert!(matches!(refused, GalleryError::Embedding { .. }), "{refused}");
        assert_eq!((background(gallery).len(), gallery.revision()), (1, 1));
    });
}

#[test]
fn an_embedding_that_is_not_finite_is_refused() {
    on_each(|gallery| {
        for embedding in [vec![], vec![1.0, f32::NAN, 0.0], vec![f32::INFINITY; 3]] {
            let bad = NewExample { embedding, ..example(1) };
            let refused = enroll(gallery, vec![example(2), bad]).unwrap_err();
            assert!(matches!(refused, GalleryError::Embedding { .. }), "{refused}");
        }
        assert_eq!((background(gallery), gallery.revision()), (vec![], 0));
    });
}
