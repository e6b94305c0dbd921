//! Enrolled classes and their examples. For each image the gallery keeps its hash, its raw
//! embedding, the precision that made it and, as the settings say, the image; prototypes are
//! computed from these facts, not stored. Besides its classes a gallery has a **background set**,
//! examples of "none of these", and [settings](GallerySettings).
//!
//! A gallery is the fold of its **journal**, the list of all [changes](Change) that were ever made
//! to it. So every call can be undone, also a deletion, and journals of several devices can be
//! joined.
//!
//! **Guarantee:** when a call returns `Ok`, the change is on the disk and survives a crash or a
//! power cut; when it returns an error, nothing has changed. A gallery in memory keeps the second
//! half only. What this requires of the disk is in `docs/durability.md`.
//!
//! The embeddings of a gallery are of one space, that of the backbone that made them: those of two
//! backbones cannot be compared. A gallery of another space than the bundle in use can be read,
//! changed and exported; whatever compares or adds embeddings is refused, until they are made anew
//! from the kept images ([`Gallery::finish_reembed`]).
//!
//! # Examples
//! ```
//! use edge::gallery::{Gallery, Label, NewExample, UndoTarget};
//!
//! let mut gallery = Gallery::in_memory();
//! let sha256 = [0; 32];
//! let embedding = vec![1.0, 0.0];
//! let precision = "fp32".to_owned();
//! let example = NewExample { sha256, crop: None, embedding, precision, image: None };
//! let enrolled = gallery.enroll(&Label::parse("mug")?, vec![example], true)?;
//! assert_eq!((enrolled.class.examples.len(), gallery.revision()), (1, 1));
//!
//! gallery.delete("mug")?;
//! let undone = gallery.undo(UndoTarget::Last, false)?;
//! assert_eq!(undone[0].summary, "deleted \"mug\"");
//! assert_eq!(*gallery.class("mug")?, enrolled.class);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cell::{Cell, RefCell};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

mod archive;
mod change;
mod class;
mod clock;
mod commit;
mod error;
mod facts;
mod galleries;
mod history;
mod id;
mod journal;
mod label;
mod limits;
mod lock;
mod lookup;
mod merge;
mod other_spaces;
mod purge;
#[cfg(test)]
mod random_calls;
#[cfg(test)]
mod random_walk;
mod reembed;
mod reembedded;
mod retention;
mod salvage;
mod settings;
#[cfg(test)]
mod simulation;
mod state;
mod store;
mod undo;
mod undone;
mod worklist;
mod write;

use change::MOST_ACTOR_BYTES;
use clock::{Clock, SystemSource};
use facts::Facts;
use history::History;
use journal::{Contents, Journal, Memory, ReadOnly};
use lookup::{shortened, the_one};
use state::State;
use store::{DEFAULT_GALLERY, RedbStore, SharedFile};
use worklist::Worklist;

pub use archive::{Archive, Export, Imported};
pub use change::{Change, EmbeddingSpace, NewlyEnrolled, Place, Sha256, What};
pub use class::{
    BackgroundEnrolled, Class, ClassOverrides, Enrolled, Example, ImageKey, NewExample, Outcome,
    SenseOverride,
};
pub use clock::Timestamp;
pub use error::{ArchiveError, GalleryError};
pub use galleries::{Galleries, GalleryEntry};
pub use history::{HistoryEntry, UndoTarget};
pub use id::{ChangeId, ClassId, DeviceId, ExampleId, GalleryId, GroupId, NotAnId};
pub use label::{Label, LabelError, MAX_LABEL_CHARS};
pub use limits::GalleryLimits;
pub use reembedded::{CanceledReembed, KeptImage, ReembedStatus, Reembedded, Reembedding};
pub use retention::{DeletedEntry, PurgedGallery};
pub use salvage::{SalvageError, Salvaged, SalvagedGallery};
pub use settings::{GallerySettings, KeepImages, NotKeepImages, Setting, SettingError};
pub use store::{STORE_FORMAT, UPLOAD_FILE};

/// Enrolled classes. See the module for what each call guarantees.
#[derive(Debug)]
pub struct Gallery {
    state: State,
    facts: Facts,
    revision: u64,
    journal: Box<dyn Journal>,
    clock: Clock,
    actor: String,
    limits: GalleryLimits,
    /// Identifies the backbone of the embeddings.
    space_id: String,
    /// That of all embeddings in use; `None` before the first.
    embedding_length: Option<usize>,
    /// Identifies the backbone of the bundle in use.
    space_in_use: String,
    /// Its name, for errors.
    name: String,
    /// What is to be embedded anew, once it is asked for.
    work: RefCell<Option<Worklist>>,
    /// How many examples have a kept image, and the revision at which they were counted.
    with_image: Cell<Option<(u64, usize)>>,
    /// The changes of the last write.
    last_change: Option<GroupId>,
    /// Whether it has facts at all: one that is opened for an import only has none.
    has_facts: bool,
    /// State and facts may differ from the durable ones: a commit did not return success, and they
    /// have not been reloaded since.
    is_stale: bool,
}

