//! Random calls to a gallery, for its tests: every kind of change, planned as the product plans it.

#![allow(clippy::unwrap_used)]

use std::env;
use std::thread;
use std::time::Duration;

use models::knowledge::wordnet::SynsetId;

use super::Gallery;
use super::class::{ClassOverrides, NewExample, SenseOverride};
use super::clock::Source;
use super::clock::tests::Seeded;
use super::error::GalleryError;
use super::history::UndoTarget;
use super::label::Label;
use super::reembedded::Reembedded;
use super::settings::{GallerySettings, KeepImages};

/// Few, and some of them alike, so that calls meet each other.
const LABELS: [&str; 7] = ["mug", "Mug", "cup", "CUP", "bowl", "plate", "jar"];
/// Different images.
const IMAGES: u64 = 12;
/// The spaces that galleries are embedded in anew.
const SPACES: [&str; 2] = ["a second space", "a third space"];
/// Of all embeddings.
const LENGTH: usize = 3;
/// A label that no class has.
const NOBODY: &str = "nobody";

/// What a call does.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Create,
    Enroll,
    EnrollBackground,
    Remove,
    Move,
    Rename,
    Define,
    Delete,
    Merge,
    Settings,
    Undo,
    Redo,
    /// Undoes one of the last calls, not only the last.
    UndoOne,
    Purge,
}

/// A kind is as frequent as it is here.
const KINDS: [Kind; 32] = [
    Kind::Create,
    Kind::Create,
    Kind::Enroll,
    Kind::Enroll,
    Kind::Enroll,
    Kind::Enroll,
    Kind::Enroll,
    Kind::Enroll,
    Kind::Enroll,
    Kind::EnrollBackground,
    Kind::EnrollBackground,
    Kind::Remove,
    Kind::Remove,
    Kind::Move,
    Kind::Move,
    Kind::Move,
    Kind::Move,
    Kind::Rename,
    Kind::Rename,
    Kind::Define,
    Kind::Define,
    Kind::Delete,
    Kind::Delete,
    Kind::Merge,
    Kind::Merge,
    Kind::Settings,
    Kind::Settings,
    Kind::Undo,
    Kind::Undo,
    Kind::Redo,
    Kind::UndoOne,
    Kind::Purge,
];

/// Random numbers that follow from a seed.
#[derive(Debug)]
pub(super) struct Random(Seeded);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    /// Any number: a seed of other random numbers.
    pub(super) fn number(&mut self) -> u64 {
        self.0.random()
    }

    /// A number below `n`, which is at least 1.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }

    /// A position in a list of `n`, which has at least one entry.
    pub(super) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap()
    }

    pub(super) fn is_one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            let other = self.index(end + 1);
            all.swap(end, other);
        }
    }
}

/// Prints the seed of a test that fails while this value lives.
pub(super) struct PrintedSeed(pub(super) u64);

impl Drop for PrintedSeed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the test failed with the seed {}", self.0);
        }
    }
}

