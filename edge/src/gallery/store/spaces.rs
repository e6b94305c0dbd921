//! Embeddings of a store beside those in use, in transactions of their own.

use redb::{Database, Durability, ReadTransaction, ReadableTable};
use uuid::Uuid;

use super::contents::ReadError;
use super::rows::{Embeddings, GalleryRow, parse_sealed, space_number};
use super::seal::Kind;
use super::tables::{
    EMBEDDINGS, EmbeddingsKey, GALLERIES, embeddings_at, embeddings_in, put_embeddings,
};
use super::{RedbStore, StoreFile, failure, read_failure};
use crate::gallery::error::GalleryError;
use crate::gallery::id::ChangeId;
use crate::gallery::other_spaces::{Beside, EmbeddingStates, OtherSpaces};

impl OtherSpaces for RedbStore {
    fn embedded(&self, space_id: &str) -> Result<EmbeddingStates, GalleryError> {
        let mut file = self.file.lock();
        let key = self.gallery.0.as_u128();
        let states = states(&file.read()?, key, space_number(space_id));
        states.map_err(|error| read_failure(&file.dir, error))
    }

    fn put(
        &mut self,
        space_id: &str,
        length: usize,
        beside: &[Beside],
    ) -> Result<(), GalleryError> {
        let key = (self.gallery.0.as_u128(), space_number(space_id));
        let mut file = self.file.lock();
        file.check()?;
        file.write_beside(|database| put(database, key, length, beside))
    }

    fn forget(&mut self, space_id: &str) -> Result<(), GalleryError> {
        let key = (self.gallery.0.as_u128(), space_number(space_id));
        let mut file = self.file.lock();
        file.check()?;
        file.write_beside(|database| forget(database, key))
    }
}

impl StoreFile {
    fn write_beside(
        &mut self,
        write: impl FnOnce(&Database) -> Result<(), redb::Error>,
    ) -> Result<(), GalleryError> {
        match write(self.writable()?) {
            Ok(()) => {
                self.medium.keep_reserve();
                Ok(())
            }
            Err(error) => {
                // After a failed write redb refuses everything until it is opened again.
                self.close();
                Err(failure(&self.dir, error))
            }
        }
    }
}

/// What there is of a space.
fn states(
    transaction: &ReadTransaction,
    gallery: u128,
    space: u64,
) -> Result<EmbeddingStates, ReadError> {
    let mut states = EmbeddingStates::new();
    for row in transaction.open_table(EMBEDDINGS)?.range(embeddings_in(gallery, space))? {
        let (key, row) = row?;
        let change = ChangeId(Uuid::from_u128(key.value().2));
        let row = Embeddings::unsealed(&key.value(), row.value()).map_err(ReadError::Broken)?;
        let Some(embeddings) = row else { continue };
        let known = embeddings.states().zip(0..=u8::MAX);
        states.extend(known.filter_map(|(state, index)| Some(((change, index), state?))));
    }
    Ok(states)
}

fn put(
    database: &Database,
    (gallery, space): (u128, u64),
    length: usize,
    beside: &[Beside],
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let galleries = transaction.open_table(GALLERIES)?;
    let row = galleries.get(gallery)?;
    let row = row.map(|row| parse_sealed::<GalleryRow>(Kind::Gallery, &gallery, row.value()));
    let row = row.transpose().map_err(redb::Error::Corrupted)?;
    drop(galleries);
    let Some(GalleryRow { revision, .. }) = row else {
        let reason = "the gallery was purged while it was open in this program";
        return Err(redb::Error::Corrupted(reason.to_owned()));
    };
    let mut table = transaction.open_table(EMBEDDINGS)?;
    for of_change in beside.chunk_by(|one, next| one.change == next.change) {
        let key = (gallery, space, of_change[0].change.0.as_u128());
        let mut row = match embeddings_at(&table, key)? {
            Some(row) => row,
            None => Embeddings::absent(of_change[0].of.into(), length),
        };
        for one in of_change {
            match &one.example {
                Some(made) => row.set(one.index.into(), &made.embedding, &made.precision),
                None => row.set_unreadable(one.index.into()),
            }
        }
        put_embeddings(&mut table, key, revision, &row.bytes())?;
    }
    drop(table);
    Ok(transaction.commit()?)
}

/// Their rows stay without content: former ones, which may be left in pages that are free, are
/// older than that.
fn forget(database: &Database, (gallery, space): (u128, u64)) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut table = transaction.open_table(EMBEDDINGS)?;
    let mut keys: Vec<EmbeddingsKey> = Vec::new();
    for row in table.range(embeddings_in(gallery, space))? {
        keys.push(row?.0.value());
    }
    for key in keys {
        put_embeddings(&mut table, key, 0, &[])?;
    }
    drop(table);
    Ok(transaction.commit()?)
}
