//! Makes a gallery of a new store of what was found of one of the damaged store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use models::actor;

use super::found::{Found, SalvagedImages, Slot, Slots, enrolled};
use super::repair::{self, Restored};
use super::scan::Rows;
use crate::gallery::Gallery;
use crate::gallery::change::{Change, EmbeddingSpace, Place, What};
use crate::gallery::class::Example;
use crate::gallery::commit::Data;
use crate::gallery::error::GalleryError;
use crate::gallery::facts::Examples;
use crate::gallery::id::{ChangeId, ClassId, ExampleId};
use crate::gallery::journal::DataFile;
use crate::gallery::limits::GalleryLimits;
use crate::gallery::other_spaces::Beside;
use crate::gallery::state::{ExampleState, ExampleStatus, State};
use crate::gallery::store::seal::Kind;
use crate::gallery::write::{enrolling, in_parts};

/// Repairs of classes that follow from each other: more rounds than damage can ask for.
const MOST_ROUNDS: usize = 16;

/// Embeddings of a former space that are written at once.
const PUT_AT_ONCE: usize = 1024;

/// What was made of a gallery.
#[derive(Debug, Default)]
pub(super) struct Rebuilt {
    pub(super) restored: usize,
    pub(super) lost: usize,
    pub(super) lost_with_image: usize,
    pub(super) images: usize,
    pub(super) damaged_images: usize,
}

/// Fills a gallery that is new.
pub(super) fn rebuild(
    gallery: &mut Gallery,
    found: &Found,
    rows: &Rows,
) -> Result<Rebuilt, GalleryError> {
    // What was there is taken, also if it was made with other limits.
    gallery.limits = GalleryLimits { classes: usize::MAX, examples: usize::MAX };
    gallery.set_actor(actor::SALVAGE);
    let mut rebuilt = Rebuilt { images: take_journal(gallery, found, rows)?, ..Rebuilt::default() };
    let mut restored = Vec::new();
    if !found.is_whole() {
        repair_state(gallery, found)?;
        restore_missing(gallery, found, rows, &mut restored, &mut rebuilt);
    }
    remove_lost(gallery, found, rows, &mut restored, &mut rebuilt)?;
    rebuilt.restored = restored.len();
    rebuilt.images += enroll_anew(gallery, found, rows, restored)?;
    let stated = found.row.as_ref().map_or(0, |row| row.examples);
    rebuilt.lost = rebuilt.lost.max(stated.saturating_sub(gallery.state.n_examples()));
    rebuilt.damaged_images = n_damaged_images(gallery, found, rows);
    Ok(rebuilt)
}

/// Takes the changes over, with what they enroll. Returns the number of images.
fn take_journal(gallery: &mut Gallery, found: &Found, rows: &Rows) -> Result<usize, GalleryError> {
    gallery.begin()?;
    let mut changes = found.journal.clone();
    if !found.is_whole() {
        for (at, what) in repair::lost_classes(found) {
            let made = gallery.changes(vec![what]);
            changes.extend(made.into_iter().map(|change| Change { at, ..change }));
        }
    }
    if changes.is_empty() {
        return Ok(0);
    }
    for change in &changes {
        gallery.clock.see(change.at);
    }
    let mut state = State::fold(&changes);
    if let Some(what) = repair::of_space(&state, found) {
        let made = gallery.changes(vec![what]);
        for change in &made {
            state.apply(change);
        }
        changes.extend(made);
    }
    let gone = gone(&changes, &state, found);
    let data = data(&changes, &gone, found, rows);
    let images = data.filed.as_ref().map_or(0, |file| file.n_images());
    gallery.state.replace(state);
    gallery.commit(&changes, data)?;
    take_former_spaces(gallery, &gone, found, rows)?;
    Ok(images)
}

/// Takes over the embeddings of the spaces that were in use before, so that an undo finds them.
fn take_former_spaces(
    gallery: &mut Gallery,
    gone: &HashSet<ExampleId>,
    found: &Found,
    rows: &Rows,
) -> Result<(), GalleryError> {
    let changes: HashMap<ChangeId, &Change> =
        found.journal.iter().map(|change| (change.id, change)).collect();
    for space in found.former_spaces() {
        let mut beside = Vec::new();
        for (id, slots) in found.embeddings_in(rows, space) {
            let Some(change) = changes.get(&id) else { continue };
            beside.extend(former(change, &slots, gone));
            if beside.len() >= PUT_AT_ONCE {
                put(gallery, space, std::mem::take(&mut beside))?;
            }
        }
        put(gallery, space, beside)?;
    }
    Ok(())
}

