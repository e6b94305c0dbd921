//! Galleries that went through files.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Archive, Imported};
use crate::gallery::Gallery;
use crate::gallery::class::{ImageKey, NewExample};
use crate::gallery::clock::tests::Seeded;
use crate::gallery::clock::{Clock, Timestamp};
use crate::gallery::error::{ArchiveError, GalleryError};
use crate::gallery::galleries::Galleries;
use crate::gallery::history::UndoTarget;
use crate::gallery::id::ExampleId;
use crate::gallery::label::Label;
use crate::gallery::limits::GalleryLimits;
use crate::gallery::random_calls::{self, PrintedSeed, Random};
use crate::gallery::settings::{GallerySettings, KeepImages};

pub(super) const SPACE: &str = "a space";
/// The number of round trips; the long form has 1,000.
const TRIPS: &str = "HANDFUL_ARCHIVE_TRIPS";
const DEFAULT_TRIPS: u64 = 12;
const CALLS: u64 = 60;
const START_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A store in a folder of its own.
pub(super) struct Store {
    pub(super) folder: tempfile::TempDir,
    pub(super) galleries: Galleries,
    pub(super) gallery: Gallery,
}

impl Store {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let galleries = Galleries::open(&folder.path().join("store"), SPACE).unwrap();
        let gallery = galleries.gallery("default").unwrap();
        Self { folder, galleries, gallery }
    }

    /// With a clock that stands still, and that follows from a seed.
    fn seeded(random: &mut Random) -> Self {
        let mut store = Self::new();
        let source = Seeded::new(random.number());
        source.now_ms.store(START_MS, Ordering::Relaxed);
        store.gallery.clock = Clock::new(source);
        store
    }

    fn call(&mut self, random: &mut Random) {
        if let Err(refused) = random_calls::call(&mut self.gallery, random) {
            random_calls::assert_is_by_rule(&refused);
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.galleries.export("default").unwrap().flat_map(Result::unwrap).collect()
    }

    pub(super) fn import(&mut self, bytes: &[u8]) -> Result<Imported, GalleryError> {
        let archive = self.open(bytes)?;
        self.gallery.import(archive)
    }

    /// Opens a file of these bytes.
    pub(super) fn open(&self, bytes: &[u8]) -> Result<Archive, ArchiveError> {
        let path = self.folder.path().join("in.handful");
        fs::write(&path, bytes).unwrap();
        Archive::open(&path, SPACE)
    }

    pub(super) fn refusal(&mut self, bytes: &[u8]) -> String {
        let before = (self.gallery.revision(), self.gallery.digest(), self.bytes());
        let refused = self.import(bytes).unwrap_err().to_string();
        assert!(!refused.contains('\n'), "{refused}");
        let after = (self.gallery.revision(), self.gallery.digest(), self.bytes());
        assert!(before == after, "a refused archive changed the gallery: {refused}");
        refused
    }

    /// The kept images of all examples that count.
    fn images(&self) -> Vec<(ExampleId, Option<Vec<u8>>)> {
        let of_classes = self.gallery.iter().flat_map(|class| class.examples.iter());
        let all = of_classes.chain(self.gallery.background());
        all.map(|example| (example.id, self.gallery.image(example.id).unwrap())).collect()
    }
}

fn assert_equal(one: &Store, other: &Store) {
    assert_eq!(one.gallery.digest(), other.gallery.digest());
    assert_eq!(one.gallery.classes(), other.gallery.classes());
    assert_eq!(one.gallery.background(), other.gallery.background());
    assert_eq!(one.images(), other.images());
}

/// A gallery with a class of two examples with images, and one that was removed.
pub(super) fn small() -> Store {
    let mut store = Store::new();
    let settings = GallerySettings { keep_images: KeepImages::Original, ..Default::default() };
    store.gallery.set_settings(settings).unwrap();
    enroll(&mut store.gallery, "mug", &[1, 2, 3]);
    let removed = store.gallery.class("mug").unwrap().examples[2].id.to_string();
    store.gallery.remove_examples(&[removed]).unwrap();
    store
}

