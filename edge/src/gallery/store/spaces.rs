//! Embeddings of a store beside those in use, in transactions of their own.

use redb::{Database, Durability, ReadTransaction, ReadableTable};
use uuid::Uuid;

use super::contents::ReadError;
use super::rows::{Embeddings, space_number};
use super::tables::{EMBEDDINGS, GALLERIES, embeddings_in};
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
        let (key, bytes) = row?;
        let change = ChangeId(Uuid::from_u128(key.value().2));
        let embeddings = Embeddings::read(bytes.value().to_vec());
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
    let is_there = galleries.get(gallery)?.is_some();
    drop(galleries);
    if !is_there {
        let reason = "the gallery was purged while it was open in this program";
        return Err(redb::Error::Corrupted(reason.to_owned()));
    }
    let mut table = transaction.open_table(EMBEDDINGS)?;
    for of_change in beside.chunk_by(|one, next| one.change == next.change) {
        let key = (gallery, space, of_change[0].change.0.as_u128());
        let bytes = table.get(key)?.map(|bytes| bytes.value().to_vec());
        let mut row = match bytes {
            Some(bytes) => Embeddings::read(bytes),
            None => Embeddings::absent(of_change[0].of.into(), length),
        };
        for one in of_change {
            match &one.example {
                Some(made) => row.set(one.index.into(), &made.embedding, &made.precision),
                None => row.set_unreadable(one.index.into()),
            }
        }
        table.insert(key, row.bytes().as_slice())?;
    }
    drop(table);
    Ok(transaction.commit()?)
}

fn forget(database: &Database, (gallery, space): (u128, u64)) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(EMBEDDINGS)?.retain_in(embeddings_in(gallery, space), |_, _| false)?;
    Ok(transaction.commit()?)
}
