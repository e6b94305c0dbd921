//! Power cuts and full disks at every point of random work, on a simulated disk.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{DEFAULT_GALLERY, RedbStore, SharedFile};
use crate::gallery::Gallery;
use crate::gallery::class::{Class, Example, NewExample};
use crate::gallery::clock::Clock;
use crate::gallery::clock::tests::Seeded;
use crate::gallery::error::GalleryError;
use crate::gallery::history::UndoTarget;
use crate::gallery::label::Label;
use crate::gallery::random_calls::{self, PrintedSeed, Random};
use crate::gallery::reembedded::Reembedded;
use crate::gallery::settings::GallerySettings;
use crate::gallery::state::State;

mod disk;

use disk::{Disk, Failure};

/// The number of power cuts; the long form has 100,000.
const CUTS: &str = "HANDFUL_POWER_CUTS";
const DEFAULT_CUTS: u64 = 1_000;
const CUTS_AT_EACH_SYNC: usize = 3;
/// Calls of one script.
const CALLS: usize = 40;
const SPACE: &str = "the space of the disk";
const OTHER_SPACE: &str = "another space";
const START_MS: u64 = 1_700_000_000_000;

fn open(disk: &Disk, seed: u64) -> Result<Gallery, GalleryError> {
    let source = Seeded::new(seed);
    source.now_ms.store(START_MS, Ordering::Relaxed);
    let mut clock = Clock::new(source);
    let dir = Path::new("a simulated disk");
    let file = SharedFile::open_on(Box::new(disk.clone()), dir, None, SPACE, &mut clock)?;
    let default = file.default_gallery()?;
    let (store, contents) = RedbStore::open(file, default, DEFAULT_GALLERY, SPACE)?;
    Ok(Gallery::new(contents, store, clock))
}

/// Everything that a gallery keeps.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    revision: u64,
    /// That of the embeddings, if there are any.
    space_id: Option<String>,
    digest: [u8; 32],
    classes: Vec<Class>,
    background: Vec<Arc<Example>>,
    images: Vec<Option<Vec<u8>>>,
}

impl Kept {
    fn of(gallery: &Gallery) -> Self {
        let classes = gallery.classes();
        let background = gallery.background().to_vec();
        let of_classes = classes.iter().flat_map(|class| class.examples.iter());
        let examples = of_classes.chain(&background);
        let images = examples.map(|example| gallery.image(example.id).unwrap()).collect();
        let revision = gallery.revision();
        let space_id = gallery.embedding_length.map(|_| gallery.space_id().to_owned());
        Self { revision, space_id, digest: gallery.digest(), classes, background, images }
    }
}

/// A new store.
fn empty() -> Kept {
    Kept {
        revision: 0,
        space_id: None,
        digest: State::default().digest(),
        classes: Vec::new(),
        background: Vec::new(),
        images: Vec::new(),
    }
}

/// The store on the disk opens, is the fold of its journal, and can be written.
fn reopened(disk: &Disk, seed: u64) -> Kept {
    let mut gallery = open(disk, seed).unwrap();
    let journal = gallery.journal.changes().unwrap();
    assert!(State::fold(&journal) == gallery.state, "half a change is there");
    let kept = Kept::of(&gallery);
    let label = Label::parse("after").unwrap();
    gallery.enroll(&label, vec![image(99)], true).unwrap();
    assert_eq!(gallery.revision(), kept.revision + 1);
    kept
}

fn image(number: u8) -> NewExample {
    let value = f32::from(number);
    let image = Some(vec![number; 700]);
    let embedding = vec![value, -value, 0.5];
    NewExample { sha256: [number; 32], crop: None, embedding, precision: "fp32".to_owned(), image }
}