pub(super) fn enroll(gallery: &mut Gallery, label: &str, numbers: &[u8]) {
    let mut examples = Vec::new();
    for number in numbers {
        let embedding = vec![f32::from(*number), -0.0, 0.5];
        // It begins as a BMP file does.
        let text = format!("image {number}").repeat(20);
        let image = Some(format!("BM{text}").into_bytes());
        let precision = "fp32".to_owned();
        examples.push(NewExample {
            sha256: [*number; 32],
            crop: None,
            embedding,
            precision,
            image,
        });
    }
    gallery.enroll(&Label::parse(label).unwrap(), examples, true).unwrap();
}

#[test]
fn a_gallery_comes_back_equal_after_any_calls() {
    for seed in 0..random_calls::repetitions(TRIPS, DEFAULT_TRIPS) {
        let _printed = PrintedSeed(seed);
        let mut random = Random::new(seed);
        let mut store = Store::seeded(&mut random);
        for _ in 0..CALLS {
            store.call(&mut random);
        }
        let bytes = store.bytes();
        assert_eq!(store.bytes(), bytes, "seed {seed}: equal galleries have equal files");
        let mut copy = Store::new();
        let imported = copy.import(&bytes).unwrap();
        assert_eq!((imported.new, imported.ahead), (imported.changes, 0));
        assert_equal(&store, &copy);
        assert_eq!(copy.bytes(), bytes, "seed {seed}: the file of the copy");
        let revision = copy.gallery.revision();
        assert_eq!(copy.import(&bytes).unwrap().new, 0);
        assert_eq!(copy.gallery.revision(), revision, "an import twice changes nothing");
        let undone = store.gallery.undo(UndoTarget::Last, true).is_ok();
        assert_eq!(copy.gallery.undo(UndoTarget::Last, true).is_ok(), undone, "seed {seed}");
        assert_eq!(store.gallery.classes(), copy.gallery.classes(), "seed {seed}: after an undo");
    }
}

#[test]
fn two_devices_that_import_each_other_are_equal() {
    for seed in 0..random_calls::repetitions(TRIPS, DEFAULT_TRIPS) {
        let _printed = PrintedSeed(seed);
        let mut random = Random::new(seed);
        let mut one = Store::seeded(&mut random);
        let mut other = Store::seeded(&mut random);
        for _ in 0..CALLS {
            one.call(&mut random);
            other.call(&mut random);
        }
        let bytes = one.bytes();
        one.import(&other.bytes()).unwrap();
        other.import(&bytes).unwrap();
        assert_equal(&one, &other);
        assert_eq!(one.bytes(), other.bytes(), "seed {seed}");
    }
}

#[test]
fn what_was_removed_can_be_restored_after_an_import_and_what_was_purged_is_gone() {
    let mut store = small();
    let mut copy = Store::new();
    let imported = copy.import(&store.bytes()).unwrap();
    assert_eq!((imported.embeddings, imported.in_use, imported.purged), (3, 2, 0));
    assert_eq!(copy.gallery.last_change(), None);
    copy.gallery.undo(UndoTarget::Last, false).unwrap();
    let restored = copy.gallery.class("mug").unwrap().examples[2].clone();
    assert_eq!(restored.embedding, [3.0, 0.0, 0.5]);
    assert!(copy.gallery.image(restored.id).unwrap().is_some());

    store.gallery.purge(Duration::ZERO).unwrap();
    let bytes = store.bytes();
    let image = b"image 3image 3";
    assert!(!bytes.windows(image.len()).any(|window| window == image));
    let embedding = [3.0_f32, -0.0, 0.5].map(f32::to_le_bytes).concat();
    assert!(!bytes.windows(embedding.len()).any(|window| window == embedding));
    assert_eq!(copy.import(&bytes).unwrap().purged, 1);
    assert_eq!(copy.import(&bytes).unwrap().purged, 0, "it was purged before");
    assert!(copy.gallery.class("mug").unwrap().examples.len() == 2, "purged there, purged here");
    let in_new = Store::new().import(&bytes).unwrap();
    assert_eq!((in_new.purged, in_new.embeddings), (0, 2), "a new gallery has nothing to purge");
    assert_eq!(copy.gallery.image(restored.id).unwrap(), None);
}

