//! What a store says about itself. It is read first: another layout may lack the other tables.

use redb::{Database, ReadableDatabase, TableError};

use super::tables::{NUMBERS, TEXTS};

/// What identifies a store, and its revision; each may be missing.
pub(super) struct Header {
    pub(super) format: Option<u64>,
    pub(super) layout: Option<String>,
    pub(super) space_id: Option<String>,
    pub(super) revision: Option<u64>,
}

impl Header {
    /// `None` from a file that is new, or whose creator died before its first transaction.
    pub(super) fn read(database: &Database) -> Result<Option<Self>, redb::Error> {
        let transaction = database.begin_read()?;
        let numbers = match transaction.open_table(NUMBERS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other?,
        };
        let texts = transaction.open_table(TEXTS)?;
        Ok(Some(Self {
            format: numbers.get("format")?.map(|value| value.value()),
            layout: texts.get("layout")?.map(|value| value.value().to_owned()),
            space_id: texts.get("space_id")?.map(|value| value.value().to_owned()),
            revision: numbers.get("revision")?.map(|value| value.value()),
        }))
    }
}
