//! The tables of a store, and the transactions that create and change them.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use redb::{Database, Durability, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::rows::{self, Embeddings, GalleryRow, space_number};
use super::seal::{self, Kind, Seal};
use crate::gallery::change::{Change, What};
use crate::gallery::id::{ExampleId, GalleryId};
use crate::gallery::journal::{Commit, Filed};

/// What the layout is the hash of. A change of a table or of a row changes this text.
pub(super) const SCHEMA: &str = "
    numbers: str -> u64; format, to_compact
    texts: str -> str; layout, device
    galleries, gallery_copies: u128 gallery -> seal, json { name, space_id, reembedded, revision,
        changes, embedding_length, classes, examples, background, settings }
    journal: (u128 gallery, u64 ms, u16 counter, u128 device, u128 change) -> seal, json change
    embeddings: (u128 gallery, u64 space, u128 change) -> seal, u8 examples,
        precisions [examples] of u8 bytes and text, f32 little-endian [examples, s];
        all bits 1: purged or none; 0xFE and all bits 1: unreadable; or seal
    images: (u128 gallery, u128 example) -> seal, bytes of an image file
    classes: (u128 gallery, u128 class) -> seal, json { label, overrides, status }; or seal
    examples: (u128 gallery, u128 example) -> seal, json { sha256, crop?, precision, source, index,
        status }; or seal
    seal: F5 48 1A 72 6F 77 C3 0A, u8 table, u8 key length, u64 revision, u32 length, u32 crc, key,
        u32 crc, embeddings: u32 crc of each 256 bytes
";

/// The number of a gallery, and that of a change, a class or an example.
pub(super) type RowKey = (u128, u128);
/// The number of a gallery, that of a space, and that of a change.
pub(super) type EmbeddingsKey = (u128, u64, u128);
/// The number of a gallery, and the position of a change.
pub(super) type JournalKey = (u128, u64, u16, u128, u128);

pub(super) const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
pub(super) const TEXTS: TableDefinition<&str, &str> = TableDefinition::new("texts");
pub(super) const GALLERIES: TableDefinition<u128, &[u8]> = TableDefinition::new("galleries");
/// The same rows again, in pages of their own: nothing else states the name and the space of a
/// gallery, and the rows of all galleries may lie in one page.
pub(super) const GALLERY_COPIES: TableDefinition<u128, &[u8]> =
    TableDefinition::new("gallery_copies");
/// In the order of the changes of each gallery.
pub(super) const JOURNAL: TableDefinition<JournalKey, &[u8]> = TableDefinition::new("journal");
/// Those of the examples of one change together: pages hold powers of two, and one row for each
/// embedding would leave a third of them empty. Spaces lie beside each other.
pub(super) const EMBEDDINGS: TableDefinition<EmbeddingsKey, &[u8]> =
    TableDefinition::new("embeddings");
pub(super) const IMAGES: TableDefinition<RowKey, &[u8]> = TableDefinition::new("images");
pub(super) const CLASSES: TableDefinition<RowKey, &[u8]> = TableDefinition::new("classes");
pub(super) const EXAMPLES: TableDefinition<RowKey, &[u8]> = TableDefinition::new("examples");

/// A number that is there while bytes of what was purged may be in the file.
pub(super) const TO_COMPACT: &str = "to_compact";

/// The number of tables, all of which a compaction has to copy.
pub(super) const N_TABLES: usize = 9;

/// One transaction, synced when it returns.
pub(super) fn write(
    database: &Database,
    gallery: GalleryId,
    row: &GalleryRow,
    commit: &Commit<'_>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // redb's default as well, stated here because the guarantee of the gallery rests on it.
    transaction.set_durability(Durability::Immediate)?;
    let key = gallery.0.as_u128();
    check_revision(&transaction, key, commit.revision)?;
    write_gallery(&transaction, gallery, row)?;
    let space = space_number(&row.space_id);
    for change in commit.changes {
        let position = journal_key(gallery, change);
        let sealed = seal::sealed(Kind::Journal, &position, commit.revision, &rows::json(change));
        transaction.open_table(JOURNAL)?.insert(position, sealed.as_slice())?;
        write_data(&transaction, (key, space), change, commit)?;
    }
    write_filed(&transaction, (key, space), commit)?;
    purge_embeddings(&transaction, key, commit.revision, &purged(commit))?;
    if commit.purges() {
        // In the same transaction, so that the second step of a purge is not forgotten.
        transaction.open_table(NUMBERS)?.insert(TO_COMPACT, 1_u64)?;
    }
    write_images(&transaction, key, commit)?;
    write_state(&transaction, key, commit)?;
    Ok(transaction.commit()?)
}

/// Writes the row of a gallery, and the copy of it.
pub(super) fn write_gallery(
    transaction: &WriteTransaction,
    gallery: GalleryId,
    row: &GalleryRow,
) -> Result<(), redb::Error> {
    let key = gallery.0.as_u128();
    let sealed = seal::sealed(Kind::Gallery, &key, row.revision, &rows::json(row));
    transaction.open_table(GALLERIES)?.insert(key, sealed.as_slice())?;
    transaction.open_table(GALLERY_COPIES)?.insert(key, sealed.as_slice())?;
    Ok(())
}

