//! The rules of the fold.
//!
//! [`State::fold`] is total: any set of changes in any order of arrival gives a state, and two
//! stores with the same set have the same state. [`State::apply`] is one step of it. It is used
//! for a change that is later than all others; an undo and changes of other devices need a new
//! fold.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ClassState, ClassStatus, ExampleState, ExampleStatus, State};
use crate::gallery::change::{Change, EmbeddingSpace, Place, What};
use crate::gallery::class::{ClassOverrides, ImageKey};
use crate::gallery::id::{ClassId, ExampleId};
use crate::gallery::label::Label;
use crate::gallery::undone::{is_effective, undone};

impl State {
    /// The state that these changes make, in whatever order they are given.
    pub(in crate::gallery) fn fold<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        Self::folded(changes, u64::MAX).expect("invariant: no fold takes so much work")
    }

    /// The same, if it takes no more work than `most`: rows that are written and aliases that are
    /// followed. Changes that were made to do harm could move the same examples again and again,
    /// or make an alias of an alias of an alias.
    pub(in crate::gallery) fn fold_within<'a>(
        changes: impl IntoIterator<Item = &'a Change>,
        most: u64,
    ) -> Option<Self> {
        let state = Self::folded(changes, most)?;
        // Whoever opens the store follows all of them.
        let mut left = most;
        for class in state.classes.keys() {
            let (_, aliases) = state.follow(*class)?;
            left = left.checked_sub(aliases)?;
        }
        Some(state)
    }

    fn folded<'a>(changes: impl IntoIterator<Item = &'a Change>, most: u64) -> Option<Self> {
        let mut ordered: Vec<&Change> = changes.into_iter().collect();
        ordered.sort_by_key(|change| change.position());
        ordered.dedup_by_key(|change| change.id);
        let undone = undone(&ordered);
        let space = first_space(&ordered).cloned();
        ordered.retain(|change| is_effective(change, &undone));
        let removed = tombstones(&ordered);
        let mut state = Self { is_folding: true, space, ..Self::default() };
        for change in ordered {
            state.step(change, &removed);
            if state.work > most {
                return None;
            }
        }
        state.is_folding = false;
        Some(state)
    }

    /// Applies a change that is later than all that this state was made of, and is no undo.
    pub(in crate::gallery) fn apply(&mut self, change: &Change) {
        self.step(change, &BTreeSet::new());
    }

    fn step(&mut self, change: &Change, removed: &BTreeSet<ExampleId>) {
        match &change.what {
            What::CreateClass { class, label } => self.create(*class, label),
            What::Enroll { to, precision, examples } => {
                let to = self.revived(*to);
                let precision: Arc<str> = precision.as_str().into();
                for (index, example) in (0..).zip(examples) {
                    // A second change with the same example is no second example.
                    let is_new = !self.examples.contains_key(&example.id);
                    let Some(to) = to.filter(|_| is_new && !removed.contains(&example.id)) else {
                        continue;
                    };
                    let status = self.status_in(to, example.id, example.image());
                    let state = ExampleState {
                        sha256: example.sha256,
                        crop: example.crop,
                        precision: Arc::clone(&precision),
                        source: change.id,
                        index,
                        status,
                    };
                    self.set_example(example.id, Some(state));
                }
            }
            What::Remove { examples } | What::Purge { examples } => {
                for id in examples {
                    self.set_example(*id, None);
                }
            }
            What::Move { examples, to } => {
                // Also if no example is left to move, so that a removal changes nothing else.
                let Some(to) = self.revived(*to) else { return };
                for id in examples {
                    self.move_example(*id, to);
                }
            }
            What::Rename { class, label } => self.rename(*class, label),
            What::Define { class, overrides } => {
                if let Some((id, mut class)) = self.live_meant(*class) {
                    class.overrides.clone_from(overrides);
                    self.set_class(id, Some(class));
                }
            }
            What::DeleteClass { class } => self.delete(*class),
            What::Merge { from, into } => self.merge(*from, *into),
            What::Settings(settings) => {
                let next = settings.iter().fold(self.settings, |all, one| one.sound_in(all));
                self.set_settings(next);
            }
            What::Reembed { to, .. } => self.set_space(to.clone()),
            // A gallery that is purged was deleted before.
            What::Undo { .. } | What::PurgeGallery { .. } => {}
        }
    }

    fn create(&mut self, class: ClassId, label: &Label) {
        if self.classes.contains_key(&class) {
            return;
        }
        let status = match self.index.labels.get(&label.folded()) {
            Some(other) => ClassStatus::AliasOf(*other),
            None => ClassStatus::Live,
        };
        let overrides = ClassOverrides::default();
        self.set_class(class, Some(ClassState { label: label.clone(), overrides, status }));
    }

    /// The class that the id stands for, live or deleted.
    fn meant(&mut self, class: ClassId) -> Option<ClassId> {
        let (id, aliases) = self.follow(class)?;
        self.work += aliases;
        Some(id)
    }

    /// The live class that the id stands for.
    fn live_meant(&mut self, class: ClassId) -> Option<(ClassId, ClassState)> {
        let id = self.meant(class)?;
        self.live(id)
    }

    /// The place that is meant; a deleted class becomes live again, without its former contents.
    fn revived(&mut self, place: Place) -> Option<Place> {
        let Place::Class(class) = place else { return Some(place) };
        let id = self.meant(class)?;
        let class = &self.classes[&id];
        if class.status == ClassStatus::Live {
            return Some(Place::Class(id));
        }
        let other = self.index.labels.get(&class.label.folded()).copied();
        let status = other.map_or(ClassStatus::Live, ClassStatus::AliasOf);
        let label = class.label.clone();
        let revived = ClassState { label, overrides: ClassOverrides::default(), status };
        self.set_class(id, Some(revived));
        Some(Place::Class(other.unwrap_or(id)))
    }

    /// The status of an image in a place that may have it already.
    fn status_in(&self, place: Place, id: ExampleId, image: ImageKey) -> ExampleStatus {
        match self.with_image(place, image) {
            Some(other) if other != id => ExampleStatus::SameAs(other),
            _ => ExampleStatus::In(place),
        }
    }

    fn move_example(&mut self, id: ExampleId, to: Place) {
        let Some(mut example) = self.examples.get(&id).cloned() else { return };
        if let ExampleStatus::SameAs(first) = example.status {
            return self.move_example(first, to);
        }
        example.status = self.status_in(to, id, example.image());
        self.set_example(id, Some(example));
        if let Some(ExampleStatus::SameAs(first)) = self.examples.get(&id).map(|one| one.status) {
            // Those that were the same as this one are the same as that one.
            self.point_at(id, first);
        }
    }

    fn point_at(&mut self, from: ExampleId, to: ExampleId) {
        for other in self.same_as(from) {
            let mut example = self.examples[&other].clone();
            example.status = ExampleStatus::SameAs(to);
            self.set_example(other, Some(example));
        }
    }

    fn rename(&mut self, class: ClassId, label: &Label) {
        let Some((id, mut class)) = self.live_meant(class) else { return };
        match self.index.labels.get(&label.folded()).copied() {
            Some(other) if other != id => self.merge(id, other),
            _ => {
                class.label = label.clone();
                self.set_class(id, Some(class));
            }
        }
    }

    fn delete(&mut self, class: ClassId) {
        let Some((id, mut class)) = self.live_meant(class) else { return };
        for example in self.members(Place::Class(id)) {
            let mut state = self.examples[&example].clone();
            state.status = ExampleStatus::Dropped;
            self.set_example(example, Some(state));
        }
        class.status = ClassStatus::Deleted;
        self.set_class(id, Some(class));
    }

    fn merge(&mut self, from: ClassId, into: ClassId) {
        let Some((from, mut ended)) = self.live_meant(from) else { return };
        let Some(Place::Class(into)) = self.revived(Place::Class(into)) else { return };
        if from == into {
            return;
        }
        for example in self.members(Place::Class(from)) {
            self.move_example(example, Place::Class(into));
        }
        ended.status = ClassStatus::AliasOf(into);
        self.set_class(from, Some(ended));
    }
}

/// The space before the first change of it, also if that was undone.
fn first_space<'a>(changes: &[&'a Change]) -> Option<&'a EmbeddingSpace> {
    changes.iter().find_map(|change| match &change.what {
        What::Reembed { from, .. } => Some(from),
        _ => None,
    })
}

/// The examples that are gone whatever else happens to them; the changes count.
fn tombstones(changes: &[&Change]) -> BTreeSet<ExampleId> {
    let removed = changes.iter().filter_map(|change| match &change.what {
        What::Remove { examples } | What::Purge { examples } => Some(examples),
        _ => None,
    });
    removed.flatten().copied().collect()
}
