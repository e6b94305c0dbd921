//! Where the changes of a gallery are kept.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::iter;
use std::sync::Arc;

use super::change::{Change, NewlyEnrolled, What};
use super::class::Example;
use super::clock::Timestamp;
use super::error::{ArchiveError, GalleryError};
use super::facts::Examples;
use super::id::{ChangeId, DeviceId, ExampleId};
use super::other_spaces::{Beside, EmbeddingState, EmbeddingStates, OtherSpaces};
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
    /// More embeddings and images, which are in a file.
    pub(super) filed: Option<&'a dyn DataFile>,
    /// The space of the embeddings after it.
    pub(super) space_id: &'a str,
    /// The length of all embeddings of that space; `None` before the first.
    pub(super) embedding_length: Option<usize>,
    /// The rows of the state that change: which ones, and what they were.
    pub(super) delta: &'a Delta,
    /// The state after the changes.
    pub(super) state: &'a State,
}

/// Embeddings and images that are in a file: they are read when they are written, so that memory
/// holds a few of them.
pub(super) trait DataFile: Send + fmt::Debug {
    /// The number of images.
    fn n_images(&self) -> usize;

    /// The number of embeddings.
    fn n_embeddings(&self) -> usize {
        0
    }

    /// That of each embedding; `None` if there are none.
    fn embedding_length(&self) -> Option<usize> {
        None
    }

    /// The bytes of all embeddings and images.
    fn n_bytes(&self) -> u64;

    /// The embeddings in parts, or why one cannot be read.
    fn embeddings(&self) -> Box<dyn Iterator<Item = io::Result<Vec<Filed>>> + '_> {
        Box::new(iter::empty())
    }

    /// Each image, or why it cannot be read.
    fn images(&self) -> Box<dyn Iterator<Item = io::Result<(ExampleId, Vec<u8>)>> + '_>;

    /// Why something could not be read, since a store says it as a fault of its own.
    fn take_error(&self) -> Option<ArchiveError>;
}

/// An embedding of a file, by the change of the commit that enrolls its example, and the position
/// there.
pub(super) struct Filed {
    pub(super) change: usize,
    pub(super) index: u8,
    pub(super) embedding: Vec<f32>,
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
    /// The space of their embeddings.
    pub(super) space_id: String,
    pub(super) embedding_length: Option<usize>,
    /// The last timestamp of all changes.
    pub(super) latest: Timestamp,
}

impl Contents {
    /// Those of a gallery of this space that nothing was written to.
    pub(super) fn new(space_id: &str) -> Self {
        Self { space_id: space_id.to_owned(), ..Self::default() }
    }
}

/// Keeps the changes of a gallery.
pub(super) trait Journal: OtherSpaces + Send + fmt::Debug {
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

    /// Examples with their embeddings in a space. One without an embedding there is absent, as
    /// after a purge.
    fn examples(
        &self,
        space_id: &str,
        wanted: &[(ExampleId, &ExampleState)],
    ) -> Result<Examples, GalleryError>;

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

/// By the change that enrolled each, and its position there; `None` for an image that cannot be
/// read.
type ExamplesOfSpace = HashMap<(ChangeId, u8), Option<Arc<Example>>>;

/// Keeps changes in memory: the gallery lives as long as its process.
#[derive(Debug)]
pub(super) struct Memory {
    device: DeviceId,
    changes: Vec<Change>,
    /// By space.
    examples: HashMap<String, ExamplesOfSpace>,
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
        let filed = commit.filed.into_iter().flat_map(|file| file.images());
        let filed: io::Result<Vec<_>> = filed.collect();
        let filed = filed.map_err(ArchiveError::from)?;
        let embeddings = commit.filed.into_iter().flat_map(|file| file.embeddings());
        let embeddings: io::Result<Vec<_>> = embeddings.collect();
        let embeddings = embeddings.map_err(ArchiveError::from)?;
        let of_space = self.examples.entry(commit.space_id.to_owned()).or_default();
        for Filed { change, index, embedding } in embeddings.into_iter().flatten() {
            let change = &commit.changes[change];
            let What::Enroll { precision, examples, .. } = &change.what else { continue };
            let NewlyEnrolled { id, sha256, crop } = examples[usize::from(index)];
            let precision = precision.clone();
            let example = Example { id, sha256: sha256.0, crop, embedding, precision };
            of_space.insert((change.id, index), Some(Arc::new(example)));
        }
        for change in commit.changes {
            match &change.what {
                What::Enroll { examples, .. } => {
                    let of_space = self.examples.entry(commit.space_id.to_owned()).or_default();
                    for (index, new) in (0..).zip(examples) {
                        if let Some(example) = commit.examples.get(&new.id) {
                            of_space.insert((change.id, index), Some(Arc::clone(example)));
                        }
                    }
                }
                What::Purge { examples } => {
                    for of_space in self.examples.values_mut() {
                        of_space.retain(|_, example| {
                            example.as_ref().is_none_or(|one| !examples.contains(&one.id))
                        });
                    }
                    self.images.retain(|id, _| !examples.contains(id));
                }
                _ => {}
            }
        }
        self.images.extend(commit.images.iter().map(|(id, image)| (*id, image.clone())));
        self.images.extend(filed);
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

    fn examples(
        &self,
        space_id: &str,
        wanted: &[(ExampleId, &ExampleState)],
    ) -> Result<Examples, GalleryError> {
        let Some(of_space) = self.examples.get(space_id) else { return Ok(Examples::new()) };
        let found = wanted.iter().filter_map(|(id, state)| {
            let example = of_space.get(&(state.source, state.index))?.as_ref()?;
            Some((*id, Arc::clone(example)))
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

impl OtherSpaces for Memory {
    fn embedded(&self, space_id: &str) -> Result<EmbeddingStates, GalleryError> {
        let of_space = self.examples.get(space_id).into_iter().flatten();
        let states = of_space.map(|(at, example)| match example {
            Some(_) => (*at, EmbeddingState::Embedded),
            None => (*at, EmbeddingState::Unreadable),
        });
        Ok(states.collect())
    }

    fn put(&mut self, space_id: &str, _: usize, beside: &[Beside]) -> Result<(), GalleryError> {
        let of_space = self.examples.entry(space_id.to_owned()).or_default();
        of_space.extend(beside.iter().map(|one| ((one.change, one.index), one.example.clone())));
        Ok(())
    }

    fn forget(&mut self, space_id: &str) -> Result<(), GalleryError> {
        self.examples.remove(space_id);
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

    fn examples(
        &self,
        _: &str,
        _: &[(ExampleId, &ExampleState)],
    ) -> Result<Examples, GalleryError> {
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

impl OtherSpaces for ReadOnly {
    fn embedded(&self, _: &str) -> Result<EmbeddingStates, GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn put(&mut self, _: &str, _: usize, _: &[Beside]) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }

    fn forget(&mut self, _: &str) -> Result<(), GalleryError> {
        Err(GalleryError::ReadOnly)
    }
}