impl Gallery {
    /// An empty gallery that lives as long as its process.
    #[must_use]
    pub fn in_memory() -> Self {
        let mut clock = Clock::new(SystemSource);
        let journal = Memory::new(DeviceId(clock.random_uuid()));
        Self::new(Contents::default(), journal, clock)
    }

    /// Opens the store in the folder `dir`, or creates one, for a bundle of the space `space_id`:
    /// see [`Gallery::is_other_space`]. One process at a time has a store open.
    ///
    /// # Errors
    /// [`GalleryError::InUse`] with the process that has it open; [`GalleryError::OtherLayout`];
    /// [`GalleryError::Broken`]; [`GalleryError::StoreFull`]; [`GalleryError::Io`].
    pub fn open(dir: &Path, space_id: &str) -> Result<Self, GalleryError> {
        let mut clock = Clock::new(SystemSource);
        let file = SharedFile::open(dir, space_id, &mut clock)?;
        let default = file.default_gallery()?;
        let (store, contents) = RedbStore::open(file, default, DEFAULT_GALLERY, space_id)?;
        Ok(Self::new(contents, store, clock).in_use_as(DEFAULT_GALLERY, space_id))
    }

    /// Whether the folder `dir` has a store; nothing is opened or created.
    #[must_use]
    pub fn store_exists(dir: &Path) -> bool {
        SharedFile::exists(dir)
    }

    /// Closes the store. Classes, examples and settings stay readable; every change is refused
    /// with [`GalleryError::ReadOnly`], and so are history and images, which are in the store.
    #[must_use]
    pub fn into_read_only(mut self) -> Self {
        if self.is_other_space() {
            // A refusal states the number of kept images, which are in the store.
            self.n_with_image();
        }
        // The former journal is dropped, which closes the store and frees its lock.
        self.journal = Box::new(ReadOnly(self.journal.device()));
        self
    }

    fn new(contents: Contents, journal: impl Journal + 'static, clock: Clock) -> Self {
        let mut gallery = Self {
            state: State::default(),
            facts: Facts::default(),
            revision: 0,
            journal: Box::new(journal),
            clock,
            // As long as nobody says otherwise.
            actor: models::actor::LIBRARY.to_owned(),
            limits: GalleryLimits::default(),
            space_id: String::new(),
            embedding_length: None,
            space_in_use: contents.space_id.clone(),
            name: DEFAULT_GALLERY.to_owned(),
            work: RefCell::default(),
            with_image: Cell::default(),
            last_change: None,
            has_facts: true,
            is_stale: false,
        };
        gallery.load(contents);
        gallery
    }

    fn load(&mut self, contents: Contents) {
        self.facts = Facts::new(&contents.state, &contents.examples);
        self.state = contents.state;
        self.revision = contents.revision;
        self.space_id = contents.space_id;
        self.embedding_length = contents.embedding_length;
        self.adopt_space();
        *self.work.get_mut() = None;
        self.clock.see(contents.latest);
    }

    /// This gallery, which does not become larger than that: a call that would make it so is
    /// refused with [`GalleryError::LimitReached`].
    #[must_use]
    pub fn with_limits(self, limits: GalleryLimits) -> Self {
        Self { limits, ..self }
    }

    /// How large the gallery may become.
    #[must_use]
    pub fn limits(&self) -> GalleryLimits {
        self.limits
    }

    /// From now on `actor` makes the changes, as the history shows them: `cli`, `http`, `page`. It
    /// is cut to 1,024 bytes.
    pub fn set_actor(&mut self, actor: &str) {
        let end = actor.floor_char_boundary(MOST_ACTOR_BYTES);
        actor[..end].clone_into(&mut self.actor);
    }

    /// Grows by one with each call that changes something; 0 when new.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The id of the changes of the last call that could change something, by which they are
    /// undone; `None` if it changed nothing.
    #[must_use]
    pub fn last_change(&self) -> Option<GroupId> {
        self.last_change
    }

    /// What the user chose for the whole gallery; the defaults when new.
    #[must_use]
    pub fn settings(&self) -> &GallerySettings {
        self.state.settings()
    }

    /// The background set, examples of "none of these": images that belong to no class, in the
    /// order of enrollment.
    #[must_use]
    pub fn background(&self) -> &[Arc<Example>] {
        self.facts.background()
    }

    /// Every class, sorted by label without regard to case.
    #[must_use]
    pub fn classes(&self) -> Vec<Class> {
        self.iter().map(|class| Class::clone(class)).collect()
    }

