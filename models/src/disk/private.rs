//! Files that only their owner may read: keys of a service and of its certificate.
//!
//! What root writes belongs to the owner of its folder. A command that is run as root beside a
//! service of another user would else leave files that the service cannot read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Action, DiskError, parent, sync_folder, temporary};

/// Writes a file that only its owner may read (mode 0600), whole or not at all, as
/// [`disk::write`](super::write) does.
///
/// # Errors
/// [`DiskError::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    write_all(&[(path.to_owned(), bytes)])
}

/// The same for files of one folder that belong together: all of them are written and synced
/// before the first one takes its place.
///
/// # Errors
/// [`DiskError::Io`].
pub fn write_all(files: &[(PathBuf, &[u8])]) -> Result<(), DiskError> {
    let staged = files.iter().try_for_each(|(path, bytes)| stage(path, bytes));
    let placed = staged.and_then(|()| files.iter().try_for_each(|(path, _)| place(path)));
    if placed.is_err() {
        for (path, _) in files {
            // The first error is the one to report; a leftover file does no harm.
            let _ = fs::remove_file(temporary(path));
        }
    }
    placed
}

/// Opens a file that only its owner may read, for reading and writing; makes it if it is missing.
/// What it holds stays as it is.
///
/// # Errors
/// [`DiskError::Io`].
pub fn open(path: &Path) -> Result<File, DiskError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let file = match made(options.clone().create_new(true), path) {
        // One that is there keeps its owner: it may be a link that leads elsewhere.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        other => other,
    };
    file.map_err(DiskError::io(Action::Write, path))
}

/// Makes a folder that only its owner may enter (mode 0700), and the folders above it if they are
/// missing. One that exists stays as it is.
///
/// # Errors
/// [`DiskError::Io`].
pub fn create_folder(folder: &Path) -> Result<(), DiskError> {
    let above = parent(folder);
    super::create_folder(above)?;
    let mut builder = DirBuilder::new();
    restrict_folder(&mut builder);
    match builder.create(folder) {
        Ok(()) => {
            give_folder_to_owner_of(above, folder);
            Ok(())
        }
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(DiskError::io(Action::Create, folder)(error)),
    }
}

/// Whether users other than the owner of the file may read or write it; no for a file that cannot
/// be looked at.
#[must_use]
pub fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| mode(&found) & 0o077 != 0)
}

/// Whether every user may read a file; no for one that cannot be looked at.
#[must_use]
pub fn may_all_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| mode(&found) & 0o004 != 0)
}

/// Whether every user may replace the files of a folder; no for one that cannot be looked at.
#[must_use]
pub fn may_all_replace(folder: &Path) -> bool {
    // With the sticky bit, as `/tmp` has it, only their owner may.
    fs::metadata(folder).is_ok_and(|found| mode(&found) & 0o1002 == 0o0002)
}

