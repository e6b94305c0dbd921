//! Which changes count: an undo takes those of its group away, unless it is undone itself.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, Position, What};
use super::id::{ExampleId, GroupId};

/// The examples that these changes, in order, removed: also those that an undo took back.
pub(super) fn removed(changes: &[&Change]) -> BTreeSet<ExampleId> {
    let undone = undone(changes);
    let mut removed = BTreeSet::new();
    for change in changes {
        match (&change.what, is_effective(change, &undone)) {
            (What::Remove { examples }, true) => removed.extend(examples.iter().copied()),
            (What::Enroll { examples, .. }, false) => {
                removed.extend(examples.iter().map(|new| new.id));
            }
            _ => {}
        }
    }
    removed
}

/// Whether a change counts.
pub(super) fn is_effective(change: &Change, undone: &BTreeMap<GroupId, Position>) -> bool {
    // What is purged is gone: no undo brings it back.
    let is_for_good = matches!(change.what, What::Purge { .. } | What::PurgeGallery { .. });
    is_for_good || undone.get(&change.group).is_none_or(|until| *until < change.position())
}

/// The position of the last effective undo of each group; `changes` are in order. The changes of
/// the group before it are undone.
pub(super) fn undone(changes: &[&Change]) -> BTreeMap<GroupId, Position> {
    let mut undone: BTreeMap<GroupId, Position> = BTreeMap::new();
    // From the last to the first: an undo is undone only by a later one.
    for change in changes.iter().rev() {
        let What::Undo { group } = change.what else { continue };
        let position = change.position();
        if undone.get(&change.group).is_none_or(|until| *until < position) {
            undone.entry(group).or_insert(position);
        }
    }
    undone
}
