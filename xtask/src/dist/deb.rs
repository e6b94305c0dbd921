//! The package for Debian, Ubuntu and JetPack.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::commit::Commit;
use super::files;
use super::stage::{self, Contents};
use super::target::{GLIBC, Target};
use crate::process;
use crate::sources::read;

const DESCRIPTION: &str = "\
Description: few-shot image recognition on the device
 Handful learns a class from three to five images or from its name only, and
 recognizes new images. This package has the service with its web page, the
 command, the exporter, the default bundle and the lexicon. The service
 answers on this machine only until another address is set.
";

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: handful
Comment: third-party.txt.gz in this folder has the licenses of all libraries,
 of the weights and of the lexicon.

Files: *
Copyright: Handful contributors
License: MIT or Apache-2.0
";

/// Where the store is for the service. The command finds it with the same file.
const STORE: &str = "store = \"/var/lib/handful/store\"";

/// Writes `handful_VERSION_ARCHITECTURE.deb` and returns its path. `settings` is the file of
/// settings that the service prints.
pub(super) fn write(
    contents: &Contents,
    target: Target,
    settings: &str,
    into: &Path,
) -> Result<PathBuf> {
    let version = &contents.commit.version;
    let tree = into.join("deb");
    files::make_empty(&tree)?;
    stage::lay(contents, &tree.join("usr"))?;
    files::write(&tree.join("etc/handful/server.toml"), &with_store(settings)?)?;
    documents(contents, version, &tree.join("usr/share/doc/handful"))?;
    files::set_permissions(&tree)?;
    control(contents, target, version, &tree)?;
    let package = into.join(format!("handful_{version}_{}.deb", target.debian()));
    pack(&tree, &contents.commit.epoch, &package)?;
    fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    Ok(package)
}

/// Packs a folder with its folder `DEBIAN`, so that the same files give the same bytes.
fn pack(tree: &Path, epoch: &str, package: &Path) -> Result<()> {
    // xz in one thread: Debian 11 reads no zstd, and more threads would give other bytes.
    let xz = ["-Zxz", "--threads-max=1"];
    process::run(dpkg_deb(&xz).arg(tree).arg(package).env("SOURCE_DATE_EPOCH", epoch))
}

/// Writes the same package with a newer version, hardly compressed, for a test of an upgrade.
pub(super) fn newer(package: &Path, into: &Path) -> Result<PathBuf> {
    let tree = into.join("newer");
    files::make_empty(&tree)?;
    process::run(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree))?;
    let control = tree.join("DEBIAN/control");
    let text = read(&control)?;
    let line = text.lines().find(|line| line.starts_with("Version: "));
    let line = line.context("the package states no version")?;
    files::write(&control, &text.replacen(line, &format!("{line}+upgrade"), 1))?;
    let newer = into.join("newer.deb");
    process::run(dpkg_deb(&["-Zgzip", "-z1"]).arg(&tree).arg(&newer))?;
    fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    Ok(newer)
}

fn dpkg_deb(options: &[&str]) -> Command {
    let mut build = Command::new("dpkg-deb");
    build.arg("--root-owner-group").args(options).arg("--build");
    build
}

/// The settings with the one that a system service needs.
fn with_store(settings: &str) -> Result<String> {
    let is_set = settings.lines().any(|line| line == "#store =");
    ensure!(is_set, "`handful-server --print-config` prints no line `#store =`");
    Ok(settings.replacen("\n#store =\n", &format!("\n{STORE}\n"), 1))
}

fn documents(contents: &Contents, version: &str, folder: &Path) -> Result<()> {
    let mit = read(&contents.root.join("LICENSE-MIT"))?;
    files::write(&folder.join("copyright"), &format!("{COPYRIGHT}{}", field(&mit)))?;
    let changelog = folder.join("changelog");
    let Commit { author, debian_time: time, .. } = contents.commit;
    let entry = "  * CHANGELOG.md of the sources lists what users notice.";
    let text = format!(
        "handful ({version}) unstable; urgency=medium\n\n{entry}\n\n -- {author}  {time}\n"
    );
    files::write(&changelog, &text)?;
    files::compress(&changelog)
}

