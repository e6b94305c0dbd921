//! Joins an archive with a gallery.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use super::read::content;
use super::{Archive, Entry, EntryName, Manifest, tensors};
use crate::gallery::Gallery;
use crate::gallery::change::{Change, What};
use crate::gallery::commit::Data;
use crate::gallery::error::{ArchiveError, GalleryError};
use crate::gallery::id::{DeviceId, ExampleId};
use crate::gallery::journal::{DataFile, Filed};
use crate::gallery::merge::{MergePlan, Merged};

/// The result of [`Gallery::import`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Changes that the archive has.
    pub changes: usize,
    /// Those that the gallery did not have.
    pub new: usize,
    /// Those that were left out, since their time is more than 24 hours ahead of the clock of this
    /// device. Import the archive again after that time.
    pub ahead: usize,
    /// Examples of this gallery, in use or removed, that the archive has purged: they are forgotten
    /// for good.
    pub purged: usize,
    /// Embeddings that were taken over, also of examples that were removed.
    pub embeddings: usize,
    /// Those of them whose examples count. The others were removed, or another example has the same
    /// image.
    pub in_use: usize,
    /// Images that were taken over.
    pub images: usize,
    /// The devices that made the new changes, if the gallery had no change of any of them:
    /// [`Gallery::undo_devices`] undoes the import as a whole then. Otherwise empty.
    pub devices: BTreeSet<DeviceId>,
}

impl Gallery {
    /// Takes an archive over, all or nothing: the changes that this gallery does not have, with
    /// their embeddings and images. The same archive imported again changes nothing. An import is
    /// many calls, of which each can be undone, or all of a device; except for purges: what the
    /// archive has purged is purged here too.
    ///
    /// A change that both have must be equal in both. Embeddings and images of examples that this
    /// gallery has are not compared.
    ///
    /// # Errors
    /// [`GalleryError::Archive`] if the file has changed since it was opened, if its changes move
    /// the same examples too often, or if one of them is another one here;
    /// [`GalleryError::NotAChange`] for one that Handful does not make;
    /// [`GalleryError::OtherSpace`] if this gallery is of another space than the bundle in use;
    /// [`GalleryError::LimitReached`]; [`GalleryError::StoreLimitReached`];
    /// [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`]; [`GalleryError::Io`];
    /// [`GalleryError::Broken`]. [`GalleryError::NotCompacted`]: the archive is imported.
    pub fn import(&mut self, archive: Archive) -> Result<Imported, GalleryError> {
        self.begin()?;
        self.check_own_space()?;
        let Archive { file, manifest, changes, embedded } = archive;
        self.check_length(manifest.embedding_length)?;
        let n_changes = changes.len();
        let journal = self.journal.changes()?;
        let plan = self.plan_merge(&journal, changes)?;
        let purged = plan.n_purged_here;
        let devices = new_devices(&journal, &plan.changes, self.journal.device());
        // The plan has all that is still needed of it.
        drop(journal);
        let wanted = wanted(&plan, &embedded);
        drop(embedded);
        let embeddings = wanted.len();
        let in_use = plan.n_in_use(wanted.iter().map(|one| &one.id));
        let data = ArchivedData::new(file, manifest, wanted);
        let images = data.n_images();
        let filed: Option<Box<dyn DataFile>> = Some(Box::new(data));
        let taken = self.take_over(plan, Data { filed, ..Data::default() });
        // It is many calls, and the first of them is not what the user did. This holds also for one
        // that is taken over and not compacted.
        self.last_change = None;
        let Merged { new, ahead } = taken?;
        let changes = n_changes;
        Ok(Imported { changes, new, ahead, purged, embeddings, in_use, images, devices })
    }

    /// All embeddings of a gallery have one length.
    fn check_length(&self, length: Option<usize>) -> Result<(), ArchiveError> {
        let Some((here, there)) = self.embedding_length.zip(length) else { return Ok(()) };
        if here == there {
            return Ok(());
        }
        let reason =
            format!("its embeddings have {there} values, those of this gallery have {here}");
        Err(ArchiveError::Broken(reason))
    }
}

/// The devices of new changes, if neither the journal has a change of one nor is one the own: then
/// all that they did comes with these changes.
fn new_devices(journal: &[Change], new: &[Change], own: DeviceId) -> BTreeSet<DeviceId> {
    let mut known: BTreeSet<DeviceId> = journal.iter().map(|change| change.device).collect();
    known.insert(own);
    let devices: BTreeSet<DeviceId> = new.iter().map(|change| change.device).collect();
    if devices.is_disjoint(&known) { devices } else { BTreeSet::new() }
}

