//! Changes that make a state of what is left of a journal equal to what is left of its rows.
//!
//! A gallery has lost changes if its row counts more of them than there are. Then the rows of the
//! state, which lie in other pages, say what the lost changes did:
//!
//! 1. A class whose creation is lost is created at the time that its id has.
//! 2. A class that was deleted, became another one or came back is deleted, merged or revived;
//!    label, overrides and the settings of the gallery become those of the rows. A class that the
//!    journal has as another name of one, and its row does not, is created anew under its label.
//! 3. An example that counts somewhere else in its row is moved there. One that is gone in its row,
//!    or whose class cannot be made, is removed.
//! 4. An example that counts in its row, and that no change enrolls, is enrolled anew into its
//!    class, with its embedding and its image and under a new id: another device may have the lost
//!    change.
//!
//! 5. If the last change of the space is lost, or its undo, the space becomes that of the row.
//!
//! An example without a row stays where the journal has it.

use std::collections::{BTreeMap, HashSet};

use super::found::{Found, Slot};
use super::scan::Rows;
use crate::gallery::change::{Change, EmbeddingSpace, Place, What};
use crate::gallery::class::Example;
use crate::gallery::clock::Timestamp;
use crate::gallery::id::{ClassId, ExampleId};
use crate::gallery::label::Label;
use crate::gallery::state::{ClassState, ClassStatus, ExampleState, ExampleStatus, State};
use crate::gallery::write::in_parts;

/// The classes whose creation is lost: when each was made, and the change that makes it.
pub(super) fn lost_classes(found: &Found) -> Vec<(Timestamp, What)> {
    let created: HashSet<ClassId> = found.journal.iter().filter_map(created).collect();
    let lost = found.classes.iter().filter(|(id, _)| !created.contains(*id));
    let lost = lost.filter_map(|(id, row)| {
        row.as_ref()?;
        // With its last label it could become one with a class that had this label before.
        Some((time_of(*id), What::CreateClass { class: *id, label: stand_in_label(*id)? }))
    });
    lost.collect()
}

fn created(change: &Change) -> Option<ClassId> {
    match &change.what {
        What::CreateClass { class, .. } => Some(*class),
        _ => None,
    }
}

/// The time in an id, with its counter: earlier than that of every change that names the id.
fn time_of(class: ClassId) -> Timestamp {
    let (time, _) = class.0.as_u64_pair();
    let counter = u16::try_from(time & 0xFFF).expect("invariant: twelve bits");
    Timestamp { ms: time >> 16, counter }
}

/// A label that no other class has.
fn stand_in_label(class: ClassId) -> Option<Label> {
    Label::parse(&format!("salvaged-{:016x}", class.number())).ok()
}

/// The change that makes the space that of the row. Without a change of the space in the journal,
/// the gallery has always been of the space of the row.
pub(super) fn of_space(state: &State, found: &Found) -> Option<What> {
    let row = found.row.as_ref()?;
    let from = state.space().filter(|space| space.id != row.space_id)?;
    let to = EmbeddingSpace { id: row.space_id.clone(), length: found.length? };
    Some(What::Reembed { from: from.clone(), to })
}

/// The next changes of classes and settings; none when there is nothing left to do.
pub(super) fn of_classes(state: &State, found: &Found) -> Vec<What> {
    let steps: [fn(&State, &Found) -> Vec<What>; 4] = [ended, revived, renamed, defined];
    let next = steps.into_iter().map(|step| step(state, found)).find(|next| !next.is_empty());
    next.unwrap_or_default()
}

fn ended(state: &State, found: &Found) -> Vec<What> {
    let live = live_rows(state, found);
    let ended = live.filter_map(|(class, row, _)| match row.as_ref().map(|row| row.status) {
        None | Some(ClassStatus::Deleted) => Some(What::DeleteClass { class }),
        Some(ClassStatus::AliasOf(into)) => Some(match state.live(into) {
            Some((live, _)) if live != class => What::Merge { from: class, into },
            _ => What::DeleteClass { class },
        }),
        Some(ClassStatus::Live) => None,
    });
    ended.collect()
}

fn revived(state: &State, found: &Found) -> Vec<What> {
    let mut labels = HashSet::new();
    let revived = found.classes.iter().filter_map(|(class, row)| {
        row.as_ref().filter(|row| row.status == ClassStatus::Live)?;
        let now = state.classes().get(class).filter(|now| now.status == ClassStatus::Deleted)?;
        let folded = now.label.folded();
        // With a label that another class has, it would become that class.
        let is_free = !state.labels().contains_key(&folded) && labels.insert(folded);
        is_free.then(|| What::Enroll {
            to: Place::Class(*class),
            precision: String::new(),
            examples: Vec::new(),
        })
    });
    revived.collect()
}

fn renamed(state: &State, found: &Found) -> Vec<What> {
    let mut labels = HashSet::new();
    let mut renamed = Vec::new();
    for (class, row, now) in live_rows(state, found) {
        let Some(row) = row.as_ref().filter(|row| row.status == ClassStatus::Live) else {
            continue;
        };
        if row.label == now.label || !labels.insert(row.label.folded()) {
            continue;
        }
        let holder = state.labels().get(&row.label.folded()).filter(|other| **other != class);
        let Some(holder) = holder.copied() else {
            renamed.push(What::Rename { class, label: row.label.clone() });
            continue;
        };
        // With a label that another class has, the two would become one: that one gives it up if
        // its row has another.
        let gives_up = if is_live_in_rows(found, holder) { holder } else { class };
        let label =
            stand_in_label(gives_up).filter(|label| *label != state.classes()[&gives_up].label);
        renamed.extend(label.map(|label| What::Rename { class: gives_up, label }));
    }
    renamed
}