/// Refuses a commit that was planned on an older revision than that of the disk.
fn check_revision(
    transaction: &WriteTransaction,
    gallery: u128,
    next: u64,
) -> Result<(), redb::Error> {
    let galleries = transaction.open_table(GALLERIES)?;
    let row = galleries.get(gallery)?;
    let row = row.map(|row| rows::parse_sealed::<GalleryRow>(Kind::Gallery, &gallery, row.value()));
    match row.transpose().map_err(redb::Error::Corrupted)? {
        Some(row) if row.revision + 1 != next => Err(redb::Error::Corrupted(
            "the gallery is open twice in this program, and the other has changed it".to_owned(),
        )),
        None if next != 1 => Err(redb::Error::Corrupted(
            "the gallery was purged while it was open in this program".to_owned(),
        )),
        _ => Ok(()),
    }
}

pub(super) fn journal_key(gallery: GalleryId, change: &Change) -> JournalKey {
    let Change { id, at, device, .. } = change;
    (gallery.0.as_u128(), at.ms, at.counter, device.0.as_u128(), id.0.as_u128())
}

/// What lies beside the journal of a gallery, with embeddings of a space.
fn write_data(
    transaction: &WriteTransaction,
    (gallery, space): (u128, u64),
    change: &Change,
    commit: &Commit<'_>,
) -> Result<(), redb::Error> {
    match &change.what {
        What::Enroll { examples, .. } => {
            let found = examples.iter().map(|new| commit.examples.get(&new.id));
            let found = found.map(|one| one.map(|one| (&one.embedding[..], &one.precision[..])));
            let key = (gallery, space, change.id.0.as_u128());
            let mut table = transaction.open_table(EMBEDDINGS)?;
            put_embeddings(&mut table, key, commit.revision, &Embeddings::of(found).bytes())?;
        }
        What::Purge { examples } => {
            for id in examples {
                transaction.open_table(IMAGES)?.remove((gallery, id.0.as_u128()))?;
            }
        }
        What::PurgeGallery { gallery } => drop_gallery(transaction, gallery.0.as_u128())?,
        _ => {}
    }
    Ok(())
}

/// Adds the embeddings that are in a file to the rows of the changes that enroll them.
fn write_filed(
    transaction: &WriteTransaction,
    (gallery, space): (u128, u64),
    commit: &Commit<'_>,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(EMBEDDINGS)?;
    for part in commit.filed.into_iter().flat_map(|file| file.embeddings()) {
        let part = part.map_err(redb::Error::Io)?;
        // In a file that Handful wrote, those of a change follow each other.
        for of_change in part.chunk_by(|one, next| one.change == next.change) {
            let change = &commit.changes[of_change[0].change];
            let What::Enroll { precision, examples, .. } = &change.what else { continue };
            let key = (gallery, space, change.id.0.as_u128());
            let mut row = embeddings_at(&table, key)?.unwrap_or_default();
            row.make_room(examples.len(), of_change[0].embedding.len());
            for Filed { index, embedding, .. } in of_change {
                row.set(usize::from(*index), embedding, precision);
            }
            put_embeddings(&mut table, key, commit.revision, &row.bytes())?;
        }
    }
    Ok(())
}

/// Removes all rows of a gallery.
fn drop_gallery(transaction: &WriteTransaction, gallery: u128) -> Result<(), redb::Error> {
    transaction.open_table(GALLERIES)?.remove(gallery)?;
    transaction.open_table(GALLERY_COPIES)?.remove(gallery)?;
    transaction.open_table(JOURNAL)?.retain_in(journal_of(gallery), |_, _| false)?;
    transaction.open_table(EMBEDDINGS)?.retain_in(embeddings_of(gallery), |_, _| false)?;
    for table in [IMAGES, CLASSES, EXAMPLES] {
        transaction.open_table(table)?.retain_in(rows_of(gallery), |_, _| false)?;
    }
    Ok(())
}

fn write_images(
    transaction: &WriteTransaction,
    gallery: u128,
    commit: &Commit<'_>,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(IMAGES)?;
    for (id, image) in commit.images {
        put(&mut table, Kind::Images, (gallery, id.0.as_u128()), commit.revision, image)?;
    }
    for image in commit.filed.into_iter().flat_map(|file| file.images()) {
        let (id, image) = image.map_err(redb::Error::Io)?;
        put(&mut table, Kind::Images, (gallery, id.0.as_u128()), commit.revision, &image)?;
    }
    Ok(())
}

/// The examples that a commit purges.
fn purged(commit: &Commit<'_>) -> HashSet<ExampleId> {
    let purged = commit.changes.iter().filter_map(|change| match &change.what {
        What::Purge { examples } => Some(examples),
        _ => None,
    });
    purged.flatten().copied().collect()
}

