//! What is purged is in no file of the store, and nothing else is gone.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use edge::gallery::{
    Galleries, Gallery, GalleryError, GallerySettings, NewExample, Reembedded, UndoTarget,
};

use crate::conformance::{SPACE, contents, open};
use crate::fixtures::{examples, label};

/// Bytes that are looked for together: as many are nowhere alike by chance.
const WINDOW: usize = 16;
const IMAGE_BYTES: usize = 1024;
const EMBEDDING_LENGTH: usize = 64;

/// Bytes that follow from a seed and look like no others.
fn noise(seed: u64, n: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(n);
    for _ in 0..n {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.push((state >> 33) as u8);
    }
    bytes
}

/// An example whose image and embedding can be found in any file.
fn marked(number: u8) -> NewExample {
    let seed = u64::from(number) + 1;
    let values = noise(seed, 2 * EMBEDDING_LENGTH);
    let (pairs, _) = values.as_chunks::<2>();
    let embedding = pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 7.0).collect();
    let image = Some(noise(seed + 1_000, IMAGE_BYTES));
    NewExample { sha256: [number; 32], crop: None, embedding, precision: "fp32".to_owned(), image }
}

/// Every window of the image and of the embedding.
fn windows(example: &NewExample) -> HashSet<Vec<u8>> {
    let embedding: Vec<u8> =
        example.embedding.iter().flat_map(|value| value.to_le_bytes()).collect();
    let image = example.image.as_deref().unwrap();
    embedding.windows(WINDOW).chain(image.windows(WINDOW)).map(<[u8]>::to_vec).collect()
}

/// How many of these windows are in the files of a folder.
fn found(windows: &HashSet<Vec<u8>>, dir: &Path) -> usize {
    let mut found = HashSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        found.extend(bytes.windows(WINDOW).filter_map(|window| windows.get(window)).cloned());
    }
    found.len()
}

/// A store with marked images: two in a class, one in another, one in the background set.
fn marked_store(dir: &Path) -> Gallery {
    let mut store = open(dir);
    store.enroll(&label("mug"), vec![marked(1), marked(2)], true).unwrap();
    store.enroll(&label("cup"), vec![marked(3)], true).unwrap();
    store.enroll_background(vec![marked(4)]).unwrap();
    store
}

fn file_len(dir: &Path) -> u64 {
    fs::metadata(dir.join("gallery.redb")).unwrap().len()
}

#[test]
fn what_is_purged_is_in_no_file_of_the_store() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    let gone = windows(&marked(1));
    let removed = store.class("mug").unwrap().examples[0].clone();
    store.remove_examples(&[removed.id.to_string()]).unwrap();
    let kept = contents(&store);
    drop(store);
    assert_eq!(found(&gone, root.path()), gone.len(), "a removal can be undone");
    let mut store = open(root.path());
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 1);
    assert_eq!(found(&gone, root.path()), 0, "while the store is open");
    assert_eq!(store.image(removed.id).unwrap(), None);
    drop(store);
    assert_eq!(found(&gone, root.path()), 0, "after it was closed");
    let again = open(root.path());
    assert_eq!(found(&gone, root.path()), 0, "after it was opened again");
    let expected = (kept.0 + 1, kept.1, kept.2, kept.3);
    assert_eq!(contents(&again), expected, "the others are as they were");
    for number in 2..5 {
        let windows = windows(&marked(number));
        assert_eq!(found(&windows, root.path()), windows.len(), "image {number} is whole");
    }
}

#[test]
fn a_purge_leaves_no_embedding_of_any_space() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    let removed = store.class("mug").unwrap().examples[0].clone();
    store.use_space(&"f".repeat(64));
    let images = store.next_to_reembed(9).unwrap();
    let new = images.iter().map(|image| {
        let embedding = Some(new_embedding(&image.bytes));
        Reembedded { example: image.example, embedding }
    });
    let new = new.collect();
    store.put_reembedded(new, "fp32", EMBEDDING_LENGTH).unwrap();
    store.finish_reembed(false, EMBEDDING_LENGTH).unwrap();
    store.remove_examples(&[removed.id.to_string()]).unwrap();
    drop(store);
    let anew = |number: u8| {
        let example = marked(number);
        let embedding = new_embedding(example.image.as_deref().unwrap());
        windows(&NewExample { embedding, ..example })
    };
    let gone: HashSet<Vec<u8>> = windows(&marked(1)).union(&anew(1)).cloned().collect();
    assert_eq!(found(&gone, root.path()), gone.len(), "both are there");
    let mut store = open(root.path());
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 1);
    assert_eq!(found(&gone, root.path()), 0);
    for number in 2..5 {
        let both: HashSet<Vec<u8>> =
            windows(&marked(number)).union(&anew(number)).cloned().collect();
        assert_eq!(found(&both, root.path()), both.len(), "image {number} is whole");
    }
    // The purge is no change of the space.
    store.undo(UndoTarget::Last, false).unwrap();
    assert_eq!(store.space_id(), SPACE);
    assert_eq!(store.class("mug").unwrap().examples[0].embedding, marked(2).embedding);
}