/// The examples that a plan enrolls, nobody has purged, and the archive has embeddings of, in the
/// order of their ids.
fn wanted(plan: &MergePlan, embedded: &[ExampleId]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (change, one) in (0..).zip(&plan.changes) {
        let What::Enroll { examples, .. } = &one.what else { continue };
        let places = (0..).zip(examples).map(|(index, new)| Wanted { id: new.id, change, index });
        wanted.extend(places.filter(|one| {
            !plan.purged.contains(&one.id) && embedded.binary_search(&one.id).is_ok()
        }));
    }
    wanted.shrink_to_fit();
    wanted.sort_unstable_by_key(|one| one.id);
    wanted
}

/// An example that is taken over: its change in the plan, and its position there.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    id: ExampleId,
    change: u32,
    index: u8,
}

/// Embeddings and images in an archive.
#[derive(Debug)]
struct ArchivedData {
    file: File,
    manifest: Manifest,
    /// In the order of their ids.
    wanted: Vec<Wanted>,
    /// Of each entry of the manifest, whether it is an image that is taken over: a list of those
    /// would take as much memory as the manifest.
    is_taken: Vec<bool>,
    /// Why one could not be read.
    error: RefCell<Option<ArchiveError>>,
}

impl ArchivedData {
    fn new(file: File, manifest: Manifest, wanted: Vec<Wanted>) -> Self {
        let is_wanted = |id| wanted.binary_search_by_key(&id, |one| one.id).is_ok();
        let is_taken = manifest.entries.iter().map(|entry| match entry.name {
            EntryName::Image(id) => is_wanted(id),
            EntryName::Embeddings(_) | EntryName::Journal | EntryName::Manifest => false,
        });
        let is_taken = is_taken.collect();
        Self { file, manifest, wanted, is_taken, error: RefCell::default() }
    }

    /// The entries of the images, each with the place of its content.
    fn image_entries(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let all = self.manifest.places().zip(&self.is_taken);
        all.filter(|(_, is_taken)| **is_taken).map(|(place, _)| place)
    }

    /// Those of an entry that are taken over.
    fn embeddings_of(&self, entry: &Entry, at: u64) -> Result<Vec<Filed>, ArchiveError> {
        let bytes = content(&self.file, entry, at)?;
        // These bytes were read when the archive was opened, so there is no other case.
        let read = tensors::read(&bytes, self.length()).unwrap_or_default();
        let taken = read.into_iter().filter_map(|(id, embedding)| {
            let found = self.wanted.binary_search_by_key(&id, |one| one.id).ok()?;
            let Wanted { change, index, .. } = self.wanted[found];
            Some(Filed { change: change as usize, index, embedding })
        });
        Ok(taken.collect())
    }

    fn length(&self) -> usize {
        self.manifest.embedding_length.unwrap_or_default()
    }

    /// Keeps the error, and returns it in the form that the store passes on.
    fn failed(&self, error: ArchiveError) -> io::Error {
        let passed_on = io::Error::other(error.to_string());
        *self.error.borrow_mut() = Some(error);
        passed_on
    }
}

impl DataFile for ArchivedData {
    fn n_images(&self) -> usize {
        self.image_entries().count()
    }

    fn n_embeddings(&self) -> usize {
        self.wanted.len()
    }

    fn embedding_length(&self) -> Option<usize> {
        self.manifest.embedding_length.filter(|_| !self.wanted.is_empty())
    }

    fn n_bytes(&self) -> u64 {
        let images: u64 = self.image_entries().map(|(entry, _)| entry.size).sum();
        images + (self.wanted.len() * self.length() * size_of::<f32>()) as u64
    }

    fn embeddings(&self) -> Box<dyn Iterator<Item = io::Result<Vec<Filed>>> + '_> {
        // As when the same file is imported again.
        let entries = self.manifest.places().filter(|_| !self.wanted.is_empty());
        let entries = entries.filter(|(entry, _)| matches!(entry.name, EntryName::Embeddings(_)));
        Box::new(
            entries.map(|(entry, at)| {
                self.embeddings_of(entry, at).map_err(|error| self.failed(error))
            }),
        )
    }

    fn images(&self) -> Box<dyn Iterator<Item = io::Result<(ExampleId, Vec<u8>)>> + '_> {
        Box::new(self.image_entries().filter_map(|(entry, at)| {
            let EntryName::Image(id) = entry.name else { return None };
            let image = content(&self.file, entry, at).map_err(|error| self.failed(error));
            Some(image.map(|image| (id, image)))
        }))
    }

    fn take_error(&self) -> Option<ArchiveError> {
        self.error.take()
    }
}
