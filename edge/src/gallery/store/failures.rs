//! The failures of redb and of the operating system as errors of a gallery.

use std::io;
use std::path::Path;

use super::contents::ReadError;
use crate::gallery::error::GalleryError;
use crate::gallery::lock::LockError;

pub(super) fn read_failure(dir: &Path, error: ReadError) -> GalleryError {
    match error {
        ReadError::Database(error) => failure(dir, error),
        ReadError::Broken(reason) => broken(dir, &reason),
    }
}

pub(super) fn broken(dir: &Path, reason: &str) -> GalleryError {
    GalleryError::Broken { path: dir.to_owned(), reason: reason.to_owned() }
}

pub(super) fn lock_failure(dir: &Path, error: LockError) -> GalleryError {
    match error {
        LockError::Held(holder) => GalleryError::InUse { path: dir.to_owned(), holder },
        LockError::Io(error) => io_failure(dir, &error),
    }
}

pub(super) fn io_failure(dir: &Path, error: &io::Error) -> GalleryError {
    use io::ErrorKind::{FileTooLarge, InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
    let path = dir.to_owned();
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => GalleryError::StoreFull { path },
        InvalidData | UnexpectedEof => GalleryError::Broken { path, reason: error.to_string() },
        _ => GalleryError::Io { path, reason: error.to_string() },
    }
}

pub(super) fn failure(dir: &Path, error: impl Into<redb::Error>) -> GalleryError {
    let path = dir.to_owned();
    match error.into() {
        redb::Error::Io(error) => io_failure(dir, &error),
        redb::Error::RepairAborted => {
            let reason = "it was not closed properly, and only a program that may write it can \
                          repair it: open it once without --read-only";
            GalleryError::Broken { path, reason: reason.to_owned() }
        }
        redb::Error::DatabaseAlreadyOpen => {
            GalleryError::InUse { path, holder: "another process".to_owned() }
        }
        error => GalleryError::Broken { path, reason: error.to_string() },
    }
}
