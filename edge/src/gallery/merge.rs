//! Changes that other devices made.
//!
//! Two journals are joined as sets of changes, and the state is the fold of all of them, so
//! galleries that have seen the same changes are equal, in whatever order these arrived.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Gallery;
use super::change::{Change, MOST_EXAMPLES, What};
use super::class::Example;
use super::commit::Data;
use super::error::GalleryError;
use super::id::{ChangeId, ExampleId};
use super::settings::GallerySettings;
use super::state::State;

/// A change of another device, with what lies beside its journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The change.
    pub change: Change,
    /// The raw embedding `[s]` of each example that it enrolls; an example that was purged there
    /// has none.
    pub embeddings: HashMap<ExampleId, Vec<f32>>,
    /// The kept images of these examples.
    pub images: HashMap<ExampleId, Vec<u8>>,
}

/// The result of [`Gallery::merge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Changes that this gallery did not have.
    pub new: usize,
    /// Changes that were left out, since their time is more than 24 hours ahead of the clock of
    /// this device. They are taken when they are given again after that time.
    pub ahead: usize,
}

impl Gallery {
    /// Takes changes of other devices over, all or none. Those that this gallery has already are
    /// skipped.
    ///
    /// # Errors
    /// [`GalleryError::NotAChange`] for one that Handful does not make;
    /// [`GalleryError::Embedding`]; [`GalleryError::LimitReached`];
    /// [`GalleryError::StoreLimitReached`]; [`GalleryError::ReadOnly`];
    /// [`GalleryError::StoreFull`]; [`GalleryError::Io`]; [`GalleryError::Broken`].
    /// [`GalleryError::NotCompacted`]: the changes are taken over.
    pub fn merge(&mut self, incoming: Vec<Incoming>) -> Result<Merged, GalleryError> {
        self.begin()?;
        let embeddings = incoming.iter().flat_map(|one| one.embeddings.values());
        self.check_embeddings(embeddings.map(Vec::as_slice))?;
        let journal = self.journal.changes()?;
        let given = incoming.iter().map(|one| one.change.clone()).collect();
        let plan = self.plan_merge(&journal, given)?;
        let mut new: HashSet<ChangeId> = plan.changes.iter().map(|change| change.id).collect();
        let mut data = Data::default();
        for one in incoming {
            // A change may be given twice.
            if new.remove(&one.change.id) {
                data.add(one, &plan.purged);
            }
        }
        self.take_over(&journal, plan, data)
    }

    /// Which of these changes this gallery takes over.
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
        let mut here = Seen::new(journal);
        let mut changes = Vec::new();
        for change in timely {
            if here.changes.insert(change.id) {
                here.check(&change)?;
                changes.push(change);
            }
        }
        Ok(MergePlan { changes, ahead, purged })
    }

    /// Makes the changes of a plan durable; `data` is what they enroll.
    pub(super) fn take_over(
        &mut self,
        journal: &[Change],
        plan: MergePlan,
        data: Data,
    ) -> Result<Merged, GalleryError> {
        let MergePlan { changes, ahead, .. } = plan;
        if changes.is_empty() {
            return Ok(Merged { new: 0, ahead });
        }
        let next = State::fold(journal.iter().chain(&changes));
        self.limits.check_growth(&self.state, &next)?;
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
}

/// What is in the journal, and what of the given changes comes before.
struct Seen {
    changes: HashSet<ChangeId>,
    examples: HashSet<ExampleId>,
}

impl Seen {
    fn new(journal: &[Change]) -> Self {
        let enrolled = journal.iter().filter_map(|change| match &change.what {
            What::Enroll { examples, .. } => Some(examples),
            _ => None,
        });
        Self {
            changes: journal.iter().map(|change| change.id).collect(),
            examples: enrolled.flatten().map(|new| new.id).collect(),
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
        match &change.what {
            What::Enroll { examples, .. } => {
                let is_again = examples.iter().any(|new| !self.examples.insert(new.id));
                too_many(examples.len())
                    .or(is_again.then_some("it enrolls an example that is enrolled already"))
            }
            What::Remove { examples } | What::Move { examples, .. } | What::Purge { examples } => {
                too_many(examples.len())
            }
            What::Settings(settings) => {
                let default = GallerySettings::default();
                let is_sound = settings.iter().all(|one| one.applied_to(default).check().is_ok());
                (!is_sound).then_some("a setting is out of its range")
            }
            What::PurgeGallery { .. } => Some("it is a change of a store, not of a gallery"),
            _ => None,
        }
    }
}

fn too_many(examples: usize) -> Option<&'static str> {
    (examples > MOST_EXAMPLES).then_some("it has more than 16 examples")
}

impl Data {
    /// Takes over what a change enrolls and nobody has purged.
    fn add(&mut self, incoming: Incoming, purged: &HashSet<ExampleId>) {
        let Incoming { change, mut embeddings, mut images } = incoming;
        let What::Enroll { precision, examples, .. } = &change.what else { return };
        for new in examples.iter().filter(|new| !purged.contains(&new.id)) {
            if let Some(embedding) = embeddings.remove(&new.id) {
                let precision = precision.clone();
                let example = Example { id: new.id, sha256: new.sha256.0, embedding, precision };
                self.examples.insert(new.id, Arc::new(example));
                self.images.extend(images.remove(&new.id).map(|image| (new.id, image)));
            }
        }
    }
}

fn purges(change: &Change) -> Vec<ExampleId> {
    match &change.what {
        What::Purge { examples } => examples.clone(),
        _ => Vec::new(),
    }
}
