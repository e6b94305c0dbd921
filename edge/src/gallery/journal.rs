//! Where the changes of a gallery are kept.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::change::{Change, What};
use super::class::Example;
use super::clock::Timestamp;
use super::error::{ArchiveError, GalleryError};
use super::facts::Examples;
use super::id::{ChangeId, DeviceId, ExampleId};
use super::state::{Delta, ExampleState, State};

/// What one call adds to a journal, with the rows that follow from it.
pub(super) struct Commit<'a> {
    /// The revision after it.
    pub(super) revision: u64,
    pub(super) changes: &'a [Change],
    /// What is enrolled by the changes. An example that another device has purged is absent.
    pub(super) examples: &'a Examples,
    /// The kept images of these examples.
    pub(super) images: &'a HashMap<ExampleId, Vec<u8>>,
    /// More of them, which are in a file.
    pub(super) archived: Option<&'a dyn ImageFile>,
    /// The length of all embeddings; `None` before the first.
    pub(super) embedding_length: Option<usize>,
    /// The rows of the state that change: which ones, and what they were.
    pub(super) delta: &'a Delta,
    /// The state after the changes.
    pub(super) state: &'a State,
}

/// Images that are in a file: each is read when it is written, so that memory holds one of them.
pub(super) trait ImageFile: Send + fmt::Debug {
    /// The number of images.
    fn len(&self) -> usize;

    /// The bytes of all images.
    fn n_bytes(&self) -> u64;

    /// Each image, or why it cannot be read.
    fn read(&self) -> Box<dyn Iterator<Item = io::Result<(ExampleId, Vec<u8>)>> + '_>;

    /// Why an image could not be read, since a store says it as a fault of its own.
    fn take_error(&self) -> Option<ArchiveError>;
}

impl Commit<'_> {
    /// Whether it forgets something for good.
    pub(super) fn purges(&self) -> bool {
        self.changes
            .iter()
            .any(|change| matches!(change.what, What::Purge { .. } | What::PurgeGallery { .. }))
    }

    /// Whether people make room with it.
    pub(super) fn makes_room(&self) -> bool {
        self.changes.iter().all(|change| {
            matches!(
                change.what,
                What::Remove { .. }
                    | What::DeleteClass { .. }
                    | What::Purge { .. }
                    | What::PurgeGallery { .. }
            )
        })
    }
}

/// Everything that a journal gives when it is opened.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) revision: u64,
    pub(super) state: State,
    /// Those that count in the state.
    pub(super) examples: Examples,
    pub(super) embedding_length: Option<usize>,
    /// The last timestamp of all changes.
    pub(super) latest: Timestamp,
}

/// Keeps the changes of a gallery.
pub(super) trait Journal: Send + fmt::Debug {
    /// The store that new changes are made in.
    fn device(&self) -> DeviceId;

    /// Makes changes durable, all or none. They are made on the state that this journal gave last,
    /// with what it committed since.
    ///
    /// # Errors
    /// The changes may or may not be durable; [`Journal::reload`] finds out.
    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), GalleryError>;

    /// The durable contents, after a commit failed or panicked; `None` if those in memory hold.
    fn reload(&mut self) -> Result<Option<Contents>, GalleryError>;

    /// All changes, in their order.
    fn changes(&self) -> Result<Vec<Change>, GalleryError>;

    /// Examples that do not count now, and did. One that was purged is absent.
    fn examples(&self, wanted: &[(ExampleId, &ExampleState)]) -> Result<Examples, GalleryError>;

    /// The kept image of an example; `None` if there is none.
    fn image(&self, id: ExampleId) -> Result<Option<Vec<u8>>, GalleryError>;

    /// The number of bytes of that image, which is not read.
    fn image_size(&self, id: ExampleId) -> Result<Option<usize>, GalleryError>;

    /// Whether what was opened is still there.
    fn check(&self) -> Result<(), GalleryError> {
        Ok(())
    }

    /// Whether changes can be made at all.
    fn check_writable(&self) -> Result<(), GalleryError> {
        Ok(())
    }

    /// Whether bytes of what was purged may be left, until the next compaction.
    fn needs_compaction(&self) -> Result<bool, GalleryError> {
        Ok(false)
    }

    /// Refuses changes that add this number of bytes if the store may not become so large.
    fn check_room(&self, _bytes: u64) -> Result<(), GalleryError> {
        Ok(())
    }

    /// Leaves no bytes behind of what was purged, and takes no more room than needed.
    fn compact(&mut self) -> Result<(), GalleryError>;
}

