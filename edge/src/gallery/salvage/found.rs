//! What is left of a gallery in a damaged file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::scan::{Content, Damaged, RowPlace, Rows};
use crate::gallery::change::{Change, EmbeddingSpace, MOST_EXAMPLES, What};
use crate::gallery::error::ArchiveError;
use crate::gallery::id::{ChangeId, ClassId, ExampleId};
use crate::gallery::journal::DataFile;
use crate::gallery::state::{ClassState, ExampleState, State};
use crate::gallery::store::seal::Kind;
use crate::gallery::store::{Embeddings, GalleryRow, space_number};

/// The rows of a gallery. Embeddings and images stay in the file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: u128,
    /// The name in the last row of the gallery, also if that is a former one.
    pub(super) name: Option<String>,
    /// As the last change left it.
    pub(super) row: Option<GalleryRow>,
    /// In their order.
    pub(super) journal: Vec<Change>,
    /// `None`: the last row is that of a class that is gone.
    pub(super) classes: BTreeMap<ClassId, Option<ClassState>>,
    /// The same for examples.
    pub(super) examples: BTreeMap<ExampleId, Option<ExampleState>>,
    /// Changes that are known to be missing.
    pub(super) lost_changes: u64,
    /// The space of the embeddings in use.
    pub(super) space_id: String,
    /// The length of these embeddings; `None` without any.
    pub(super) length: Option<usize>,
    /// The revision of the row of each example.
    revisions: HashMap<ExampleId, u64>,
    /// The last revision in which a change removes each example; that of a purge has no later one.
    removed: HashMap<ExampleId, u64>,
}

impl Found {
    /// `spaces` are those that galleries of the file may have.
    pub(super) fn read(rows: &Rows, key: u128, spaces: &[String]) -> Self {
        let row = gallery_row(rows, key);
        let mut journal: Vec<Change> = Vec::new();
        let mut damaged = 0;
        let mut latest = 0;
        let mut removed = HashMap::new();
        for (id, place) in rows.of(key, Kind::Journal) {
            let change = json(rows, place).filter(|change| is_sound(change, id));
            let Some(change) = change else {
                damaged += 1;
                continue;
            };
            latest = place.revision.max(latest);
            note_removals(&change, place.revision, &mut removed);
            journal.push(change);
        }
        journal.sort_by_key(Change::position);
        let name = row.as_ref().map(|row| row.name.clone());
        // A former row may be left in a page that is free.
        let is_current = row.as_ref().is_some_and(|row| row.revision >= latest);
        let (space_id, length) =
            space_in_use(rows, key, row.as_ref(), is_current, &journal, spaces);
        let row = row.filter(|_| is_current);
        let stated = row.as_ref().map_or(0, |row| row.changes);
        let missing = stated.saturating_sub(journal.len() as u64);
        let classes = states(rows, key, Kind::Classes).into_iter();
        let classes = classes.map(|(id, _, class)| (ClassId(id), class)).collect();
        let mut examples = BTreeMap::new();
        let mut revisions = HashMap::new();
        for (id, revision, example) in states(rows, key, Kind::Examples) {
            examples.insert(ExampleId(id), example);
            revisions.insert(ExampleId(id), revision);
        }
        let mut found = Self {
            key,
            name,
            row,
            journal,
            classes,
            examples,
            lost_changes: missing.max(damaged),
            space_id,
            length,
            revisions,
            removed,
        };
        found.length = found.length.or_else(|| found.first_length(rows));
        found
    }

    /// The length of the first embedding. All others have it too.
    fn first_length(&self, rows: &Rows) -> Option<usize> {
        self.journal.iter().find_map(|change| {
            let slots = self.embeddings(rows, change.id);
            enrolled(change).find_map(|(index, _)| match slots.get(index) {
                Slot::Whole(embedding, _) => Some(embedding.len()),
                Slot::Purged | Slot::Lost => None,
            })
        })
    }

    /// Whether the journal has every change: then the state follows from it, and rows of the state
    /// are not needed.
    pub(super) fn is_whole(&self) -> bool {
        self.row.is_some() && self.lost_changes == 0
    }

    /// Whether a change removes an example, and its row is not a later one, as after an undo.
    pub(super) fn is_removed(&self, example: ExampleId) -> bool {
        let removed = self.removed.get(&example);
        removed.is_some_and(|removed| self.revisions.get(&example) <= Some(removed))
    }

    /// The embeddings in use of what a change enrolled, in their order.
    pub(super) fn embeddings(&self, rows: &Rows, change: ChangeId) -> Slots {
        let space = space_number(&self.space_id);
        let place = rows.embeddings(self.key, space, change.0.as_u128());
        Slots::read(rows, place, self.length)
    }

    /// The other spaces that the journal names: their embeddings are needed to undo its changes.
    pub(super) fn former_spaces(&self) -> Vec<&EmbeddingSpace> {
        let named = self.journal.iter().flat_map(|change| match &change.what {
            What::Reembed { from, to } => vec![from, to],
            _ => Vec::new(),
        });
        let mut seen = HashSet::from([self.space_id.as_str()]);
        named.filter(|space| seen.insert(space.id.as_str())).collect()
    }

    /// The embeddings of a space, by the changes that enrolled them.
    pub(super) fn embeddings_in(
        &self,
        rows: &Rows,
        space: &EmbeddingSpace,
    ) -> impl Iterator<Item = (ChangeId, Slots)> {
        let length = Some(space.length);
        let of_space = rows.of_space(self.key, space_number(&space.id));
        of_space.map(move |(change, place)| {
            (ChangeId(Uuid::from_u128(change)), Slots::read(rows, Some(place), length))
        })
    }

