//! The galleries of a store: list, create, rename, delete, restore.
//!
//! Their names are kept like the classes of a gallery, in a journal of the store itself: the same
//! rules compare them, and a deleted gallery can be restored until it is purged. `default` always
//! exists and is not in that journal.
//!
//! # Examples
//! ```
//! use edge::gallery::{Galleries, Label};
//!
//! let mut galleries = Galleries::in_memory();
//! galleries.create(&Label::parse("Line 2")?)?;
//! galleries.delete("line 2")?;
//! galleries.restore("line 2")?;
//! let names: Vec<String> = galleries.list()?.into_iter().map(|one| one.name).collect();
//! assert_eq!(names, ["default", "Line 2"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::path::Path;

use uuid::Uuid;

use super::Gallery;
use super::archive::{Archive, Export, Imported};
use super::class::ClassOverrides;
use super::clock::{Clock, SystemSource};
use super::error::GalleryError;
use super::id::{ClassId, DeviceId, GalleryId};
use super::journal::{Contents, Memory};
use super::label::Label;
use super::lookup::shortened;
use super::store::view::View;
use super::store::{DEFAULT_GALLERY, GalleryRow, RedbStore, SharedFile};

/// The gallery whose classes are the galleries of a store.
const DIRECTORY: GalleryId = GalleryId(Uuid::nil());

/// Beside `default`.
const MAX_GALLERIES: usize = 1000;

/// The galleries of a store. Each is opened on its own.
#[derive(Debug)]
pub struct Galleries {
    pub(super) directory: Gallery,
    default: GalleryId,
    space_id: String,
    /// Absent in memory.
    pub(super) file: Option<SharedFile>,
}

/// A gallery in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryEntry {
    /// Stable.
    pub id: GalleryId,
    /// Its name, unique in the store.
    pub name: String,
    /// Number of classes when it was last written.
    pub classes: usize,
    /// Number of examples of the classes.
    pub examples: usize,
    /// Number of examples of the background set.
    pub background: usize,
    /// Its revision.
    pub revision: u64,
}

impl GalleryEntry {
    /// One that nothing was written to has no row.
    pub(super) fn of(id: GalleryId, name: String, row: Option<&GalleryRow>) -> Self {
        Self {
            id,
            name,
            classes: row.map_or(0, |row| row.classes),
            examples: row.map_or(0, |row| row.examples - row.background),
            background: row.map_or(0, |row| row.background),
            revision: row.map_or(0, |row| row.revision),
        }
    }
}

impl Galleries {
    /// The name of the gallery that always exists.
    pub const DEFAULT: &str = DEFAULT_GALLERY;

    /// Galleries that live as long as their process.
    #[must_use]
    pub fn in_memory() -> Self {
        let mut clock = Clock::new(SystemSource);
        let default = GalleryId(clock.uuid());
        let journal = Memory::new(DeviceId(clock.random_uuid()));
        let directory = Gallery::new(Contents::default(), journal, clock);
        Self { directory, default, space_id: String::new(), file: None }
    }

    /// Opens the store in the folder `dir`, or creates one, for a bundle of the space `space_id`.
    /// New galleries are of that space; others keep theirs. One process at a time has a store open.
    ///
    /// # Errors
    /// Those of [`Gallery::open`].
    pub fn open(dir: &Path, space_id: &str) -> Result<Self, GalleryError> {
        let mut clock = Clock::new(SystemSource);
        let file = SharedFile::open(dir, space_id, &mut clock)?;
        Self::of(file, clock, space_id)
    }

    /// The same for reading only, also on a read-only file system. Every change is refused with
    /// [`GalleryError::ReadOnlyStore`].
    ///
    /// # Errors
    /// Those of [`Gallery::open`]; [`GalleryError::Io`] if there is no store.
    pub fn open_read_only(dir: &Path, space_id: &str) -> Result<Self, GalleryError> {
        let file = SharedFile::open_read_only(dir)?;
        Self::of(file, Clock::new(SystemSource), space_id)
    }

    fn of(file: SharedFile, clock: Clock, space_id: &str) -> Result<Self, GalleryError> {
        let default = file.default_gallery()?;
        // Its space does not count: it holds no embeddings.
        let (store, contents) = RedbStore::open(file.clone(), DIRECTORY, "", "")?;
        let directory = Gallery::new(contents, store, clock);
        Ok(Self { directory, default, space_id: space_id.to_owned(), file: Some(file) })
    }