/// As the command does it, whose galleries may be larger than its memory.
#[test]
fn a_gallery_that_is_not_open_takes_the_same_over() {
    let mut there = small();
    let mut open = Store::new();
    let mut closed = Store::new();
    for numbers in [[2, 9], [10, 11]] {
        enroll(&mut there.gallery, "cup", &numbers);
        let bytes = there.bytes();
        let imported = open.import(&bytes).unwrap();
        let archive = closed.open(&bytes).unwrap();
        let of_closed = closed.galleries.import("default", archive).unwrap();
        assert_eq!(of_closed, (imported, open.gallery.revision()));
        closed.gallery = closed.galleries.gallery("default").unwrap();
        assert_eq!(closed.gallery.revision(), open.gallery.revision());
        assert_equal(&open, &closed);
        assert_equal(&open, &there);
    }
    assert!(open.bytes() == closed.bytes());
}

#[test]
fn classes_of_an_import_are_found_by_the_open_gallery_at_once() {
    let mut store = Store::new();
    enroll(&mut store.gallery, "jar", &[2]);
    store.import(&small().bytes()).unwrap();
    let embeddings: Vec<f32> = store
        .gallery
        .class("MUG")
        .unwrap()
        .examples
        .iter()
        .map(|example| example.embedding[0])
        .collect();
    assert_eq!(embeddings, [1.0, 2.0]);
    let image = ImageKey { sha256: [2; 32], crop: None };
    let mut with_image: Vec<String> =
        store.gallery.classes_with_image(image).map(|class| class.label.to_string()).collect();
    with_image.sort();
    assert_eq!(with_image, ["jar", "mug"]);
}

#[test]
fn an_import_is_undone_as_a_whole() {
    let mut store = Store::new();
    enroll(&mut store.gallery, "mug", &[7]);
    let before = store.gallery.classes();
    let there = small();
    let imported = store.import(&there.bytes()).unwrap();
    assert_eq!(imported.devices.len(), 1);
    // A class of the same name that is this device's own needs nothing of the other one.
    enroll(&mut store.gallery, "cup", &[8]);
    let undone = store.gallery.undo_devices(&imported.devices, false).unwrap();
    assert_eq!(undone.len(), 3, "settings, an enrollment and a removal: {undone:?}");
    let cup = store.gallery.class("cup").unwrap().id.to_string();
    assert_eq!(store.gallery.class("mug").unwrap().examples.len(), 1);
    assert_eq!(store.gallery.settings().keep_images, KeepImages::Thumb);
    store.gallery.delete(&cup).unwrap();
    assert_eq!(store.gallery.classes(), before);
    let again = store.gallery.undo_devices(&imported.devices, true);
    assert!(matches!(again, Err(GalleryError::NothingToUndo)), "{again:?}");
    let again = store.import(&there.bytes()).unwrap();
    assert_eq!((again.new, again.devices.len()), (0, 0), "it stays undone");
    store.gallery.undo(UndoTarget::Last, false).unwrap();
    store.gallery.undo(UndoTarget::Group(store.gallery.last_change().unwrap()), false).unwrap();
    let mut other = Store::new();
    other.import(&store.bytes()).unwrap();
    assert_equal(&store, &other);
}

#[test]
fn what_needs_an_imported_class_stands_in_the_way() {
    let mut store = Store::new();
    let imported = store.import(&small().bytes()).unwrap();
    enroll(&mut store.gallery, "mug", &[9]);
    let refused = store.gallery.undo_devices(&imported.devices, false).unwrap_err().to_string();
    assert!(refused.contains("enrolled 1 image in \"mug\""), "{refused}");
    let undone = store.gallery.undo_devices(&imported.devices, true).unwrap();
    assert_eq!((undone.len(), store.gallery.n_classes()), (4, 0));
    store.gallery.undo(UndoTarget::LastUndo, false).unwrap();
    assert_eq!(store.gallery.class("mug").unwrap().examples.len(), 3, "all of it is back");
    // The next file of a device that is known brings no more than a part of what it did.
    let mut there = small();
    let first = store.import(&there.bytes()).unwrap();
    enroll(&mut there.gallery, "jar", &[5]);
    let second = store.import(&there.bytes()).unwrap();
    assert_eq!((first.devices.len(), second.devices.len()), (1, 0));
}

