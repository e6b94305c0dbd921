//! The state of a gallery: the fold of its journal, without embeddings and images.
//!
//! Here are its rows, what follows from them, and the two functions through which every change of a
//! row goes; `fold` has the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sha2::{Digest, Sha256 as Hasher};
use uuid::Uuid;

use super::change::{EmbeddingSpace, Place};
use super::class::ImageKey;
use super::id::{ClassId, ExampleId};
use super::settings::GallerySettings;
use index::{Index, number_of, numbers_of, remove_if};

mod fold;
mod index;
mod row;
#[cfg(test)]
mod tests;

pub(super) use row::{ClassState, ClassStatus, ExampleState, ExampleStatus};

/// What a state knows; compared by tests, written to the disk by rows.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    classes: BTreeMap<ClassId, ClassState>,
    examples: BTreeMap<ExampleId, ExampleState>,
    settings: GallerySettings,
    /// That of the embeddings in use; `None` if the gallery has always had its first one.
    space: Option<EmbeddingSpace>,
    index: Index,
    /// What changed since [`State::take_delta`].
    delta: Delta,
    /// A fold has no delta: everything is new, and former rows would take as much as the state.
    is_folding: bool,
    /// Rows that were written and aliases that were followed, which a fold may limit.
    work: u64,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.classes == other.classes
            && self.examples == other.examples
            && self.settings == other.settings
            && self.space == other.space
    }
}

/// What was replaced: the former rows. They are in boxes, because most rows are new: an import has
/// no former row of any of its examples.
#[derive(Debug, Clone, Default)]
pub(super) struct Delta {
    pub(super) classes: BTreeMap<ClassId, Option<Box<ClassState>>>,
    pub(super) examples: BTreeMap<ExampleId, Option<Box<ExampleState>>>,
    pub(super) settings: Option<GallerySettings>,
    pub(super) space: Option<Option<EmbeddingSpace>>,
}

impl Delta {
    /// What makes `after` of `before`.
    fn between(before: &State, after: &State) -> Self {
        Self {
            classes: replaced(&before.classes, &after.classes),
            examples: replaced(&before.examples, &after.examples),
            settings: (before.settings != after.settings).then_some(before.settings),
            space: (before.space != after.space).then(|| before.space.clone()),
        }
    }
}

fn replaced<K: Ord + Copy, V: Clone + PartialEq>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> BTreeMap<K, Option<Box<V>>> {
    let new = after.keys().filter(|key| !before.contains_key(*key)).map(|key| (*key, None));
    let other = before.iter().filter(|(key, row)| after.get(*key) != Some(*row));
    other.map(|(key, row)| (*key, Some(Box::new(row.clone())))).chain(new).collect()
}

/// Neighbors with the same precision share its text.
fn share_precisions<'a>(examples: impl Iterator<Item = &'a mut ExampleState>) {
    let mut last: Arc<str> = Arc::default();
    for example in examples {
        if example.precision == last {
            example.precision = Arc::clone(&last);
        } else {
            last = Arc::clone(&example.precision);
        }
    }
}

impl State {
    /// Rebuilds a state from its rows.
    pub(super) fn restore(
        classes: BTreeMap<ClassId, ClassState>,
        mut examples: BTreeMap<ExampleId, ExampleState>,
        settings: GallerySettings,
        space: Option<EmbeddingSpace>,
    ) -> Self {
        share_precisions(examples.values_mut());
        let index = Index::of(&classes, &examples);
        Self { classes, examples, settings, space, index, ..Self::default() }
    }

    /// The same, in trees whose nodes are full. Those of a fold have grown by ascending ids, which
    /// leaves them half full.
    pub(super) fn filled(self) -> Self {
        let Self { classes, mut examples, settings, space, index, .. } = self;
        // Before another one is made.
        drop(index);
        let mut filled: BTreeMap<_, _> = examples.pop_first().into_iter().collect();
        // Row by row: collecting them would make a list of all rows first.
        filled.append(&mut examples);
        Self::restore(classes, filled, settings, space)
    }

    /// Becomes `next`; the delta is what differs.
    pub(super) fn replace(&mut self, next: Self) {
        let delta = Delta::between(self, &next);
        *self = Self { delta, ..next };
    }

    /// What changed since the last call.
    pub(super) fn take_delta(&mut self) -> Delta {
        std::mem::take(&mut self.delta)
    }

    /// Takes back what changed.
    pub(super) fn revert(&mut self, delta: &Delta) {
        for (id, before) in &delta.examples {
            self.set_example(*id, before.as_deref().cloned());
        }
        for (id, before) in &delta.classes {
            self.set_class(*id, before.as_deref().cloned());
        }
        self.settings = delta.settings.unwrap_or(self.settings);
        if let Some(space) = &delta.space {
            self.space.clone_from(space);
        }
        self.delta = Delta::default();
    }

    /// The one place that changes a class.
    fn set_class(&mut self, id: ClassId, next: Option<ClassState>) {
        let former = self.classes.get(&id).filter(|class| class.status == ClassStatus::Live);
        if let Some(former) = former {
            // Another class may have the label by now.
            remove_if(&mut self.index.labels, &former.label.folded(), id);
        }
        let live = next.as_ref().filter(|class| class.status == ClassStatus::Live);
        if let Some(class) = live {
            self.index.labels.insert(class.label.folded(), id);
        }
        let before = match next {
            Some(class) => self.classes.insert(id, class),
            None => self.classes.remove(&id),
        };
        if !self.is_folding {
            self.delta.classes.entry(id).or_insert_with(|| before.map(Box::new));
        }
        self.work += 1;
    }

