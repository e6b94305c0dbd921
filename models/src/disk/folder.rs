//! Folders of files that belong together: plain files read without following links, and whole
//! folders put in place at once.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{DiskError, write_synced};

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
        Err(e) => Err(DiskError::io("look at", path)(e)),
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
    let metadata = fs::symlink_metadata(&path).map_err(DiskError::io("open", &path))?;
    if !metadata.is_file() {
        let reason = io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a link or a folder, expected a plain file",
        );
        return Err(DiskError::io("open", &path)(reason));
    }
    let file = File::open(&path).map_err(DiskError::io("open", &path))?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes).map_err(DiskError::io("read", &path))?;
    Ok(bytes)
}

/// Puts a folder with exactly these files at `dir`, in place of any folder there.
///
/// The files are written and synced in a folder beside it, which is then renamed. A reader never
/// sees some of the files; between two renames, for a moment, it may see none. After an error
/// nothing of the new folder is left and the old one is in its place.
pub fn replace(dir: &Path, files: &[(&str, &[u8])]) -> Result<(), DiskError> {
    let (parent, fresh, old) = neighbors(dir)?;
    fs::create_dir_all(&parent).map_err(DiskError::io("create", &parent))?;
    let placed = fill(&fresh, files).and_then(|()| place(dir, &fresh, &old));
    if placed.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_dir_all(&fresh);
    }
    placed.map_err(DiskError::io("write", dir))?;
    File::open(&parent)
        .and_then(|folder| folder.sync_all())
        .map_err(DiskError::io("write", &parent))
}

/// The folder that holds `dir`, and two hidden names in it.
fn neighbors(dir: &Path) -> Result<(PathBuf, PathBuf, PathBuf), DiskError> {
    let Some(name) = dir.file_name() else {
        let reason = io::Error::new(io::ErrorKind::InvalidInput, "it has no name of its own");
        return Err(DiskError::io("write", dir)(reason));
    };
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let hidden = |suffix: &str| {
        parent.join(format!(".{}.{}.{suffix}", name.to_string_lossy(), std::process::id()))
    };
    Ok((parent.to_owned(), hidden("new"), hidden("old")))
}

fn fill(fresh: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    fs::create_dir(fresh)?;
    for (name, bytes) in files {
        write_synced(&fresh.join(name), bytes)?;
    }
    File::open(fresh)?.sync_all()
}

fn place(dir: &Path, fresh: &Path, old: &Path) -> io::Result<()> {
    if !dir.exists() {
        return fs::rename(fresh, dir);
    }
    // Left by an earlier process of the same number.
    let _ = fs::remove_dir_all(old);
    fs::rename(dir, old)?;
    if let Err(e) = fs::rename(fresh, dir) {
        fs::rename(old, dir)?;
        return Err(e);
    }
    // The new folder is in its place: what cannot be removed of the old one takes room, no more.
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
