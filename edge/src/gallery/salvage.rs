//! Reads what is whole of a damaged store into a new one.
//!
//! The file of the store is scanned for rows that are whole, wherever they lie; its tree of pages
//! is not used, so it does not matter which page is damaged. What is found of the journal of each
//! gallery, with embeddings and images, makes a gallery of the new store. Where changes are lost,
//! the rows of the state repair what follows from them. `docs/durability.md` states what survives.
//!
//! The damaged store is only read: a copy on a read-only disk will do.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::Gallery;
use super::change::What;
use super::clock::{Clock, SystemSource};
use super::error::GalleryError;
use super::galleries::Galleries;
use super::id::{ClassId, GalleryId};
use super::label::Label;
use super::lock::{Lock, LockError};
use super::state::ClassStatus;
use super::store::{DEFAULT_GALLERY, GalleryRow, RedbStore, SharedFile};

mod found;
mod rebuild;
mod repair;
mod scan;
#[cfg(test)]
mod tests;

use found::{Found, gallery_row};
use rebuild::{Rebuilt, rebuild};
use scan::{Damaged, Rows};

/// The key of the directory of a store.
const DIRECTORY: u128 = 0;

/// What was read of a damaged store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// `default` first, then by name; those that were deleted and can be restored too.
    pub galleries: Vec<SalvagedGallery>,
    /// Changes of the directory of the store that are lost: galleries may have former names.
    pub lost_changes: u64,
}

impl Salvaged {
    /// Whether nothing is known to be lost.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost_changes == 0 && self.galleries.iter().all(SalvagedGallery::is_whole)
    }
}

/// What was read of a gallery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvagedGallery {
    /// Its name in the new store; `salvaged-` and six digits if it is lost.
    pub name: String,
    /// It was deleted before and can be restored.
    pub is_deleted: bool,
    /// Number of classes.
    pub classes: usize,
    /// Number of examples that count, those of the background set included.
    pub examples: usize,
    /// Those of them that were restored from the state, since the change that enrolled them is
    /// lost; they have new ids.
    pub restored: usize,
    /// Number of examples that counted and are lost.
    pub lost: usize,
    /// Those of them whose image was found: it could be enrolled again.
    pub lost_with_image: usize,
    /// Number of images that were found, also of examples that were removed.
    pub images: usize,
    /// Number of images of which only a part was found.
    pub damaged_images: usize,
    /// Number of changes that are missing in its history.
    pub lost_changes: u64,
}

impl SalvagedGallery {
    /// Whether nothing of it is known to be lost.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost == 0 && self.damaged_images == 0 && self.lost_changes == 0
    }
}

/// Why nothing was read of a damaged store. It was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// No row was found.
    #[error(
        "{path} is not the store of this version of Handful, or nothing of it is whole: no row was \
         found in it; name the folder of a store, or its file gallery.redb"
    )]
    NothingFound {
        /// The path that was given.
        path: PathBuf,
    },
    /// The folder for the new store holds something.
    #[error("{path} is not empty; name a folder that does not exist for the new store")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The new store would be in the damaged one.
    #[error("{path} is in the folder of the damaged store; name a folder outside of it")]
    Inside {
        /// The folder for the new store.
        path: PathBuf,
    },
    /// Nothing that was found states which model made the embeddings.
    #[error(
        "what was found does not state which model made the embeddings; name the bundle of that \
         model with --bundle"
    )]
    UnknownSpace,
    /// The damaged store, or the folder for the new one, cannot be opened.
    #[error("{path} cannot be read: {reason}")]
    Io {
        /// The path.
        path: PathBuf,
        /// The reason that the operating system gave.
        reason: String,
    },
    /// The new store refused what was found, or the damaged one is in use.
    #[error(transparent)]
    Gallery(#[from] GalleryError),
}

