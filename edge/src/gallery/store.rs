//! The gallery on the disk, in one file of the embedded database redb.
//!
//! **Durability in one sentence: a call that returns `Ok` has been committed by one transaction and
//! synced to the disk, and a call that returns an error has left the facts as they were.**
//!
//! The facts are also held in memory, so reading never touches the disk. See `docs/durability.md`
//! for what is assumed of the disk and how each failure is met.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use models::knowledge::wordnet::{NotASynset, SynsetId};
use redb::{
    AccessGuard, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableError,
};

use super::facts::{Change, Facts, What};
use super::lock::{Lock, LockError};
use super::{
    Class, ClassId, Definition, Enrolled, Example, ExampleId, Gallery, GalleryError, Label,
    NewExample, Said, record,
};

const FILE: &str = "gallery.redb";
/// Written with every change: a program that does not know `attributes` must not open a store that may have some.
const FORMAT: u64 = 3;
/// The oldest format that is read: it has no `meanings`; the second has no `attributes`.
const OLDEST_FORMAT: u64 = 1;
/// In `meanings`, for [`Said::Nothing`].
const NOTHING: &str = "nothing";
/// Facts are read once, so the database needs no large cache (its default is a gigabyte).
const CACHE_BYTES: usize = 8 << 20;

const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
const TEXTS: TableDefinition<&str, &str> = TableDefinition::new("texts");
const CLASSES: TableDefinition<u64, &str> = TableDefinition::new("classes");
/// Class, and what people said that it means: a synset, or [`NOTHING`].
const MEANINGS: TableDefinition<u64, &str> = TableDefinition::new("meanings");
/// Class, and what people said that it has: synsets, a space between two.
const ATTRIBUTES: TableDefinition<u64, &str> = TableDefinition::new("attributes");
/// Class, then the example's revision and index: the order of enrollment within a class.
const EXAMPLES: TableDefinition<(u64, u64, u32), &[u8]> = TableDefinition::new("examples");

/// A durable gallery; one process at a time has it open.
#[derive(Debug)]
pub struct RedbGallery {
    dir: PathBuf,
    space_id: String,
    facts: Facts,
    /// Absent after a failed write, until it has been opened again.
    database: Option<Database>,
    _lock: Lock,
}

impl RedbGallery {
    /// Opens the store in the folder `dir`, or makes one bound to `space_id`.
    ///
    /// # Errors
    /// [`GalleryError::InUse`] names the process that has it; [`GalleryError::OtherSpace`];
    /// [`GalleryError::Broken`]; [`GalleryError::StoreFull`]; [`GalleryError::Io`].
    pub fn open(dir: &Path, space_id: &str) -> Result<Self, GalleryError> {
        fs::create_dir_all(dir).map_err(|e| io_failure(dir, &e))?;
        let lock = Lock::take(dir).map_err(|e| lock_failure(dir, e))?;
        let (database, facts) = open_database(dir, space_id)?;
        let (dir, space_id) = (dir.to_owned(), space_id.to_owned());
        Ok(Self { dir, space_id, facts, database: Some(database), _lock: lock })
    }

    /// Whether a store is in the folder `dir`; nothing is opened or made.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }

    /// Opens the database again if a write had failed; then the facts are what the disk holds.
    fn ready(&mut self) -> Result<(), GalleryError> {
        if self.database.is_none() {
            let (database, facts) = open_database(&self.dir, &self.space_id)?;
            self.facts = facts;
            self.database = Some(database);
        }
        Ok(())
    }

    /// Puts a change, planned since [`Self::ready`], on the disk and then into memory.
    fn commit(&mut self, change: Change) -> Result<(), GalleryError> {
        let database = self.database.as_ref().expect("invariant: ready() was called");
        let Err(error) = write(database, &change) else {
            self.facts.apply(change);
            return Ok(());
        };
        // After a failed write redb refuses everything until it is opened again. Doing so now
        // also settles whether the change is there: if only the last step failed, it may be.
        self.database = None;
        let settled = self.ready().is_ok() && self.facts.revision() == change.revision;
        if settled { Ok(()) } else { Err(failure(&self.dir, error)) }
    }
}

impl Gallery for RedbGallery {
    fn revision(&self) -> u64 {
        self.facts.revision()
    }

    fn classes(&self) -> Result<Vec<Class>, GalleryError> {
        Ok(self.facts.classes())
    }

    fn class(&self, id_or_label: &str) -> Result<Class, GalleryError> {
        self.facts.class(id_or_label).cloned()
    }

