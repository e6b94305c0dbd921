//! Saves the kept images of examples as files.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use edge::Recognizer;
use models::disk;
use models::fault::{AnyFault, Message};
use serde::Serialize;

use super::example_answer::ExampleAnswer;
use super::hint::with_hint;

/// What was saved.
#[derive(Debug, Serialize)]
pub(super) struct Saved {
    folder: String,
    /// Names of the files that were written.
    files: Vec<String>,
    /// Names of files that were there already and stay as they are.
    existing: Vec<String>,
    /// Ids of the examples whose image was not kept.
    without_image: Vec<String>,
}

impl Saved {
    /// Writes the image of each example into `folder`, which is made if it is missing.
    pub(super) fn write(
        recognizer: &Recognizer,
        examples: &[ExampleAnswer],
        folder: &Path,
    ) -> Result<Self, AnyFault> {
        disk::create_folder(folder)?;
        let mut saved = Self {
            folder: folder.display().to_string(),
            files: Vec::new(),
            existing: Vec::new(),
            without_image: Vec::new(),
        };
        for example in examples {
            match recognizer.example_image(&example.id).map_err(with_hint)? {
                Some(image) => saved.add(folder, &example.id, &image)?,
                None => saved.without_image.push(example.id.clone()),
            }
        }
        Ok(saved)
    }

    fn add(&mut self, folder: &Path, id: &str, image: &[u8]) -> Result<(), Message> {
        let name = format!("{id}.{}", extension(image));
        let path = folder.join(&name);
        match write_new(&path, image) {
            Ok(()) => self.files.push(name),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.existing.push(name),
            Err(error) => {
                let path = path.display();
                return Err(Message::machine(format!("cannot write {path}: {error}")));
            }
        }
        Ok(())
    }
}

/// Writes a file that does not exist yet, whole or not at all.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    // The first error is the one to report.
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

/// The extension of an image file, by its first bytes.
fn extension(image: &[u8]) -> &'static str {
    const BY_START: [(&[u8], &str); 7] = [
        (b"\xFF\xD8\xFF", "jpg"),
        (b"\x89PNG\r\n\x1A\n", "png"),
        (b"RIFF", "webp"),
        (b"BM", "bmp"),
        (b"II*\0", "tif"),
        (b"MM\0*", "tif"),
        (b"GIF8", "gif"),
    ];
    let found = BY_START.iter().find(|(start, _)| image.starts_with(start));
    found.map_or("bin", |(_, extension)| *extension)
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "saved in {}: {} images", self.folder, self.files.len())?;
        if !self.existing.is_empty() {
            let existing = self.existing.len();
            writeln!(f, "files that were there already and stay as they are: {existing}")?;
        }
        if !self.without_image.is_empty() {
            let without = self.without_image.len();
            writeln!(f, "examples whose image was not kept: {without}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_exists_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e_1.jpg");
        write_new(&path, b"first").unwrap();
        let error = write_new(&path, b"second").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn extensions_follow_from_the_bytes() {
        let kinds =
            [&b"\xFF\xD8\xFF\xE0"[..], b"\x89PNG\r\n\x1A\n", b"GIF89a", b"II*\0", b"", b"x"];
        let expected = ["jpg", "png", "gif", "tif", "bin", "bin"];
        assert_eq!(kinds.map(extension), expected);
    }
}