impl Galleries {
    /// Reads what is whole of the store `damaged`, a folder or the file in it, into a new store in
    /// the folder `into`. `space_id` counts only for a gallery of which nothing states the space;
    /// `progress` is given how many bytes of how many are scanned.
    ///
    /// # Errors
    /// [`SalvageError`]. What is in `into` after an error is not a whole store.
    pub fn salvage(
        damaged: &Path,
        into: &Path,
        space_id: Option<&str>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Salvaged, SalvageError> {
        check_target(damaged, into)?;
        let (file, _lock) = open(damaged)?;
        let length = file.length();
        let rows = Rows::scan(file, &mut |done| progress(done, length));
        if rows.is_empty() {
            return Err(SalvageError::NothingFound { path: damaged.to_owned() });
        }
        let spaces = known_spaces(&rows, space_id);
        let space_id = spaces.first().ok_or(SalvageError::UnknownSpace)?;
        let mut galleries = Self::open(into, space_id)?;
        galleries.set_max_store_bytes(u64::MAX);
        let directory = Found::read(&rows, DIRECTORY, &spaces);
        rebuild(&mut galleries.directory, &directory, &rows)?;
        let mut salvaged = Vec::new();
        for key in rows.galleries() {
            if key != DIRECTORY && !is_purged(&directory, key) {
                salvaged.push(of_gallery(&mut galleries, &rows, key, &spaces)?);
            }
        }
        salvaged.sort_by_key(|one| (one.name != DEFAULT_GALLERY, one.name.to_lowercase()));
        Ok(Salvaged { galleries: salvaged, lost_changes: directory.lost_changes })
    }
}

fn of_gallery(
    galleries: &mut Galleries,
    rows: &Rows,
    key: u128,
    spaces: &[String],
) -> Result<SalvagedGallery, GalleryError> {
    let found = Found::read(rows, key, spaces);
    let target = Target::of(galleries, key, found.name.as_deref())?;
    let file = galleries.file.clone().expect("invariant: a store on disk has a file");
    let (store, contents) = RedbStore::open(file, target.id, &target.name, &found.space_id)?;
    let mut gallery = Gallery::new(contents, store, Clock::new(SystemSource));
    // The default gallery is there already, and of the space that the store was made for.
    gallery.use_space(&found.space_id);
    let rebuilt = rebuild(&mut gallery, &found, rows)?;
    let Rebuilt { restored, lost, lost_with_image, images, damaged_images } = rebuilt;
    Ok(SalvagedGallery {
        name: target.name,
        is_deleted: target.is_deleted,
        classes: gallery.n_classes(),
        examples: gallery.state.n_examples(),
        restored,
        lost,
        lost_with_image,
        images,
        damaged_images,
        lost_changes: found.lost_changes,
    })
}

/// The gallery of the new store for what was found of one.
struct Target {
    id: GalleryId,
    name: String,
    is_deleted: bool,
}

impl Target {
    fn of(galleries: &mut Galleries, key: u128, name: Option<&str>) -> Result<Self, GalleryError> {
        if name == Some(DEFAULT_GALLERY) {
            let id = galleries.find(DEFAULT_GALLERY)?;
            return Ok(Self { id, name: DEFAULT_GALLERY.to_owned(), is_deleted: false });
        }
        let id = GalleryId(Uuid::from_u128(key));
        if let Some(class) = galleries.directory.state.classes().get(&ClassId(id.0)) {
            let is_deleted = class.status != ClassStatus::Live;
            return Ok(Self { id, name: class.label.to_string(), is_deleted });
        }
        let digits = id.short().replacen(GalleryId::PREFIX, "", 1);
        let former = name.map(str::to_owned);
        let others = [format!("salvaged-{digits}"), format!("salvaged-{:x}", id.0.as_u128())];
        for name in former.into_iter().chain(others) {
            let Ok(label) = Label::parse(&name) else { continue };
            // One that exists is another gallery.
            if let (id, true) = galleries.create(&label)? {
                return Ok(Self { id, name: label.to_string(), is_deleted: false });
            }
        }
        Err(GalleryError::UnknownGallery(id.to_string()))
    }
}

/// The space of the default gallery, those of others, and that which was given.
fn known_spaces(rows: &Rows, given: Option<&str>) -> Vec<String> {
    let found = rows.galleries().into_iter().filter(|key| *key != DIRECTORY);
    let mut found: Vec<GalleryRow> = found.filter_map(|key| gallery_row(rows, key)).collect();
    found.sort_by_key(|row| row.name != DEFAULT_GALLERY);
    let stated = found.into_iter().map(|row| row.space_id);
    let mut spaces: Vec<String> = stated.chain(given.map(str::to_owned)).collect();
    let mut seen = HashSet::new();
    spaces.retain(|space| seen.insert(space.clone()));
    spaces
}

/// Whether the directory says that a gallery is forgotten for good.
fn is_purged(directory: &Found, key: u128) -> bool {
    directory.journal.iter().any(|change| {
        matches!(change.what, What::PurgeGallery { gallery } if gallery.0.as_u128() == key)
    })
}

/// Opens the file of a damaged store, with a lock if it has one.
fn open(damaged: &Path) -> Result<(Damaged, Option<Lock>), SalvageError> {
    let is_folder = damaged.is_dir();
    let lock = if is_folder { Lock::take_shared(damaged) } else { Ok(None) };
    let lock = lock.map_err(|error| match error {
        LockError::Held(holder) => {
            SalvageError::Gallery(GalleryError::InUse { path: damaged.to_owned(), holder })
        }
        LockError::Io(error) => unreadable(damaged, &error),
    })?;
    let path = if is_folder { SharedFile::file_in(damaged) } else { damaged.to_owned() };
    let file = File::open(&path).and_then(Damaged::new);
    Ok((file.map_err(|error| unreadable(&path, &error))?, lock))
}

/// Refuses a folder for the new store that holds something, or that lies in the damaged one.
fn check_target(damaged: &Path, into: &Path) -> Result<(), SalvageError> {
    let is_empty = match fs::read_dir(into) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(unreadable(into, &error)),
        Ok(mut entries) => entries.next().is_none(),
    };
    if !is_empty {
        return Err(SalvageError::NotEmpty { path: into.to_owned() });
    }
    let Ok(damaged) = damaged.canonicalize() else { return Ok(()) };
    let absolute = std::path::absolute(into).map_err(|error| unreadable(into, &error))?;
    // The folder need not exist yet; the first one above it that does has a true path.
    let above = absolute.ancestors().find_map(|folder| folder.canonicalize().ok());
    if above.is_some_and(|above| damaged.is_dir() && above.starts_with(&damaged)) {
        return Err(SalvageError::Inside { path: into.to_owned() });
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> SalvageError {
    SalvageError::Io { path: path.to_owned(), reason: error.to_string() }
}