/// What another model makes of an image.
fn new_embedding(image: &[u8]) -> Vec<f32> {
    let (pairs, _) = image[..2 * EMBEDDING_LENGTH].as_chunks::<2>();
    pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 11.0).collect()
}

#[test]
fn images_of_other_examples_are_kept_bit_for_bit() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    store.delete("cup").unwrap();
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 1);
    let mug = store.class("mug").unwrap().clone();
    for (example, number) in mug.examples.iter().zip(1..) {
        let expected = marked(number);
        assert_eq!(store.image(example.id).unwrap(), expected.image, "image {number}");
        let bits: Vec<u32> = example.embedding.iter().map(|value| value.to_bits()).collect();
        let given: Vec<u32> = expected.embedding.iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, given, "embedding {number}");
    }
}

#[test]
fn a_copy_of_a_purged_image_is_purged_too() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    let copy = store.enroll(&label("bowl"), vec![marked(1)], true).unwrap();
    let copy = copy.outcomes[0].example_id.to_string();
    // It becomes one with the image of the class.
    assert_eq!(store.move_examples(&[copy], Some("mug")).unwrap(), 1);
    store.delete("mug").unwrap();
    let kept = contents(&store);
    store.purge(Duration::ZERO).unwrap();
    drop(store);
    assert_eq!(found(&windows(&marked(1)), root.path()), 0);
    let expected = (kept.0 + 1, kept.1, kept.2, kept.3);
    assert_eq!(contents(&open(root.path())), expected, "the others are as they were");
}

#[test]
fn a_purge_is_in_the_history_and_for_good() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    store.delete("mug").unwrap();
    let deletion = store.last_change().unwrap();
    store.undo(UndoTarget::Last, false).unwrap();
    assert_eq!(store.class("mug").unwrap().examples.len(), 2, "not purged: it comes back");
    store.delete("mug").unwrap();
    let again = store.last_change().unwrap();
    assert_ne!(deletion, again);
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 2);
    let history = store.history(1, None).unwrap();
    assert_eq!(history[0].summary, "purged 2 images");
    let kept = contents(&store);
    for through in [false, true] {
        let refused = store.undo(UndoTarget::Group(again), through).unwrap_err();
        let GalleryError::CannotUndo { reason, .. } = &refused else { panic!("{refused}") };
        assert!(reason.contains("its images are purged"), "{reason}");
    }
    assert_eq!(contents(&store), kept, "the refusals changed nothing");
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 0, "nothing is left to purge");
    assert_eq!(store.revision(), kept.0);
}

#[test]
fn what_was_removed_lately_is_not_purged() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    store.delete("mug").unwrap();
    assert_eq!(store.purge(Duration::from_secs(60 * 60)).unwrap(), 0);
    store.undo(UndoTarget::Last, false).unwrap();
    let id = store.class("mug").unwrap().examples[1].id;
    assert_eq!(store.image(id).unwrap(), marked(2).image);
}

#[test]
fn compaction_shrinks_the_file_after_many_deletions() {
    let root = tempfile::tempdir().unwrap();
    let mut store = open(root.path());
    store.enroll(&label("kept"), examples(0..10), true).unwrap();
    for class in 0..4_u32 {
        let first = 100 + class * 500;
        let mut images = examples(first..first + 500);
        for image in &mut images {
            image.image = Some(vec![7; 4096]);
        }
        store.enroll(&label(&format!("class {class}")), images, true).unwrap();
    }
    for class in 0..4 {
        store.delete(&format!("class {class}")).unwrap();
    }
    let full = file_len(root.path());
    assert!(full > 8_000_000, "{full}");
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 2000);
    assert!(file_len(root.path()) < full / 2, "{} of {full}", file_len(root.path()));
    let kept = contents(&store);
    store.compact().unwrap();
    assert_eq!(contents(&store), kept);
    drop(store);
    assert_eq!(contents(&open(root.path())), kept);
}

/// A store with marked images in the galleries `kept` and `gone`; both are deleted.
fn deleted_galleries(dir: &Path) -> Galleries {
    let mut galleries = Galleries::open(dir, SPACE).unwrap();
    for (name, number) in [("kept", 5), ("gone", 6)] {
        galleries.create(&label(name)).unwrap();
        let mut gallery = galleries.gallery(name).unwrap();
        gallery.enroll(&label(name), vec![marked(number)], true).unwrap();
        gallery.enroll_background(vec![marked(number + 2)]).unwrap();
        drop(gallery);
        galleries.delete(name).unwrap();
    }
    galleries
}

