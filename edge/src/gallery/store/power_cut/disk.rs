//! A disk in memory that loses what a power cut can lose, and that can be full.
//!
//! What was written since the last sync may be on the disk or not, each write for itself, and one
//! write may be torn between sectors. A file is put in the place of another at once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Database, DatabaseError, StorageBackend};

use crate::gallery::random_calls::Random;
use crate::gallery::store::medium::{Medium, builder};

/// A drive writes a sector whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A disk with the file of a store, and the one that a compaction writes beside it.
#[derive(Debug, Clone)]
pub(super) struct Disk(Arc<Mutex<Contents>>);

#[derive(Debug)]
struct Contents {
    store: File,
    new: File,
    random: Random,
    /// The number of cuts that are tried at each sync.
    cuts_each: usize,
    /// The file of the store after each cut that was tried.
    cuts: VecDeque<Vec<u8>>,
    /// Writes and syncs so far.
    n_operations: usize,
    failure: Option<Failure>,
}

/// When the disk is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    /// The first write or sync that fails.
    pub(super) at: usize,
    /// Whether the later ones fail too, until room is made.
    pub(super) stays: bool,
}

impl Failure {
    /// Whether it is a failure of this write or sync.
    fn is_of(self, at: usize) -> bool {
        at == self.at || (self.stays && at > self.at)
    }
}

#[derive(Debug, Default)]
struct File {
    /// What is surely on the disk.
    synced: Vec<u8>,
    /// What a program reads.
    current: Vec<u8>,
    /// What leads from the one to the other.
    pending: Vec<Operation>,
}

#[derive(Debug)]
enum Operation {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Clone, Copy)]
enum Name {
    Store,
    New,
}

/// A file that a database has open.
#[derive(Debug)]
struct OpenFile {
    disk: Disk,
    name: Name,
}

impl Disk {
    /// A disk that holds this file of a store; an empty one is none.
    pub(super) fn new(bytes: Vec<u8>, seed: u64) -> Self {
        let store = File { synced: bytes.clone(), current: bytes, pending: Vec::new() };
        Self(Arc::new(Mutex::new(Contents {
            store,
            new: File::default(),
            random: Random::new(seed),
            cuts_each: 0,
            cuts: VecDeque::new(),
            n_operations: 0,
            failure: None,
        })))
    }

    /// From now on tries this number of cuts at each sync.
    pub(super) fn cut_at_each_sync(&self, cuts: usize) {
        self.lock().cuts_each = cuts;
    }

    /// The file of the store after a cut that was tried.
    pub(super) fn next_cut(&self) -> Option<Vec<u8>> {
        self.lock().cuts.pop_front()
    }

    /// From now on fails so, or never.
    pub(super) fn fail(&self, failure: Option<Failure>) {
        self.lock().failure = failure;
    }

    /// Writes and syncs so far, also those that failed.
    pub(super) fn n_operations(&self) -> usize {
        self.lock().n_operations
    }

    /// Length of the file of the store.
    pub(super) fn store_len(&self) -> usize {
        self.lock().store.current.len()
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().expect("invariant: no holder of this lock panics")
    }

    fn open_file(&self, name: Name) -> Result<Database, DatabaseError> {
        builder().create_with_backend(OpenFile { disk: self.clone(), name })
    }
}

impl Contents {
    fn file(&mut self, name: Name) -> &mut File {
        match name {
            Name::Store => &mut self.store,
            Name::New => &mut self.new,
        }
    }

    /// Every write and sync begins so.
    fn begin(&mut self) -> io::Result<()> {
        let at = self.n_operations;
        self.n_operations += 1;
        let fails = self.failure.is_some_and(|failure| failure.is_of(at));
        if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn run(&mut self, name: Name, operation: Operation) -> io::Result<()> {
        self.begin()?;
        let file = self.file(name);
        operation.apply(&mut file.current);
        file.pending.push(operation);
        Ok(())
    }

    fn try_cuts(&mut self) {
        for _ in 0..self.cuts_each {
            let after = self.store.after_cut(&mut self.random);
            self.cuts.push_back(after);
        }
    }
}

impl File {
    fn sync(&mut self) {
        for operation in self.pending.drain(..) {
            operation.apply(&mut self.synced);
        }
    }

    /// What is on the disk if the power fails now.
    fn after_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        // From none of the writes to all of them.
        let share = random.below(5);
        let kept: Vec<&Operation> =
            self.pending.iter().filter(|_| random.below(4) < share).collect();
        if let Some((last, others)) = kept.split_last() {
            for operation in others {
                operation.apply(&mut bytes);
            }
            last.torn(random).apply(&mut bytes);
        }
        bytes
    }
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => bytes.resize(*len, 0),
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }

    /// The part that is done when the power fails: whole sectors.
    fn torn(&self, random: &mut Random) -> Self {
        match self {
            Self::SetLen(len) => Self::SetLen(*len),
            Self::Write { offset, data } => {
                let sectors = random.index(data.len().div_ceil(SECTOR_BYTES) + 1);
                let end = data.len().min(sectors * SECTOR_BYTES);
                Self::Write { offset: *offset, data: data[..end].to_vec() }
            }
        }
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().file(self.name).current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut contents = self.disk.lock();
        let bytes = &contents.file(self.name).current;
        let begin = position(offset);
        let found = bytes.get(begin..begin + out.len());
        out.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.lock().run(self.name, Operation::SetLen(position(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.disk.lock();
        contents.begin()?;
        // Before the sync: after it nothing of this file can be lost.
        if matches!(self.name, Name::Store) {
            contents.try_cuts();
        }
        contents.file(self.name).sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let operation = Operation::Write { offset: position(offset), data: data.to_vec() };
        self.disk.lock().run(self.name, operation)
    }
}

/// Files of this disk fit in memory.
fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("invariant: a position in memory")
}

impl Medium for Disk {
    fn open(&self) -> Result<Database, DatabaseError> {
        // As a folder does: a new store appears whole.
        if self.store_len() == 0 {
            drop(self.create_new()?);
            self.replace()?;
        }
        self.open_file(Name::Store)
    }

    fn mark(&self) -> io::Result<()> {
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.store_len() as u64)
    }

    fn create_new(&self) -> Result<Database, DatabaseError> {
        self.lock().new = File::default();
        self.open_file(Name::New)
    }

    fn replace(&self) -> io::Result<()> {
        let mut contents = self.lock();
        contents.begin()?;
        // The power may fail before or after.
        contents.try_cuts();
        contents.store = std::mem::take(&mut contents.new);
        contents.try_cuts();
        Ok(())
    }
}
