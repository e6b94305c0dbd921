//! Folders of files that belong together. Links in them are not followed, and a new folder appears
//! whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Action, DiskError, parent, sync_folder, write_synced};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Absent,
    /// A folder, or a link to one.
    Folder,
    /// Something else.
    Other,
}

/// What `path` leads to.
pub fn kind(path: &Path) -> Result<Kind, DiskError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Kind::Folder),
        Ok(_) => Ok(Kind::Other),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Kind::Absent),
        Err(e) => Err(DiskError::io(Action::LookAt, path)(e)),
    }
}

/// Reads the plain file `name` of `dir`, of at most `max_bytes`; a link is refused.
pub fn read(dir: &Path, name: &str, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
    let bytes = read_start(dir, name, max_bytes.saturating_add(1))?;
    if bytes.len() as u64 > max_bytes {
        return Err(DiskError::TooLarge { path: dir.join(name), limit: max_bytes });
    }
    Ok(bytes)
}

/// Reads the first `max_bytes` of the plain file `name` of `dir`; a link is refused.
pub fn read_start(dir: &Path, name: &str, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
    let path = dir.join(name);
    // Not `metadata`, which follows links: one could lead out of the folder.
    let metadata = fs::symlink_metadata(&path).map_err(DiskError::io(Action::Open, &path))?;
    if !metadata.is_file() {
        let reason = io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a link or a folder, expected a plain file",
        );
        return Err(DiskError::io(Action::Open, &path)(reason));
    }
    let file = File::open(&path).map_err(DiskError::io(Action::Open, &path))?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes).map_err(DiskError::io(Action::Read, &path))?;
    Ok(bytes)
}

/// Puts a folder with exactly these files at `dir`, in place of any folder there.
///
/// The files are written and synced in a folder beside `dir`, which is then renamed. A reader never
/// sees only some of the files. For a moment, between two renames, it may see none. After an error
/// the old folder is in its place and nothing of the new one is left.
pub fn replace(dir: &Path, files: &[(&str, &[u8])]) -> Result<(), DiskError> {
    let parent = parent(dir);
    let fresh = neighbor(dir, "new")?;
    let old = neighbor(dir, "old")?;
    fs::create_dir_all(parent).map_err(DiskError::io(Action::Create, parent))?;
    let placed = fill(&fresh, files).and_then(|()| place(dir, &fresh, &old));
    if placed.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&fresh);
    }
    placed.map_err(DiskError::io(Action::Write, dir))?;
    sync_folder(parent).map_err(DiskError::io(Action::Write, parent))
}

/// A hidden name beside `dir`. A rename works only within one file system, so it is not in a
/// temporary folder elsewhere.
fn neighbor(dir: &Path, suffix: &str) -> Result<PathBuf, DiskError> {
    let Some(name) = dir.file_name() else {
        let reason = io::Error::new(io::ErrorKind::InvalidInput, "it has no name of its own");
        return Err(DiskError::io(Action::Write, dir)(reason));
    };
    let hidden = format!(".{}.{}.{suffix}", name.to_string_lossy(), std::process::id());
    Ok(parent(dir).join(hidden))
}

fn fill(fresh: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    fs::create_dir(fresh)?;
    for (name, bytes) in files {
        write_synced(&fresh.join(name), bytes)?;
    }
    // Before the rename: the folder must not appear without its files after a power cut.
    sync_folder(fresh)
}

fn place(dir: &Path, fresh: &Path, old: &Path) -> io::Result<()> {
    if !dir.exists() {
        return fs::rename(fresh, dir);
    }
    // An earlier process with the same id may have left one.
    let _ = fs::remove_dir_all(old);
    // A rename does not replace a folder that has entries: the old one is moved away first.
    fs::rename(dir, old)?;
    if let Err(e) = fs::rename(fresh, dir) {
        fs::rename(old, dir)?;
        return Err(e);
    }
    // The new folder is in place. What cannot be removed of the old one only takes space.
    let _ = fs::remove_dir_all(old);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_is_replaced_whole() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("deep/folder");
        replace(&dir, &[("a", b"1"), ("b", b"2")]).unwrap();
        replace(&dir, &[("c", b"3")]).unwrap();
        assert_eq!(super::super::list(&dir).unwrap(), [dir.join("c")]);
        assert_eq!(super::super::list(dir.parent().unwrap()).unwrap(), [dir]);
    }

    #[test]
    fn a_failure_leaves_the_old_folder_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("folder");
        replace(&dir, &[("a", b"1")]).unwrap();
        let error = replace(&dir, &[("b", b"2"), ("no/such/folder", b"3")]).unwrap_err();
        assert_eq!(error.path(), dir);
        assert_eq!(super::super::list(base.path()).unwrap(), std::slice::from_ref(&dir));
        assert_eq!(super::super::list(&dir).unwrap(), [dir.join("a")]);
    }

    #[test]
    fn an_old_folder_that_cannot_be_removed_is_no_failure() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("folder");
        // Removing a folder fails on a file, whoever tries.
        fs::write(&dir, b"old").unwrap();
        replace(&dir, &[("a", b"1")]).unwrap();
        assert_eq!(super::super::list(&dir).unwrap(), [dir.join("a")]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("target"), b"secret").unwrap();
        std::os::unix::fs::symlink(base.path().join("target"), base.path().join("link")).unwrap();
        let error = read(base.path(), "link", 100).unwrap_err().to_string();
        assert!(error.contains("link") && error.contains("plain file"), "{error}");
        assert_eq!(read(base.path(), "target", 6).unwrap(), b"secret");
        assert!(matches!(
            read(base.path(), "target", 5),
            Err(DiskError::TooLarge { limit: 5, .. })
        ));
    }

    #[test]
    fn paths_are_told_apart() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("f"), b"x").unwrap();
        assert_eq!(kind(base.path()).unwrap(), Kind::Folder);
        assert_eq!(kind(&base.path().join("f")).unwrap(), Kind::Other);
        assert_eq!(kind(&base.path().join("g")).unwrap(), Kind::Absent);
    }
}
