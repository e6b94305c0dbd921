//! The history of a gallery: the calls that changed it, and which of them can be undone.
//!
//! A call is undone as a whole, with one change: [`What::Undo`]. It is refused when a later change
//! of the same class would lose its ground: a class cannot stay renamed when it was never made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::change::{Change, Place, Position, What};
use super::error::GalleryError;
use super::id::{ClassId, DeviceId, ExampleId, GroupId};
use super::lookup::{shortened, the_one};
use super::undone::undone;

mod summary;

use summary::Summaries;

/// One call that changed the gallery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The id of its changes, by which it is undone.
    pub change: GroupId,
    /// When it was made: milliseconds since 1970 (UTC), by the clock of its device.
    pub at_ms: u64,
    /// The store that it was made in.
    pub device: DeviceId,
    /// Who made it.
    pub actor: String,
    /// What it did, for people: `enrolled 3 images in "mug"`.
    pub summary: String,
    /// It has no effect now, since a later call undid it.
    pub is_undone: bool,
    /// It undoes other calls.
    pub is_undo: bool,
}

/// All changes of a gallery by call, oldest first.
pub(super) struct History<'a> {
    groups: Vec<Group<'a>>,
    /// Where each call is among the groups.
    positions: HashMap<GroupId, usize>,
    undone: BTreeMap<GroupId, Position>,
    /// Where each example was enrolled or moved to.
    places: HashMap<ExampleId, BTreeSet<Place>>,
    /// Each label that a class had, folded.
    labels: HashMap<ClassId, BTreeSet<String>>,
    purged: BTreeSet<ExampleId>,
}

struct Group<'a> {
    id: GroupId,
    changes: Vec<&'a Change>,
    summary: String,
}

/// What a call is about. Two calls with one subject in common depend on each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Class(ClassId),
    Label(String),
    Background,
    Setting(&'static str),
    /// The space of the embeddings in use.
    SpaceInUse,
}

/// What a call should undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoTarget {
    /// The last call that still has an effect and is no undo.
    Last,
    /// The last undo that still has an effect, if nothing was changed since.
    LastUndo,
    /// This one.
    Group(GroupId),
}

impl<'a> History<'a> {
    /// Of changes in their order.
    pub(super) fn new(changes: &'a [Change]) -> Self {
        let mut history = Self {
            groups: Vec::new(),
            positions: HashMap::new(),
            undone: undone(&changes.iter().collect::<Vec<_>>()),
            places: HashMap::new(),
            labels: HashMap::new(),
            purged: BTreeSet::new(),
        };
        let mut summaries = Summaries::default();
        for change in changes {
            history.note(&change.what);
            let at = *history.positions.entry(change.group).or_insert(history.groups.len());
            if at == history.groups.len() {
                history.groups.push(Group::new(change.group));
            }
            history.groups[at].changes.push(change);
        }
        for at in 0..history.groups.len() {
            let group = &history.groups[at];
            let summary = summaries.of(group.id, &group.changes, history.is_effective(group));
            history.groups[at].summary = summary;
        }
        history
    }

    /// Remembers where examples were and how classes were called.
    fn note(&mut self, what: &What) {
        match what {
            What::CreateClass { class, label } | What::Rename { class, label } => {
                self.labels.entry(*class).or_default().insert(label.folded());
            }
            What::Enroll { to, examples, .. } => {
                for example in examples {
                    self.places.entry(example.id).or_default().insert(*to);
                }
            }
            What::Move { examples, to } => {
                for id in examples {
                    self.places.entry(*id).or_default().insert(*to);
                }
            }
            What::Purge { examples } => self.purged.extend(examples.iter().copied()),
            _ => {}
        }
    }

    /// The calls, newest first, at most `limit`; with `after` those that are older than that one.
    pub(super) fn entries(
        &self,
        limit: usize,
        after: Option<GroupId>,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        let end = match after {
            None => self.groups.len(),
            Some(id) => self.position(id)?,
        };
        let newest_first = self.groups[..end].iter().rev().take(limit);
        Ok(newest_first.map(|group| self.entry(group)).collect())
    }

    /// The call with this id, whole or at least 6 digits of its random half.
    pub(super) fn named(&self, text: &str) -> Result<HistoryEntry, GalleryError> {
        let meant = self.groups.iter().filter(|group| group.id.is_meant_by(text));
        let meant = the_one(meant, text)?;
        let unknown = || GalleryError::UnknownChange(shortened(text));
        meant.map(|group| self.entry(group)).ok_or_else(unknown)
    }

    fn entry(&self, group: &Group<'_>) -> HistoryEntry {
        let first = group.changes[0];
        HistoryEntry {
            change: group.id,
            at_ms: first.at.ms,
            device: first.device,
            actor: first.actor.clone(),
            summary: group.summary.clone(),
            is_undone: !self.is_effective(group),
            is_undo: group.is_undo(),
        }
    }