    /// The same without copies. A class that did not change is the same `Arc` as before.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.facts.classes().iter()
    }

    /// The classes that follow this label in the same order; no class needs to have it. Where to go
    /// on with a list that is read in parts.
    pub fn iter_after(&self, label: &str) -> impl Iterator<Item = &Arc<Class>> {
        let after = (Bound::Excluded(models::label::folded(label)), Bound::Unbounded);
        self.state.labels().range(after).filter_map(|(_, id)| self.facts.get(*id))
    }

    /// Number of classes.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.state.n_classes()
    }

    /// Number of examples of the classes and of the background set.
    #[must_use]
    pub fn n_examples(&self) -> usize {
        self.state.n_examples()
    }

    /// The class with this label, or with this id, whole or at least 6 digits of its random half.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`]; [`GalleryError::AmbiguousId`].
    pub fn class(&self, id_or_label: &str) -> Result<&Arc<Class>, GalleryError> {
        let id = self.class_id(id_or_label)?;
        self.facts.get(id).ok_or_else(|| GalleryError::UnknownClass(shortened(id_or_label)))
    }

    /// Whether a class or the background set has an example of this image.
    #[must_use]
    pub fn has_image(&self, place: Place, image: ImageKey) -> bool {
        self.state.with_image(place, image).is_some()
    }

    /// The classes that have an example of this image, in the order of their ids.
    pub fn classes_with_image(&self, image: ImageKey) -> impl Iterator<Item = &Arc<Class>> {
        self.state.places_of_image(image).into_iter().filter_map(|place| match place {
            Place::Class(class) => self.facts.get(class),
            Place::Background => None,
        })
    }

    /// Where an example is, and the example.
    ///
    /// # Errors
    /// [`GalleryError::UnknownExample`] also for one that was removed;
    /// [`GalleryError::AmbiguousId`].
    pub fn example(&self, id: &str) -> Result<(Place, &Arc<Example>), GalleryError> {
        let unknown = || GalleryError::UnknownExample(shortened(id));
        let found = self.example_id(id)?;
        let place = self.state.place_of(found).ok_or_else(unknown)?;
        Ok((place, self.facts.example(place, found).ok_or_else(unknown)?))
    }

    /// The kept image of an example; `None` if none was kept.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::Io`]; [`GalleryError::Broken`].
    pub fn image(&self, id: ExampleId) -> Result<Option<Vec<u8>>, GalleryError> {
        self.journal.image(id)
    }

    /// The number of bytes of the kept image of an example, which is not read; `None` if none was
    /// kept.
    ///
    /// # Errors
    /// Those of [`Gallery::image`].
    pub fn image_size(&self, id: ExampleId) -> Result<Option<usize>, GalleryError> {
        self.journal.image_size(id)
    }

    /// The calls that changed the gallery, newest first, at most `limit`; with `after`, those that
    /// are older than that one.
    ///
    /// # Errors
    /// [`GalleryError::UnknownChange`]; [`GalleryError::ReadOnly`]; [`GalleryError::Io`];
    /// [`GalleryError::Broken`].
    pub fn history(
        &self,
        limit: usize,
        after: Option<GroupId>,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        History::new(&self.journal.changes()?).entries(limit, after)
    }

    /// The call with this id, whole or at least 6 digits of its random half.
    ///
    /// # Errors
    /// [`GalleryError::UnknownChange`]; [`GalleryError::AmbiguousId`]; those of
    /// [`Gallery::history`].
    pub fn change(&self, id: &str) -> Result<HistoryEntry, GalleryError> {
        History::new(&self.journal.changes()?).named(id)
    }

    /// A hash of everything but embeddings. Two galleries that have seen the same changes have the
    /// same one.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.state.digest()
    }

    /// Whether the store is still there: its file may be removed while it is open.
    ///
    /// # Errors
    /// [`GalleryError::Broken`]; [`GalleryError::Io`].
    pub fn check_store(&self) -> Result<(), GalleryError> {
        self.journal.check()
    }

    fn class_id(&self, id_or_label: &str) -> Result<ClassId, GalleryError> {
        let unknown = || GalleryError::UnknownClass(shortened(id_or_label));
        // No label has the form of an id, so the order of the two does not matter.
        if let Ok(id) = id_or_label.parse() {
            return self.state.live(id).map(|(id, _)| id).ok_or_else(unknown);
        }
        if let Some(id) = Label::parse(id_or_label).ok().and_then(|label| self.find(&label)) {
            return Ok(id);
        }
        let live = self.state.labels().values().copied();
        the_one(live.filter(|id| id.is_meant_by(id_or_label)), id_or_label)?.ok_or_else(unknown)
    }

    fn example_id(&self, text: &str) -> Result<ExampleId, GalleryError> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let all = self.state.examples().keys().copied();
        let counting = all.filter(|id| self.state.place_of(*id).is_some());
        the_one(counting.filter(|id| id.is_meant_by(text)), text)?
            .ok_or_else(|| GalleryError::UnknownExample(shortened(text)))
    }

    /// The class with this label, in any spelling that folds to the same.
    fn find(&self, label: &Label) -> Option<ClassId> {
        self.state.labels().get(&label.folded()).copied()
    }
}
