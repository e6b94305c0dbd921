//! Free space on a disk.

use std::path::Path;

/// With less than this a disk is full for a store, which grows by about a megabyte at a time.
pub const LEAST_FREE_BYTES: u64 = 4 << 20;

/// Bytes that this user can still write below a folder, which need not exist yet.
///
/// `None` if the system does not state it.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|path| path.is_dir());
    // A bare name has the empty path above it: the current folder.
    free(existing.unwrap_or(Path::new(".")))
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_need_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).is_some());
        assert!(free_bytes(&folder.path().join("not/yet")).is_some());
        assert!(free_bytes(Path::new("not-yet")).is_some());
    }
}
