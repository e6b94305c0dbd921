//! Archives: tar, bare or packed with gzip or xz. The images are held in memory.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use tar::{Archive, Entry, EntryType};

use super::entry::{checked_path, damaged};
use super::error::DatasetError;
use super::files::{DatasetLimits, Files, excluded};
use super::source::Source;
use super::zip_archive;
use crate::disk;

/// Bytes of the two blocks of zeros that end an archive (POSIX.1-1988, ustar).
const TAR_END: usize = 1024;
/// Most memory for unpacking xz, in KiB: `xz -9` needs 65 MiB.
const MAX_XZ_KIB: u32 = 256 << 10;
/// The first bytes of zip archives: of one with entries, of an empty one, of one in parts.
const ZIP: [&[u8]; 3] = [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"];
/// The first bytes of archives that are not read, and their names.
const OTHERS: &[(&[u8], &str)] = &[
    (b"7z\xBC\xAF\x27\x1C", "7z"),
    (b"Rar!", "RAR"),
    (b"BZh", "bzip2"),
    (b"\x28\xB5\x2F\xFD", "Zstandard"),
    (b"\x04\x22\x4D\x18", "LZ4"),
    (b"\x1F\x9D", "compress (.Z)"),
    (b"MSCF", "cabinet"),
];

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Bare,
    Gzip,
    Xz,
}

/// Everything in an archive. Its first bytes decide what it is, whatever its name.
pub(super) fn read(path: &Path, limits: &DatasetLimits) -> Result<Files, DatasetError> {
    let packed = disk::read(path, limits.max_archive_bytes)?;
    // Images are compressed already: unpacked, they take about the archive's size.
    let files = Files::new(Source::Archive(Vec::with_capacity(packed.len())));
    if ZIP.iter().any(|first| packed.starts_with(first)) {
        return zip_archive::read(files, &packed, path, limits);
    }
    if let Some((_, name)) = OTHERS.iter().find(|(first, _)| packed.starts_with(first)) {
        let reason = format!(
            "it is a {name} archive; unpack it and give the folder, or pack that as .zip or .tar.gz"
        );
        return Err(DatasetError::Archive { path: path.to_owned(), reason });
    }
    if packed.starts_with(&[0x1F, 0x8B]) {
        read_tar(files, &packed, Packing::Gzip, path, limits)
    } else if packed.starts_with(b"\xFD7zXZ\0") {
        read_tar(files, &packed, Packing::Xz, path, limits)
    } else {
        read_tar(files, &packed, Packing::Bare, path, limits)
    }
}

fn unpacked(packed: &[u8], packing: Packing) -> Box<dyn Read + '_> {
    match packing {
        Packing::Bare => Box::new(Cursor::new(packed)),
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        // The decoder gives single bytes as fast as blocks only from a buffer.
        Packing::Xz => Box::new(BufReader::new(XzReader::new_mem_limit(packed, true, MAX_XZ_KIB))),
    }
}

fn read_tar(
    mut files: Files,
    packed: &[u8],
    packing: Packing,
    path: &Path,
    limits: &DatasetLimits,
) -> Result<Files, DatasetError> {
    let mut archive = Archive::new(unpacked(packed, packing).take(limits.max_archive_bytes));
    let result = take_in(&mut files, &mut archive, path, limits);
    let mut rest = archive.into_inner();
    // A checksum is behind the last entry, and is compared only when the end is read.
    let result = result.and_then(|()| io::copy(&mut rest, &mut io::sink()).map_err(damaged(path)));
    // `take` ends the stream at the limit, which looks like any damage: the limit is the reason.
    if rest.limit() == 0 {
        let limit = limits.max_archive_bytes;
        return Err(DatasetError::too_large(path, limit, "bytes unpacked"));
    }
    result?;
    // gzip and xz have a checksum. A bare archive that was cut between two files would look like a
    // smaller data set: only its missing end shows the cut.
    if packing == Packing::Bare && !packed.is_empty() && !packed.ends_with(&[0; TAR_END]) {
        let reason = "it was cut: the blocks of zeros that end an archive are missing";
        return Err(DatasetError::Archive { path: path.to_owned(), reason: reason.to_owned() });
    }
    Ok(files)
}

fn take_in(
    files: &mut Files,
    archive: &mut Archive<impl Read>,
    path: &Path,
    limits: &DatasetLimits,
) -> Result<(), DatasetError> {
    for (i, entry) in archive.entries().map_err(damaged(path))?.enumerate() {
        if i >= limits.max_files {
            return Err(DatasetError::too_large(path, limits.max_files as u64, "files"));
        }
        let mut entry = entry.map_err(damaged(path))?;
        let Some(relative) = file_name(files, &entry)? else { continue };
        if let Some(relative) = files.wanted_of_archive(relative) {
            files.check(&relative, entry.size(), limits)?;
            files.store(relative, &mut entry).map_err(damaged(path))?;
        }
    }
    Ok(())
}

/// The relative path of an archive's entry if it is a file with a usable name.
fn file_name(
    files: &mut Files,
    entry: &Entry<'_, impl Read>,
) -> Result<Option<String>, DatasetError> {
    let kind = entry.header().entry_type();
    // Settings for all entries, which `git archive` writes first. Its name is no path.
    if kind == EntryType::XGlobalHeader {
        return Ok(None);
    }
    let name = entry.path_bytes();
    let Some(relative) = checked_path(files, &name)? else { return Ok(None) };
    match kind {
        EntryType::Regular | EntryType::Continuous => Ok(Some(relative)),
        EntryType::Directory => {
            files.add_folder(&relative);
            Ok(None)
        }
        // Of what is left out, links do no harm: a folder with them is read too.
        EntryType::Symlink | EntryType::Link if excluded(&relative).is_some() => Ok(Some(relative)),
        EntryType::Symlink | EntryType::Link => Err(DatasetError::entry(&relative, "it is a link")),
        _ => Err(DatasetError::entry(&relative, "it is not a regular file")),
    }
}
