//! The lock of a store: one process at a time has the store open.
//!
//! It is a file lock of the operating system, which releases it when the holder ends for whatever
//! reason. The content of the file names the holder, for the error of a second process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The file in the folder of the store.
const NAME: &str = "lock";

/// The lock; it is held until the value is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Why the lock was not taken.
pub(super) enum LockError {
    /// Another process holds it; the text says which.
    Held(String),
    /// The file cannot be opened or locked.
    Io(io::Error),
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, LockError> {
        // Not truncated: until the lock is taken, the content is that of the holder.
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(dir.join(NAME)).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {
                // Only the message of a second process needs it: a full disk must not keep the
                // store from opening.
                let _ = sign(&mut file);
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held(holder(&file))),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

impl Lock {
    /// Shares the lock with others that only read; `None` where there is no lock file, since the
    /// folder may be on a read-only file system.
    pub(super) fn take_shared(dir: &Path) -> Result<Option<Self>, LockError> {
        let file = match File::open(dir.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(LockError::Io)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(holder(&file))),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is just starting shares the open
        // file, and so the lock, until it runs its own program.
        let _ = self.file.unlock();
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_name).unwrap_or_default();
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} ({})", std::process::id(), program.to_string_lossy())
}

fn holder(file: &File) -> String {
    // The file may hold anything. The text goes to a terminal: one short line, no controls.
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    match text.lines().next().filter(|line| read.is_ok() && line.starts_with("process ")) {
        Some(line) => line.chars().filter(|c| !c.is_control()).collect(),
        None => "another process".to_owned(),
    }
}