/// Keeps changes in memory: the gallery lives as long as its process.
#[derive(Debug)]
pub(super) struct Memory {
    device: DeviceId,
    changes: Vec<Change>,
    examples: HashMap<(ChangeId, u8), Arc<Example>>,
    images: HashMap<ExampleId, Vec<u8>>,
}

impl Memory {
    pub(super) fn new(device: DeviceId) -> Self {
        let changes = Vec::new();
        Self { device, changes, examples: HashMap::new(), images: HashMap::new() }
    }
}

impl Journal for Memory {
    fn device(&self) -> DeviceId {
        self.device
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), GalleryError> {
        let archived = commit.archived.into_iter().flat_map(|images| images.read());
        let archived: io::Result<Vec<_>> = archived.collect();
        let archived = archived.map_err(ArchiveError::from)?;
        for change in commit.changes {
            match &change.what {
                What::Enroll { examples, .. } => {
                    for (index, new) in (0..).zip(examples) {
                        if let Some(example) = commit.examples.get(&new.id) {
                            self.examples.insert((change.id, index), Arc::clone(example));
                        }
                    }
                }
                What::Purge { examples } => {
                    self.examples.retain(|_, example| !examples.contains(&example.id));
                    self.images.retain(|id, _| !examples.contains(id));
                }
                _ => {}
            }
        }
        self.images.extend(commit.images.iter().map(|(id, image)| (*id, image.clone())));
        self.images.extend(archived);
        self.changes.extend_from_slice(commit.changes);
        self.changes.sort_by_key(Change::position);
        Ok(())
    }

    fn reload(&mut self) -> Result<Option<Contents>, GalleryError> {
        Ok(None)
    }

    fn changes(&self) -> Result<Vec<Change>, GalleryError> {
        Ok(self.changes.clone())
    }

    fn examples(&self, wanted: &[(ExampleId, &ExampleState)]) -> Result<Examples, GalleryError> {
        let found = wanted.iter().filter_map(|(id, state)| {
            Some((*id, Arc::clone(self.examples.get(&(state.source, state.index))?)))
        });
        Ok(found.collect())
    }

    fn image(&self, id: ExampleId) -> Result<Option<Vec<u8>>, GalleryError> {
        Ok(self.images.get(&id).cloned())
    }

    fn image_size(&self, id: ExampleId) -> Result<Option<usize>, GalleryError> {
        Ok(self.images.get(&id).map(Vec::len))
    }

    fn compact(&mut self) -> Result<(), GalleryError> {
        Ok(())
    }
}

/// Refuses every change. What it was opened with stays readable; its journal does not.
#[derive(Debug)]
pub(super) struct ReadOnly(pub(super) DeviceId);

impl Journal for ReadOnly {
    fn device(&self) -> DeviceId {
        self.0
    }

    fn commit(&mut self, _: &Commit<'_>) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn reload(&mut self) -> Result<Option<Contents>, GalleryError> {
        // The refused change was not written anywhere.
        Ok(None)
    }

    fn changes(&self) -> Result<Vec<Change>, GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn examples(&self, _: &[(ExampleId, &ExampleState)]) -> Result<Examples, GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn image(&self, _: ExampleId) -> Result<Option<Vec<u8>>, GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn image_size(&self, _: ExampleId) -> Result<Option<usize>, GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn compact(&mut self) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }
}