    fn enroll(
        &mut self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrolled, GalleryError> {
        self.ready()?;
        let plan = self.facts.plan_enroll(label, examples, create)?;
        if let Some(change) = plan.change {
            self.commit(change)?;
        }
        Ok(self.facts.enrolled(plan.class, plan.outcomes))
    }

    fn define(&mut self, label: &Label, said: Definition) -> Result<(Class, bool), GalleryError> {
        self.ready()?;
        let (class, is_new, change) = self.facts.plan_define(label, said);
        if let Some(change) = change {
            self.commit(change)?;
        }
        Ok((self.facts.copy_of(class), is_new))
    }

    fn rename(&mut self, id_or_label: &str, label: &Label) -> Result<Class, GalleryError> {
        self.ready()?;
        let (class, change) = self.facts.plan_rename(id_or_label, label)?;
        if let Some(change) = change {
            self.commit(change)?;
        }
        Ok(self.facts.copy_of(class))
    }

    fn delete(&mut self, id_or_label: &str) -> Result<Class, GalleryError> {
        self.ready()?;
        let (class, change) = self.facts.plan_delete(id_or_label)?;
        let was = self.facts.copy_of(class);
        self.commit(change)?;
        Ok(was)
    }
}

fn open_database(dir: &Path, space_id: &str) -> Result<(Database, Facts), GalleryError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // Damage is an error at the start, not a surprise later; stores are small enough to read.
    builder.set_check_integrity_on_open(true);
    let database = builder.create(dir.join(FILE)).map_err(|e| failure(dir, e))?;
    sync_folder(dir).map_err(|e| io_failure(dir, &e))?;
    let found = read(dir, &database)?;
    let Some((facts, bound_to)) = found else {
        initialize(&database, space_id).map_err(|e| failure(dir, e))?;
        return Ok((database, Facts::default()));
    };
    if bound_to != space_id {
        let (path, expected) = (dir.to_owned(), space_id.to_owned());
        return Err(GalleryError::OtherSpace { path, expected, got: bound_to });
    }
    Ok((database, facts))
}

/// A new file's name is durable only when its folder is.
fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn initialize(database: &Database, space_id: &str) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(TEXTS)?.insert("space_id", space_id)?;
    transaction.open_table(NUMBERS)?.insert("format", FORMAT)?;
    transaction.open_table(NUMBERS)?.insert("revision", 0)?;
    transaction.open_table(CLASSES)?;
    transaction.open_table(MEANINGS)?;
    transaction.open_table(ATTRIBUTES)?;
    transaction.open_table(EXAMPLES)?;
    Ok(transaction.commit()?)
}

/// One transaction, synced when it returns.
fn write(database: &Database, change: &Change) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(NUMBERS)?.insert("format", FORMAT)?;
    transaction.open_table(NUMBERS)?.insert("revision", change.revision)?;
    {
        let mut classes = transaction.open_table(CLASSES)?;
        let mut meanings = transaction.open_table(MEANINGS)?;
        let mut attributes = transaction.open_table(ATTRIBUTES)?;
        let mut rows = transaction.open_table(EXAMPLES)?;
        match &change.what {
            What::Enroll { class, label, examples } => {
                classes.insert(class.0, label.as_str())?;
                for example in examples {
                    rows.insert(key(*class, example.id), record::encode(example).as_slice())?;
                }
            }
            What::Define { class, label, said } => {
                classes.insert(class.0, label.as_str())?;
                match said.meaning {
                    None => meanings.remove(class.0)?,
                    Some(Said::Nothing) => meanings.insert(class.0, NOTHING)?,
                    Some(Said::Synset(id)) => meanings.insert(class.0, id.to_string().as_str())?,
                };
                match &said.attributes {
                    None => attributes.remove(class.0)?,
                    Some(ids) => attributes.insert(class.0, spaced(ids).as_str())?,
                };
            }
            What::Rename { class, label } => {
                classes.insert(class.0, label.as_str())?;
            }
            What::Delete { class } => {
                classes.remove(class.0)?;
                meanings.remove(class.0)?;
                attributes.remove(class.0)?;
                rows.retain_in((class.0, 0, 0)..=(class.0, u64::MAX, u32::MAX), |_, _| false)?;
            }
        }
    }
    Ok(transaction.commit()?)
}

fn spaced(ids: &BTreeSet<SynsetId>) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn key(class: ClassId, id: ExampleId) -> (u64, u64, u32) {
    (class.0, id.revision, id.index)
}

/// The facts and the space that they are bound to; `None` from a file that is new, or whose
/// maker died before its first transaction.
fn read(dir: &Path, database: &Database) -> Result<Option<(Facts, String)>, GalleryError> {
    let broken = |reason: String| GalleryError::Broken { path: dir.to_owned(), reason };
    let Some(raw) = RawFacts::read(database).map_err(|e| failure(dir, e))? else {
        return Ok(None);
    };
    if !raw.format.is_some_and(|format| (OLDEST_FORMAT..=FORMAT).contains(&format)) {
        let found = raw.format.map_or("none".to_owned(), |f| f.to_string());
        let expected = format!("{OLDEST_FORMAT} to {FORMAT}");
        return Err(broken(format!("its format is {found}, expected {expected}")));
    }
    let (Some(revision), Some(space_id)) = (raw.revision, raw.space_id.clone()) else {
        return Err(broken("its revision or its space is missing".to_owned()));
    };
    let classes = raw.assemble().map_err(broken)?;
    let facts = Facts::restore(revision, classes).map_err(broken)?;
    Ok(Some((facts, space_id)))
}

type Row = ((u64, u64, u32), Vec<u8>);

