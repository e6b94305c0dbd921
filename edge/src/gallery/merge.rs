//! Changes that other devices made.
//!
//! Two journals are joined as sets of changes, and the state is the fold of all of them, so
//! galleries that have seen the same changes are equal, in whatever order these arrived.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Gallery;
use super::change::{
    Change, MOST_ACTOR_BYTES, MOST_ATTRIBUTES, MOST_EXAMPLES, MOST_PRECISION_BYTES, NewlyEnrolled,
    What,
};
use super::commit::Data;
use super::error::{ArchiveError, GalleryError};
use super::id::{ChangeId, ExampleId};
use super::label::{Label, LabelError};
use super::settings::GallerySettings;
use super::state::State;

#[cfg(test)]
pub(super) mod incoming;

/// The most work of the fold of a gallery that takes changes over: a million, and more than that of
/// 16 examples for each change. So a merge of large classes is taken over, a thousand of them are
/// not: the fold would take hours.
const MOST_WORK: u64 = 1_000_000;
const MOST_WORK_OF_A_CHANGE: u64 = 64;

/// What a gallery took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merged {
    /// Changes that this gallery did not have.
    pub(super) new: usize,
    /// Changes that were left out, since their time is more than 24 hours ahead of the clock of
    /// this device. They are taken when they are given again after that time.
    pub(super) ahead: usize,
}

impl Gallery {
    /// Which of these changes this gallery takes over. Those that it has must be equal to its own.
    pub(super) fn plan_merge(
        &self,
        journal: &[Change],
        given: Vec<Change>,
    ) -> Result<MergePlan, GalleryError> {
        let n = given.len();
        let mut timely = given;
        timely.retain(|change| !self.clock.is_ahead(change.at));
        let ahead = n - timely.len();
        let purged = journal.iter().chain(&timely).flat_map(purges).collect();
        let changes = new_changes(journal, timely)?;
        let n_purged_here = n_purged_here(journal, &changes);
        // Before embeddings are read: a fold takes more memory than its state.
        let next = self.joined(journal, &changes)?;
        Ok(MergePlan { changes, ahead, purged, n_purged_here, next })
    }

    /// The state after these changes; `None` if there are none.
    fn joined(&self, journal: &[Change], new: &[Change]) -> Result<Option<State>, GalleryError> {
        if new.is_empty() {
            return Ok(None);
        }
        let most = MOST_WORK + MOST_WORK_OF_A_CHANGE * (journal.len() + new.len()) as u64;
        let next = State::fold_within(journal.iter().chain(new), most);
        let next = next.ok_or_else(|| {
            ArchiveError::Broken("its changes move the same examples too often".to_owned())
        })?;
        self.limits.check_growth(&self.state, &next)?;
        Ok(Some(next.filled()))
    }

    /// Makes the changes of a plan durable; `data` is what they enroll.
    pub(super) fn take_over(
        &mut self,
        plan: MergePlan,
        data: Data,
    ) -> Result<Merged, GalleryError> {
        let MergePlan { changes, ahead, next, .. } = plan;
        let Some(next) = next else { return Ok(Merged { new: 0, ahead }) };
        for change in &changes {
            self.clock.see(change.at);
        }
        self.state.replace(next);
        self.commit(&changes, data)?;
        if changes.iter().any(|change| matches!(change.what, What::Purge { .. })) {
            self.compact_after_purge()?;
        }
        Ok(Merged { new: changes.len(), ahead })
    }
}

/// What a gallery takes over of the changes that it is given.
pub(super) struct MergePlan {
    /// Those that it does not have.
    pub(super) changes: Vec<Change>,
    /// How many are left out, since their time is too far ahead.
    ahead: usize,
    /// The examples that are purged here or there.
    pub(super) purged: HashSet<ExampleId>,
    /// How many examples of this gallery the changes purge.
    pub(super) n_purged_here: usize,
    /// The state after the changes; `None` if there are none.
    next: Option<State>,
}

impl MergePlan {
    /// How many of these examples count after the changes.
    pub(super) fn n_in_use<'a>(&self, examples: impl Iterator<Item = &'a ExampleId>) -> usize {
        let Some(next) = &self.next else { return 0 };
        examples.filter(|id| next.place_of(**id).is_some()).count()
    }
}