    /// The calls to undo, oldest last: the target, and with `through` what stands in its way.
    pub(super) fn plan_undo(
        &self,
        target: UndoTarget,
        through: bool,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        let target = self.target(target)?;
        let group = &self.groups[target];
        if !self.is_effective(group) {
            return Err(refusal(group, "it is undone already".to_owned()));
        }
        if group.is_purge() || self.is_only_purged(group) {
            return Err(refusal(group, "its images are purged, which is for good".to_owned()));
        }
        let mut planned = vec![target];
        let mut subjects = self.subjects(group);
        // What stands in the way of a later call stands in the way of this one.
        for later in target + 1..self.groups.len() {
            let other = &self.groups[later];
            // What is purged stays so, whatever else is undone.
            let counts = self.is_effective(other) && !other.is_purge();
            if counts && self.depends(other, group, &subjects) {
                subjects.extend(self.subjects(other));
                planned.push(later);
            }
        }
        let in_the_way: Vec<&Group<'_>> = planned[1..].iter().map(|at| &self.groups[*at]).collect();
        if !through && !in_the_way.is_empty() {
            return Err(refusal(group, obstacles(&in_the_way)));
        }
        Ok(planned.into_iter().rev().map(|at| self.entry(&self.groups[at])).collect())
    }

    /// All calls of these devices, oldest last, and with `through` what stands in their way: calls
    /// of others that are about a class which one of them made. Other calls stay as they are.
    pub(super) fn plan_undo_of(
        &self,
        devices: &BTreeSet<DeviceId>,
        through: bool,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        let mut made = BTreeSet::new();
        let mut planned = Vec::new();
        let mut in_the_way = Vec::new();
        // A purge stays, whatever is undone. A call that has no effect now is planned too: it would
        // have one again without the undo that took it away, if they made that.
        for group in self.groups.iter().filter(|group| !group.is_purge()) {
            if !devices.contains(&group.changes[0].device) {
                if !self.is_about(group, &made) {
                    continue;
                }
                in_the_way.push(group);
            }
            made.extend(group.made_classes().map(Subject::Class));
            planned.push(group);
        }
        let has_effect = planned.iter().any(|group| self.is_effective(group));
        let Some(first) = planned.first().filter(|_| has_effect) else {
            return Err(GalleryError::NothingToUndo);
        };
        if !through && !in_the_way.is_empty() {
            return Err(refusal(first, obstacles(&in_the_way)));
        }
        Ok(planned.into_iter().rev().map(|group| self.entry(group)).collect())
    }

    /// Whether a call has an effect that is lost without these classes. An undo takes something
    /// away, so it needs none.
    fn is_about(&self, group: &Group<'_>, classes: &BTreeSet<Subject>) -> bool {
        !classes.is_empty()
            && self.is_effective(group)
            && !group.is_undo()
            && !self.subjects(group).is_disjoint(classes)
    }

    fn target(&self, target: UndoTarget) -> Result<usize, GalleryError> {
        let found = match target {
            UndoTarget::Group(id) => return self.position(id),
            UndoTarget::Last => self.groups.iter().rposition(|group| {
                let can_be = !group.is_undo() && !group.is_purge() && !self.is_only_purged(group);
                can_be && self.is_effective(group)
            }),
            UndoTarget::LastUndo => self.last_undo(),
        };
        found.ok_or(match target {
            UndoTarget::LastUndo => GalleryError::NothingToRedo,
            UndoTarget::Last | UndoTarget::Group(_) => GalleryError::NothingToUndo,
        })
    }

    /// The last undo, unless something was changed after it: then it is redone by its id only.
    fn last_undo(&self) -> Option<usize> {
        let latest_first = self.groups.iter().enumerate().rev();
        let mut counting = latest_first.filter(|(_, group)| {
            self.is_effective(group) && !group.is_purge() && !self.is_redo(group)
        });
        counting.next().filter(|(_, group)| group.is_undo()).map(|(at, _)| at)
    }

    fn position(&self, id: GroupId) -> Result<usize, GalleryError> {
        let found = self.positions.get(&id).copied();
        found.ok_or_else(|| GalleryError::UnknownChange(id.to_string()))
    }

    fn is_effective(&self, group: &Group<'_>) -> bool {
        let last = group.changes[group.changes.len() - 1].position();
        group.is_purge() || self.undone.get(&group.id).is_none_or(|until| *until < last)
    }

    /// Whether it undoes nothing but undos.
    fn is_redo(&self, group: &Group<'_>) -> bool {
        group.is_undo() && group.undoes().all(|id| self.group(id).is_some_and(Group::is_undo))
    }

    /// Whether it is about examples, and all of them are purged.
    fn is_only_purged(&self, group: &Group<'_>) -> bool {
        if group.is_reembedding() {
            return false;
        }
        let mut examples = group.changes.iter().flat_map(|change| self.examples(&change.what));
        examples.next().is_some_and(|first| {
            self.purged.contains(&first) && examples.all(|id| self.purged.contains(&id))
        })
    }