    /// The place of the image of an example.
    pub(super) fn image(&self, rows: &Rows, example: ExampleId) -> Option<RowPlace> {
        rows.get(self.key, Kind::Images, example.0.as_u128()).filter(|place| place.is_whole)
    }
}

/// The row of a gallery, or the copy of it.
pub(super) fn gallery_row(rows: &Rows, key: u128) -> Option<GalleryRow> {
    json(rows, rows.get(key, Kind::Gallery, key)?)
}

/// The space of the embeddings in use, and their length if something states it: the current row,
/// the changes of the space, a former row. Otherwise it is the space of which there is most.
fn space_in_use(
    rows: &Rows,
    key: u128,
    row: Option<&GalleryRow>,
    is_current: bool,
    journal: &[Change],
    spaces: &[String],
) -> (String, Option<usize>) {
    if let Some(row) = row.filter(|_| is_current) {
        return (row.space_id.clone(), row.embedding_length);
    }
    if let Some(space) = State::fold(journal).space() {
        return (space.id.clone(), Some(space.length));
    }
    if let Some(row) = row.filter(|row| row.embedding_length.is_some()) {
        return (row.space_id.clone(), row.embedding_length);
    }
    let most = spaces.iter().rev().max_by_key(|id| rows.of_space(key, space_number(id)).count());
    (most.cloned().unwrap_or_default(), None)
}

/// Whether a change is one that Handful makes, in the row of this id. A file that was made to do
/// harm has rows with right checksums, too.
fn is_sound(change: &Change, id: u128) -> bool {
    let n_examples = match &change.what {
        What::Enroll { examples, .. } => examples.len(),
        What::Remove { examples } | What::Move { examples, .. } | What::Purge { examples } => {
            examples.len()
        }
        _ => 0,
    };
    change.id.0.as_u128() == id && change.at.is_sound() && n_examples <= MOST_EXAMPLES
}

fn json<T: DeserializeOwned>(rows: &Rows, place: RowPlace) -> Option<T> {
    serde_json::from_slice(&rows.file().whole(place)?).ok()
}

fn note_removals(change: &Change, revision: u64, removed: &mut HashMap<ExampleId, u64>) {
    let (examples, revision) = match &change.what {
        What::Remove { examples } => (examples, revision),
        What::Purge { examples } => (examples, u64::MAX),
        _ => return,
    };
    for example in examples {
        let last = removed.entry(*example).or_default();
        *last = revision.max(*last);
    }
}

/// The rows of the state with their revisions; `None` is one without content.
fn states<T: DeserializeOwned>(rows: &Rows, key: u128, kind: Kind) -> Vec<(Uuid, u64, Option<T>)> {
    let mut states = Vec::new();
    for (id, place) in rows.of(key, kind).filter(|(_, place)| place.is_whole) {
        let state = if place.length == 0 { Some(None) } else { json(rows, place).map(Some) };
        states.extend(state.map(|state| (Uuid::from_u128(id), place.revision, state)));
    }
    states
}

/// The embeddings of one change.
#[derive(Debug)]
pub(super) struct Slots {
    content: Content,
    embeddings: Embeddings,
    /// That of each embedding, if it is known.
    length: Option<usize>,
}

/// What is left of one embedding.
#[derive(Debug, PartialEq)]
pub(super) enum Slot {
    /// With the precision of the backbone that made it.
    Whole(Vec<f32>, String),
    /// Or not made yet.
    Purged,
    Lost,
}

impl Slots {
    fn read(rows: &Rows, place: Option<RowPlace>, length: Option<usize>) -> Self {
        let mut content = place.map(|place| rows.file().content(place)).unwrap_or_default();
        let embeddings = Embeddings::read(std::mem::take(&mut content.bytes));
        Self { content, embeddings, length }
    }

    pub(super) fn get(&self, index: u8) -> Slot {
        let range = self.embeddings.range(index);
        // What is before the first embedding decides where each one lies.
        let head = self.embeddings.head();
        let range = range.filter(|range| self.content.has(&head) && self.content.has(range));
        match range.map(|_| self.embeddings.get(index)) {
            Some(Ok(Some((values, precision)))) if self.is_of_length(values.len()) => {
                Slot::Whole(values, precision.to_owned())
            }
            Some(Ok(None)) => Slot::Purged,
            Some(Ok(Some(_)) | Err(_)) | None => Slot::Lost,
        }
    }

    fn is_of_length(&self, length: usize) -> bool {
        self.length.is_none_or(|expected| expected == length)
    }
}

/// The examples that a change enrolls, with their positions in it.
pub(super) fn enrolled(change: &Change) -> impl Iterator<Item = (u8, ExampleId)> {
    let examples = match &change.what {
        What::Enroll { examples, .. } => examples.as_slice(),
        _ => &[],
    };
    (0..).zip(examples.iter().map(|new| new.id))
}

/// Images of the damaged file, each under the id of the example that has it from now on.
#[derive(Debug)]
pub(super) struct SalvagedImages {
    pub(super) file: Damaged,
    pub(super) places: Vec<(ExampleId, RowPlace)>,
}

impl DataFile for SalvagedImages {
    fn n_images(&self) -> usize {
        self.places.len()
    }

    fn n_bytes(&self) -> u64 {
        self.places.iter().map(|(_, place)| place.length as u64).sum()
    }

    fn images(&self) -> Box<dyn Iterator<Item = io::Result<(ExampleId, Vec<u8>)>> + '_> {
        Box::new(self.places.iter().map(|(id, place)| {
            let image = self.file.whole(*place).map(|image| (*id, image));
            let reason = "an image in the damaged store changed while it was read";
            image.ok_or_else(|| io::Error::other(reason))
        }))
    }

    fn take_error(&self) -> Option<ArchiveError> {
        None
    }
}
