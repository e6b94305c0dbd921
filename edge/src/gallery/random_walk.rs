//! A long walk of random calls: what is kept is always the fold of the journal.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Gallery;
use super::change::What;
use super::class::{Class, Example};
use super::clock::Clock;
use super::clock::tests::Seeded;
use super::facts::Facts;
use super::id::{DeviceId, ExampleId};
use super::journal::{Contents, Memory};
use super::random_calls::{self, Random};
use super::state::{ExampleState, State};
use super::store::{DEFAULT_GALLERY, RedbStore, SharedFile};

/// The steps of the walk in memory; the long form has 100,000.
const STEPS: &str = "HANDFUL_WALK_STEPS";
const DEFAULT_STEPS: u64 = 10_000;
/// From here on only every tenth step is checked: a check takes as long as the journal.
const CHECKED_EACH: u64 = 1_000;
const STORE_STEPS: u64 = 500;
const SPACE: &str = "the space of the walk";
const START_MS: u64 = 1_700_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// State and facts are what the journal makes of itself.
fn assert_is_the_fold(gallery: &Gallery, step: u64) {
    let journal = gallery.journal.changes().unwrap();
    let folded = State::fold(&journal);
    assert!(folded == gallery.state, "step {step}: the state differs from the fold");
    assert_eq!(folded.labels(), gallery.state.labels(), "step {step}");
    assert_eq!(folded.n_examples(), gallery.state.n_examples(), "step {step}");
    let counting: Vec<(ExampleId, &ExampleState)> = folded
        .examples()
        .iter()
        .filter(|(id, _)| folded.place_of(**id).is_some())
        .map(|(id, example)| (*id, example))
        .collect();
    let examples = gallery.journal.examples(gallery.space_id(), &counting).unwrap();
    assert_eq!(examples.len(), counting.len(), "step {step}: an embedding is missing");
    let space = folded.space().map_or(gallery.space_id(), |space| &space.id);
    assert_eq!(space, gallery.space_id(), "step {step}");
    let facts = Facts::new(&folded, &examples);
    for id in folded.labels().values() {
        assert_eq!(facts.class(*id), gallery.facts.class(*id), "step {step}");
    }
    assert_eq!(facts.classes(), gallery.facts.classes(), "step {step}");
    assert_eq!(facts.background(), gallery.facts.background(), "step {step}");
}

/// Makes a call some time after the last one. Returns whether it was accepted.
fn step(gallery: &mut Gallery, now: &AtomicU64, random: &mut Random) -> bool {
    now.fetch_add(random.below(3) * HOUR_MS, Ordering::Relaxed);
    let result = random_calls::call_or_reembed(gallery, random);
    if let Err(refused) = &result {
        random_calls::assert_is_by_rule(refused);
    }
    result.is_ok()
}

#[test]
fn after_every_call_the_state_is_the_fold_of_the_journal() {
    let mut random = Random::new(29);
    let source = Seeded::new(random.number());
    source.now_ms.store(START_MS, Ordering::Relaxed);
    let now = Arc::clone(&source.now_ms);
    let mut clock = Clock::new(source);
    let journal = Memory::new(DeviceId(clock.random_uuid()));
    let mut gallery = Gallery::new(Contents::default(), journal, clock);
    let steps = random_calls::repetitions(STEPS, DEFAULT_STEPS);
    let mut accepted = 0;
    for at in 0..steps {
        accepted += u64::from(step(&mut gallery, &now, &mut random));
        if at < CHECKED_EACH || at.is_multiple_of(10) {
            assert_is_the_fold(&gallery, at);
        }
    }
    assert_is_the_fold(&gallery, steps);
    assert!(accepted > steps / 2, "only {accepted} of {steps} calls were accepted");
    assert!(gallery.revision() > steps / 4, "{} of {steps}", gallery.revision());
}

fn open(dir: &Path, now: &Arc<AtomicU64>, seed: u64) -> Gallery {
    let source = Seeded { now_ms: Arc::clone(now), state: seed };
    let mut clock = Clock::new(source);
    let file = SharedFile::open(dir, SPACE, &mut clock).unwrap();
    let default = file.default_gallery().unwrap();
    let (store, contents) = RedbStore::open(file, default, DEFAULT_GALLERY, SPACE).unwrap();
    Gallery::new(contents, store, clock)
}

/// What a reader sees.
type Seen = (u64, [u8; 32], Vec<Class>, Vec<Arc<Example>>, Option<String>);

fn seen(gallery: &Gallery) -> Seen {
    let background = gallery.background().to_vec();
    // A gallery without embeddings is of the space of whoever opens it.
    let space_id = gallery.embedding_length.map(|_| gallery.space_id().to_owned());
    (gallery.revision(), gallery.digest(), gallery.classes(), background, space_id)
}

#[test]
fn a_store_keeps_the_fold_of_its_journal_also_when_it_is_reopened() {
    let root = tempfile::tempdir().unwrap();
    let mut random = Random::new(30);
    let now = Arc::new(AtomicU64::new(START_MS));
    let mut gallery = open(root.path(), &now, random.number());
    for at in 0..STORE_STEPS {
        step(&mut gallery, &now, &mut random);
        assert_is_the_fold(&gallery, at);
        if random.is_one_in(20) {
            let before = seen(&gallery);
            drop(gallery);
            gallery = open(root.path(), &now, random.number());
            assert_eq!(seen(&gallery), before, "step {at}");
            assert_is_the_fold(&gallery, at);
        }
    }
    assert!(gallery.revision() > STORE_STEPS / 4, "{}", gallery.revision());
    let journal = gallery.journal.changes().unwrap();
    let mut changes = journal.iter().map(|change| &change.what);
    assert!(changes.any(|what| matches!(what, What::Reembed { .. })), "it was embedded anew");
}
