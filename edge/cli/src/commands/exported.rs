//! Writes exported galleries into files.

use std::fs;
use std::path::Path;

use edge::device::Device;
use edge::gallery::{Export, Galleries, GalleryError};
use edge::recognizer::RecognizerError;
use models::disk::replacement::Replacement;
use models::fault::{AnyFault, Message};

use super::check_store;
use crate::text::byte_progress;

/// The galleries of the store that is there; also of one that may not be written.
pub(super) fn existing_galleries(device: &Device) -> Result<Galleries, AnyFault> {
    check_store(device)?;
    let space_id = device.bundle(None)?.manifest.space_id;
    Ok(match device.galleries(&space_id) {
        Err(RecognizerError::Gallery(GalleryError::Io { .. })) => {
            device.galleries_read_only(&space_id)?
        }
        opened => opened?,
    })
}

/// Writes an archive into a file, which appears whole or not at all; returns its length.
pub(super) fn write(export: Export, path: &Path, force: bool, json: bool) -> Result<u64, AnyFault> {
    check_free(path, force)?;
    let mut file = Replacement::create(path)?;
    let progress = byte_progress("exporting", json);
    let mut bytes = 0;
    for part in export {
        let part = part?;
        file.write(&part)?;
        bytes += part.len() as u64;
        progress.set_position(bytes);
    }
    progress.finish_and_clear();
    // Another program may have made one meanwhile.
    check_free(path, force)?;
    file.finish()?;
    Ok(bytes)
}

/// Refuses a path that something else has.
fn check_free(path: &Path, force: bool) -> Result<(), Message> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    let name = path.display();
    if !found.is_file() {
        return Err(Message::input(format!(
            "{name} is there and is not a regular file; name another one, or `-` for standard \
             output"
        )));
    }
    if !force {
        return Err(Message::input(format!(
            "{name} exists already; name another file, or replace it with --force"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_regular_files_are_replaced_and_only_with_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.handful");
        assert!(check_free(&file, false).is_ok());
        fs::write(&file, b"x").unwrap();
        assert!(check_free(&file, false).unwrap_err().to_string().contains("--force"));
        assert!(check_free(&file, true).is_ok());
        let refused = check_free(folder.path(), true).unwrap_err().to_string();
        assert!(refused.contains("not a regular file"), "{refused}");
    }
}