/// The number of repetitions of a test: the value of the environment variable, or `default`.
pub(super) fn repetitions(variable: &str, default: u64) -> u64 {
    let text = env::var(variable).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

/// Makes one call.
///
/// # Errors
/// The gallery refuses it by a rule.
pub(super) fn call(gallery: &mut Gallery, random: &mut Random) -> Result<(), GalleryError> {
    match KINDS[random.index(KINDS.len())] {
        Kind::Create => gallery.define(&label(random), ClassOverrides::default()).map(drop),
        Kind::Enroll => gallery.enroll(&label(random), examples(random), true).map(drop),
        Kind::EnrollBackground => gallery.enroll_background(examples(random)).map(drop),
        Kind::Remove => gallery.remove_examples(&some_examples(gallery, random)).map(drop),
        Kind::Move => move_some(gallery, random),
        Kind::Rename => gallery.rename(&a_class(gallery, random), &label(random)).map(drop),
        Kind::Define => gallery.define(&label(random), overrides(random)).map(drop),
        Kind::Delete => gallery.delete(&a_class(gallery, random)).map(drop),
        Kind::Merge => {
            let from = a_class(gallery, random);
            let into = a_class(gallery, random);
            gallery.merge_classes(&from, &into).map(drop)
        }
        Kind::Settings => gallery.set_settings(settings(random)).map(drop),
        Kind::Undo => gallery.undo(UndoTarget::Last, random.is_one_in(2)).map(drop),
        Kind::Redo => gallery.undo(UndoTarget::LastUndo, random.is_one_in(2)).map(drop),
        Kind::UndoOne => undo_one(gallery, random),
        Kind::Purge => {
            let days = random.below(3);
            gallery.purge(Duration::from_secs(days * 24 * 60 * 60)).map(drop)
        }
    }
}

/// Makes one call; now and then the gallery is embedded anew, and its space is that in use
/// afterwards.
///
/// # Errors
/// The gallery refuses it by a rule.
pub(super) fn call_or_reembed(
    gallery: &mut Gallery,
    random: &mut Random,
) -> Result<(), GalleryError> {
    let result = match random.is_one_in(16) {
        true => reembed(gallery, random),
        false => call(gallery, random),
    };
    let space_id = gallery.space_id().to_owned();
    gallery.use_space(&space_id);
    result
}

/// Embeds the gallery anew, or a part of it, and may use the new embeddings from then on.
fn reembed(gallery: &mut Gallery, random: &mut Random) -> Result<(), GalleryError> {
    gallery.use_space(SPACES[random.index(SPACES.len())]);
    for _ in 0..random.below(40) {
        let images = gallery.next_to_reembed(1 + random.index(3))?;
        if images.is_empty() {
            break;
        }
        let embedded = images.into_iter().map(|image| {
            let embedding = vec![image.bytes.len() as f32; LENGTH];
            let embedding = (!random.is_one_in(8)).then_some(embedding);
            Reembedded { example: image.example, embedding }
        });
        let embedded = embedded.collect();
        gallery.put_reembedded(embedded, "fp16", LENGTH)?;
    }
    if random.is_one_in(8) {
        return gallery.cancel_reembed().map(drop);
    }
    gallery.finish_reembed(!random.is_one_in(4), LENGTH).map(drop)
}

/// The gallery refused a call by a rule; its store is not at fault.
pub(super) fn assert_is_by_rule(refused: &GalleryError) {
    let is_fault = matches!(
        refused,
        GalleryError::Broken { .. }
            | GalleryError::Io { .. }
            | GalleryError::StoreFull { .. }
            | GalleryError::ReadOnly
            | GalleryError::ReadOnlyStore
            | GalleryError::Embedding { .. }
            | GalleryError::Setting(_)
    );
    assert!(!is_fault, "{refused}");
}

fn label(random: &mut Random) -> Label {
    Label::parse(LABELS[random.index(LABELS.len())]).unwrap()
}

/// A made-up image, of which a few bytes may be kept. Two numbers have one file: an odd one is a
/// part of the image that is whole in the one before.
fn example(number: u64, is_kept: bool) -> NewExample {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&(number / 2).to_le_bytes());
    let crop = (!number.is_multiple_of(2)).then(|| "0.5,0,0.5,0.25".parse().unwrap());
    let value = number as f32;
    let image = is_kept.then(|| format!("BM image {number} ").repeat(30).into_bytes());
    let precision = if number.is_multiple_of(2) { "fp32" } else { "int8" };
    let precision = precision.to_owned();
    NewExample { sha256, crop, embedding: vec![value, -value, 0.5], precision, image }
}

fn examples(random: &mut Random) -> Vec<NewExample> {
    let n = 1 + random.below(3);
    (0..n).map(|_| example(random.below(IMAGES), random.is_one_in(2))).collect()
}

/// The id of a class, or a name of none.
fn a_class(gallery: &Gallery, random: &mut Random) -> String {
    let ids: Vec<String> = gallery.iter().map(|class| class.id.to_string()).collect();
    if ids.is_empty() { NOBODY.to_owned() } else { ids[random.index(ids.len())].clone() }
}

/// The ids of up to three examples.
fn some_examples(gallery: &Gallery, random: &mut Random) -> Vec<String> {
    let of_classes = gallery.iter().flat_map(|class| class.examples.iter());
    let all = of_classes.chain(gallery.background());
    let mut ids: Vec<String> = all.map(|example| example.id.to_string()).collect();
    random.shuffle(&mut ids);
    let n = 1 + random.index(3);
    ids.truncate(n);
    ids
}

fn move_some(gallery: &mut Gallery, random: &mut Random) -> Result<(), GalleryError> {
    let ids = some_examples(gallery, random);
    let class = a_class(gallery, random);
    let to = (!random.is_one_in(4)).then_some(class.as_str());
    gallery.move_examples(&ids, to).map(drop)
}

fn overrides(random: &mut Random) -> ClassOverrides {
    let sense = match random.below(3) {
        0 => None,
        1 => Some(SenseOverride::ImagesOnly),
        _ => Some(SenseOverride::Synset(SynsetId(2_391_049))),
    };
    let attributes = random.is_one_in(2).then(|| [SynsetId(2_154_508)].into());
    ClassOverrides { sense, attributes }
}

fn settings(random: &mut Random) -> GallerySettings {
    let keep_images = if random.is_one_in(2) { KeepImages::Off } else { KeepImages::Original };
    GallerySettings {
        rate: (1 + random.below(500)) as f64 / 1000.0,
        threshold: random.is_one_in(2).then_some(0.5),
        keep_images,
        ..GallerySettings::default()
    }
}

fn undo_one(gallery: &mut Gallery, random: &mut Random) -> Result<(), GalleryError> {
    let history = gallery.history(12, None)?;
    if history.is_empty() {
        return Err(GalleryError::NothingToUndo);
    }
    let change = history[random.index(history.len())].change;
    gallery.undo(UndoTarget::Group(change), random.is_one_in(2)).map(drop)
}
