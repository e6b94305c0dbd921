//! Commits that fail, and embeddings that come from files.

#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::io;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::change::{NewlyEnrolled, Place, Sha256};
use super::super::clock::{Clock, SystemSource, Timestamp};
use super::super::error::ArchiveError;
use super::super::id::{ClassId, DeviceId};
use super::super::journal::{Contents, Filed, Journal, Memory};
use super::super::label::Label;
use super::super::merge::incoming::Incoming;
use super::super::other_spaces::{Beside, EmbeddingStates, OtherSpaces};
use super::super::state::{ExampleState, State};
use super::*;

/// Writes, then panics; or writes, and fails to read once; or writes nothing and returns an
/// error.
#[derive(Debug)]
struct Failing {
    memory: Memory,
    is_panicking: bool,
    is_unread: Cell<bool>,
}

impl Failing {
    fn new(memory: Memory) -> Self {
        Self { memory, is_panicking: false, is_unread: Cell::new(false) }
    }
}

impl OtherSpaces for Failing {
    fn embedded(&self, space_id: &str) -> Result<EmbeddingStates, GalleryError> {
        self.memory.embedded(space_id)
    }

    fn put(&mut self, _: &str, _: usize, _: &[Beside]) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn forget(&mut self, _: &str) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }
}

impl Journal for Failing {
    fn device(&self) -> DeviceId {
        self.memory.device()
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), GalleryError> {
        if self.is_panicking {
            self.memory.commit(commit)?;
            panic!("after the change was written");
        }
        if self.is_unread.get() {
            return self.memory.commit(commit);
        }
        Err(GalleryError::ReadOnly)
    }

    fn reload(&mut self) -> Result<Option<Contents>, GalleryError> {
        let changes = self.memory.changes()?;
        let revision = changes.len() as u64;
        let state = State::fold(&changes);
        let examples = self.memory.examples("", &state.counting())?;
        Ok(Some(Contents { revision, state, examples, ..Contents::default() }))
    }

    fn changes(&self) -> Result<Vec<Change>, GalleryError> {
        self.memory.changes()
    }

    fn examples(
        &self,
        space_id: &str,
        wanted: &[(ExampleId, &ExampleState)],
    ) -> Result<Examples, GalleryError> {
        if self.is_unread.replace(false) {
            return Err(GalleryError::ReadOnly);
        }
        self.memory.examples(space_id, wanted)
    }

    fn image(&self, id: ExampleId) -> Result<Option<Vec<u8>>, GalleryError> {
        self.memory.image(id)
    }

    fn image_size(&self, id: ExampleId) -> Result<Option<usize>, GalleryError> {
        self.memory.image_size(id)
    }

    fn compact(&mut self) -> Result<(), GalleryError> {
        self.memory.compact()
    }
}

#[test]
fn a_panic_in_a_commit_makes_the_next_write_reload_the_facts() {
    let mut clock = Clock::new(SystemSource);
    let memory = Memory::new(DeviceId(clock.random_uuid()));
    let journal = Failing { is_panicking: true, ..Failing::new(memory) };
    let mut gallery = Gallery::new(Contents::default(), journal, clock);
    let mug = Label::parse("mug").unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| gallery.enroll(&mug, Vec::new(), true)));
    assert!(panicked.is_err());
    // It adds nothing to the class, which the reload has found: nothing is committed again.
    let enrolled = gallery.enroll(&mug, Vec::new(), true).unwrap();
    assert_eq!((enrolled.revision, &enrolled.class.label), (1, &mug));
}

