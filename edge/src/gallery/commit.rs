//! How changes are made: the state first, then the journal, then what readers see; a failure takes
//! the state back.

use std::collections::{HashMap, HashSet};

use super::Gallery;
use super::change::{Change, What};
use super::error::GalleryError;
use super::facts::{Examples, Facts};
use super::id::{ChangeId, ExampleId, GroupId};
use super::journal::{Commit, DataFile};
use super::state::Delta;

/// What comes with changes and is not in the journal.
#[derive(Default)]
pub(super) struct Data {
    pub(super) examples: Examples,
    pub(super) images: HashMap<ExampleId, Vec<u8>>,
    /// More of both, which are read from a file when they are written.
    pub(super) filed: Option<Box<dyn DataFile>>,
}

/// What a change takes in the store beside embeddings and images: its entry in the journal and the
/// rows that follow from it, with some room to spare.
const CHANGE_BYTES: usize = 512;
/// The same for each example that it enrolls.
const EXAMPLE_BYTES: usize = 512;

/// About how many bytes changes add to the store; 0 if people make room with them, or take others
/// back.
fn added_bytes(changes: &[Change], data: &Data) -> u64 {
    if changes.iter().all(|change| needs_no_room(&change.what)) {
        return 0;
    }
    let values: usize = data.examples.values().map(|example| example.embedding.len()).sum();
    let images: usize = data.images.values().map(Vec::len).sum();
    let n_filed = data.filed.as_ref().map_or(0, |file| file.n_embeddings());
    let rows = CHANGE_BYTES * changes.len() + EXAMPLE_BYTES * (data.examples.len() + n_filed);
    let filed = data.filed.as_ref().map_or(0, |file| file.n_bytes());
    (rows + values * size_of::<f32>() + images) as u64 + filed
}

fn needs_no_room(what: &What) -> bool {
    match what {
        What::Remove { .. }
        | What::DeleteClass { .. }
        | What::Undo { .. }
        | What::Purge { .. }
        | What::PurgeGallery { .. } => true,
        // So a gallery is restored.
        What::Enroll { examples, .. } => examples.is_empty(),
        _ => false,
    }
}

impl Gallery {
    /// Every write begins so.
    pub(super) fn begin(&mut self) -> Result<(), GalleryError> {
        self.last_change = None;
        self.journal.check_writable()?;
        self.refresh()
    }