fn is_live_in_rows(found: &Found, class: ClassId) -> bool {
    let row = found.classes.get(&class).and_then(Option::as_ref);
    row.is_some_and(|row| row.status == ClassStatus::Live)
}

fn defined(state: &State, found: &Found) -> Vec<What> {
    let live = live_rows(state, found);
    let defined = live.filter_map(|(class, row, now)| {
        let row = row.as_ref().filter(|row| row.status == ClassStatus::Live)?;
        let is_other = row.overrides != now.overrides;
        is_other.then(|| What::Define { class, overrides: row.overrides.clone() })
    });
    let mut changes: Vec<What> = defined.collect();
    let settings = found.row.as_ref().map(|row| row.settings.changed_from(state.settings()));
    let settings = settings.filter(|settings| !settings.is_empty());
    changes.extend(settings.map(What::Settings));
    changes
}

/// The labels of classes that the state has as other names, and their rows do not.
pub(super) fn labels_without_class(state: &State, found: &Found) -> Vec<Label> {
    let rows = found.classes.iter().filter_map(|(id, row)| Some((id, row.as_ref()?)));
    let live = rows.filter(|(_, row)| row.status == ClassStatus::Live);
    let missing = live.filter(|(id, row)| {
        let is_here = state.live(**id).is_some_and(|(live, _)| live == **id);
        !is_here && !state.labels().contains_key(&row.label.folded())
    });
    missing.map(|(_, row)| row.label.clone()).collect()
}

/// The classes that are live in the state and have a row.
fn live_rows<'a>(
    state: &'a State,
    found: &'a Found,
) -> impl Iterator<Item = (ClassId, &'a Option<ClassState>, &'a ClassState)> {
    found.classes.iter().filter_map(|(id, row)| {
        let now = state.classes().get(id).filter(|now| now.status == ClassStatus::Live)?;
        Some((*id, row, now))
    })
}

/// The moves and removals of examples.
pub(super) fn of_examples(state: &State, found: &Found) -> Vec<What> {
    let mut moved: BTreeMap<Place, Vec<ExampleId>> = BTreeMap::new();
    let mut removed = Vec::new();
    for (id, row) in &found.examples {
        let Some(now) = state.examples().get(id) else { continue };
        if matches!(now.status, ExampleStatus::SameAs(_)) {
            continue;
        }
        match row.as_ref().map(|row| row.status) {
            Some(ExampleStatus::In(there)) => match place_in(state, found, there) {
                Some(there) if now.status == ExampleStatus::In(there) => {}
                Some(there) => moved.entry(there).or_default().push(*id),
                None => removed.push(*id),
            },
            // Where another example has its image, that one counts.
            Some(ExampleStatus::SameAs(_) | ExampleStatus::Dropped) | None => {
                let counts = matches!(now.status, ExampleStatus::In(_));
                removed.extend(counts.then_some(*id));
            }
        }
    }
    let moves = moved
        .into_iter()
        .flat_map(|(to, examples)| in_parts(examples, |examples| What::Move { examples, to }));
    let mut changes: Vec<What> = moves.collect();
    changes.extend(in_parts(removed, |examples| What::Remove { examples }));
    changes
}

/// The place in the state that a row means; `None` if there is none.
pub(super) fn place_in(state: &State, found: &Found, place: Place) -> Option<Place> {
    let Place::Class(class) = place else { return Some(place) };
    let live = state.live(class).map(|(live, _)| live);
    if !is_live_in_rows(found, class) || live == Some(class) {
        return live.map(Place::Class);
    }
    // Another class of this label stands in, unless that one is in the rows itself.
    let row = found.classes.get(&class)?.as_ref()?;
    let other = *state.labels().get(&row.label.folded())?;
    (!is_live_in_rows(found, other)).then_some(Place::Class(other))
}

/// An example to enroll anew, and the one that it was.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) to: Place,
    pub(super) was: ExampleId,
    pub(super) example: Example,
}

impl Restored {
    /// `None` if the embedding is lost; `id` is the new one.
    pub(super) fn new(
        found: &Found,
        rows: &Rows,
        to: Place,
        (was, row): (ExampleId, &ExampleState),
        id: ExampleId,
    ) -> Option<Self> {
        let slot = found.embeddings(rows, row.source).get(row.index);
        let Slot::Whole(embedding, precision) = slot else { return None };
        let example = Example { id, sha256: row.sha256.0, crop: row.crop, embedding, precision };
        Some(Self { to, was, example })
    }
}

/// The examples that count in their rows and not in the state.
pub(super) fn not_enrolled<'a>(
    state: &'a State,
    found: &'a Found,
) -> Vec<(Place, ExampleId, &'a ExampleState)> {
    let missing = found
        .examples
        .iter()
        .filter(|(id, _)| state.place_of(**id).is_none() && !found.is_removed(**id));
    let missing = missing.filter_map(|(id, row)| {
        let row = row.as_ref()?;
        let ExampleStatus::In(place) = row.status else { return None };
        let place = place_in(state, found, place).unwrap_or(place);
        // Another example may have the same image.
        let is_new = state.with_image(place, row.image()).is_none();
        is_new.then_some((place, *id, row))
    });
    missing.collect()
}
