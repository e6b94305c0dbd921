//! Forgetting for good: what was removed can be restored until it is purged.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::Gallery;
use super::change::{Change, What};
use super::commit::Data;
use super::error::GalleryError;
use super::id::{ExampleId, GroupId};
use super::state::{ExampleStatus, State};
use super::undone::removed;
use super::write::in_parts;

impl Gallery {
    /// Forgets the embeddings and images of examples that were removed so long ago, also with their
    /// class, and that no undo has touched since. They cannot be restored, and their bytes are in
    /// no file of the store. Returns how many there were.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`]; [`GalleryError::NotCompacted`]: the
    /// examples are purged, but the store could not be written anew beside the former one, which
    /// needs its size again for a moment.
    pub fn purge(&mut self, removed_since: Duration) -> Result<usize, GalleryError> {
        self.begin()?;
        let journal = self.journal.changes()?;
        let purgeable = self.removed(&journal, removed_since);
        let n = purgeable.len();
        if n > 0 {
            let changes = self.changes(in_parts(purgeable, |examples| What::Purge { examples }));
            // A new fold, since an example may be the same as one that is gone now.
            self.state.replace(State::fold(journal.iter().chain(&changes)));
            self.commit(&changes, Data::default())?;
            self.compact_after_purge()?;
        }
        Ok(n)
    }

    /// How many examples [`Gallery::purge`] would forget.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::Io`]; [`GalleryError::Broken`].
    pub fn n_purgeable(&self, removed_since: Duration) -> Result<usize, GalleryError> {
        Ok(self.removed(&self.journal.changes()?, removed_since).len())
    }

    fn removed(&self, journal: &[Change], since: Duration) -> BTreeSet<ExampleId> {
        let age = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let cutoff = self.clock.now_ms().saturating_sub(age);
        purgeable(journal, cutoff, &self.state)
    }

    /// Writes the store anew, so that it takes no more room than needed and holds no bytes of what
    /// was purged.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`].
    pub fn compact(&mut self) -> Result<(), GalleryError> {
        self.begin()?;
        self.journal.compact()
    }

    pub(super) fn compact_after_purge(&mut self) -> Result<(), GalleryError> {
        self.journal.compact().map_err(|error| GalleryError::NotCompacted(Box::new(error)))
    }
}

/// The examples that were removed at the cutoff already, and that nothing has restored since.
fn purgeable(journal: &[Change], cutoff: u64, now: &State) -> BTreeSet<ExampleId> {
    let all: Vec<&Change> = journal.iter().collect();
    // In their order, so those until the cutoff are the first.
    let n_before = all.partition_point(|change| change.at.ms <= cutoff);
    let before = &all[..n_before];
    let then = State::fold(before.iter().copied());
    let mut gone = removed(before);
    gone.extend(then.examples().keys().filter(|id| is_dropped(&then, **id)));
    gone.retain(|id| !now.examples().contains_key(id) || is_dropped(now, *id));
    for purged in journal.iter().filter_map(|change| match &change.what {
        What::Purge { examples } => Some(examples),
        _ => None,
    }) {
        for id in purged {
            gone.remove(id);
        }
    }
    for id in touched_by_undo(&all, &all[n_before..]) {
        gone.remove(&id);
    }
    gone
}

/// Whether an example counts no more, since its class was deleted.
fn is_dropped(state: &State, id: ExampleId) -> bool {
    match state.examples().get(&id).map(|one| one.status) {
        Some(ExampleStatus::Dropped) => true,
        // It takes the place of the other when that is removed, and is gone with it otherwise.
        Some(ExampleStatus::SameAs(first)) => is_dropped(state, first),
        Some(ExampleStatus::In(_)) | None => false,
    }
}

/// The examples that the calls may be about that these `undos` undid or redid.
fn touched_by_undo(all: &[&Change], undos: &[&Change]) -> BTreeSet<ExampleId> {
    let mut groups: HashMap<GroupId, Vec<&Change>> = HashMap::new();
    let mut enrolled: Vec<ExampleId> = Vec::new();
    for change in all {
        groups.entry(change.group).or_default().push(change);
        if let What::Enroll { examples, .. } = &change.what {
            enrolled.extend(examples.iter().map(|new| new.id));
        }
    }
    let mut touched = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&Change> = undos.to_vec();
    while let Some(change) = waiting.pop() {
        let What::Undo { group } = change.what else { continue };
        for change in groups.get(&group).into_iter().flatten() {
            match &change.what {
                What::Enroll { examples, .. } => touched.extend(examples.iter().map(|new| new.id)),
                What::Remove { examples } | What::Move { examples, .. } => {
                    touched.extend(examples.iter().copied());
                }
                // Examples come into a class in many ways, so that each may be one of them.
                What::DeleteClass { .. } | What::Merge { .. } | What::Rename { .. } => {
                    touched.extend(enrolled.iter().copied());
                }
                What::Undo { .. } if seen.insert(change.id) => waiting.push(change),
                _ => {}
            }
        }
    }
    touched
}
