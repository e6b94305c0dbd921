//! Files of a package while it is put together.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::sources::entries;

/// Makes a folder that is empty, whatever was there.
pub(super) fn make_empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes a text, and makes the folders above it.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    make_parent(path)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Copies a file, with its permissions, and makes the folders above the copy.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    make_parent(to)?;
    let copied = fs::copy(from, to);
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Copies the files of a folder, those with this extension if there is one. Folders are left out.
pub(super) fn copy_all(from: &Path, extension: Option<&str>, to: &Path) -> Result<()> {
    for path in entries(from)? {
        let has_it = extension.is_none_or(|wanted| path.extension().is_some_and(|e| e == wanted));
        if path.is_file() && has_it {
            let name = path.file_name().context("invariant: an entry has a name")?;
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Makes a symbolic link at `path`.
pub(super) fn link(target: &str, path: &Path) -> Result<()> {
    make_parent(path)?;
    symlink(target, path).with_context(|| format!("cannot make the link {}", path.display()))
}

/// Replaces a file with `FILE.gz`, without name and time in it.
pub(super) fn compress(path: &Path) -> Result<()> {
    process::run(Command::new("gzip").args(["-9", "--no-name", "--force"]).arg(path))
}

/// Lets everybody read all files, run the programs among them, and only the owner write.
pub(super) fn set_permissions(folder: &Path) -> Result<()> {
    process::run(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(folder))
}

fn make_parent(path: &Path) -> Result<()> {
    let folder = path.parent().context("invariant: a file of a package is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::root;

    /// Packs the same files twice, touched in between, and compares the bytes of `first` and
    /// `second` in the folder that is returned.
    pub(in crate::dist) fn packed_twice(
        name: &str,
        pack: impl Fn(&Path, &str, &Path) -> Result<()>,
    ) -> PathBuf {
        let folder = root().unwrap().join("target/tmp/dist").join(name);
        make_empty(&folder).unwrap();
        let tree = folder.join("tree");
        let control = "Package: demo\nVersion: 0.1.0\nArchitecture: all\nMaintainer: A <a@b.org>\n\
                       Description: demo\n";
        write(&tree.join("DEBIAN/control"), control).unwrap();
        for at in 0..9 {
            write(&tree.join(format!("usr/{}", 9 - at)), "text\n").unwrap();
        }
        set_permissions(&tree).unwrap();
        for (archive, seconds) in [("first", 0), ("second", 5000)] {
            let time = SystemTime::now() - Duration::from_secs(seconds);
            let file = fs::File::open(tree.join("usr/3")).unwrap();
            file.set_modified(time).unwrap();
            pack(&tree, "1700000000", &folder.join(archive)).unwrap();
        }
        let [first, second] = ["first", "second"].map(|name| fs::read(folder.join(name)).unwrap());
        assert!(first == second, "{name}: the bytes depend on more than the files");
        folder
    }
}