fn put(
    gallery: &mut Gallery,
    space: &EmbeddingSpace,
    beside: Vec<Beside>,
) -> Result<(), GalleryError> {
    if beside.is_empty() {
        return Ok(());
    }
    gallery.journal.put(&space.id, space.length, &beside)
}

/// What is whole of the embeddings of a change in a former space.
fn former(change: &Change, slots: &Slots, gone: &HashSet<ExampleId>) -> Vec<Beside> {
    let What::Enroll { examples, .. } = &change.what else { return Vec::new() };
    // A change has at most 16.
    let of = u8::try_from(examples.len()).unwrap_or(u8::MAX);
    let mut beside = Vec::new();
    for (index, new) in (0..of).zip(examples).filter(|(_, new)| !gone.contains(&new.id)) {
        if let Slot::Whole(embedding, precision) = slots.get(index) {
            let (id, sha256) = (new.id, new.sha256.0);
            let example = Example { id, sha256, crop: new.crop, embedding, precision };
            let example = Some(Arc::new(example));
            beside.push(Beside { id, change: change.id, index, of, example });
        }
    }
    beside
}

/// The examples whose embeddings and images are forgotten: those that were purged, and those that
/// are gone by a change that is lost, which may have been a purge.
fn gone(changes: &[Change], state: &State, found: &Found) -> HashSet<ExampleId> {
    let purged = changes.iter().filter_map(|change| match &change.what {
        What::Purge { examples } => Some(examples),
        _ => None,
    });
    let mut gone: HashSet<ExampleId> = purged.flatten().copied().collect();
    if !found.is_whole() {
        let without = found.examples.iter().filter(|(_, row)| row.is_none()).map(|(id, _)| *id);
        gone.extend(without.filter(|id| state.examples().contains_key(id)));
    }
    gone
}

/// What is whole of what changes enroll.
fn data(changes: &[Change], gone: &HashSet<ExampleId>, found: &Found, rows: &Rows) -> Data {
    let mut examples = Examples::new();
    let mut places = Vec::new();
    for change in changes {
        let What::Enroll { examples: new, .. } = &change.what else { continue };
        let slots = found.embeddings(rows, change.id);
        for ((index, id), new) in enrolled(change).zip(new) {
            if gone.contains(&id) {
                continue;
            }
            if let Slot::Whole(embedding, precision) = slots.get(index) {
                let sha256 = new.sha256.0;
                let example = Example { id, sha256, crop: new.crop, embedding, precision };
                examples.insert(id, Arc::new(example));
            }
            places.extend(found.image(rows, id).map(|place| (id, place)));
        }
    }
    let images: Box<dyn DataFile> = Box::new(SalvagedImages { file: rows.file().clone(), places });
    Data { examples, filed: Some(images), ..Data::default() }
}

/// Makes the changes that are lost again, as the rows of the state show them.
fn repair_state(gallery: &mut Gallery, found: &Found) -> Result<(), GalleryError> {
    for _ in 0..MOST_ROUNDS {
        let changes = repair::of_classes(&gallery.state, found);
        if changes.is_empty() {
            break;
        }
        gallery.begin()?;
        gallery.write(changes, Data::default())?;
    }
    let labels = repair::labels_without_class(&gallery.state, found);
    let created = labels.into_iter().map(|label| {
        let class = ClassId(gallery.clock.uuid());
        What::CreateClass { class, label }
    });
    let created: Vec<What> = created.collect();
    gallery.begin()?;
    gallery.write(created, Data::default())?;
    gallery.begin()?;
    let changes = repair::of_examples(&gallery.state, found);
    gallery.write(changes, Data::default())
}