    /// From now on changes that make the store larger are refused where it would take more bytes
    /// than this; 8 GiB without this call. Deleting, undoing and purging is never refused.
    pub fn set_max_store_bytes(&self, bytes: u64) {
        if let Some(file) = &self.file {
            file.set_max_bytes(bytes);
        }
    }

    /// Whether what is in a gallery ends with it: it is in no file.
    pub(crate) fn are_in_memory(&self) -> bool {
        self.file.is_none()
    }

    /// Whether the file of the store in the folder `dir` is still there; it may be removed while it
    /// is open.
    ///
    /// # Errors
    /// [`GalleryError::Broken`] if it is gone.
    pub fn check(dir: &Path) -> Result<(), GalleryError> {
        SharedFile::check_folder(dir)
    }

    /// The bytes that the store in the folder `dir` takes on the disk, which
    /// [`Galleries::set_max_store_bytes`] limits.
    ///
    /// # Errors
    /// [`GalleryError::Broken`] if its file is gone.
    pub fn size(dir: &Path) -> Result<u64, GalleryError> {
        SharedFile::size_in(dir)
    }

    /// Who makes the changes of the store, as its history shows them.
    pub fn set_actor(&mut self, actor: &str) {
        self.directory.set_actor(actor);
    }

    /// `default`, then the others by name.
    ///
    /// # Errors
    /// [`GalleryError::Io`]; [`GalleryError::Broken`].
    pub fn list(&self) -> Result<Vec<GalleryEntry>, GalleryError> {
        let rows = self.rows()?;
        let names = self.directory.iter().map(|one| (GalleryId(one.id.0), one.label.to_string()));
        let default = std::iter::once((self.default, DEFAULT_GALLERY.to_owned()));
        let entries = default.chain(names);
        Ok(entries.map(|(id, name)| GalleryEntry::of(id, name, rows.get(&id))).collect())
    }

    /// The gallery with this name, in any spelling that folds to the same.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`].
    pub fn find(&self, name: &str) -> Result<GalleryId, GalleryError> {
        if is_default(name) {
            return Ok(self.default);
        }
        if let Ok(id) = name.parse::<GalleryId>() {
            let is_here = id == self.default || self.directory.state.live(ClassId(id.0)).is_some();
            return if is_here { Ok(id) } else { Err(unknown(name)) };
        }
        let found = Label::parse(name).ok().and_then(|name| self.directory.find(&name));
        found.map(|class| GalleryId(class.0)).ok_or_else(|| unknown(name))
    }

    /// The name of a gallery; `None` if it is deleted.
    #[must_use]
    pub fn name(&self, id: GalleryId) -> Option<String> {
        if id == self.default {
            return Some(DEFAULT_GALLERY.to_owned());
        }
        let (_, class) = self.directory.state.live(ClassId(id.0))?;
        Some(class.label.to_string())
    }

    /// Opens a gallery, of whatever space.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`]; [`GalleryError::Broken`]; [`GalleryError::Io`].
    pub fn gallery(&self, name: &str) -> Result<Gallery, GalleryError> {
        self.opened(name, true)
    }

    /// Takes an archive over as [`Gallery::import`] does, into a gallery that need not be open: its
    /// embeddings are not read, so memory holds the rows of its examples only. Also answers the
    /// revision after it.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`]; those of [`Gallery::import`].
    pub fn import(&self, name: &str, archive: Archive) -> Result<(Imported, u64), GalleryError> {
        let mut gallery = self.opened(name, false)?;
        let imported = gallery.import(archive)?;
        Ok((imported, gallery.revision()))
    }

    /// Opens a gallery; without facts its embeddings are not read. One in memory has none to read.
    fn opened(&self, name: &str, has_facts: bool) -> Result<Gallery, GalleryError> {
        let id = self.find(name)?;
        let mut clock = Clock::new(SystemSource);
        let Some(file) = self.file.clone() else {
            let journal = Memory::new(DeviceId(clock.random_uuid()));
            return Ok(Gallery::new(Contents::default(), journal, clock));
        };
        let opened = RedbStore::open_with(file, id, name, &self.space_id, has_facts)?;
        let (store, contents) = opened;
        let named = self.name(id).unwrap_or_else(|| name.to_owned());
        let gallery = Gallery::new(contents, store, clock).in_use_as(&named, &self.space_id);
        Ok(Gallery { has_facts, ..gallery })
    }

