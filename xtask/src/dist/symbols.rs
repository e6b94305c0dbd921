//! What a program needs of the system that runs it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::target::GLIBC;
use crate::process;

/// Libraries that every Debian root has, besides the loader.
const LIBRARIES: [&str; 7] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux",
];

/// Fails if a program needs a newer glibc than promised, or another library; returns the glibc.
pub(super) fn check(program: &Path) -> Result<(u32, u32)> {
    let mut readelf = Command::new("readelf");
    readelf.args(["--wide", "--dynamic", "--version-info"]).arg(program).env("LC_ALL", "C");
    let listed = process::output(&mut readelf)?;
    let name = program.display();
    let newest = newest_glibc(&listed);
    let newest = newest.with_context(|| format!("{name} names no version of glibc"))?;
    ensure!(
        newest <= GLIBC,
        "{name} needs glibc {}.{}, expected {}.{} at most",
        newest.0,
        newest.1,
        GLIBC.0,
        GLIBC.1
    );
    let other = needed(&listed).find(|library| !is_usual(library));
    ensure!(other.is_none(), "{name} needs the library {}", other.unwrap_or_default());
    Ok(newest)
}

fn is_usual(library: &str) -> bool {
    LIBRARIES.iter().any(|usual| library.starts_with(*usual))
}

/// The newest `GLIBC_2.N`, as numbers.
fn newest_glibc(listed: &str) -> Option<(u32, u32)> {
    listed.split("GLIBC_").skip(1).filter_map(version).max()
}

fn version(text: &str) -> Option<(u32, u32)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn needed(listed: &str) -> impl Iterator<Item = &str> {
    let lines = listed.lines().filter(|line| line.contains("(NEEDED)"));
    lines.filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
 0x0000000000000001 (NEEDED)             Shared library: [libz.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 9
  0x0020:   Name: GLIBC_2.30  Flags: none  Version: 8
  0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 7
";

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(newest_glibc(LISTED), Some((2, 30)));
        assert_eq!(newest_glibc("GLIBC_PRIVATE"), None);
    }

    #[test]
    fn other_libraries_are_found() {
        let other: Vec<_> = needed(LISTED).filter(|library| !is_usual(library)).collect();
        assert_eq!(other, ["libz.so.1"]);
    }
}