/// Those of the given changes that a journal does not have.
fn new_changes(journal: &[Change], given: Vec<Change>) -> Result<Vec<Change>, GalleryError> {
    let mut here = Seen::new(journal);
    let mut changes: Vec<Change> = Vec::new();
    let mut positions: HashMap<ChangeId, usize> = HashMap::new();
    for change in given {
        if here.changes.insert(change.id) {
            here.check(&change)?;
            positions.insert(change.id, changes.len());
            changes.push(change);
        } else {
            let again = positions.get(&change.id).map(|at| &changes[*at]);
            if !has(journal, &change) && again != Some(&change) {
                return Err(ArchiveError::OtherContent(change.id).into());
            }
        }
    }
    Ok(changes)
}

/// What is in the journal, and what of the given changes comes before.
struct Seen {
    changes: HashSet<ChangeId>,
    examples: HashSet<ExampleId>,
}

impl Seen {
    fn new(journal: &[Change]) -> Self {
        Self {
            changes: journal.iter().map(|change| change.id).collect(),
            examples: journal.iter().flat_map(enrolls).map(|new| new.id).collect(),
        }
    }

    /// Refuses a change that Handful does not make.
    fn check(&mut self, change: &Change) -> Result<(), GalleryError> {
        let Some(reason) = self.wrong(change) else { return Ok(()) };
        Err(GalleryError::NotAChange { change: change.id, reason })
    }

    /// What no change of Handful is.
    fn wrong(&mut self, change: &Change) -> Option<&'static str> {
        if !change.at.is_sound() {
            return Some("its time is out of range");
        }
        if change.actor.len() > MOST_ACTOR_BYTES {
            return Some("its actor has more than 1024 bytes");
        }
        match &change.what {
            What::Enroll { precision, .. } if precision.len() > MOST_PRECISION_BYTES => {
                Some("its precision has more than 64 bytes")
            }
            What::Enroll { examples, .. } => {
                let is_again = examples.iter().any(|new| !self.examples.insert(new.id));
                too_many(examples.len())
                    .or(is_again.then_some("it enrolls an example that is enrolled already"))
            }
            What::Remove { examples } | What::Move { examples, .. } | What::Purge { examples } => {
                too_many(examples.len())
            }
            What::CreateClass { label, .. } | What::Rename { label, .. } => {
                let parsed = Label::parse(label.as_str());
                let is_reserved = matches!(parsed, Err(LabelError::Reserved(_)));
                is_reserved.then_some("its label is `.`, `..` or the form of an id")
            }
            What::Define { overrides, .. } => {
                let n = overrides.attributes.as_ref().map_or(0, BTreeSet::len);
                (n > MOST_ATTRIBUTES).then_some("it sets more than 128 attributes")
            }
            What::Settings(settings) => {
                let default = GallerySettings::default();
                let is_sound = settings.iter().all(|one| one.applied_to(default).check().is_ok());
                (!is_sound).then_some("a setting is out of its range")
            }
            What::PurgeGallery { .. } => Some("it is a change of a store, not of a gallery"),
            What::Reembed { .. } => Some("it is a change of one store, which no file has"),
            _ => None,
        }
    }
}

fn too_many(examples: usize) -> Option<&'static str> {
    (examples > MOST_EXAMPLES).then_some("it has more than 16 examples")
}

/// Whether a journal, which is in order, has exactly this change.
fn has(journal: &[Change], change: &Change) -> bool {
    let found = journal.binary_search_by_key(&change.position(), Change::position);
    found.is_ok_and(|at| journal[at] == *change)
}

/// How many examples of a journal these changes purge, which it does not have.
fn n_purged_here(journal: &[Change], changes: &[Change]) -> usize {
    let mut purged: HashSet<ExampleId> = changes.iter().flat_map(purges).collect();
    for id in journal.iter().flat_map(purges) {
        purged.remove(&id);
    }
    journal.iter().flat_map(enrolls).filter(|new| purged.remove(&new.id)).count()
}

fn enrolls(change: &Change) -> &[NewlyEnrolled] {
    match &change.what {
        What::Enroll { examples, .. } => examples,
        _ => &[],
    }
}

fn purges(change: &Change) -> Vec<ExampleId> {
    match &change.what {
        What::Purge { examples } => examples.clone(),
        _ => Vec::new(),
    }
}