/// A text as the rest of a field: each line begins with a space, an empty one with a dot.
fn field(text: &str) -> String {
    let on_debian = " .\n On Debian, Apache-2.0 is in /usr/share/common-licenses/Apache-2.0.\n";
    let lines = text.trim().lines().map(str::trim_end);
    let lines = lines.map(|line| format!(" {}\n", if line.is_empty() { "." } else { line }));
    lines.chain([on_debian.to_owned()]).collect()
}

/// The folder `DEBIAN`: what dpkg reads and runs.
fn control(contents: &Contents, target: Target, version: &str, tree: &Path) -> Result<()> {
    let folder = tree.join("DEBIAN");
    let sums = "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
    let sums = process::output(Command::new("sh").args(["-c", sums]).current_dir(tree))?;
    let text = fields(target, version, &contents.commit.author, kibibytes(tree)?);
    files::write(&folder.join("control"), &text)?;
    files::write(&folder.join("md5sums"), &sums)?;
    files::write(&folder.join("conffiles"), "/etc/handful/server.toml\n")?;
    files::copy_all(&contents.root.join("deploy/debian"), None, &folder)?;
    files::set_permissions(&folder)
}

fn fields(target: Target, version: &str, author: &str, kibibytes: u64) -> String {
    let (major, minor) = GLIBC;
    format!(
        "Package: handful\n\
         Version: {version}\n\
         Architecture: {}\n\
         Maintainer: {author}\n\
         Installed-Size: {kibibytes}\n\
         Depends: adduser, libc6 (>= {major}.{minor}), libgcc-s1\n\
         Section: science\n\
         Priority: optional\n\
         {DESCRIPTION}",
        target.debian()
    )
}

/// Size of all files. Folders are not counted: their sizes differ among file systems.
fn kibibytes(tree: &Path) -> Result<u64> {
    let sizes =
        process::output(Command::new("find").arg(tree).args(["-type", "f", "-printf", "%s\\n"]))?;
    let sizes = sizes.lines().map(|line| line.parse::<u64>());
    let bytes = sizes.sum::<Result<u64, _>>().context("find printed other than sizes")?;
    Ok(bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::super::files::tests::packed_twice;
    use super::*;

    #[test]
    fn the_store_is_set_and_nothing_else() {
        let settings = "# a\n#store =\n\n#bundle =\n";
        let expected = "# a\nstore = \"/var/lib/handful/store\"\n\n#bundle =\n";
        assert_eq!(with_store(settings).unwrap(), expected);
        assert!(with_store("#bundle =\n").is_err());
    }

    #[test]
    fn the_control_file_has_one_field_a_line() {
        let text = fields(Target::Arm, "0.1.0", "A <a@b.org>", 7);
        assert!(text.starts_with("Package: handful\nVersion: 0.1.0\nArchitecture: arm64\n"));
        assert!(text.contains("\nMaintainer: A <a@b.org>\n"));
        assert!(text.contains("\nDepends: adduser, libc6 (>= 2.31), libgcc-s1\nSection"));
        assert!(text.contains("\nDescription: few-shot image recognition on the device\n Handful"));
    }

    #[test]
    fn the_same_files_give_the_same_bytes_and_a_newer_version_can_be_made() {
        let folder = packed_twice("deb", pack);
        let newer = newer(&folder.join("first"), &folder).unwrap();
        let mut version = Command::new("dpkg-deb");
        let version = process::output(version.arg("--field").arg(newer).arg("Version")).unwrap();
        assert_eq!(version, "0.1.0+upgrade\n");
    }

    #[test]
    fn a_text_becomes_a_field() {
        assert!(field("a\n\nb\n").starts_with(" a\n .\n b\n .\n On Debian"));
    }
}
