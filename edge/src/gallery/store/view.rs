//! A gallery of a store as it is at one moment, whatever is changed meanwhile.
//!
//! The file of the store holds the read transaction of each view. When the database is closed to be
//! replaced or opened again, the views end with it, so no view keeps the bytes of what is purged
//! meanwhile.

use std::ops::Bound;

use redb::ReadTransaction;
use uuid::Uuid;

use super::contents::{self, ReadError};
use super::rows::{Embeddings, GalleryRow, parse_sealed};
use super::seal::{self, Kind};
use super::tables::{EMBEDDINGS, IMAGES, JOURNAL, JournalKey, RowKey, journal_of};
use super::{SharedFile, StoreFile, read_failure};
use crate::gallery::change::{Change, Position, What};
use crate::gallery::error::GalleryError;
use crate::gallery::id::{ExampleId, GalleryId};

/// The error of a view that has ended.
const ENDED: &str = "the store was opened anew meanwhile, after a purge, a compaction or a failed \
                     write; export it again";

/// A gallery at one moment.
#[derive(Debug)]
pub(in crate::gallery) struct View {
    file: SharedFile,
    number: u64,
    gallery: GalleryId,
    row: GalleryRow,
}

impl View {
    /// The gallery as it is now; one without embeddings is of the space `space_id`.
    pub(in crate::gallery) fn of(
        file: SharedFile,
        gallery: GalleryId,
        space_id: &str,
    ) -> Result<Self, GalleryError> {
        let mut opened = file.lock();
        opened.check()?;
        let transaction = opened.read()?;
        let rows = contents::galleries(&transaction);
        let rows = rows.map_err(|error| read_failure(&opened.dir, error))?;
        let found = rows.into_iter().find(|(id, _)| *id == gallery);
        let mut row = found.map_or_else(|| GalleryRow::new("", space_id), |(_, row)| row);
        if row.embedding_length.is_none() {
            space_id.clone_into(&mut row.space_id);
        }
        let number = opened.views.add(transaction);
        drop(opened);
        Ok(Self { file, number, gallery, row })
    }

    /// Identifies the backbone of the embeddings in use.
    pub(in crate::gallery) fn space_id(&self) -> &str {
        &self.row.space_id
    }

    /// The length of the embeddings in use; `None` before the first.
    pub(in crate::gallery) fn embedding_length(&self) -> Option<usize> {
        self.row.embedding_length
    }

    /// The changes that follow a position, in their order, at most `limit`. The changes of the
    /// space are among them, which are of this store only.
    pub(in crate::gallery) fn changes_after(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Change>, GalleryError> {
        let range = journal_after(self.key(), after);
        self.read(|transaction| {
            let mut changes = Vec::new();
            for row in transaction.open_table(JOURNAL)?.range(range)?.take(limit) {
                let (key, json) = row?;
                let change = parse_sealed(Kind::Journal, &key.value(), json.value());
                changes.push(change.map_err(|e| ReadError::Broken(format!("a change: {e}")))?);
            }
            Ok(changes)
        })
    }

    /// The embeddings in use of the examples that a change enrolls, without those that were purged.
    pub(in crate::gallery) fn embeddings(
        &self,
        change: &Change,
    ) -> Result<Vec<(ExampleId, Vec<f32>)>, GalleryError> {
        let What::Enroll { examples, .. } = &change.what else { return Ok(Vec::new()) };
        let space = self.row.space_in_use();
        let key = (self.key(), space.number, change.id.0.as_u128());
        self.read(|transaction| {
            let table = transaction.open_table(EMBEDDINGS)?;
            let row = table.get(key)?.map(|row| Embeddings::unsealed(&key, row.value()));
            let row = row.transpose().map_err(ReadError::Broken)?.flatten();
            if row.is_none() && !space.has_all {
                return Ok(Vec::new());
            }
            let embeddings = row.unwrap_or_default();
            let mut found = Vec::with_capacity(examples.len());
            for (index, new) in (0..).zip(examples) {
                let id = new.id;
                let embedding = embeddings.get(index);
                let embedding =
                    embedding.map_err(|e| ReadError::Broken(format!("example {id}: {e}")))?;
                found.extend(embedding.map(|(values, _)| (id, values)));
            }
            Ok(found)
        })
    }

    /// The first kept image of an example with a later id, or of all; `None` after the last.
    pub(in crate::gallery) fn image_after(
        &self,
        after: Option<ExampleId>,
    ) -> Result<Option<(ExampleId, Vec<u8>)>, GalleryError> {
        let range = images_after(self.key(), after);
        self.read(|transaction| {
            let mut rows = transaction.open_table(IMAGES)?.range(range)?;
            let Some(row) = rows.next() else { return Ok(None) };
            let (key, image) = row?;
            let id = ExampleId(Uuid::from_u128(key.value().1));
            let image = seal::unsealed(Kind::Images, &key.value(), image.value());
            Ok(Some((id, image.map_err(ReadError::Broken)?.to_vec())))
        })
    }

    fn key(&self) -> u128 {
        self.gallery.0.as_u128()
    }

    /// Others wait for the file only while one thing is read.
    fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, ReadError>,
    ) -> Result<T, GalleryError> {
        let file = self.file.lock();
        let transaction = file.views.get(self.number);
        let transaction = transaction.ok_or(GalleryError::NotExported(ENDED))?;
        read(transaction).map_err(|error| read_failure(&file.dir, error))
    }
}

impl StoreFile {
    /// Closes the database; it is opened again when it is next needed.
    pub(super) fn close(&mut self) {
        // First, since their transactions keep the file locked.
        self.views.end_all();
        self.database = None;
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.file.lock().views.end(self.number);
    }
}

fn journal_after(gallery: u128, after: Option<Position>) -> (Bound<JournalKey>, Bound<JournalKey>) {
    let (first, last) = journal_of(gallery).into_inner();
    let start = match after {
        None => Bound::Included(first),
        Some((at, device, change)) => {
            let key = (gallery, at.ms, at.counter, device.0.as_u128(), change.0.as_u128());
            Bound::Excluded(key)
        }
    };
    (start, Bound::Included(last))
}

fn images_after(gallery: u128, after: Option<ExampleId>) -> (Bound<RowKey>, Bound<RowKey>) {
    let start = match after {
        None => Bound::Included((gallery, 0)),
        Some(id) => Bound::Excluded((gallery, id.0.as_u128())),
    };
    (start, Bound::Included((gallery, u128::MAX)))
}
