//! One store, one process. The operating system's file lock decides, so a holder that dies frees
//! the store; the file's content names the first process to a second one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The lock's file in the store's folder.
const NAME: &str = "lock";

/// Held as long as the value lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Why the lock was not taken.
pub(super) enum LockError {
    /// Someone has it; the text says who.
    Held(String),
    Io(io::Error),
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(dir.join(NAME)).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {
                // Only for the message: a full disk must not keep the store from opening.
                let _ = sign(&mut file);
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held(holder(&file))),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child process that is just being started shares the open file,
        // and with it the lock, until it runs its own program.
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
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    match text.lines().next().filter(|line| read.is_ok() && line.starts_with("process ")) {
        Some(line) => line.chars().filter(|c| !c.is_control()).collect(),
        None => "another process".to_owned(),
    }
}