fn stage(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    write_new(&temporary(path), bytes).map_err(DiskError::io(Action::Write, path))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A killed process of the same id may have left one, with other rights.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    // Made anew, so that no link that another user put there is followed.
    let mut file = made(options.write(true).create_new(true), path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A file that these options make anew.
fn made(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    restrict(options);
    let file = options.open(path)?;
    give_to_owner_of(parent(path), &file);
    Ok(file)
}

fn place(path: &Path) -> Result<(), DiskError> {
    let moved = fs::rename(temporary(path), path);
    moved.and_then(|()| sync_folder(parent(path))).map_err(DiskError::io(Action::Write, path))
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(unix)]
fn restrict_folder(builder: &mut DirBuilder) {
    use std::os::unix::fs::DirBuilderExt;
    builder.mode(0o700);
}

// The open file and not its path: who may write the folder could put another file in its place.
#[cfg(unix)]
fn give_to_owner_of(folder: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (Ok(folder), Ok(own)) = (fs::metadata(folder), file.metadata()) else { return };
    if own.uid() != folder.uid() {
        // Only root may; what another user writes stays theirs.
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(unix)]
fn give_folder_to_owner_of(above: &Path, folder: &Path) {
    use std::os::unix::fs::MetadataExt;
    let (Ok(file), Ok(named)) = (File::open(folder), fs::symlink_metadata(folder)) else { return };
    // A link that another user put in its place would lead elsewhere.
    let is_it = |opened: fs::Metadata| (opened.dev(), opened.ino()) == (named.dev(), named.ino());
    if named.is_dir() && file.metadata().is_ok_and(is_it) {
        give_to_owner_of(above, &file);
    }
}

#[cfg(unix)]
fn mode(found: &fs::Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt;
    found.mode()
}

#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn restrict_folder(_: &mut DirBuilder) {}

#[cfg(not(unix))]
fn give_to_owner_of(_: &Path, _: &File) {}

#[cfg(not(unix))]
fn give_folder_to_owner_of(_: &Path, _: &Path) {}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn rights_of_all_users_are_found() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("f");
        fs::write(&path, b"x").unwrap();
        for (mode, is_read, is_replaced) in [
            (0o755, true, false),
            (0o770, false, false),
            (0o772, false, true),
            (0o1777, true, false),
        ] {
            let rights = fs::Permissions::from_mode(mode);
            fs::set_permissions(&path, rights.clone()).unwrap();
            fs::set_permissions(base.path(), rights).unwrap();
            assert_eq!(may_all_read(&path), is_read, "{mode:o}");
            assert_eq!(may_all_replace(base.path()), is_replaced, "{mode:o}");
        }
        assert!(!may_all_read(&path.join("x")) && !may_all_replace(&base.path().join("none")));
    }

    #[test]
    fn only_the_owner_may_read_what_is_written() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("deep/secret");
        create_folder(&folder).unwrap();
        create_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let path = folder.join("f");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(is_exposed(&path));
        write(&path, b"new").unwrap();
        assert!(!is_exposed(&path) && !is_exposed(&folder.join("none")));
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o600, b"new".to_vec()));
        drop(open(&path).unwrap());
        drop(open(&folder.join("lock")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"new", "opening changes nothing");
        assert_eq!(mode(&folder.join("lock")), 0o600);
        assert_eq!(super::super::list(&folder).unwrap(), [path, folder.join("lock")]);
    }

    #[test]
    fn files_that_belong_together_are_replaced_only_if_all_are_written() {
        let base = tempfile::tempdir().unwrap();
        let [first, second] = ["a", "no/b"].map(|name| base.path().join(name));
        fs::write(&first, b"old").unwrap();
        let files: [(PathBuf, &[u8]); 2] = [(first.clone(), b"new"), (second, b"new")];
        assert!(write_all(&files).is_err());
        assert_eq!(fs::read(&first).unwrap(), b"old");
        assert_eq!(super::super::list(base.path()).unwrap(), [first]);
    }

    #[test]
    fn a_link_in_the_way_is_replaced_and_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let [target, path] = ["target", "f"].map(|name| base.path().join(name));
        fs::write(&target, b"other").unwrap();
        symlink(&target, temporary(&path)).unwrap();
        write(&path, b"secret").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"other");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
    }

    #[test]
    fn no_link_is_followed_to_make_a_file_or_to_give_one_away() {
        let base = tempfile::tempdir().unwrap();
        let [target, lock] = ["target", "lock"].map(|name| base.path().join(name));
        symlink(&target, &lock).unwrap();
        assert!(open(&lock).is_err() && !target.exists());
        fs::write(&target, b"other").unwrap();
        let before = fs::metadata(&target).unwrap().uid();
        // As root in the folder of a user who put the link there.
        let is_root = chown(base.path(), Some(12_345), Some(12_345)).is_ok();
        drop(open(&lock).unwrap());
        assert_eq!(fs::metadata(&target).unwrap().uid(), before, "root: {is_root}");
    }

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_folder() {
        let base = tempfile::tempdir().unwrap();
        if let Err(error) = chown(base.path(), Some(12_345), Some(12_345)) {
            eprintln!("skipped: files of another user: {error}");
            return;
        }
        let folder = base.path().join("secret");
        create_folder(&folder).unwrap();
        write(&folder.join("f"), b"x").unwrap();
        drop(open(&folder.join("lock")).unwrap());
        for path in [folder.clone(), folder.join("f"), folder.join("lock")] {
            assert_eq!(fs::metadata(&path).unwrap().uid(), 12_345, "{}", path.display());
        }
    }
}
