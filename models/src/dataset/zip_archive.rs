//! Zip archives. Only stored and deflated entries are read, and only those that are kept.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::path::Path;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::entry::{SAME_PATH, checked_path, damaged};
use super::error::DatasetError;
use super::files::{DatasetLimits, Files, excluded};

/// What an entry of the central directory begins with (APPNOTE.TXT 4.3.12).
const CENTRAL: &[u8] = b"PK\x01\x02";

/// Bytes of such an entry before its name.
const CENTRAL_BYTES: usize = 46;

/// Adds everything in a zip archive.
pub(super) fn read(
    mut files: Files,
    packed: &[u8],
    path: &Path,
    limits: &DatasetLimits,
) -> Result<Files, DatasetError> {
    let mut archive =
        ZipArchive::new(Cursor::new(packed)).map_err(|error| refused(path, &error))?;
    if archive.len() > limits.max_files {
        return Err(DatasetError::too_large(path, limits.max_files as u64, "files"));
    }
    // The zip crate keeps the last of several entries of one name, and counts all of them.
    if archive.has_duplicate_names()
        && let Some(name) = repeated_name(packed, archive.central_directory_start())
    {
        return Err(DatasetError::entry(&name, SAME_PATH));
    }
    let mut left = limits.max_archive_bytes;
    for i in 0..archive.len() {
        let Some(relative) = wanted(&mut files, &mut archive, i, path)? else { continue };
        let entry = archive.by_index(i).map_err(|error| refused(path, &error))?;
        files.check(&relative, entry.size(), limits)?;
        if entry.size() > left {
            let limit = limits.max_archive_bytes;
            return Err(DatasetError::too_large(path, limit, "bytes unpacked"));
        }
        let size = entry.size();
        left -= size;
        // The stated size may be wrong: reading ends one byte behind it.
        let before = files.stored_bytes();
        let mut bounded = entry.take(size.saturating_add(1));
        files.store(relative.clone(), &mut bounded).map_err(damaged(path))?;
        if files.stored_bytes() - before != size {
            return Err(DatasetError::entry(&relative, "it has not as many bytes as it states"));
        }
    }
    Ok(files)
}

/// The first name of a file in the central directory, which begins at `start`, that another entry
/// had before. What is no part of a data set may have any name.
fn repeated_name(packed: &[u8], start: u64) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut rest = packed.get(usize::try_from(start).ok()?..)?;
    while rest.starts_with(CENTRAL) {
        let [name, extra, comment] = [28, 30, 32].map(|at| number(rest, at));
        let end = CENTRAL_BYTES + name;
        let name = rest.get(CENTRAL_BYTES..end)?;
        let text = String::from_utf8_lossy(name);
        if !seen.insert(name) && !text.ends_with('/') && excluded(&text).is_none() {
            return Some(text.into_owned());
        }
        rest = rest.get(end + extra + comment..)?;
    }
    None
}

/// Two bytes, the lower one first; 0 where there are none.
fn number(bytes: &[u8], at: usize) -> usize {
    let pair = bytes.get(at..at + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok());
    pair.map_or(0, |pair| usize::from(u16::from_le_bytes(pair)))
}

/// The relative path of an entry that is kept.
fn wanted(
    files: &mut Files,
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    i: usize,
    path: &Path,
) -> Result<Option<String>, DatasetError> {
    let entry = archive.by_index_raw(i).map_err(|error| refused(path, &error))?;
    // Some programs of Windows write its separator.
    let raw = entry.name_raw();
    // Without the flag of UTF-8, a name is in code page 437; many programs write UTF-8 all the
    // same.
    let named = entry.name().unwrap_or_default();
    let raw = if std::str::from_utf8(raw).is_ok() { raw } else { named.as_bytes() };
    let name: Vec<u8> = raw.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    let is_drive = matches!(name[..], [letter, b':', ..] if letter.is_ascii_alphabetic());
    let shown = String::from_utf8_lossy(&name).into_owned();
    if is_drive || name.starts_with(b"/") {
        return Err(DatasetError::entry(&shown, "its path leads out of the archive"));
    }
    let Some(relative) = checked_path(files, &name)? else { return Ok(None) };
    // Of what is left out, links do no harm: a folder with them is read too.
    if entry.is_symlink() && excluded(&relative).is_none() {
        return Err(DatasetError::entry(&relative, "it is a link"));
    }
    if name.ends_with(b"/") {
        files.add_folder(&relative);
        return Ok(None);
    }
    let Some(relative) = files.wanted_of_archive(relative) else { return Ok(None) };
    if entry.encrypted() {
        let reason = "it is encrypted; pack the images again without a password";
        return Err(DatasetError::entry(&relative, reason));
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        let reason = format!(
            "it is compressed with {}; pack the images again with deflate, the usual method",
            entry.compression()
        );
        return Err(DatasetError::entry(&relative, reason));
    }
    Ok(Some(relative))
}

fn refused(path: &Path, error: &ZipError) -> DatasetError {
    let reason = match error {
        ZipError::Io(error) => {
            return damaged(path)(io::Error::new(error.kind(), error.to_string()));
        }
        ZipError::InvalidArchive(_) => "the zip file is damaged or cut".to_owned(),
        other => format!("it is a kind of zip archive that is not read ({other})"),
    };
    DatasetError::Archive { path: path.to_owned(), reason }
}
