//! The facts of a store, read in one transaction and put together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use models::knowledge::wordnet::{NotASynset, SynsetId};
use redb::{Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition};

use super::tables::{ATTRIBUTES, BACKGROUND, CLASSES, EXAMPLES, IMAGES_ONLY, MEANINGS, SETTINGS};
use crate::gallery::class::{Class, Example, SenseOverride};
use crate::gallery::facts::Facts;
use crate::gallery::id::{ClassId, ExampleId};
use crate::gallery::label::Label;
use crate::gallery::record;
use crate::gallery::settings::GallerySettings;

/// The key and the record of an example.
type Row<K> = (K, Vec<u8>);

/// The contents of the tables, not yet checked.
pub(super) struct RawFacts {
    classes: BTreeMap<u64, String>,
    meanings: BTreeMap<u64, String>,
    attributes: BTreeMap<u64, String>,
    examples: Vec<Row<(u64, u64, u32)>>,
    background: Vec<Row<(u64, u32)>>,
    settings: BTreeMap<String, f64>,
}

impl RawFacts {
    /// Reads a store of this layout, which has all tables.
    pub(super) fn read(database: &Database) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        Ok(Self {
            classes: texts_by_class(&transaction, CLASSES)?,
            meanings: texts_by_class(&transaction, MEANINGS)?,
            attributes: texts_by_class(&transaction, ATTRIBUTES)?,
            examples: records(&transaction, EXAMPLES)?,
            background: records(&transaction, BACKGROUND)?,
            settings: settings_by_name(&transaction)?,
        })
    }

    /// The facts, if everything fits together.
    ///
    /// # Errors
    /// What does not fit.
    pub(super) fn assemble(self, revision: u64) -> Result<Facts, String> {
        let settings = settings(&self.settings)?;
        let background = self.background.iter().map(|(key, bytes)| example(*key, bytes));
        let background = background.collect::<Result<_, _>>()?;
        Facts::restore(revision, self.classes()?, background, settings)
    }

    /// Puts overrides and examples into their classes.
    fn classes(mut self) -> Result<Vec<Class>, String> {
        // Classes and examples are both sorted by class, so one pass joins them.
        let mut rows = self.examples.into_iter().peekable();
        let mut assembled = Vec::new();
        for (id, label) in self.classes {
            let sense = self.meanings.remove(&id);
            let attributes = self.attributes.remove(&id);
            let mut class = class(id, &label, sense, attributes)?;
            while let Some(((_, revision, index), bytes)) = rows.next_if(|(key, _)| key.0 == id) {
                class.examples.push(example((revision, index), &bytes)?);
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

fn texts_by_class(
    transaction: &ReadTransaction,
    table: TableDefinition<u64, &str>,
) -> Result<BTreeMap<u64, String>, redb::Error> {
    let mut texts = BTreeMap::new();
    for row in transaction.open_table(table)?.iter()? {
        let (class, text) = row?;
        texts.insert(class.value(), text.value().to_owned());
    }
    Ok(texts)
}

fn records<K: for<'k> Key<SelfType<'k> = K>>(
    transaction: &ReadTransaction,
    table: TableDefinition<K, &[u8]>,
) -> Result<Vec<Row<K>>, redb::Error> {
    let mut records = Vec::new();
    for row in transaction.open_table(table)?.iter()? {
        let (key, bytes) = row?;
        records.push((key.value(), bytes.value().to_vec()));
    }
    Ok(records)
}

fn settings_by_name(transaction: &ReadTransaction) -> Result<BTreeMap<String, f64>, redb::Error> {
    let mut settings = BTreeMap::new();
    for row in transaction.open_table(SETTINGS)?.iter()? {
        let (name, value) = row?;
        settings.insert(name.value().to_owned(), value.value());
    }
    Ok(settings)
}

/// The settings, whose values are not checked.
fn settings(rows: &BTreeMap<String, f64>) -> Result<GallerySettings, String> {
    let mut settings = GallerySettings::default();
    for (name, &value) in rows {
        match name.as_str() {
            "rate" => settings.rate = value,
            "threshold" => settings.threshold = Some(value),
            "expected_unknown_share" => settings.expected_unknown_share = value,
            unknown => return Err(format!("it has the unknown setting `{unknown:.64}`")),
        }
    }
    Ok(settings)
}

/// A class without its examples.
fn class(
    id: u64,
    label: &str,
    sense: Option<String>,
    attributes: Option<String>,
) -> Result<Class, String> {
    let label = Label::stored(label).map_err(|e| wrong_class(id, &e))?;
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

fn example((revision, index): (u64, u32), bytes: &[u8]) -> Result<Example, String> {
    let id = ExampleId { revision, index };
    record::decode(id, bytes).ok_or_else(|| format!("example {id} is damaged"))
}
