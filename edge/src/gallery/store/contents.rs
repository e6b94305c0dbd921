//! The contents of a gallery in a store, read in one transaction and put together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::rows::{Embeddings, GalleryRow, RowSpace, parse, parse_sealed};
use super::seal::{self, Kind};
use super::tables::{
    CLASSES, EMBEDDINGS, EXAMPLES, GALLERIES, IMAGES, JOURNAL, NUMBERS, RowKey, TO_COMPACT,
    journal_of, rows_of,
};
use crate::gallery::change::{Change, Place};
use crate::gallery::class::Example;
use crate::gallery::clock::Timestamp;
use crate::gallery::facts::Examples;
use crate::gallery::id::{ChangeId, ClassId, ExampleId, GalleryId};
use crate::gallery::journal::Contents;
use crate::gallery::state::{ClassStatus, ExampleState, ExampleStatus, State};

/// Why contents cannot be read.
pub(super) enum ReadError {
    Database(redb::Error),
    /// What is wrong with them, in a few words.
    Broken(String),
}

impl From<redb::TransactionError> for ReadError {
    fn from(error: redb::TransactionError) -> Self {
        Self::Database(error.into())
    }
}

impl From<redb::TableError> for ReadError {
    fn from(error: redb::TableError) -> Self {
        Self::Database(error.into())
    }
}

impl From<redb::StorageError> for ReadError {
    fn from(error: redb::StorageError) -> Self {
        Self::Database(error.into())
    }
}

fn broken<T>(reason: impl Into<String>) -> Result<T, ReadError> {
    Err(ReadError::Broken(reason.into()))
}

/// The galleries of a store.
pub(super) fn galleries(
    transaction: &ReadTransaction,
) -> Result<Vec<(GalleryId, GalleryRow)>, ReadError> {
    let mut galleries = Vec::new();
    for row in transaction.open_table(GALLERIES)?.iter()? {
        let (id, json) = row?;
        let row = parse_sealed(Kind::Gallery, &id.value(), json.value());
        let row = row.map_err(|e| ReadError::Broken(format!("a gallery: {e}")))?;
        galleries.push((GalleryId(Uuid::from_u128(id.value())), row));
    }
    Ok(galleries)
}

/// Whether bytes of what was purged may be in the file.
pub(super) fn is_to_compact(transaction: &ReadTransaction) -> Result<bool, ReadError> {
    Ok(transaction.open_table(NUMBERS)?.get(TO_COMPACT)?.is_some())
}

/// Reads one gallery, if asked for without its examples.
pub(super) fn read(
    transaction: &ReadTransaction,
    gallery: GalleryId,
    row: &GalleryRow,
    has_examples: bool,
) -> Result<Contents, ReadError> {
    if let Err(error) = row.settings.check() {
        return broken(error.to_string());
    }
    let key = gallery.0.as_u128();
    let rows = state_rows(transaction, CLASSES, Kind::Classes, key)?;
    let classes = rows.into_iter().map(|(id, class)| (ClassId(id), class)).collect();
    let rows = state_rows(transaction, EXAMPLES, Kind::Examples, key)?;
    let rows = rows.into_iter().map(|(id, example)| (ExampleId(id), example)).collect();
    let state = State::restore(classes, rows, row.settings, row.state_space());
    check(&state)?;
    let latest = latest(transaction, key)?;
    let GalleryRow { revision, embedding_length, .. } = *row;
    let examples = match has_examples {
        true => examples(transaction, gallery, row.space_in_use(), &state.counting())?,
        false => Examples::new(),
    };
    if examples.values().any(|one| Some(one.embedding.len()) != embedding_length) {
        return broken("its embeddings have different lengths");
    }
    let space_id = row.space_id.clone();
    Ok(Contents { revision, state, examples, space_id, embedding_length, latest })
}

/// The rows of a gallery in a table, in the order of their ids.
fn state_rows<T: DeserializeOwned>(
    transaction: &ReadTransaction,
    table: TableDefinition<RowKey, &[u8]>,
    kind: Kind,
    gallery: u128,
) -> Result<Vec<(Uuid, T)>, ReadError> {
    let mut rows = Vec::new();
    for row in transaction.open_table(table)?.range(rows_of(gallery))? {
        let (key, json) = row?;
        let id = Uuid::from_u128(key.value().1);
        let json = seal::unsealed(kind, &key.value(), json.value()).map_err(ReadError::Broken)?;
        // One without content was removed.
        if !json.is_empty() {
            let row = parse(json);
            let row = row.map_err(|e| ReadError::Broken(format!("a row of `{kind}`: {e}")))?;
            rows.push((id, row));
        }
    }
    Ok(rows)
}