/// Finds the examples that no change enrolls.
fn restore_missing(
    gallery: &mut Gallery,
    found: &Found,
    rows: &Rows,
    restored: &mut Vec<Restored>,
    rebuilt: &mut Rebuilt,
) {
    for (place, was, row) in repair::not_enrolled(&gallery.state, found) {
        let new = ExampleId(gallery.clock.uuid());
        let example = Restored::new(found, rows, place, (was, row), new);
        match example.filter(|_| repair::place_in(&gallery.state, found, place) == Some(place)) {
            Some(example) => restored.push(example),
            None => rebuilt.count_lost(found, rows, was),
        }
    }
}

impl Rebuilt {
    fn count_lost(&mut self, found: &Found, rows: &Rows, example: ExampleId) {
        self.lost += 1;
        self.lost_with_image += usize::from(found.image(rows, example).is_some());
    }
}

/// Removes the examples whose embeddings are lost: otherwise their images could not be enrolled
/// again, since the gallery has them.
fn remove_lost(
    gallery: &mut Gallery,
    found: &Found,
    rows: &Rows,
    restored: &mut Vec<Restored>,
    rebuilt: &mut Rebuilt,
) -> Result<(), GalleryError> {
    // One that was purged on another device had none before. Where rows are written step by step, a
    // former row may have been found, which does not have all yet.
    let is_step_by_step =
        gallery.state.space().is_some() || found.row.as_ref().is_some_and(|row| row.reembedded);
    let mut removed = Vec::new();
    for (id, place, row) in without_embedding(gallery) {
        let slot = found.embeddings(rows, row.source).get(row.index);
        if slot == Slot::Purged && !is_step_by_step {
            continue;
        }
        removed.push(id);
        match same_image(gallery, found, rows, (id, place)) {
            Some(example) => restored.push(example),
            None => rebuilt.count_lost(found, rows, id),
        }
    }
    gallery.begin()?;
    gallery.write(in_parts(removed, |examples| What::Remove { examples }), Data::default())
}

fn without_embedding(gallery: &Gallery) -> Vec<(ExampleId, Place, ExampleState)> {
    let all = gallery.state.examples().iter().filter_map(|(id, row)| {
        let ExampleStatus::In(place) = row.status else { return None };
        let is_missing = gallery.facts.example(place, *id).is_none();
        is_missing.then(|| (*id, place, row.clone()))
    });
    all.collect()
}

/// Another example of the same image that has its embedding, in the place of this one.
fn same_image(
    gallery: &mut Gallery,
    found: &Found,
    rows: &Rows,
    (id, place): (ExampleId, Place),
) -> Option<Restored> {
    gallery.state.same_as(id).into_iter().find_map(|other| {
        let row = gallery.state.examples().get(&other)?.clone();
        let new = ExampleId(gallery.clock.uuid());
        Restored::new(found, rows, place, (other, &row), new)
    })
}

/// Enrolls examples under their new ids. Returns the number of images.
fn enroll_anew(
    gallery: &mut Gallery,
    found: &Found,
    rows: &Rows,
    restored: Vec<Restored>,
) -> Result<usize, GalleryError> {
    let mut examples = Examples::new();
    let mut places = Vec::new();
    let mut groups: BTreeMap<(Place, String), Vec<Arc<Example>>> = BTreeMap::new();
    for Restored { to, was, example } in restored {
        places.extend(found.image(rows, was).map(|place| (example.id, place)));
        let example = Arc::new(example);
        examples.insert(example.id, Arc::clone(&example));
        groups.entry((to, example.precision.clone())).or_default().push(example);
    }
    let n_images = places.len();
    let changes = groups.iter().flat_map(|((to, _), new)| enrolling(*to, new)).collect();
    let images: Box<dyn DataFile> = Box::new(SalvagedImages { file: rows.file().clone(), places });
    gallery.begin()?;
    gallery.write(changes, Data { examples, filed: Some(images), ..Data::default() })?;
    Ok(n_images)
}

/// Images of examples that count, of which only a part is there.
fn n_damaged_images(gallery: &Gallery, found: &Found, rows: &Rows) -> usize {
    let damaged = rows.of(found.key, Kind::Images).filter(|(_, place)| !place.is_whole);
    let damaged = damaged.map(|(id, _)| ExampleId(uuid::Uuid::from_u128(id)));
    damaged.filter(|id| gallery.state.place_of(*id).is_some()).count()
}