/// Overwrites embeddings of every space wherever they were enrolled, in one pass over the journal.
fn purge_embeddings(
    transaction: &WriteTransaction,
    gallery: u128,
    revision: u64,
    purged: &HashSet<ExampleId>,
) -> Result<(), redb::Error> {
    if purged.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(EMBEDDINGS)?;
    let spaces = spaces_of(&table, gallery)?;
    for row in transaction.open_table(JOURNAL)?.range(journal_of(gallery))? {
        let (key, json) = row?;
        let change = rows::parse_sealed::<Change>(Kind::Journal, &key.value(), json.value());
        let change = change.map_err(redb::Error::Corrupted)?;
        let What::Enroll { examples, .. } = &change.what else { continue };
        let indices: Vec<usize> =
            (0..examples.len()).filter(|index| purged.contains(&examples[*index].id)).collect();
        if indices.is_empty() {
            continue;
        }
        for space in &spaces {
            let key = (gallery, *space, change.id.0.as_u128());
            let Some(mut embeddings) = embeddings_at(&table, key)? else { continue };
            embeddings.purge(&indices);
            put_embeddings(&mut table, key, revision, &embeddings.bytes())?;
        }
    }
    Ok(())
}

/// The embeddings of a change in a space; `None` if there are none.
pub(super) fn embeddings_at(
    table: &Table<'_, EmbeddingsKey, &'static [u8]>,
    key: EmbeddingsKey,
) -> Result<Option<Embeddings>, redb::Error> {
    let row = table.get(key)?.map(|row| Embeddings::unsealed(&key, row.value()));
    Ok(row.transpose().map_err(redb::Error::Corrupted)?.flatten())
}

/// Inserts or replaces the embeddings of a change in a space; without content they are forgotten.
/// Embeddings that are put beside those in use are written several times in one revision of the
/// gallery, so the revision of the row grows with each.
pub(super) fn put_embeddings(
    table: &mut Table<'_, EmbeddingsKey, &'static [u8]>,
    key: EmbeddingsKey,
    revision: u64,
    content: &[u8],
) -> Result<(), redb::Error> {
    let former = table.get(key)?.and_then(|row| Seal::read(row.value()).map(|seal| seal.revision));
    let revision = former.map_or(revision, |former| revision.max(former.saturating_add(1)));
    table.insert(key, seal::sealed(Kind::Embeddings, &key, revision, content).as_slice())?;
    Ok(())
}

/// The spaces that a gallery has embeddings of.
fn spaces_of(
    table: &Table<'_, EmbeddingsKey, &'static [u8]>,
    gallery: u128,
) -> Result<Vec<u64>, redb::Error> {
    let (first, last) = embeddings_of(gallery).into_inner();
    let mut spaces = Vec::new();
    let mut next = Some(first);
    while let Some(from) = next {
        let row = table.range(from..=last)?.next().transpose()?;
        let found = row.map(|(key, _)| key.value().1);
        spaces.extend(found);
        next = found.and_then(|space| Some((gallery, space.checked_add(1)?, 0)));
    }
    Ok(spaces)
}

/// The embeddings of a gallery in all spaces.
fn embeddings_of(gallery: u128) -> RangeInclusive<EmbeddingsKey> {
    (gallery, 0, 0)..=(gallery, u64::MAX, u128::MAX)
}

/// The embeddings of a gallery in one space.
pub(super) fn embeddings_in(gallery: u128, space: u64) -> RangeInclusive<EmbeddingsKey> {
    (gallery, space, 0)..=(gallery, space, u128::MAX)
}

/// The journal of a gallery.
pub(super) fn journal_of(gallery: u128) -> RangeInclusive<JournalKey> {
    (gallery, 0, 0, 0, 0)..=(gallery, u64::MAX, u16::MAX, u128::MAX, u128::MAX)
}

/// The classes or the examples of a gallery.
pub(super) fn rows_of(gallery: u128) -> RangeInclusive<RowKey> {
    (gallery, 0)..=(gallery, u128::MAX)
}

/// The rows of the state that differ. One that is gone stays without content: a former row, which
/// may be left in a page that is free, is older than that.
fn write_state(
    transaction: &WriteTransaction,
    gallery: u128,
    commit: &Commit<'_>,
) -> Result<(), redb::Error> {
    let mut classes = transaction.open_table(CLASSES)?;
    for id in commit.delta.classes.keys() {
        let row = commit.state.classes().get(id).map(rows::json).unwrap_or_default();
        put(&mut classes, Kind::Classes, (gallery, id.0.as_u128()), commit.revision, &row)?;
    }
    let mut examples = transaction.open_table(EXAMPLES)?;
    for id in commit.delta.examples.keys() {
        let row = commit.state.examples().get(id).map(rows::json).unwrap_or_default();
        put(&mut examples, Kind::Examples, (gallery, id.0.as_u128()), commit.revision, &row)?;
    }
    Ok(())
}

/// Inserts or replaces a row.
fn put(
    table: &mut Table<'_, RowKey, &[u8]>,
    kind: Kind,
    key: RowKey,
    revision: u64,
    content: &[u8],
) -> Result<(), redb::Error> {
    table.insert(key, seal::sealed(kind, &key, revision, content).as_slice())?;
    Ok(())
}