/// Checks what no single row shows.
fn check(state: &State) -> Result<(), ReadError> {
    for (id, class) in state.classes() {
        if let ClassStatus::AliasOf(other) = class.status
            && state.resolve(other).is_none()
        {
            return broken(format!("class {id} is another name of a class that is missing"));
        }
    }
    for (id, example) in state.examples() {
        let ExampleStatus::In(Place::Class(class)) = example.status else { continue };
        if state.live(class).is_none_or(|(live, _)| live != class) {
            return broken(format!("example {id} belongs to class {class}, which is missing"));
        }
    }
    Ok(())
}

/// The timestamp of the last change.
fn latest(transaction: &ReadTransaction, gallery: u128) -> Result<Timestamp, ReadError> {
    let journal = transaction.open_table(JOURNAL)?;
    let last = journal.range(journal_of(gallery))?.next_back().transpose()?;
    let key = last.map(|(key, _)| key.value());
    Ok(key.map_or_else(Timestamp::default, |(_, ms, counter, _, _)| Timestamp { ms, counter }))
}

/// All changes of a gallery, in their order.
pub(super) fn changes(
    transaction: &ReadTransaction,
    gallery: GalleryId,
) -> Result<Vec<Change>, ReadError> {
    let mut changes = Vec::new();
    for row in transaction.open_table(JOURNAL)?.range(journal_of(gallery.0.as_u128()))? {
        let (key, json) = row?;
        let change = parse_sealed(Kind::Journal, &key.value(), json.value());
        changes.push(change.map_err(|e| ReadError::Broken(format!("a change: {e}")))?);
    }
    Ok(changes)
}

/// These examples with their embeddings in a space; those that were purged, or that have none, are
/// absent.
pub(super) fn examples(
    transaction: &ReadTransaction,
    gallery: GalleryId,
    space: RowSpace,
    wanted: &[(ExampleId, &ExampleState)],
) -> Result<Examples, ReadError> {
    let table = transaction.open_table(EMBEDDINGS)?;
    let mut by_source: BTreeMap<ChangeId, Vec<&(ExampleId, &ExampleState)>> = BTreeMap::new();
    for one in wanted {
        by_source.entry(one.1.source).or_default().push(one);
    }
    let mut examples = HashMap::with_capacity(wanted.len());
    for (source, of_change) in by_source {
        let key = (gallery.0.as_u128(), space.number, source.0.as_u128());
        let row = table.get(key)?.map(|row| Embeddings::unsealed(&key, row.value()));
        let row = row.transpose().map_err(ReadError::Broken)?.flatten();
        if row.is_none() && !space.has_all {
            continue;
        }
        let embeddings = row.unwrap_or_default();
        for (id, state) in of_change {
            let embedding = embeddings.get(state.index);
            let embedding =
                embedding.map_err(|e| ReadError::Broken(format!("example {id}: {e}")))?;
            if let Some((embedding, precision)) = embedding {
                let sha256 = state.sha256.0;
                let precision = precision.to_owned();
                let example = Example { id: *id, sha256, crop: state.crop, embedding, precision };
                examples.insert(*id, Arc::new(example));
            }
        }
    }
    Ok(examples)
}

/// The kept image of an example.
pub(super) fn image(
    transaction: &ReadTransaction,
    gallery: GalleryId,
    id: ExampleId,
) -> Result<Option<Vec<u8>>, ReadError> {
    let table = transaction.open_table(IMAGES)?;
    let key = (gallery.0.as_u128(), id.0.as_u128());
    let row = table.get(key)?;
    let image = row.map(|row| seal::unsealed(Kind::Images, &key, row.value()).map(<[u8]>::to_vec));
    image.transpose().map_err(ReadError::Broken)
}

/// The number of bytes of that image.
pub(super) fn image_size(
    transaction: &ReadTransaction,
    gallery: GalleryId,
    id: ExampleId,
) -> Result<Option<usize>, ReadError> {
    let table = transaction.open_table(IMAGES)?;
    let key = (gallery.0.as_u128(), id.0.as_u128());
    let row = table.get(key)?;
    let size = row.map(|row| seal::content_length(Kind::Images, &key, row.value()));
    size.transpose().map_err(ReadError::Broken)
}
