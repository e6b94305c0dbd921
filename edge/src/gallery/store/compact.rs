//! A copy of a store that has no room that is free and no bytes of what was purged.

use redb::{
    Durability, Key, ReadTransaction, ReadableTable, TableDefinition, Value, WriteTransaction,
};

use super::medium::Medium;
use super::tables::{
    CLASSES, EMBEDDINGS, EXAMPLES, GALLERIES, GALLERY_COPIES, IMAGES, JOURNAL, N_TABLES, NUMBERS,
    TEXTS, TO_COMPACT,
};

/// Copies everything beside the store; synced when it returns.
pub(super) fn copy(from: &ReadTransaction, medium: &dyn Medium) -> Result<(), redb::Error> {
    // One that is not copied would be lost.
    let n_tables = from.list_tables()?.count();
    if n_tables != N_TABLES {
        let reason = format!("the store has {n_tables} tables, expected {N_TABLES}");
        return Err(redb::Error::Corrupted(reason));
    }
    let new = medium.create_new()?;
    let mut to = new.begin_write()?;
    to.set_durability(Durability::Immediate)?;
    copy_table(from, &to, NUMBERS)?;
    to.open_table(NUMBERS)?.remove(TO_COMPACT)?;
    copy_table(from, &to, TEXTS)?;
    copy_table(from, &to, GALLERIES)?;
    copy_table(from, &to, GALLERY_COPIES)?;
    copy_table(from, &to, JOURNAL)?;
    copy_table(from, &to, EMBEDDINGS)?;
    copy_table(from, &to, IMAGES)?;
    copy_table(from, &to, CLASSES)?;
    copy_table(from, &to, EXAMPLES)?;
    Ok(to.commit()?)
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<K, V>,
) -> Result<(), redb::Error> {
    let mut new = to.open_table(table)?;
    for row in from.open_table(table)?.iter()? {
        let (key, value) = row?;
        new.insert(key.value(), value.value())?;
    }
    Ok(())
}
