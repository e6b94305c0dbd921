//! What a store says about itself. It is read first: another layout may lack the other tables.

use std::path::Path;

use models::layout;
use redb::{AccessGuard, Database, Durability, ReadableDatabase, TableError};

use super::rows::GalleryRow;
use super::tables::{self, CLASSES, EMBEDDINGS, EXAMPLES, IMAGES, JOURNAL, NUMBERS, SCHEMA, TEXTS};
use crate::gallery::clock::Clock;
use crate::gallery::error::GalleryError;
use crate::gallery::id::{DeviceId, GalleryId};

/// The number of the format of a store. Every format has this one until the first release; the
/// layout identifies the schema.
pub const STORE_FORMAT: u64 = 1;

/// What identifies a store; a text that is missing is empty, a number 0.
#[derive(Debug)]
pub(super) struct Header {
    format: u64,
    layout: String,
    pub(super) device: String,
}

impl Header {
    /// That of a new store.
    fn new(device: String) -> Self {
        Self { format: STORE_FORMAT, layout: layout::of(SCHEMA), device }
    }

    /// Refuses a store of another layout; `dir` is its folder.
    pub(super) fn check(&self, dir: &Path) -> Result<(), GalleryError> {
        let expected = layout::of(SCHEMA);
        if self.format == STORE_FORMAT && self.layout == expected {
            return Ok(());
        }
        // A damaged file may hold a long text.
        let got: String = self.layout.chars().take(64).collect();
        let got = if got.is_empty() { "none".to_owned() } else { got };
        Err(GalleryError::OtherLayout { path: dir.to_owned(), expected, got })
    }

    /// `None` from a file that is new, or whose creator died before its first transaction.
    pub(super) fn read(database: &impl ReadableDatabase) -> Result<Option<Self>, redb::Error> {
        let transaction = database.begin_read()?;
        let numbers = match transaction.open_table(NUMBERS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other?,
        };
        let texts = transaction.open_table(TEXTS)?;
        Ok(Some(Self {
            format: numbers.get("format")?.map(|value| value.value()).unwrap_or_default(),
            layout: text(texts.get("layout")?),
            device: text(texts.get("device")?),
        }))
    }
}

fn text(value: Option<AccessGuard<'_, &'static str>>) -> String {
    value.map(|value| value.value().to_owned()).unwrap_or_default()
}

/// Makes the tables of a new store, with its first gallery.
pub(super) fn create(
    database: &Database,
    first: &GalleryRow,
    clock: &mut Clock,
) -> Result<Header, redb::Error> {
    let device = DeviceId(clock.random_uuid()).to_string();
    let header = Header::new(device);
    let gallery = GalleryId(clock.uuid());
    initialize(database, &header, gallery, first)?;
    Ok(header)
}

/// Creates the tables of an empty store with one gallery.
fn initialize(
    database: &Database,
    header: &Header,
    gallery: GalleryId,
    row: &GalleryRow,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(NUMBERS)?.insert("format", header.format)?;
    transaction.open_table(TEXTS)?.insert("layout", header.layout.as_str())?;
    transaction.open_table(TEXTS)?.insert("device", header.device.as_str())?;
    tables::write_gallery(&transaction, gallery, row)?;
    // A read transaction cannot open a table that was never opened for writing.
    transaction.open_table(JOURNAL)?;
    transaction.open_table(EMBEDDINGS)?;
    transaction.open_table(IMAGES)?;
    transaction.open_table(CLASSES)?;
    transaction.open_table(EXAMPLES)?;
    Ok(transaction.commit()?)
}
