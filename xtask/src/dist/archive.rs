//! The archive for all other systems: the same tree, to be unpacked anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::files;
use super::stage::{self, Contents};
use super::target::Target;
use crate::process;

/// Writes `handful-VERSION-MACHINE.tar.zst` and returns its path.
pub(super) fn write(
    contents: &Contents,
    target: Target,
    settings: &str,
    into: &Path,
) -> Result<PathBuf> {
    let name = format!("handful-{}-{}", contents.commit.version, target.machine());
    let tree = into.join(&name);
    files::make_empty(&tree)?;
    stage::lay(contents, &tree)?;
    files::write(&tree.join("share/handful/server.toml"), settings)?;
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        files::copy(&contents.root.join(license), &tree.join(license))?;
    }
    files::set_permissions(&tree)?;
    let archive = into.join(format!("{name}.tar.zst"));
    pack(&tree, &contents.commit.epoch, &archive)?;
    fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    Ok(archive)
}

/// Packs a folder with its name, so that the same files give the same bytes.
fn pack(tree: &Path, epoch: &str, archive: &Path) -> Result<()> {
    let name = tree.file_name().context("invariant: a tree has a name")?;
    let into = tree.parent().context("invariant: a tree is in a folder")?;
    let mut tar = Command::new("tar");
    // Order, owners and times do not depend on the machine that packs.
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.arg(format!("--mtime=@{epoch}"));
    // One thread: more would give other bytes.
    tar.arg("--use-compress-program=zstd -19 --single-thread").arg("--create").arg("--file");
    process::run(tar.arg(archive).arg("--directory").arg(into).arg(name))
}

#[cfg(test)]
mod tests {
    use super::super::files::tests::packed_twice;
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        packed_twice("archive", pack);
    }
}
