//! The images that a command was given: files, standard input, and what is in folders and archives.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use models::dataset::{Dataset, ImageRef, LeftOut, Reason};
use models::disk;
use models::fault::{AnyFault, Message};
use models::image::ImageLimits;
use serde::Serialize;
use terminal::note;

use super::file_error::FileError;
use crate::text::one_line;

/// The path that stands for standard input.
const STDIN: &str = "-";
/// The ends of the names of archives. A file with another name is an image.
const ARCHIVES: [&str; 6] = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"];

/// What to do with an exported gallery, which is no image.
pub(super) const EXPORTED: &str =
    "this is an exported gallery; import it with `handful gallery import`";

/// An image, not yet read.
#[derive(Debug)]
pub(super) enum Input {
    File(PathBuf),
    Stdin,
    /// An image of a folder or an archive.
    Of(Arc<Dataset>, ImageRef),
}

/// A file or folder in a folder or archive that is no image of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ignored {
    path: String,
    reason: Reason,
}

/// The images of some paths.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) images: Vec<Input>,
    /// Paths that cannot be used.
    pub(super) errors: Vec<FileError>,
    pub(super) left_out: Vec<Ignored>,
}

impl Ignored {
    fn of(root: &Path, LeftOut { path, reason }: &LeftOut) -> Self {
        Self { path: root.join(path).display().to_string(), reason: *reason }
    }
}

impl Input {
    /// What users call it: its path, or `-`.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => STDIN.to_owned(),
            Self::Of(dataset, image) => dataset.place(image).display().to_string(),
        }
    }

    /// Whether it has its bytes a second time: a pipe has not.
    pub(super) fn can_be_read_again(&self) -> bool {
        match self {
            Self::File(path) => path.is_file(),
            Self::Stdin => false,
            Self::Of(..) => true,
        }
    }

    /// Its bytes. Who prints the error names the image, so the error does not.
    pub(super) fn bytes(&self) -> Result<Cow<'_, [u8]>, AnyFault> {
        // The limit holds while reading: a path may name something endless, such as /dev/zero.
        let limit = ImageLimits::default().max_bytes as u64;
        match self {
            Self::File(path) => {
                let read = disk::read(path, limit);
                Ok(Cow::Owned(read.map_err(|error| Message::input(error.without_path()))?))
            }
            Self::Stdin => Ok(Cow::Owned(read_stdin(limit)?)),
            Self::Of(dataset, image) => Ok(dataset.bytes(image)?),
        }
    }
}

fn read_stdin(limit: u64) -> Result<Vec<u8>, Message> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let text = "standard input is a terminal; expected an image, as in `< photo.jpg`";
        return Err(Message::input(text));
    }
    let mut bytes = Vec::new();
    // One byte more shows the decoder that the image is too large.
    let read = stdin.lock().take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| Message::machine(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

/// Whether a path is that of an archive, by its name.
fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

/// Whether a path is that of an exported gallery, by its name.
pub(super) fn is_exported(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    path.is_file() && extension.eq_ignore_ascii_case("handful")
}

impl Inputs {
    /// The images of the paths: of files, of standard input, and all in folders and archives,
    /// whatever folders they are in.
    pub(super) fn of(paths: &[PathBuf], json: bool) -> Self {
        let mut inputs = Self::default();
        for path in paths {
            let is_stdin = path.as_os_str() == STDIN;
            if is_stdin && inputs.images.iter().any(|image| matches!(image, Input::Stdin)) {
                let reason = "standard input was given before; expected it once";
                inputs.errors.push(FileError::input(path, reason));
            } else if is_stdin {
                inputs.images.push(Input::Stdin);
            } else if is_exported(path) {
                inputs.errors.push(FileError::input(path, EXPORTED));
            } else if path.is_dir() || (path.is_file() && is_archive(path)) {
                inputs.add_all(path, json);
            } else {
                // A missing file is reported with all others that cannot be used.
                inputs.images.push(Input::File(path.clone()));
            }
        }
        inputs
    }

    fn add_all(&mut self, path: &Path, json: bool) {
        match Dataset::open_as_class(path, "images") {
            Ok(dataset) => {
                self.left_out.extend(noted(path, &dataset, json));
                let dataset = Arc::new(dataset);
                let images = dataset.classes.iter().flat_map(|class| &class.images);
                self.images
                    .extend(images.map(|image| Input::Of(Arc::clone(&dataset), image.clone())));
            }
            Err(error) => self.errors.push(FileError::of(path, &error)),
        }
    }
}

/// What a data set leaves out, which is also printed as warnings.
pub(super) fn noted(path: &Path, dataset: &Dataset, json: bool) -> Vec<Ignored> {
    print_notices(path, dataset, json);
    dataset.left_out.iter().map(|entry| Ignored::of(path, entry)).collect()
}

/// Prints what a user should know about the way a data set was read, on standard error.
pub(super) fn print_notices(path: &Path, dataset: &Dataset, json: bool) {
    let more = if json { ", all of them in the JSON" } else { "; --json lists all" };
    for line in dataset.notices(more) {
        note!("warning: {}: {}", one_line(&path.display().to_string()), one_line(&line));
    }
}
