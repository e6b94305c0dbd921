//! The container image: gathers the root that `Dockerfile` copies, and starts the service in it.
//!
//! The root has the two programs, the shared libraries that they load, the default bundle and a
//! folder for the store. There is no shell and no package manager in it. It is of this machine's
//! processor, and its libraries are this machine's.

mod trial;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::sources::entries;

/// The folder with the root, which is the context of the build: `Dockerfile` copies `root/`.
const CONTEXT: &str = "target/container";

/// The most that the root may take.
const MAX_BYTES: u64 = 120_000_000;

const PROGRAMS: [&str; 2] = ["handful-server", "handful"];

/// The bundle of the image.
const BUNDLE: &str = "efficientnet-lite0";

const BUNDLES: &str = "usr/share/handful/bundles";

/// The user of the service by name, for programs that look it up.
const PASSWD: &str = "root:x:0:0::/:/nologin\nhandful:x:10001:10001::/var/lib/handful:/nologin\n";
const GROUP: &str = "root:x:0:\nhandful:x:10001:\n";

/// Builds the programs, and makes the root of them.
pub(crate) fn container(root: &Path) -> Result<()> {
    let build = ["build", "--release", "-p", "handful-web-api", "-p", "handful-cli"];
    process::run(process::cargo(root).args(build))?;
    make(root)
}

/// Gathers the root of the programs that are built, holds its size to the limit, and starts the
/// service in it.
pub(crate) fn make(root: &Path) -> Result<()> {
    let image = root.join(CONTEXT).join("root");
    gather(root, &image)?;
    let bytes = size(&image)?;
    println!("{}: {:.1} MB", image.display(), bytes as f64 / 1e6);
    ensure!(bytes <= MAX_BYTES, "the root has {bytes} bytes; at most {MAX_BYTES} are allowed");
    trial::run(&root.join("Dockerfile"), &image)?;
    println!("The image: docker build -t handful -f Dockerfile {CONTEXT}");
    Ok(())
}

/// Makes the root anew.
fn gather(root: &Path, image: &Path) -> Result<()> {
    if image.exists() {
        fs::remove_dir_all(image).with_context(|| format!("cannot empty {}", image.display()))?;
    }
    for folder in ["usr/bin", BUNDLES, "var/lib/handful", "etc", "tmp"] {
        fs::create_dir_all(image.join(folder))?;
    }
    for program in PROGRAMS {
        add_program(&root.join("target/release").join(program), image)?;
    }
    add_bundle(&root.join("models/bundles"), &image.join(BUNDLES))?;
    add_licenses(root, &image.join("usr/share/doc/handful"))?;
    fs::write(image.join("etc/passwd"), PASSWD)?;
    fs::write(image.join("etc/group"), GROUP)?;
    Ok(())
}

/// A program without its symbols, and the libraries that it loads.
fn add_program(program: &Path, image: &Path) -> Result<()> {
    let name = program.file_name().context("invariant: a program has a name")?;
    let mut strip = Command::new("strip");
    let strip = strip.arg("-o").arg(image.join("usr/bin").join(name)).arg(program);
    process::advise(process::run(strip), "on Debian or Ubuntu: apt install binutils")?;
    for library in libraries(&process::output(Command::new("ldd").arg(program))?)? {
        // At the path where the loader of this machine finds it, which comes along.
        copy(&library, &image.join(library.strip_prefix("/")?))?;
    }
    Ok(())
}

/// The files that `ldd` lists: the loader, and what it finds.
fn libraries(ldd: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in ldd.lines().map(str::trim) {
        ensure!(!line.ends_with("not found"), "a library is missing: {line}");
        let path = line.split_once("=> ").map_or(line, |(_, path)| path);
        // The kernel's own library has a name and no path.
        if path.starts_with('/') {
            found.push(path.split(" (").next().unwrap_or(path).into());
        }
    }
    ensure!(!found.is_empty(), "ldd lists no library: {ldd}");
    Ok(found)
}

/// The bundle, and the lexicon that it shares.
fn add_bundle(bundles: &Path, into: &Path) -> Result<()> {
    copy_folder(&bundles.join(BUNDLE), &into.join(BUNDLE))?;
    let lexicons = entries(bundles)?;
    let lexicons = lexicons.iter().filter(|path| path.extension().is_some_and(|e| e == "bin"));
    for lexicon in lexicons {
        copy(lexicon, &into.join(lexicon.file_name().context("invariant: a file has a name")?))?;
    }
    Ok(())
}

/// The licenses of this project, and those of the libraries if the machine has them.
fn add_licenses(root: &Path, into: &Path) -> Result<()> {
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root.join(name), &into.join(name))?;
    }
    for package in ["libc6", "libgcc-s1"] {
        let text = Path::new("/usr/share/doc").join(package).join("copyright");
        if text.exists() {
            copy(&text, &into.join(format!("copyright-{package}")))?;
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for path in entries(from)? {
        let to = to.join(path.file_name().context("invariant: an entry has a name")?);
        match path.is_dir() {
            true => copy_folder(&path, &to)?,
            false => copy(&path, &to)?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("invariant: it lies in the root")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for path in entries(folder)? {
        bytes += if path.is_dir() { size(&path)? } else { path.metadata()?.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LDD: &str = "\tlinux-vdso.so.1 (0x00007f150c9c5000)\n\
        \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1509f3e000)\n\
        \t/lib64/ld-linux-x86-64.so.2 (0x00007f150c9c7000)\n";

    #[test]
    fn libraries_and_loader_are_found() {
        let found = libraries(LDD).unwrap();
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn a_missing_library_is_named() {
        let error = libraries("\tlibgone.so.1 => not found\n").unwrap_err().to_string();
        assert!(error.contains("libgone.so.1"), "{error}");
        assert!(libraries("\tstatically linked\n").is_err());
    }

    #[test]
    fn every_file_below_a_folder_counts() {
        let folder = std::env::temp_dir().join(format!("handful-size-{}", std::process::id()));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(folder.join("one"), "1").unwrap();
        copy(&folder.join("one"), &folder.join("a/b/c/two")).unwrap();
        assert_eq!(size(&folder).unwrap(), 2);
        fs::remove_dir_all(folder).unwrap();
    }
}
