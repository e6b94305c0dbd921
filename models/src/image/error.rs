//! Why an image cannot be read.

use super::crop::CropError;
use super::limits::MAX_SIDE;
use crate::fault::{Blame, Fault};

/// The formats that are read, for texts.
pub const FORMATS: &str = "JPEG, PNG, WebP, BMP, TIFF or GIF";

/// Pixels of the image are missing.
pub(super) const CUT: &str = "the file ends before the image does";

/// Why an image cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No bytes.
    #[error("the image is empty (0 bytes); expected a {FORMATS} file")]
    Empty,
    /// More bytes than allowed.
    #[error("the image has {bytes} bytes; at most {limit} are read: reduce it first")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Most bytes.
        limit: usize,
    },
    /// A kind of file that is not read.
    #[error("{what} cannot be read; {hint}")]
    Unsupported {
        /// The kind of file, from its first bytes.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The header claims more pixels than allowed. Nothing was allocated for them.
    #[error(
        "the image is {width}x{height}; at most {limit} pixels and {MAX_SIDE} a side are read: reduce it first"
    )]
    TooManyPixels {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// Most pixels.
        limit: u64,
    },
    /// The file is damaged or cut short.
    #[error("the {format} image is damaged: {reason}; save it again")]
    Broken {
        /// `JPEG`, `PNG` and so on, `planar`, or `decoded` for pixels in memory.
        format: &'static str,
        /// What the decoder met.
        reason: String,
    },
    /// The image does not have the part that is asked for.
    #[error(transparent)]
    Crop(#[from] CropError),
}

impl Fault for ImageError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}