#[test]
fn an_export_has_the_gallery_of_its_beginning() {
    let mut store = small();
    let before = store.bytes();
    let mut export = store.galleries.export("default").unwrap();
    let mut bytes = export.next().unwrap().unwrap();
    enroll(&mut store.gallery, "cup", &[7, 8]);
    for part in export {
        bytes.extend(part.unwrap());
    }
    assert!(bytes == before, "a change is in an export that began before");
    assert_ne!(store.bytes(), before);
    let mut interrupted = store.galleries.export("default").unwrap();
    store.gallery.compact().unwrap();
    let error = interrupted.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("opened anew meanwhile"), "{error}");
    assert!(error.contains("export it again"), "{error}");
    assert!(interrupted.next().is_none());
    assert_eq!(store.gallery.classes().len(), 2, "the gallery works on");
}

#[test]
fn a_journal_that_is_too_long_is_refused_before_anything_is_written() {
    let store = small();
    let mut export = store.galleries.export("default").unwrap();
    let error = export.measure(10).unwrap_err().to_string();
    assert!(error.contains("its journal is longer than"), "{error}");
    assert!(export.all(|part| part.is_ok()), "with the limit of all exports it is not");
}

#[test]
fn changes_of_a_clock_that_is_ahead_wait() {
    let mut random = Random::new(5);
    let mut ahead = Store::seeded(&mut random);
    enroll(&mut ahead.gallery, "mug", &[1]);
    ahead.gallery.clock.see(Timestamp { ms: START_MS + 3 * DAY_MS, counter: 0 });
    enroll(&mut ahead.gallery, "cup", &[2]);
    let mut copy = Store::seeded(&mut random);
    let imported = copy.import(&ahead.bytes()).unwrap();
    assert!(imported.new > 0 && imported.ahead > 0, "{imported:?}");
    let labels: Vec<String> = copy.gallery.iter().map(|class| class.label.to_string()).collect();
    assert_eq!(labels, ["mug"]);
}

#[test]
fn an_empty_gallery_and_one_without_embeddings_come_back() {
    let mut store = Store::new();
    let mut copy = Store::new();
    let imported = copy.import(&store.bytes()).unwrap();
    assert_eq!((imported.changes, copy.gallery.revision()), (0, 0));
    enroll(&mut store.gallery, "mug", &[]);
    copy.import(&store.bytes()).unwrap();
    assert_equal(&store, &copy);
}

#[test]
fn other_spaces_lengths_and_limits_are_refused() {
    let bytes = small().bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.handful");
    fs::write(&path, &bytes).unwrap();
    let refused = Archive::open(&path, "another space").unwrap_err();
    assert!(matches!(refused, ArchiveError::OtherSpace { .. }), "{refused}");
    assert!(refused.to_string().contains("that model's bundle"), "{refused}");

    let mut longer = Store::new();
    let example = NewExample {
        sha256: [9; 32],
        crop: None,
        embedding: vec![1.0; 4],
        precision: "fp32".to_owned(),
        image: None,
    };
    longer.gallery.enroll(&Label::parse("jar").unwrap(), vec![example], true).unwrap();
    assert!(longer.refusal(&bytes).contains("have 3 values, those of this gallery have 4"));

    let mut limited = Store::new();
    let limits = GalleryLimits { classes: 5, examples: 1 };
    limited.gallery = limited.galleries.gallery("default").unwrap().with_limits(limits);
    assert!(limited.refusal(&bytes).contains("at most 1 are allowed"));
}
