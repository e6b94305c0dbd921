//! The tables of a store: one transaction reads them all, one writes a change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use models::knowledge::wordnet::{NotASynset, SynsetId};
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    TableError, WriteTransaction,
};

use crate::gallery::class::{Class, ClassOverrides, Example, SenseOverride};
use crate::gallery::facts::{Change, ChangeKind};
use crate::gallery::id::{ClassId, ExampleId};
use crate::gallery::label::Label;
use crate::gallery::record;

/// What the layout is the hash of. A change of a table or of a record changes this text.
pub(super) const SCHEMA: &str = "
    numbers: str -> u64; format, revision
    texts: str -> str; layout, space_id
    classes: u64 class -> str label
    meanings: u64 class -> str synset or `images only`
    attributes: u64 class -> str synsets, separated by a space
    examples: (u64 class, u64 revision, u32 index) -> bytes; u8 1, sha256 [32], u8 length,
        str precision, f32 little-endian [s]
";

const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
const TEXTS: TableDefinition<&str, &str> = TableDefinition::new("texts");
const CLASSES: TableDefinition<u64, &str> = TableDefinition::new("classes");
/// The sense that the user set for a class: a synset, or [`IMAGES_ONLY`].
const MEANINGS: TableDefinition<u64, &str> = TableDefinition::new("meanings");
/// The attributes that the user set for a class: synsets, separated by a space.
const ATTRIBUTES: TableDefinition<u64, &str> = TableDefinition::new("attributes");
/// Class, then the example's revision and index: the order of enrollment within a class.
const EXAMPLES: TableDefinition<(u64, u64, u32), &[u8]> = TableDefinition::new("examples");

/// In `meanings`, for [`SenseOverride::ImagesOnly`].
const IMAGES_ONLY: &str = "images only";

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

type Row = ((u64, u64, u32), Vec<u8>);

/// The contents of the tables, not yet checked.
pub(super) struct RawFacts {
    pub(super) format: Option<u64>,
    pub(super) layout: Option<String>,
    pub(super) revision: Option<u64>,
    pub(super) space_id: Option<String>,
    classes: BTreeMap<u64, String>,
    meanings: BTreeMap<u64, String>,
    attributes: BTreeMap<u64, String>,
    examples: Vec<Row>,
}

impl RawFacts {
    /// `None` from a file that is new, or whose creator died before its first transaction.
    pub(super) fn read(database: &Database) -> Result<Option<Self>, redb::Error> {
        let transaction = database.begin_read()?;
        let numbers = match transaction.open_table(NUMBERS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other?,
        };
        let texts = transaction.open_table(TEXTS)?;
        let layout = texts.get("layout")?.map(|value| value.value().to_owned());
        let space_id = texts.get("space_id")?.map(|value| value.value().to_owned());
        Ok(Some(Self {
            format: numbers.get("format")?.map(|value| value.value()),
            layout,
            revision: numbers.get("revision")?.map(|value| value.value()),
            space_id,
            classes: texts_by_class(&transaction, CLASSES)?,
            meanings: texts_by_class(&transaction, MEANINGS)?,
            attributes: texts_by_class(&transaction, ATTRIBUTES)?,
            examples: examples(&transaction)?,
        }))
    }

    /// Puts overrides and examples into their classes.
    ///
    /// # Errors
    /// What does not fit.
    pub(super) fn assemble(mut self) -> Result<Vec<Class>, String> {
        // Classes and examples are both sorted by class, so one pass joins them.
        let mut rows = self.examples.into_iter().peekable();
        let mut assembled = Vec::new();
        for (id, label) in self.classes {
            let sense = self.meanings.remove(&id);
            let attributes = self.attributes.remove(&id);
            let mut class = class(id, &label, sense, attributes)?;
            while let Some((key, bytes)) = rows.next_if(|(key, _)| key.0 == id) {
                class.examples.push(example(key, &bytes)?);
            }
            assembled.push(class);
        }
        if let Some(id) = self.meanings.keys().chain(self.attributes.keys()).next() {
            return Err(format!("overrides belong to class @{id}, which is missing"));
        }
        match rows.next() {
            None => Ok(assembled),
            Some((key, _)) => {
                Err(format!("an example belongs to class @{}, which is missing", key.0))
            }
        }
    }
}

/// A table of texts by class; none from a store of another layout, which may lack the table.
fn texts_by_class(
    transaction: &ReadTransaction,
    table: TableDefinition<u64, &str>,
) -> Result<BTreeMap<u64, String>, redb::Error> {
    let table = match transaction.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        other => other?,
    };
    let mut texts = BTreeMap::new();
    for row in table.iter()? {
        let (class, text) = row?;
        texts.insert(class.value(), text.value().to_owned());
    }
    Ok(texts)
}

fn examples(transaction: &ReadTransaction) -> Result<Vec<Row>, redb::Error> {
    let mut examples = Vec::new();
    for row in transaction.open_table(EXAMPLES)?.iter()? {
        let (key, bytes) = row?;
        examples.push((key.value(), bytes.value().to_vec()));
    }
    Ok(examples)
}

/// A class without its examples.
fn class(
    id: u64,
    label: &str,
    sense: Option<String>,
    attributes: Option<String>,
) -> Result<Class, String> {
    let label = Label::parse(label).map_err(|e| wrong_class(id, &e))?;
    let mut class = Class::new(ClassId(id), label);
    class.overrides.sense =
        sense.map(|text| parse_sense(&text)).transpose().map_err(|e| wrong_class(id, &e))?;
    class.overrides.attributes =
        attributes.map(|text| synsets(&text)).transpose().map_err(|e| wrong_class(id, &e))?;
    Ok(class)
}

fn wrong_class(id: u64, reason: &dyn Display) -> String {
    format!("class @{id}: {reason}")
}

fn parse_sense(text: &str) -> Result<SenseOverride, NotASynset> {
    match text {
        IMAGES_ONLY => Ok(SenseOverride::ImagesOnly),
        synset => synset.parse().map(SenseOverride::Synset),
    }
}

fn synsets(text: &str) -> Result<BTreeSet<SynsetId>, NotASynset> {
    text.split_whitespace().map(str::parse).collect()
}

fn example(key: (u64, u64, u32), bytes: &[u8]) -> Result<Example, String> {
    let id = ExampleId { revision: key.1, index: key.2 };
    record::decode(id, bytes).ok_or_else(|| format!("example {id} is damaged"))
}