    /// Begins the export of a gallery as it is now: the bytes of its archive, in parts. It need not
    /// be open.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`]; [`GalleryError::NotExported`] for galleries in memory;
    /// [`GalleryError::Broken`]; [`GalleryError::Io`].
    pub fn export(&self, name: &str) -> Result<Export, GalleryError> {
        let id = self.find(name)?;
        let file = self.file.clone().ok_or(GalleryError::NotExported("it is in memory only"))?;
        let named = self.name(id).and_then(|name| Label::parse(&name).ok());
        let named = named.ok_or_else(|| unknown(name))?;
        Ok(Export::new(View::of(file, id, &self.space_id)?, named))
    }

    /// Creates a gallery; also answers whether it is new.
    ///
    /// # Errors
    /// [`GalleryError::LimitReached`] beyond 1,000; [`GalleryError::StoreFull`].
    pub fn create(&mut self, name: &Label) -> Result<(GalleryId, bool), GalleryError> {
        if is_default(name.as_str()) {
            return Ok((self.default, false));
        }
        if self.directory.find(name).is_none() {
            self.check_room_for_one()?;
        }
        let (class, is_new) = self.directory.define(name, ClassOverrides::default())?;
        Ok((GalleryId(class.id.0), is_new))
    }

    /// Gives a gallery another name.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`]; [`GalleryError::GalleryExists`];
    /// [`GalleryError::DefaultGallery`]; [`GalleryError::StoreFull`].
    pub fn rename(&mut self, name: &str, new: &Label) -> Result<(), GalleryError> {
        let id = self.find(name)?;
        if id == self.default {
            return Err(GalleryError::DefaultGallery);
        }
        if is_default(new.as_str()) {
            return Err(GalleryError::GalleryExists(new.clone()));
        }
        let id = ClassId(id.0).to_string();
        match self.directory.rename(&id, new) {
            Ok(_) => Ok(()),
            Err(GalleryError::LabelTaken(label)) => Err(GalleryError::GalleryExists(label)),
            Err(other) => Err(other),
        }
    }

    /// Deletes a gallery. It can be restored until it is purged.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`]; [`GalleryError::DefaultGallery`];
    /// [`GalleryError::StoreFull`].
    pub fn delete(&mut self, name: &str) -> Result<GalleryId, GalleryError> {
        let id = self.find(name)?;
        if id == self.default {
            return Err(GalleryError::DefaultGallery);
        }
        self.directory.delete(&ClassId(id.0).to_string())?;
        Ok(id)
    }

    /// Restores the deleted gallery with this id, or the one of this name that was deleted last, as
    /// it was.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`] if there was none; [`GalleryError::NotDeleted`];
    /// [`GalleryError::Purged`]; [`GalleryError::NameInUse`] if there is another one of that name;
    /// [`GalleryError::LimitReached`] beyond 1,000; [`GalleryError::StoreFull`].
    pub fn restore(&mut self, name: &str) -> Result<GalleryId, GalleryError> {
        let (id, label) = self.last_deleted(name)?;
        if is_default(label.as_str()) || self.directory.find(&label).is_some() {
            return Err(GalleryError::NameInUse(label));
        }
        self.check_room_for_one()?;
        self.directory.revive(ClassId(id.0))?;
        Ok(id)
    }

    /// The revision of the gallery that [`Galleries::restore`] restores.
    ///
    /// # Errors
    /// [`GalleryError::UnknownGallery`] if there was none; [`GalleryError::NotDeleted`];
    /// [`GalleryError::Purged`]; [`GalleryError::Io`]; [`GalleryError::Broken`].
    pub fn deleted_revision(&self, name: &str) -> Result<u64, GalleryError> {
        let (id, _) = self.last_deleted(name)?;
        // A gallery that nothing was written to has no row.
        Ok(self.rows()?.get(&id).map_or(0, |row| row.revision))
    }

    /// What the store says of each gallery that something was written to.
    pub(super) fn rows(&self) -> Result<HashMap<GalleryId, GalleryRow>, GalleryError> {
        let rows = self.file.as_ref().map(SharedFile::galleries).transpose()?.unwrap_or_default();
        Ok(rows.into_iter().collect())
    }

    /// Refuses one more gallery than are allowed.
    fn check_room_for_one(&self) -> Result<(), GalleryError> {
        let count = self.directory.n_classes();
        if count < MAX_GALLERIES {
            return Ok(());
        }
        let limit = MAX_GALLERIES;
        Err(GalleryError::LimitReached { what: "galleries", count, new: 1, limit })
    }
}

