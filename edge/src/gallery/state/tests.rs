//! Tests of the index and of the delta.

#![allow(clippy::unwrap_used)]

use super::super::{Gallery, Label, NewExample};
use super::*;

/// A gallery whose two classes became one. Both had the image 3, so an example is the same as
/// another one; another class is deleted.
fn gallery() -> Gallery {
    let mut gallery = Gallery::in_memory();
    for (label, numbers) in [("mug", [1, 2, 3]), ("key", [3, 4, 5]), ("cup", [6, 7, 8])] {
        let examples = numbers.map(|number: u8| {
            let embedding = vec![f32::from(number), 1.0];
            let precision = "fp32".to_owned();
            NewExample { sha256: [number; 32], crop: None, embedding, precision, image: None }
        });
        gallery.enroll(&Label::parse(label).unwrap(), examples.to_vec(), true).unwrap();
    }
    gallery.merge_classes("key", "mug").unwrap();
    gallery.delete("cup").unwrap();
    gallery
}

#[test]
fn a_state_that_is_restored_from_its_rows_has_the_same_index() {
    let state = gallery().state;
    assert_eq!((state.n_classes(), state.n_examples(), state.index.same.len()), (1, 5, 1));
    let mut restored =
        State::restore(state.classes.clone(), state.examples.clone(), state.settings, None);
    assert_eq!(restored.index, state.index);
    assert!(restored == state);
    let mut precisions = restored.examples.values().map(|example| &example.precision);
    let first = precisions.next().unwrap();
    assert!(precisions.all(|other| Arc::ptr_eq(first, other)), "one text for all");
    assert_eq!(state.clone().filled().index, state.index);
    assert!(state.clone().filled() == state);
    let delta = restored.take_delta();
    assert!(delta.classes.is_empty() && delta.examples.is_empty());
}

#[test]
fn a_change_after_a_fold_is_taken_back_by_its_delta() {
    let journal = gallery().journal.changes().unwrap();
    let before = State::fold(&journal[..journal.len() - 1]);
    let mut state = before.clone();
    assert!(state.take_delta().examples.is_empty(), "a fold has none");
    state.apply(journal.last().unwrap());
    let delta = state.take_delta();
    assert_eq!((delta.classes.len(), delta.examples.len()), (1, 3), "a class was deleted");
    assert!(delta.examples.values().all(Option::is_some), "the former rows");
    state.revert(&delta);
    assert!(state == before);
    assert_eq!(state.index, before.index);
}