#[test]
fn a_commit_that_failed_is_not_taken_for_done_because_a_part_of_its_call_is_there() {
    let mut other = Gallery::in_memory();
    other.enroll(&Label::parse("mug").unwrap(), Vec::new(), true).unwrap();
    let changes = other.journal.changes().unwrap();
    let mut clock = Clock::new(SystemSource);
    let mut memory = Memory::new(DeviceId(clock.random_uuid()));
    let first = Commit {
        revision: 1,
        changes: &changes,
        examples: &Examples::new(),
        images: &HashMap::new(),
        filed: None,
        space_id: "",
        embedding_length: None,
        delta: &Delta::default(),
        state: &State::default(),
    };
    memory.commit(&first).unwrap();
    let state = State::fold(&changes);
    let contents = Contents { revision: 1, state, ..Contents::default() };
    let id = ChangeId(clock.uuid());
    let journal = Failing::new(memory);
    let mut gallery = Gallery::new(contents, journal, clock);

    let before = changes.last().unwrap();
    let at = Timestamp { ms: before.at.ms + 1, counter: 0 };
    let what = What::Settings(Vec::new());
    let change = Change { id, at, what, ..before.clone() };
    let incoming = Incoming { change, embeddings: HashMap::new(), images: HashMap::new() };
    let failed = gallery.merge(vec![incoming]);
    assert!(matches!(failed, Err(GalleryError::ReadOnly)), "{failed:?}");
    assert_eq!(gallery.last_change(), None);
}

/// Embeddings of the examples of the second change, by their positions there, in parts.
#[derive(Debug)]
struct Parts(Vec<Vec<(u8, Vec<f32>)>>);

impl DataFile for Parts {
    fn n_images(&self) -> usize {
        0
    }

    fn n_embeddings(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    fn embedding_length(&self) -> Option<usize> {
        self.0.iter().flatten().next().map(|(_, embedding)| embedding.len())
    }

    fn n_bytes(&self) -> u64 {
        8 * self.n_embeddings() as u64
    }

    fn embeddings(&self) -> Box<dyn Iterator<Item = io::Result<Vec<Filed>>> + '_> {
        Box::new(self.0.iter().map(|part| {
            let filed = part.iter().map(|(index, embedding)| Filed {
                change: 1,
                index: *index,
                embedding: embedding.clone(),
            });
            Ok::<_, io::Error>(filed.collect::<Vec<_>>())
        }))
    }

    fn images(&self) -> Box<dyn Iterator<Item = io::Result<(ExampleId, Vec<u8>)>> + '_> {
        Box::new(iter::empty())
    }

    fn take_error(&self) -> Option<ArchiveError> {
        None
    }
}

/// Enrolls this number of examples of a mug, whose embeddings are in a file.
fn enroll_filed(gallery: &mut Gallery, n: u8, parts: Vec<Vec<(u8, Vec<f32>)>>) {
    let class = ClassId(gallery.clock.uuid());
    let label = Label::parse("mug").unwrap();
    let new = (0..n).map(|number| NewlyEnrolled {
        id: ExampleId(gallery.clock.uuid()),
        sha256: Sha256([number; 32]),
        crop: None,
    });
    let examples = new.collect();
    let precision = "fp32".to_owned();
    let enroll = What::Enroll { to: Place::Class(class), precision, examples };
    let data = Data { filed: Some(Box::new(Parts(parts))), ..Data::default() };
    gallery.write(vec![What::CreateClass { class, label }, enroll], data).unwrap();
}

fn embeddings(gallery: &Gallery) -> Vec<Vec<f32>> {
    let mug = gallery.class("mug").unwrap();
    mug.examples.iter().map(|example| example.embedding.clone()).collect()
}

#[test]
fn embeddings_that_were_written_and_not_read_again_are_reloaded() {
    let mut clock = Clock::new(SystemSource);
    let memory = Memory::new(DeviceId(clock.random_uuid()));
    let journal = Failing { is_unread: Cell::new(true), ..Failing::new(memory) };
    let mut gallery = Gallery::new(Contents::default(), journal, clock);
    enroll_filed(&mut gallery, 1, vec![vec![(0, vec![1.0, 0.0])]]);
    assert!(gallery.last_change().is_some());
    assert_eq!(embeddings(&gallery), [[1.0_f32, 0.0]]);
}

#[test]
fn the_embeddings_of_a_change_may_be_in_several_parts_and_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let first = vec![(2, vec![2.0, 1.0]), (0, vec![0.0, 1.0])];
    let second = vec![(1, vec![1.0, 1.0])];
    let expected: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]];
    let mut gallery = Gallery::open(&store, "space").unwrap();
    enroll_filed(&mut gallery, 3, vec![first, second]);
    assert_eq!(embeddings(&gallery), expected, "at once");
    drop(gallery);
    assert_eq!(embeddings(&Gallery::open(&store, "space").unwrap()), expected, "from the disk");
}
