//! The entries of archives of every kind: safe names, sizes within limits, bytes in memory.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::error::DatasetError;
use super::files::{DatasetLimits, Files, MAX_DEPTH, MAX_INDEX, is_image, relative_path};
use super::left_out::Reason;
use super::source::{Place, Source};

/// The most bytes of a path in an archive, as of one on Linux.
const LONGEST_PATH: usize = 4096;

/// The most bytes of such a path that an error repeats.
const SHOWN: usize = 80;

/// Why two entries of one path are refused.
pub(super) const SAME_PATH: &str = "the archive has two entries of this path, and only one of them \
    can be meant; unpack it, keep the right file and give the folder";

impl Files {
    /// Copies a file of an archive into memory.
    pub(super) fn store(&mut self, relative: String, entry: &mut impl Read) -> io::Result<()> {
        let Source::Archive(memory) = &mut self.source else { return Ok(()) };
        let offset = memory.len();
        let bytes = entry.read_to_end(memory)? as u64;
        self.found.insert(relative, Place { offset, bytes });
        Ok(())
    }

    /// Refuses a file of an archive that is larger than the limit, and one whose path another entry
    /// has: programs that unpack it differ in which of them they keep.
    pub(super) fn check(
        &self,
        relative: &str,
        bytes: u64,
        limits: &DatasetLimits,
    ) -> Result<(), DatasetError> {
        if self.found.contains_key(relative) {
            return Err(DatasetError::entry(relative, SAME_PATH));
        }
        let limit = if is_image(relative) { limits.max_image_bytes } else { MAX_INDEX };
        if bytes <= limit {
            return Ok(());
        }
        Err(DatasetError::entry(relative, format!("it has {bytes} bytes, more than {limit}")))
    }

    /// Lists an entry whose name is not UTF-8, up to the first part that is not.
    pub(super) fn leave_out_not_utf8(&mut self, name: &[u8]) {
        let mut end = 0;
        for part in name.split(|byte| *byte == b'/') {
            end += part.len();
            if std::str::from_utf8(part).is_err() {
                break;
            }
            end += 1;
        }
        let path = String::from_utf8_lossy(&name[..end.min(name.len())]).into_owned();
        self.add_folders_above(&path);
        self.leave_out(path, Reason::NotUtf8);
    }
}

pub(super) fn damaged(path: &Path) -> impl Fn(io::Error) -> DatasetError {
    move |error| DatasetError::Archive { path: path.to_owned(), reason: reason_of(&error) }
}

/// What is wrong with an archive that a decoder or tar refuses. Their own words differ by library:
/// they follow in parentheses where nothing clearer is known.
fn reason_of(error: &io::Error) -> String {
    let text = error.to_string();
    let lower = text.to_lowercase();
    let is_cut = error.kind() == ErrorKind::UnexpectedEof || lower.contains("unexpected eof");
    // tar quotes the bytes that it cannot read. They would garble a terminal.
    let is_quote = lower.contains("numeric field") || !text.chars().all(is_printable);
    match error.kind() {
        ErrorKind::OutOfMemory => {
            "it needs more memory to unpack than is allowed; pack it as .zip or .tar.gz".to_owned()
        }
        _ if is_cut => "it ends early: it was cut, or not copied whole".to_owned(),
        _ if lower.contains("checksum") || lower.contains("crc") => {
            "a checksum in it does not fit its bytes: it is damaged, or not one".to_owned()
        }
        // tar reads a file of any other kind as a header, and misses the rest of it.
        _ if lower.contains("entire block") => "it is not one, or it was cut".to_owned(),
        _ if is_quote => "it is not one, or it is damaged".to_owned(),
        _ => format!("it is not one, or it is damaged ({text})"),
    }
}

fn is_printable(c: char) -> bool {
    !c.is_control() && c != char::REPLACEMENT_CHARACTER
}

/// The relative path of an entry, file or folder; `None` if it is not UTF-8, and listed.
///
/// An archive with any path that leads out of it is not to be trusted.
pub(super) fn checked_path(files: &mut Files, name: &[u8]) -> Result<Option<String>, DatasetError> {
    // Each folder above an entry is noted, so a long name would take memory with its square.
    let folders = name.iter().filter(|byte| **byte == b'/').count();
    if name.len() > LONGEST_PATH || folders > MAX_DEPTH {
        let shown = String::from_utf8_lossy(&name[..name.len().min(SHOWN)]);
        let reason = format!("its path has more than {MAX_DEPTH} folders or {LONGEST_PATH} bytes");
        return Err(DatasetError::entry(&shown, reason));
    }
    let text = String::from_utf8_lossy(name);
    let relative = relative_path(&text)
        .ok_or_else(|| DatasetError::entry(&text, "its path leads out of the archive"))?;
    if std::str::from_utf8(name).is_err() {
        files.leave_out_not_utf8(name);
        return Ok(None);
    }
    Ok(Some(relative))
}
