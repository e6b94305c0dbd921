//! What follows from the rows of a state and is looked up often.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::row::{ClassState, ClassStatus, ExampleState, ExampleStatus};
use crate::gallery::change::Place;
use crate::gallery::class::ImageKey;
use crate::gallery::id::{ClassId, ExampleId};

/// The half of a number that is of the image.
const IMAGE_BITS: u64 = 0xFFFF_FFFF_0000_0000;

/// Makes no entry by itself: the state changes it with each row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// The live class of each folded label. Sorted, since lists of classes are in that order.
    pub(super) labels: BTreeMap<String, ClassId>,
    /// The examples of each place, in the order of their ids, which is that of enrollment.
    pub(super) members: BTreeMap<Place, BTreeSet<ExampleId>>,
    /// The examples that count, by the number of their image and their place. The images themselves
    /// are in the rows: here they would take three times as much.
    pub(super) images: BTreeSet<(u64, ExampleId)>,
    /// The examples that are the same as each.
    pub(super) same: BTreeMap<ExampleId, BTreeSet<ExampleId>>,
}

/// The keys of the numbers in this process. Nobody outside can choose images that share a number,
/// which would make each be compared with all others.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The numbers of an image in all places.
pub(super) fn numbers_of(image: ImageKey) -> RangeInclusive<u64> {
    let first = KEYS.hash_one(image) & IMAGE_BITS;
    first..=(first | !IMAGE_BITS)
}

/// The number of an image in a place: the upper half is that of the image, so that those of all
/// places follow each other, and one place is found at once however many have the image.
pub(super) fn number_of(image: ImageKey, place: Place) -> u64 {
    numbers_of(image).start() | (KEYS.hash_one(place) & !IMAGE_BITS)
}

impl Index {
    /// That of all rows. The largest trees are made of all their entries at once, which fills their
    /// nodes: one that grows by ascending keys has nodes that are half full.
    pub(super) fn of(
        classes: &BTreeMap<ClassId, ClassState>,
        examples: &BTreeMap<ExampleId, ExampleState>,
    ) -> Self {
        let live = classes.iter().filter(|(_, class)| class.status == ClassStatus::Live);
        let counting = examples.iter().filter_map(|(id, example)| match example.status {
            ExampleStatus::In(place) => Some((number_of(example.image(), place), *id)),
            ExampleStatus::SameAs(_) | ExampleStatus::Dropped => None,
        });
        let mut index = Self {
            labels: live.map(|(id, class)| (class.label.folded(), *id)).collect(),
            images: counting.collect(),
            ..Self::default()
        };
        for (id, example) in examples {
            index.group(*id, example.status);
        }
        index
    }

    pub(super) fn insert(&mut self, id: ExampleId, example: &ExampleState) {
        self.group(id, example.status);
        if let ExampleStatus::In(place) = example.status {
            self.images.insert((number_of(example.image(), place), id));
        }
    }

    /// Adds an example to those of its place or to those that are the same.
    fn group(&mut self, id: ExampleId, status: ExampleStatus) {
        match status {
            ExampleStatus::In(place) => {
                self.members.entry(place).or_default().insert(id);
            }
            ExampleStatus::SameAs(first) => {
                self.same.entry(first).or_default().insert(id);
            }
            ExampleStatus::Dropped => {}
        }
    }

    pub(super) fn remove(&mut self, id: ExampleId, example: &ExampleState) {
        match example.status {
            ExampleStatus::In(place) => {
                remove_from(&mut self.members, place, id);
                self.images.remove(&(number_of(example.image(), place), id));
            }
            ExampleStatus::SameAs(first) => remove_from(&mut self.same, first, id),
            ExampleStatus::Dropped => {}
        }
    }
}

pub(super) fn remove_if(labels: &mut BTreeMap<String, ClassId>, label: &str, id: ClassId) {
    if labels.get(label) == Some(&id) {
        labels.remove(label);
    }
}

fn remove_from<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<ExampleId>>, key: K, id: ExampleId) {
    if let Some(set) = sets.get_mut(&key) {
        set.remove(&id);
        if set.is_empty() {
            sets.remove(&key);
        }
    }
}
