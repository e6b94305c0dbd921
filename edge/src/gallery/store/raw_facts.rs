//! The facts of a store, read in one transaction and put together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use models::knowledge::wordnet::{NotASynset, SynsetId};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
};

use super::tables::{
    ATTRIBUTES, CLASSES, EXAMPLES, IMAGES_ONLY, MEANINGS, NUMBERS, SETTINGS, TEXTS,
};
use crate::gallery::class::{Class, Example, SenseOverride};
use crate::gallery::facts::Facts;
use crate::gallery::id::{ClassId, ExampleId};
use crate::gallery::label::Label;
use crate::gallery::record;
use crate::gallery::settings::GallerySettings;

type Row = ((u64, u64, u32), Vec<u8>);

/// The contents of the tables, not yet checked.
pub(super) struct RawFacts {
    pub(super) format: Option<u64>,
    pub(super) layout: Option<String>,
    revision: Option<u64>,
    pub(super) space_id: Option<String>,
    classes: BTreeMap<u64, String>,
    meanings: BTreeMap<u64, String>,
    attributes: BTreeMap<u64, String>,
    examples: Vec<Row>,
    settings: BTreeMap<String, f64>,
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
            settings: settings_by_name(&transaction)?,
        }))
    }

    /// The facts, if everything fits together.
    ///
    /// # Errors
    /// What does not fit.
    pub(super) fn assemble(self) -> Result<Facts, String> {
        let revision = self.revision.ok_or("its revision is missing")?;
        let settings = settings(&self.settings)?;
        Facts::restore(revision, self.classes()?, settings)
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

/// The rows of the settings; none from a store of another layout, which may lack the table.
fn settings_by_name(transaction: &ReadTransaction) -> Result<BTreeMap<String, f64>, redb::Error> {
    let table = match transaction.open_table(SETTINGS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        other => other?,
    };
    let mut settings = BTreeMap::new();
    for row in table.iter()? {
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
