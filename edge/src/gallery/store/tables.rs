//! The tables of a store, and the transactions that create and change them.

use std::collections::BTreeSet;

use models::knowledge::wordnet::SynsetId;
use redb::{Database, Durability, TableDefinition, WriteTransaction};

use crate::gallery::change::{Change, ChangeKind};
use crate::gallery::class::{ClassOverrides, SenseOverride};
use crate::gallery::id::{ClassId, ExampleId};
use crate::gallery::record;
use crate::gallery::settings::GallerySettings;

/// What the layout is the hash of. A change of a table or of a record changes this text.
pub(super) const SCHEMA: &str = "
    numbers: str -> u64; format, revision
    texts: str -> str; layout, space_id
    classes: u64 class -> str label
    meanings: u64 class -> str synset or `images only`
    attributes: u64 class -> str synsets, separated by a space
    examples: (u64 class, u64 revision, u32 index) -> bytes; u8 1, sha256 [32], u8 length,
        str precision, f32 little-endian [s]
    background: (u64 revision, u32 index) -> bytes; as in examples
    settings: str -> f64; rate, threshold (absent: none), expected_unknown_share
";

pub(super) const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
pub(super) const TEXTS: TableDefinition<&str, &str> = TableDefinition::new("texts");
pub(super) const CLASSES: TableDefinition<u64, &str> = TableDefinition::new("classes");
/// The sense that the user set for a class: a synset, or [`IMAGES_ONLY`].
pub(super) const MEANINGS: TableDefinition<u64, &str> = TableDefinition::new("meanings");
/// The attributes that the user set for a class: synsets, separated by a space.
pub(super) const ATTRIBUTES: TableDefinition<u64, &str> = TableDefinition::new("attributes");
/// Class, then the example's revision and index: the order of enrollment within a class.
pub(super) const EXAMPLES: TableDefinition<(u64, u64, u32), &[u8]> =
    TableDefinition::new("examples");
/// The background set, by the example's revision and index: the order of enrollment.
pub(super) const BACKGROUND: TableDefinition<(u64, u32), &[u8]> =
    TableDefinition::new("background");
/// Settings of the gallery by name; one without a row has its default.
pub(super) const SETTINGS: TableDefinition<&str, f64> = TableDefinition::new("settings");

/// In `meanings`, for [`SenseOverride::ImagesOnly`].
pub(super) const IMAGES_ONLY: &str = "images only";

/// Creates the tables of an empty store.
pub(super) fn initialize(
    database: &Database,
    format: u64,
    layout: &str,
    space_id: &str,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(TEXTS)?.insert("layout", layout)?;
    transaction.open_table(TEXTS)?.insert("space_id", space_id)?;
    transaction.open_table(NUMBERS)?.insert("format", format)?;
    transaction.open_table(NUMBERS)?.insert("revision", 0)?;
    // A read transaction cannot open a table that was never opened for writing.
    transaction.open_table(CLASSES)?;
    transaction.open_table(MEANINGS)?;
    transaction.open_table(ATTRIBUTES)?;
    transaction.open_table(EXAMPLES)?;
    transaction.open_table(BACKGROUND)?;
    transaction.open_table(SETTINGS)?;
    Ok(transaction.commit()?)
}

/// One transaction, synced when it returns.
pub(super) fn write(database: &Database, change: &Change) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // redb's default as well, stated here because the guarantee of the gallery rests on it.
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(NUMBERS)?.insert("revision", change.revision)?;
    match &change.kind {
        ChangeKind::Enroll { class, label, examples } => {
            transaction.open_table(CLASSES)?.insert(class.0, label.as_str())?;
            let mut rows = transaction.open_table(EXAMPLES)?;
            for example in examples {
                rows.insert(key(*class, example.id), record::encode(example).as_slice())?;
            }
        }
        ChangeKind::Define { class, label, overrides } => {
            transaction.open_table(CLASSES)?.insert(class.0, label.as_str())?;
            write_overrides(&transaction, *class, overrides)?;
        }
        ChangeKind::Rename { class, label } => {
            transaction.open_table(CLASSES)?.insert(class.0, label.as_str())?;
        }
        ChangeKind::Delete { class } => delete(&transaction, *class)?,
        ChangeKind::EnrollBackground(examples) => {
            let mut rows = transaction.open_table(BACKGROUND)?;
            for example in examples {
                let key = (example.id.revision, example.id.index);
                rows.insert(key, record::encode(example).as_slice())?;
            }
        }
        ChangeKind::RemoveBackground(id) => {
            transaction.open_table(BACKGROUND)?.remove((id.revision, id.index))?;
        }
        ChangeKind::Settings(settings) => write_settings(&transaction, settings)?,
    }
    Ok(transaction.commit()?)
}

fn write_overrides(
    transaction: &WriteTransaction,
    class: ClassId,
    overrides: &ClassOverrides,
) -> Result<(), redb::Error> {
    let mut meanings = transaction.open_table(MEANINGS)?;
    match overrides.sense {
        None => meanings.remove(class.0)?,
        Some(SenseOverride::ImagesOnly) => meanings.insert(class.0, IMAGES_ONLY)?,
        Some(SenseOverride::Synset(id)) => meanings.insert(class.0, id.to_string().as_str())?,
    };
    let mut attributes = transaction.open_table(ATTRIBUTES)?;
    match &overrides.attributes {
        None => attributes.remove(class.0)?,
        Some(ids) => attributes.insert(class.0, spaced(ids).as_str())?,
    };
    Ok(())
}

fn write_settings(
    transaction: &WriteTransaction,
    settings: &GallerySettings,
) -> Result<(), redb::Error> {
    let mut rows = transaction.open_table(SETTINGS)?;
    rows.insert("rate", settings.rate)?;
    rows.insert("expected_unknown_share", settings.expected_unknown_share)?;
    match settings.threshold {
        None => rows.remove("threshold")?,
        Some(threshold) => rows.insert("threshold", threshold)?,
    };
    Ok(())
}

fn delete(transaction: &WriteTransaction, class: ClassId) -> Result<(), redb::Error> {
    transaction.open_table(CLASSES)?.remove(class.0)?;
    transaction.open_table(MEANINGS)?.remove(class.0)?;
    transaction.open_table(ATTRIBUTES)?.remove(class.0)?;
    let rows = (class.0, 0, 0)..=(class.0, u64::MAX, u32::MAX);
    transaction.open_table(EXAMPLES)?.retain_in(rows, |_, _| false)?;
    Ok(())
}

fn spaced(ids: &BTreeSet<SynsetId>) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn key(class: ClassId, id: ExampleId) -> (u64, u64, u32) {
    (class.0, id.revision, id.index)
}
