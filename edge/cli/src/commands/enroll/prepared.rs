//! The images to enroll, embedded, with the files that they come from.

use edge::embedder::Embedded;
use edge::gallery::{KeepImages, Label};
use models::fault::{AnyFault, Message, about};

use crate::commands::embedding::Purpose;
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
    /// Adds an image that was embedded for this purpose.
    pub(super) fn add(&mut self, input: Input, image: Embedded, purpose: Purpose) {
        let name = input.name();
        let is_missing = purpose.keep == Some(KeepImages::Original) && image.kept.is_none();
        self.images.push(image);
        self.files.push(ImageFile { name, kept: is_missing.then_some(input) });
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