#[test]
fn what_a_purged_gallery_held_is_in_no_file_of_the_store() {
    let root = tempfile::tempdir().unwrap();
    let mut galleries = deleted_galleries(root.path());
    let gone = [windows(&marked(6)), windows(&marked(8))];
    for windows in &gone {
        assert_eq!(found(windows, root.path()), windows.len(), "a deletion can be undone");
    }
    let purged = galleries.purge("gone", Some(Duration::ZERO)).unwrap();
    assert_eq!((purged.len(), purged[0].examples), (1, 2));
    for windows in &gone {
        assert_eq!(found(windows, root.path()), 0, "while the store is open");
    }
    drop(galleries);
    for windows in &gone {
        assert_eq!(found(windows, root.path()), 0, "after it was closed");
    }
    let mut again = Galleries::open(root.path(), SPACE).unwrap();
    assert!(matches!(again.restore("gone"), Err(GalleryError::Purged(_))));
    again.restore("kept").unwrap();
    let kept = again.gallery("kept").unwrap();
    let id = kept.class("kept").unwrap().examples[0].id;
    assert_eq!(kept.image(id).unwrap(), marked(5).image, "the other is whole");
    assert_eq!(kept.background().len(), 1);
}

#[test]
fn several_purges_need_one_compaction() {
    let root = tempfile::tempdir().unwrap();
    let mut galleries = deleted_galleries(root.path());
    let mut default = galleries.gallery(Galleries::DEFAULT).unwrap();
    let days = GallerySettings { retention_days: 0, ..GallerySettings::default() };
    default.set_settings(days).unwrap();
    default.enroll(&label("mug"), vec![marked(1)], true).unwrap();
    assert_eq!(default.purge_due().unwrap(), 0);
    assert!(!default.compact_purged().unwrap(), "nothing is purged");
    default.delete("mug").unwrap();
    assert_eq!(default.purge_due().unwrap(), 1);
    assert_eq!(galleries.purge_due().unwrap(), [], "kept for 30 days");
    // As if the process ended here: the next one does the rest.
    drop(default);
    drop(galleries);
    let galleries = Galleries::open(root.path(), SPACE).unwrap();
    let mut default = galleries.gallery(Galleries::DEFAULT).unwrap();
    assert!(default.compact_purged().unwrap());
    assert_eq!(found(&windows(&marked(1)), root.path()), 0);
    assert!(!default.compact_purged().unwrap(), "once");
}

#[test]
fn a_purge_finishes_an_earlier_one() {
    let root = tempfile::tempdir().unwrap();
    let mut store = marked_store(root.path());
    store.set_settings(GallerySettings { retention_days: 0, ..*store.settings() }).unwrap();
    store.delete("cup").unwrap();
    assert_eq!(store.purge_due().unwrap(), 1);
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 0, "nothing is left to purge");
    assert_eq!(found(&windows(&marked(3)), root.path()), 0);
}

#[test]
fn a_store_at_its_limit_takes_only_what_makes_room() {
    let root = tempfile::tempdir().unwrap();
    let galleries = Galleries::open(root.path(), SPACE).unwrap();
    let mut store = galleries.gallery(Galleries::DEFAULT).unwrap();
    store.enroll(&label("mug"), vec![marked(1), marked(2)], true).unwrap();
    galleries.set_max_store_bytes(0);
    let kept = contents(&store);
    let refused = store.enroll(&label("mug"), vec![marked(3)], true).unwrap_err();
    let GalleryError::StoreLimitReached { added, limit: 0, .. } = refused else {
        panic!("{refused}");
    };
    let least = (4 * EMBEDDING_LENGTH + IMAGE_BYTES) as u64;
    assert!((least..2 * least).contains(&added), "{added}");
    let refused = store.rename("mug", &label("cup")).unwrap_err();
    assert!(matches!(refused, GalleryError::StoreLimitReached { .. }), "{refused}");
    assert_eq!(contents(&store), kept, "the refusals changed nothing");
    store.undo(UndoTarget::Last, false).unwrap();
    assert_eq!(store.n_classes(), 0);
    store.undo(UndoTarget::LastUndo, false).unwrap();
    let id = store.class("mug").unwrap().examples[0].id.to_string();
    store.remove_examples(&[id]).unwrap();
    store.delete("mug").unwrap();
    assert_eq!(store.purge(Duration::ZERO).unwrap(), 2);
    store.compact().unwrap();
    galleries.set_max_store_bytes(1 << 30);
    store.enroll(&label("mug"), vec![marked(3)], true).unwrap();
}