fn is_default(name: &str) -> bool {
    models::label::folded(name) == DEFAULT_GALLERY
}

pub(super) fn unknown(name: &str) -> GalleryError {
    GalleryError::UnknownGallery(shortened(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn label(name: &str) -> Label {
        Label::parse(name).unwrap()
    }

    fn names(galleries: &Galleries) -> Vec<String> {
        galleries.list().unwrap().into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn galleries_are_created_renamed_deleted_and_restored() {
        let dir = tempfile::tempdir().unwrap();
        let mut galleries = Galleries::open(dir.path(), "space").unwrap();
        let (id, is_new) = galleries.create(&label("Line 2")).unwrap();
        assert!(is_new);
        assert_eq!(galleries.create(&label("LINE  2")).unwrap(), (id, false));
        galleries.gallery("line 2").unwrap().enroll(&label("mug"), Vec::new(), true).unwrap();
        galleries.rename("line 2", &label("Line 3")).unwrap();
        assert_eq!(galleries.delete("LINE 3").unwrap(), id);
        assert!(matches!(galleries.find("line 3"), Err(GalleryError::UnknownGallery(_))));
        assert_eq!(galleries.deleted_revision("line 3").unwrap(), 1);
        drop(galleries);
        let mut again = Galleries::open(dir.path(), "space").unwrap();
        assert_eq!(again.restore("line 3").unwrap(), id);
        assert_eq!(names(&again), ["default", "Line 3"]);
        assert!(Galleries::size(dir.path()).unwrap() > 0);
        assert!(Galleries::size(&dir.path().join("nowhere")).is_err());
        assert_eq!(again.list().unwrap()[1].classes, 1);
        assert!(again.gallery("line 3").unwrap().class("mug").is_ok());
        assert!(again.gallery("default").unwrap().class("mug").is_err());
    }

    #[test]
    fn default_stays_and_names_are_taken_once() {
        let mut galleries = Galleries::in_memory();
        assert!(!galleries.create(&label("Default")).unwrap().1);
        let id = galleries.list().unwrap()[0].id.to_string();
        for name in ["DEFAULT", &id] {
            assert!(matches!(galleries.delete(name), Err(GalleryError::DefaultGallery)));
            let renamed = galleries.rename(name, &label("x"));
            assert!(matches!(renamed, Err(GalleryError::DefaultGallery)));
        }
        galleries.create(&label("a")).unwrap();
        galleries.create(&label("b")).unwrap();
        for taken in ["default", "B"] {
            let refused = galleries.rename("a", &label(taken));
            assert!(matches!(refused, Err(GalleryError::GalleryExists(_))), "{refused:?}");
        }
        for name in ["a", "A", "default"] {
            assert!(matches!(galleries.restore(name), Err(GalleryError::NotDeleted(_))), "{name}");
        }
        assert!(matches!(galleries.restore("c"), Err(GalleryError::UnknownGallery(_))));
        let revision = galleries.deleted_revision("a");
        assert!(matches!(revision, Err(GalleryError::NotDeleted(_))), "{revision:?}");
        galleries.delete("a").unwrap();
        galleries.create(&label("a")).unwrap();
        assert!(matches!(galleries.restore("a"), Err(GalleryError::NameInUse(_))));
        galleries.rename("a", &label("c")).unwrap();
        galleries.restore("a").unwrap();
        assert_eq!(names(&galleries), ["default", "a", "b", "c"]);
    }

    #[test]
    fn neither_a_new_nor_a_restored_gallery_is_one_too_many() {
        let mut galleries = Galleries::in_memory();
        for number in 0..MAX_GALLERIES {
            galleries.create(&label(&format!("line {number}"))).unwrap();
        }
        let refused = galleries.create(&label("other"));
        assert!(matches!(refused, Err(GalleryError::LimitReached { .. })), "{refused:?}");
        assert!(!galleries.create(&label("line 7")).unwrap().1, "it exists");
        galleries.delete("line 7").unwrap();
        galleries.create(&label("other")).unwrap();
        let refused = galleries.restore("line 7");
        assert!(matches!(refused, Err(GalleryError::LimitReached { .. })), "{refused:?}");
        galleries.delete("other").unwrap();
        galleries.restore("line 7").unwrap();
        assert!(galleries.find("line 7").is_ok());
    }
}