    /// The examples that a change adds or takes away.
    fn examples(&self, what: &What) -> Vec<ExampleId> {
        match what {
            What::Enroll { examples, .. } => examples.iter().map(|new| new.id).collect(),
            What::Remove { examples } | What::Move { examples, .. } => examples.clone(),
            What::DeleteClass { class } => {
                let of_class = self.places.iter();
                let place = Place::Class(*class);
                of_class.filter(|(_, all)| all.contains(&place)).map(|(id, _)| *id).collect()
            }
            _ => Vec::new(),
        }
    }

    fn group(&self, id: GroupId) -> Option<&Group<'a>> {
        self.positions.get(&id).map(|at| &self.groups[*at])
    }

    /// Whether `later` cannot stay as it is without `group`, which is about these subjects.
    fn depends(&self, later: &Group<'_>, group: &Group<'_>, subjects: &BTreeSet<Subject>) -> bool {
        // An undo takes something away: it needs nothing that an earlier call made. What is redone
        // needs what was undone after it.
        if later.is_undo() && (!group.is_undo() || self.is_redo(later)) {
            return false;
        }
        // What was enrolled since has no embedding in the former space.
        let is_of_space = subjects.contains(&Subject::SpaceInUse) && later.enrolls();
        is_of_space || !self.subjects(later).is_disjoint(subjects)
    }

    fn subjects(&self, group: &Group<'_>) -> BTreeSet<Subject> {
        let mut subjects = BTreeSet::new();
        // Changes of other devices may be anything, also undos of each other.
        let mut seen = BTreeSet::from([group.id]);
        let mut waiting = vec![group];
        while let Some(group) = waiting.pop() {
            if group.is_reembedding() {
                // What it left out comes back with the former space, whatever its class became.
                subjects.insert(Subject::SpaceInUse);
                continue;
            }
            for change in &group.changes {
                self.add_subjects(&change.what, &mut subjects);
            }
            let undone = group.undoes().filter(|id| seen.insert(*id));
            waiting.extend(undone.filter_map(|id| self.group(id)));
        }
        subjects
    }

    fn add_subjects(&self, what: &What, to: &mut BTreeSet<Subject>) {
        match what {
            What::CreateClass { class, .. }
            | What::Rename { class, .. }
            | What::Define { class, .. }
            | What::DeleteClass { class } => self.add_place(Place::Class(*class), to),
            What::Merge { from, into } => {
                self.add_place(Place::Class(*from), to);
                self.add_place(Place::Class(*into), to);
            }
            What::Enroll { to: place, .. } => self.add_place(*place, to),
            What::Remove { examples } | What::Move { examples, .. } | What::Purge { examples } => {
                for id in examples {
                    for place in self.places.get(id).into_iter().flatten() {
                        self.add_place(*place, to);
                    }
                }
            }
            What::Settings(settings) => {
                to.extend(settings.iter().map(|setting| Subject::Setting(setting.name())));
            }
            What::PurgeGallery { gallery } => {
                self.add_place(Place::Class(ClassId(gallery.0)), to);
            }
            What::Undo { .. } | What::Reembed { .. } => {}
        }
    }

    fn add_place(&self, place: Place, to: &mut BTreeSet<Subject>) {
        match place {
            Place::Background => {
                to.insert(Subject::Background);
            }
            Place::Class(class) => {
                to.insert(Subject::Class(class));
                let labels = self.labels.get(&class).into_iter().flatten();
                to.extend(labels.cloned().map(Subject::Label));
            }
        }
    }
}

fn refusal(group: &Group<'_>, reason: String) -> GalleryError {
    GalleryError::CannotUndo { change: group.id, summary: group.summary.clone(), reason }
}

impl Group<'_> {
    fn new(id: GroupId) -> Self {
        Self { id, changes: Vec::new(), summary: String::new() }
    }

    fn undoes(&self) -> impl Iterator<Item = GroupId> {
        self.changes.iter().filter_map(|change| match change.what {
            What::Undo { group } => Some(group),
            _ => None,
        })
    }

    fn made_classes(&self) -> impl Iterator<Item = ClassId> {
        self.changes.iter().filter_map(|change| match change.what {
            What::CreateClass { class, .. } => Some(class),
            _ => None,
        })
    }

    fn is_undo(&self) -> bool {
        self.undoes().next().is_some()
    }

    fn is_reembedding(&self) -> bool {
        self.changes.iter().any(|change| matches!(change.what, What::Reembed { .. }))
    }

    /// Whether it adds examples.
    fn enrolls(&self) -> bool {
        self.changes.iter().any(|change| match &change.what {
            What::Enroll { examples, .. } => !examples.is_empty(),
            _ => false,
        })
    }

    fn is_purge(&self) -> bool {
        self.changes
            .iter()
            .any(|change| matches!(change.what, What::Purge { .. } | What::PurgeGallery { .. }))
    }
}

/// What stands in the way, the latest first; only some of many.
fn obstacles(groups: &[&Group<'_>]) -> String {
    const MOST: usize = 3;
    let latest_first = groups.iter().rev().take(MOST);
    let named: Vec<String> =
        latest_first.map(|group| format!("`{}` ({})", group.id.short(), group.summary)).collect();
    let others = match groups.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("later changes depend on it: {}{others}", named.join(", "))
}
