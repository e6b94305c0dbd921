//! Uploaded image files and the memory that they hold.

use axum::body::Bytes;
use models::image::Crop;

use super::budget::Lease;

/// One image file as it arrived.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file's name, if the body gave one.
    pub file: Option<String>,
    /// The file's bytes, not decoded.
    pub bytes: Bytes,
}

/// The images of a request. Their memory stays reserved until this is dropped.
#[derive(Debug)]
pub struct Uploads {
    /// At least one.
    pub files: Vec<Upload>,
    /// The part of the image that is used; only with one file.
    pub crop: Option<Crop>,
    _memory: Lease,
}

impl Uploads {
    /// Joins whole images with the memory that was reserved for their files.
    #[must_use]
    pub fn new(files: Vec<Upload>, memory: Lease) -> Self {
        Self { files, crop: None, _memory: memory }
    }

    /// The names of the files, for problems that are found after the files themselves are gone.
    #[must_use]
    pub fn names(&self) -> Vec<Option<String>> {
        self.files.iter().map(|upload| upload.file.clone()).collect()
    }
}
