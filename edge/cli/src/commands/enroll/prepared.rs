//! The images to enroll, embedded, with the files that they come from.

use edge::Recognizer;
use edge::embedder::Embedded;
use edge::gallery::{KeepImages, Label};
use models::fault::{AnyFault, Message, about};
use models::image::Crop;

use crate::commands::FileError;
use crate::commands::inputs::Input;

/// What images are examples of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Class(Label),
    /// None of the classes.
    Background,
}

/// The embedded images of a target.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) images: Vec<Embedded>,
    /// That of each.
    pub(super) files: Vec<ImageFile>,
}

/// The file of an embedded image.
#[derive(Debug)]
pub(super) struct ImageFile {
    pub(super) name: String,
    /// If the gallery keeps files. It is read again when it is enrolled, so that only the files of
    /// one class are in memory at a time.
    pub(super) kept: Option<Input>,
}

pub(super) type Images = Vec<(Target, Prepared)>;

impl Prepared {
    /// Reads and embeds an image, or a part of it.
    pub(super) fn add(
        &mut self,
        input: Input,
        recognizer: &mut Recognizer,
        crop: Option<Crop>,
    ) -> Result<(), FileError> {
        let name = input.name();
        let reads_again = reads_again(&input, recognizer);
        match embed_one(&input, reads_again, recognizer, crop) {
            Ok(image) => self.images.push(image),
            Err(fault) => {
                return Err(FileError {
                    file: name,
                    error: fault.to_string(),
                    blame: fault.blame(),
                });
            }
        }
        self.files.push(ImageFile { name, kept: reads_again.then_some(input) });
        Ok(())
    }

    /// The images with all that is kept of them.
    pub(super) fn with_files(mut self) -> Result<Self, AnyFault> {
        for (image, file) in self.images.iter_mut().zip(&self.files) {
            file.keep(image)?;
        }
        Ok(self)
    }
}

impl ImageFile {
    pub(super) fn keep(&self, image: &mut Embedded) -> Result<(), AnyFault> {
        let Some(file) = &self.kept else { return Ok(()) };
        let bytes = file.bytes().map_err(|error| about(file.name(), error))?.into_owned();
        if image.keep_original(bytes) {
            return Ok(());
        }
        let changed = "the file changed while it was enrolled; enroll it again";
        Err(Message::input(format!("{}: {changed}", file.name())).into())
    }
}

/// Reads and embeds an image; a file that is read again for what is kept is not kept here.
fn embed_one(
    input: &Input,
    reads_again: bool,
    recognizer: &mut Recognizer,
    crop: Option<Crop>,
) -> Result<Embedded, AnyFault> {
    let bytes = input.bytes()?;
    let keep = if reads_again { KeepImages::Off } else { recognizer.settings().keep_images };
    Ok(recognizer.embed_to_keep(&bytes, keep, crop)?)
}

/// Whether the gallery keeps this file itself, and the file can be read a second time.
fn reads_again(input: &Input, recognizer: &Recognizer) -> bool {
    let lasts = match input {
        // A pipe cannot be read twice.
        Input::File(path) => path.is_file(),
        Input::Stdin => false,
        Input::Of(..) => true,
    };
    lasts && recognizer.settings().keep_images == KeepImages::Original
}