/// What the tables hold, before anything is believed.
struct RawFacts {
    format: Option<u64>,
    revision: Option<u64>,
    space_id: Option<String>,
    classes: Vec<(u64, String)>,
    meanings: BTreeMap<u64, String>,
    attributes: BTreeMap<u64, String>,
    examples: Vec<Row>,
}

impl RawFacts {
    fn read(database: &Database) -> Result<Option<Self>, redb::Error> {
        let transaction = database.begin_read()?;
        let numbers = match transaction.open_table(NUMBERS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other?,
        };
        let number = |name| Ok::<_, redb::Error>(numbers.get(name)?.map(|value| value.value()));
        let texts = transaction.open_table(TEXTS)?;
        let classes = transaction.open_table(CLASSES)?;
        let classes =
            classes.iter()?.map(|row| row.map(|(k, v)| (k.value(), v.value().to_owned())));
        let examples = transaction.open_table(EXAMPLES)?;
        let examples =
            examples.iter()?.map(|row| row.map(|(k, v)| (k.value(), v.value().to_vec())));
        Ok(Some(Self {
            format: number("format")?,
            revision: number("revision")?,
            space_id: texts.get("space_id")?.map(|value| value.value().to_owned()),
            classes: classes.collect::<Result<_, _>>()?,
            meanings: texts_of(&transaction, MEANINGS)?,
            attributes: texts_of(&transaction, ATTRIBUTES)?,
            examples: examples.collect::<Result<_, _>>()?,
        }))
    }
}

impl RawFacts {
    /// Puts what was said and each example into its class; says what does not fit.
    fn assemble(mut self) -> Result<Vec<Class>, String> {
        let mut rows = self.examples.into_iter().peekable();
        let mut assembled = Vec::new();
        for (id, label) in self.classes {
            let wrong = |e: &dyn std::fmt::Display| format!("class @{id}: {e}");
            let label = Label::parse(&label).map_err(|e| wrong(&e))?;
            let meaning = self.meanings.remove(&id).map(|text| said(&text)).transpose();
            let attributes = self.attributes.remove(&id).map(|text| synsets(&text)).transpose();
            let said = Definition {
                meaning: meaning.map_err(|e| wrong(&e))?,
                attributes: attributes.map_err(|e| wrong(&e))?,
            };
            let mut examples = Vec::new();
            while let Some((key, bytes)) = rows.next_if(|(key, _)| key.0 == id) {
                examples.push(example(key, &bytes)?);
            }
            assembled.push(Class { id: ClassId(id), label, said, examples });
        }
        let missing = |what: &str, id: u64| format!("{what} to class @{id}, which is missing");
        if let Some(id) = self.meanings.keys().chain(self.attributes.keys()).next() {
            return Err(missing("what was said belongs", *id));
        }
        match rows.next() {
            None => Ok(assembled),
            Some((key, _)) => Err(missing("an example belongs", key.0)),
        }
    }
}

/// A table of texts by class; empty where an older format has none.
fn texts_of(
    transaction: &ReadTransaction,
    table: TableDefinition<u64, &str>,
) -> Result<BTreeMap<u64, String>, redb::Error> {
    let table = match transaction.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        other => other?,
    };
    let row = |row: Result<(AccessGuard<'_, u64>, AccessGuard<'_, &str>), _>| {
        row.map(|(k, v)| (k.value(), v.value().to_owned()))
    };
    Ok(table.iter()?.map(row).collect::<Result<_, _>>()?)
}

fn said(text: &str) -> Result<Said, NotASynset> {
    if text == NOTHING { Ok(Said::Nothing) } else { text.parse().map(Said::Synset) }
}

fn synsets(text: &str) -> Result<BTreeSet<SynsetId>, NotASynset> {
    text.split_whitespace().map(str::parse).collect()
}

fn example(key: (u64, u64, u32), bytes: &[u8]) -> Result<Example, String> {
    let id = ExampleId { revision: key.1, index: key.2 };
    record::decode(id, bytes).ok_or_else(|| format!("example {id} is damaged"))
}

fn lock_failure(dir: &Path, error: LockError) -> GalleryError {
    match error {
        LockError::Held(holder) => GalleryError::InUse { path: dir.to_owned(), holder },
        LockError::Io(error) => io_failure(dir, &error),
    }
}

fn io_failure(dir: &Path, error: &io::Error) -> GalleryError {
    use io::ErrorKind::{FileTooLarge, InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
    let path = dir.to_owned();
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => GalleryError::StoreFull { path },
        InvalidData | UnexpectedEof => GalleryError::Broken { path, reason: error.to_string() },
        _ => GalleryError::Io { path, reason: error.to_string() },
    }
}

fn failure(dir: &Path, error: impl Into<redb::Error>) -> GalleryError {
    let path = dir.to_owned();
    match error.into() {
        redb::Error::Io(error) => io_failure(dir, &error),
        redb::Error::DatabaseAlreadyOpen => {
            GalleryError::InUse { path, holder: "another process".to_owned() }
        }
        error => GalleryError::Broken { path, reason: error.to_string() },
    }
}