    /// Makes changes durable, then visible; none of them is an undo.
    pub(super) fn write(&mut self, changes: Vec<What>, data: Data) -> Result<(), GalleryError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.limits.check(&self.state, &changes)?;
        let changes = self.changes(changes);
        for change in &changes {
            self.state.apply(change);
        }
        self.commit(&changes, data)
    }

    /// The changes of one call.
    pub(super) fn changes(&mut self, whats: Vec<What>) -> Vec<Change> {
        // Before the first tick, which is the latest time from then on.
        let is_clock_behind = self.clock.is_behind();
        let group = GroupId(self.clock.uuid());
        let device = self.journal.device();
        let changes = whats.into_iter().map(|what| {
            let id = ChangeId(self.clock.uuid());
            let at = self.clock.tick();
            Change { id, group, at, is_clock_behind, device, actor: self.actor.clone(), what }
        });
        changes.collect()
    }

    /// Makes changes durable that are applied to the state already, or takes them back.
    pub(super) fn commit(&mut self, changes: &[Change], data: Data) -> Result<(), GalleryError> {
        let delta = self.state.take_delta();
        // What comes back is read before anything is written, so that a failure changes nothing.
        let is_room = self.check_room(changes, &data);
        let restored = is_room.and_then(|()| self.restored(&delta, changes, &data.examples));
        let restored = restored.inspect_err(|_| self.state.revert(&delta))?;
        let revision = self.revision + 1;
        let Data { examples, images, filed } = data;
        let first = examples.values().next().map(|example| example.embedding.len());
        let first = first.or(filed.as_ref().and_then(|file| file.embedding_length()));
        let space = self.state.space();
        let space_id = space.map_or(&self.space_id, |space| &space.id).clone();
        let embedding_length = space.map(|space| space.length).or(self.embedding_length).or(first);
        let commit = Commit {
            revision,
            changes,
            examples: &examples,
            images: &images,
            filed: filed.as_deref(),
            space_id: &space_id,
            embedding_length,
            delta: &delta,
            state: &self.state,
        };
        // Set before the commit: if it panics, the changes may be durable all the same.
        self.is_stale = true;
        let committed = self.journal.commit(&commit);
        let stored = committed.and_then(|()| match &filed {
            Some(file) if self.has_facts && file.n_embeddings() > 0 => {
                self.now_stored(&delta, &space_id, [&examples, &restored])
            }
            _ => Ok(Examples::new()),
        });
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                let unread = filed.and_then(|file| file.take_error());
                let error = unread.map_or(error, GalleryError::from);
                return self.settle(error, &delta, changes.first());
            }
        };
        self.revision = revision;
        self.space_id = space_id;
        self.embedding_length = embedding_length;
        self.last_change = changes.first().map(|change| change.group);
        if self.has_facts {
            let mut new = examples;
            new.extend(restored);
            new.extend(stored);
            match delta.space {
                None => self.facts.update(&delta, &self.state, new),
                Some(_) => self.facts = Facts::new(&self.state, &new),
            }
        }
        self.is_stale = false;
        Ok(())
    }

    fn check_room(&self, changes: &[Change], data: &Data) -> Result<(), GalleryError> {
        match added_bytes(changes, data) {
            // What makes room is done also where no room is left.
            0 => Ok(()),
            bytes => self.journal.check_room(bytes),
        }
    }

    /// After a failure: takes the state back and reloads what is durable. If only the last step
    /// failed, or the embeddings of a file were written and not read again, the changes are, and
    /// the call has succeeded.
    fn settle(
        &mut self,
        error: GalleryError,
        delta: &Delta,
        first: Option<&Change>,
    ) -> Result<(), GalleryError> {
        self.state.revert(delta);
        let is_settled = self.refresh().is_ok() && self.has_change(first);
        self.last_change = first.filter(|_| is_settled).map(|change| change.group);
        if is_settled { Ok(()) } else { Err(error) }
    }

    /// The examples whose embeddings were written from a file.
    fn now_stored(
        &self,
        delta: &Delta,
        space_id: &str,
        known: [&Examples; 2],
    ) -> Result<Examples, GalleryError> {
        let mut missing = self.facts.missing(delta, &self.state);
        missing.retain(|(id, _)| known.iter().all(|examples| !examples.contains_key(id)));
        self.journal.examples(space_id, &missing)
    }

    /// The examples that count from now on and came not with the changes; all of them if their
    /// embeddings are of another space from now on.
    fn restored(
        &self,
        delta: &Delta,
        changes: &[Change],
        new: &Examples,
    ) -> Result<Examples, GalleryError> {
        if !self.has_facts {
            return Ok(Examples::new());
        }
        let sources: HashSet<ChangeId> = changes.iter().map(|change| change.id).collect();
        let mut missing = match delta.space {
            None => self.facts.missing(delta, &self.state),
            Some(_) => self.state.counting(),
        };
        // An example of these changes that has no embedding was purged on another device.
        missing.retain(|(id, one)| !new.contains_key(id) && !sources.contains(&one.source));
        if missing.is_empty() {
            return Ok(Examples::new());
        }
        let space_id = self.state.space().map_or(&self.space_id, |space| &space.id);
        self.journal.examples(space_id, &missing)
    }

    /// Whether the journal has a change. Its group does not show it: a part of the changes of a
    /// call may have been imported before the others.
    fn has_change(&self, wanted: Option<&Change>) -> bool {
        let journal = self.journal.changes().unwrap_or_default();
        wanted.is_some_and(|wanted| journal.iter().any(|change| change.id == wanted.id))
    }

    /// Reloads state and facts if they may differ from the durable ones.
    pub(super) fn refresh(&mut self) -> Result<(), GalleryError> {
        // A change that is planned on other facts than those of the disk could contradict them.
        if self.is_stale {
            if let Some(contents) = self.journal.reload()? {
                self.load(contents);
            }
            self.is_stale = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