/// Each cut so far leaves what was kept before the call or after it. Returns how many there were.
fn assert_cuts_leave(disk: &Disk, before: &Kept, after: &Kept, random: &mut Random) -> u64 {
    let mut cuts = 0;
    while let Some(bytes) = disk.next_cut() {
        let kept = reopened(&Disk::new(bytes, random.number()), random.number());
        assert!(
            kept == *before || kept == *after,
            "cut {cuts} left revision {}, the call led from {} to {}",
            kept.revision,
            before.revision,
            after.revision
        );
        cuts += 1;
    }
    cuts
}

/// A random script on a disk whose power may fail at every sync. Returns the number of cuts.
fn cut_a_script(seed: u64) -> u64 {
    let _printed = PrintedSeed(seed);
    let mut random = Random::new(seed);
    let disk = Disk::new(Vec::new(), random.number());
    disk.cut_at_each_sync(CUTS_AT_EACH_SYNC);
    let mut gallery = open(&disk, random.number()).unwrap();
    let mut acknowledged = empty();
    assert_eq!(Kept::of(&gallery), acknowledged);
    let mut cuts = assert_cuts_leave(&disk, &acknowledged, &acknowledged, &mut random);
    for _ in 0..CALLS {
        let result = if random.is_one_in(10) {
            gallery.purge(Duration::ZERO).map(drop)
        } else {
            random_calls::call_or_reembed(&mut gallery, &mut random)
        };
        if let Err(refused) = &result {
            random_calls::assert_is_by_rule(refused);
        }
        let next = Kept::of(&gallery);
        cuts += assert_cuts_leave(&disk, &acknowledged, &next, &mut random);
        acknowledged = next;
    }
    drop(gallery);
    // Closing the store writes too, and changes nothing.
    cuts + assert_cuts_leave(&disk, &acknowledged, &acknowledged, &mut random)
}

#[test]
fn a_power_cut_at_any_sync_leaves_what_was_acknowledged() {
    let wanted = random_calls::repetitions(CUTS, DEFAULT_CUTS);
    let mut cuts = 0;
    let mut seed = 0;
    while cuts < wanted {
        cuts += cut_a_script(seed);
        seed += 1;
    }
}

/// Embeds a gallery anew, each image on its own, and uses the new embeddings from then on.
fn reembed(gallery: &mut Gallery) -> Result<(), GalleryError> {
    gallery.use_space(OTHER_SPACE);
    while let Some(next) = gallery.next_to_reembed(1)?.pop() {
        let embedding = Some(vec![f32::from(next.bytes[0]), 2.0]);
        let embedded = vec![Reembedded { example: next.example, embedding }];
        gallery.put_reembedded(embedded, "fp16", 2)?;
    }
    gallery.finish_reembed(false, 2).map(drop)
}

#[test]
fn a_power_cut_leaves_one_space_whole_and_the_work_that_was_done() {
    let disk = Disk::new(Vec::new(), 1);
    let mut gallery = open(&disk, 2).unwrap();
    gallery.enroll(&mug(), (1..5).map(image).collect(), true).unwrap();
    gallery.enroll_background(vec![image(5)]).unwrap();
    let before = Kept::of(&gallery);
    disk.cut_at_each_sync(CUTS_AT_EACH_SYNC);
    reembed(&mut gallery).unwrap();
    let after = Kept::of(&gallery);
    assert_eq!(after.space_id.as_deref(), Some(OTHER_SPACE));
    let mut left = HashSet::new();
    while let Some(bytes) = disk.next_cut() {
        let cut = Disk::new(bytes, 3);
        let mut again = open(&cut, 4).unwrap();
        let kept = Kept::of(&again);
        if kept != after {
            assert_eq!(kept, before);
            again.use_space(OTHER_SPACE);
            let status = again.reembed_status().unwrap();
            assert_eq!(status.embedded + status.to_embed, 5);
            left.insert(status.to_embed);
            // It goes on where it was.
            reembed(&mut again).unwrap();
        }
        assert_eq!(Kept::of(&again), after);
    }
    assert!(left.len() > 4, "cuts between the images: {left:?}");
}