    /// The one place that changes an example.
    fn set_example(&mut self, id: ExampleId, next: Option<ExampleState>) {
        if let Some(former) = self.examples.get(&id) {
            self.index.remove(id, former);
        }
        if let Some(example) = &next {
            self.index.insert(id, example);
        }
        let before = match next {
            Some(example) => self.examples.insert(id, example),
            None => self.examples.remove(&id),
        };
        if !self.is_folding {
            self.delta.examples.entry(id).or_insert_with(|| before.map(Box::new));
        }
        self.work += 1;
    }

    /// The one place that changes the settings.
    fn set_settings(&mut self, next: GallerySettings) {
        let before = std::mem::replace(&mut self.settings, next);
        if !self.is_folding {
            self.delta.settings.get_or_insert(before);
        }
    }

    fn set_space(&mut self, next: EmbeddingSpace) {
        let before = self.space.replace(next);
        if !self.is_folding {
            self.delta.space.get_or_insert(before);
        }
    }
}

/// What readers and plans ask.
impl State {
    pub(super) fn settings(&self) -> &GallerySettings {
        &self.settings
    }

    /// The space of the embeddings in use; `None` if the gallery has always had its first one.
    pub(super) fn space(&self) -> Option<&EmbeddingSpace> {
        self.space.as_ref()
    }

    pub(super) fn classes(&self) -> &BTreeMap<ClassId, ClassState> {
        &self.classes
    }

    pub(super) fn examples(&self) -> &BTreeMap<ExampleId, ExampleState> {
        &self.examples
    }

    /// The examples of the classes and of the background set.
    pub(super) fn counting(&self) -> Vec<(ExampleId, &ExampleState)> {
        let all = self.examples.iter().map(|(id, example)| (*id, example));
        all.filter(|(_, example)| matches!(example.status, ExampleStatus::In(_))).collect()
    }

    /// The live class of each folded label.
    pub(super) fn labels(&self) -> &BTreeMap<String, ClassId> {
        &self.index.labels
    }

    pub(super) fn n_classes(&self) -> usize {
        self.index.labels.len()
    }

    /// Number of examples of the classes and of the background set.
    pub(super) fn n_examples(&self) -> usize {
        self.index.images.len()
    }

    /// The class that the id stands for, live or deleted.
    pub(super) fn resolve(&self, id: ClassId) -> Option<ClassId> {
        let (class, _) = self.follow(id)?;
        Some(class)
    }

    /// The same, and the number of aliases that were followed.
    fn follow(&self, mut id: ClassId) -> Option<(ClassId, u64)> {
        // An alias is made of a class that is none, so a circle is damage.
        for aliases in 0..self.classes.len() {
            match self.classes.get(&id)?.status {
                ClassStatus::AliasOf(other) => id = other,
                ClassStatus::Live | ClassStatus::Deleted => return Some((id, aliases as u64)),
            }
        }
        None
    }

    /// The live class that the id stands for.
    pub(super) fn live(&self, id: ClassId) -> Option<(ClassId, ClassState)> {
        let id = self.resolve(id)?;
        let class = &self.classes[&id];
        (class.status == ClassStatus::Live).then(|| (id, class.clone()))
    }

    /// The examples of a place, in the order of enrollment.
    pub(super) fn members(&self, place: Place) -> Vec<ExampleId> {
        self.index.members.get(&place).into_iter().flatten().copied().collect()
    }

    /// Number of examples of the background set.
    pub(super) fn n_background(&self) -> usize {
        self.index.members.get(&Place::Background).map_or(0, BTreeSet::len)
    }

    /// The example of a place that shows this image.
    pub(super) fn with_image(&self, place: Place, image: ImageKey) -> Option<ExampleId> {
        let number = number_of(image, place);
        self.of_image(image, number..=number).find(|(_, found)| *found == place).map(|(id, _)| id)
    }

    /// The places that have an example of this image, classes first.
    pub(super) fn places_of_image(&self, image: ImageKey) -> BTreeSet<Place> {
        self.of_image(image, numbers_of(image)).map(|(_, place)| place).collect()
    }

    /// The examples of an image that count, and where, among those with these numbers.
    fn of_image(
        &self,
        image: ImageKey,
        numbers: RangeInclusive<u64>,
    ) -> impl Iterator<Item = (ExampleId, Place)> {
        let [first, last] = [*numbers.start(), *numbers.end()];
        let all = (first, ExampleId(Uuid::nil()))..=(last, ExampleId(Uuid::max()));
        self.index.images.range(all).filter_map(move |(_, id)| {
            let example = self.examples.get(id).filter(|example| example.image() == image)?;
            match example.status {
                ExampleStatus::In(place) => Some((*id, place)),
                ExampleStatus::SameAs(_) | ExampleStatus::Dropped => None,
            }
        })
    }

    /// The other examples that are the same as this one.
    pub(super) fn same_as(&self, id: ExampleId) -> Vec<ExampleId> {
        self.index.same.get(&id).into_iter().flatten().copied().collect()
    }

    /// Where an example is; `None` if it does not count.
    pub(super) fn place_of(&self, id: ExampleId) -> Option<Place> {
        match self.examples.get(&id)?.status {
            ExampleStatus::In(place) => Some(place),
            ExampleStatus::SameAs(_) | ExampleStatus::Dropped => None,
        }
    }

    /// A hash of everything but embeddings, which differ between engines in their last bits, and
    /// their space. Two stores with the same changes have the same one.
    pub(super) fn digest(&self) -> [u8; 32] {
        let rows = (&self.classes, &self.examples, &self.settings);
        let text = serde_json::to_vec(&rows).expect("invariant: ids are keys of text");
        Hasher::digest(text).into()
    }
}
