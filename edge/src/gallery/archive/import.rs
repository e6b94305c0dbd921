//! Joins an archive with a gallery.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::Arc;

use super::read::content;
use super::{Archive, Entry, EntryName, Manifest, tensors};
use crate::gallery::Gallery;
use crate::gallery::change::{Change, NewlyEnrolled, What};
use crate::gallery::class::{Example, ImageKey};
use crate::gallery::commit::Data;
use crate::gallery::error::{ArchiveError, GalleryError};
use crate::gallery::facts::Examples;
use crate::gallery::id::{DeviceId, ExampleId};
use crate::gallery::journal::ImageFile;
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
        let Archive { file, manifest, changes } = archive;
        self.check_length(manifest.embedding_length)?;
        let n_changes = changes.len();
        let journal = self.journal.changes()?;
        let plan = self.plan_merge(&journal, changes)?;
        let purged = plan.n_purged_here;
        let devices = new_devices(&journal, &plan.changes, self.journal.device());
        // The plan has all that is still needed of it.
        drop(journal);
        let data = data(file, manifest, &plan)?;
        let embeddings = data.examples.len();
        let in_use = plan.n_in_use(data.examples.keys());
        let images = data.archived.as_ref().map_or(0, |archived| archived.len());
        let taken = self.take_over(plan, data);
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

/// What an archive has of the examples that a plan enrolls.
fn data(file: File, manifest: Manifest, plan: &MergePlan) -> Result<Data, ArchiveError> {
    let wanted = wanted(plan);
    if wanted.is_empty() {
        // As when the same file is imported again.
        return Ok(Data::default());
    }
    let mut examples = Examples::new();
    let mut is_taken = vec![false; manifest.entries.len()];
    for ((entry, at), is_taken) in manifest.places().zip(&mut is_taken) {
        match entry.name {
            EntryName::Embeddings(_) => {
                let bytes = content(&file, entry, at)?;
                let length = manifest.embedding_length.unwrap_or_default();
                // These bytes were read when the archive was opened, so there is no other case.
                for (id, embedding) in tensors::read(&bytes, length).unwrap_or_default() {
                    let Ok(found) = wanted.binary_search_by_key(&id, |(new, _)| new.id) else {
                        continue;
                    };
                    let (new, precision) = wanted[found];
                    let ImageKey { sha256, crop } = new.image();
                    let precision = precision.to_owned();
                    let example = Example { id, sha256, crop, embedding, precision };
                    examples.insert(id, Arc::new(example));
                }
            }
            // Those come after the embeddings.
            EntryName::Image(id) => *is_taken = examples.contains_key(&id),
            EntryName::Journal | EntryName::Manifest => {}
        }
    }
    let error = RefCell::default();
    let archived: Box<dyn ImageFile> = Box::new(ArchivedImages { file, manifest, is_taken, error });
    Ok(Data { examples, archived: Some(archived), ..Data::default() })
}

/// The examples that a plan enrolls and nobody has purged, each with its precision, in the order of
/// their ids.
fn wanted(plan: &MergePlan) -> Vec<(&NewlyEnrolled, &str)> {
    let mut wanted = Vec::new();
    for change in &plan.changes {
        let What::Enroll { precision, examples, .. } = &change.what else { continue };
        let kept = examples.iter().filter(|new| !plan.purged.contains(&new.id));
        wanted.extend(kept.map(|new| (new, precision.as_str())));
    }
    wanted.sort_unstable_by_key(|(new, _)| new.id);
    wanted
}

/// Images in an archive.
#[derive(Debug)]
struct ArchivedImages {
    file: File,
    manifest: Manifest,
    /// Of each entry of the manifest, whether it is an image that is taken over: a list of those
    /// would take as much memory as the manifest.
    is_taken: Vec<bool>,
    /// Why one could not be read.
    error: RefCell<Option<ArchiveError>>,
}

impl ArchivedImages {
    /// The entries of the images, each with the place of its content.
    fn entries(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let all = self.manifest.places().zip(&self.is_taken);
        all.filter(|(_, is_taken)| **is_taken).map(|(place, _)| place)
    }

    /// Keeps the error, and returns it in the form that the store passes on.
    fn failed(&self, error: ArchiveError) -> io::Error {
        let passed_on = io::Error::other(error.to_string());
        *self.error.borrow_mut() = Some(error);
        passed_on
    }
}

impl ImageFile for ArchivedImages {
    fn len(&self) -> usize {
        self.entries().count()
    }

    fn n_bytes(&self) -> u64 {
        self.entries().map(|(entry, _)| entry.size).sum()
    }

    fn read(&self) -> Box<dyn Iterator<Item = io::Result<(ExampleId, Vec<u8>)>> + '_> {
        Box::new(self.entries().filter_map(|(entry, at)| {
            let EntryName::Image(id) = entry.name else { return None };
            let image = content(&self.file, entry, at).map_err(|error| self.failed(error));
            Some(image.map(|image| (id, image)))
        }))
    }

    fn take_error(&self) -> Option<ArchiveError> {
        self.error.take()
    }
}