type Call = fn(&mut Gallery) -> Result<(), GalleryError>;

/// The calls of the script on the full disk, each with one revision.
const SCRIPT: [Call; 7] = [
    |gallery| gallery.enroll(&mug(), vec![image(1), image(2)], true).map(drop),
    |gallery| gallery.enroll_background(vec![image(3)]).map(drop),
    |gallery| {
        let rate = GallerySettings { rate: 0.01, ..GallerySettings::default() };
        gallery.set_settings(rate).map(drop)
    },
    |gallery| gallery.delete("mug").map(drop),
    |gallery| gallery.undo(UndoTarget::Last, false).map(drop),
    |gallery| {
        let id = gallery.background()[0].id.to_string();
        gallery.remove_background(&id).map(drop)
    },
    |gallery| gallery.purge(Duration::ZERO).map(drop),
];

fn mug() -> Label {
    Label::parse("mug").unwrap()
}

/// Runs a call, and again once there is room. What is refused changes nothing, except that a purge
/// may be recorded before its compaction is refused.
fn run_until_done(disk: &Disk, gallery: &mut Gallery, at: usize) {
    let before = Kept::of(gallery);
    let Err(refused) = SCRIPT[at](gallery) else {
        assert_eq!(gallery.revision(), before.revision + 1, "call {at}");
        return;
    };
    let is_full = matches!(refused, GalleryError::StoreFull { .. } | GalleryError::NotCompacted(_));
    assert!(is_full, "call {at}: {refused}");
    disk.fail(None);
    let is_purge = at + 1 == SCRIPT.len();
    if !is_purge {
        assert_eq!(Kept::of(gallery), before, "call {at}");
    }
    // If only the last sync failed and the store could not be read again, the change may be there;
    // the next call reads it.
    assert!(gallery.delete("no such class").is_err());
    if gallery.revision() == before.revision {
        SCRIPT[at](gallery).unwrap();
    } else if is_purge {
        gallery.compact().unwrap();
    }
    assert_eq!(gallery.revision(), before.revision + 1, "call {at}");
}

/// Runs the script on a disk that fails so. Returns whether it did.
fn run_on_full_disk(failure: Failure) -> bool {
    let disk = Disk::new(Vec::new(), 1);
    disk.fail(Some(failure));
    let mut gallery = open(&disk, 2).unwrap_or_else(|refused| {
        assert!(matches!(refused, GalleryError::StoreFull { .. }), "{refused}");
        disk.fail(None);
        open(&disk, 3).unwrap()
    });
    for at in 0..SCRIPT.len() {
        run_until_done(&disk, &mut gallery, at);
    }
    let kept = Kept::of(&gallery);
    assert_eq!((kept.revision, gallery.n_examples()), (SCRIPT.len() as u64, 2));
    let is_reached = disk.n_operations() > failure.at;
    drop(gallery);
    disk.fail(None);
    assert_eq!(reopened(&disk, 4), kept);
    is_reached
}

#[test]
fn a_disk_that_is_full_at_any_write_loses_nothing() {
    for stays in [false, true] {
        let mut at = 0;
        while run_on_full_disk(Failure { at, stays }) {
            at += 1;
        }
        assert!(at > 50, "the script has only {at} writes");
    }
}

#[test]
fn a_compaction_gives_room_back() {
    let disk = Disk::new(Vec::new(), 1);
    let mut gallery = open(&disk, 2).unwrap();
    let mut large = image(1);
    large.image = Some(vec![7; 8 << 20]);
    gallery.enroll(&mug(), vec![large], true).unwrap();
    gallery.delete("mug").unwrap();
    let before = disk.store_len();
    assert_eq!(gallery.purge(Duration::ZERO).unwrap(), 1);
    assert!(disk.store_len() < before / 2, "{} of {before}", disk.store_len());
    let kept = Kept::of(&gallery);
    drop(gallery);
    assert_eq!(reopened(&disk, 3), kept);
}
