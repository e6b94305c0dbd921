//! What is wrong with a file: damage, or a kind that is not read.

pub(super) use crate::image::error::CUT;
use crate::image::error::ImageError;

/// A code that no table has, or a coefficient outside of its block.
pub(super) const BAD_DATA: &str = "its coded data makes no sense from some point on";

pub(super) fn damaged(reason: &str) -> ImageError {
    ImageError::Broken { format: "JPEG", reason: reason.to_owned() }
}

pub(super) fn unsupported(what: &'static str) -> ImageError {
    ImageError::Unsupported { what, hint: "save it as an ordinary 8-bit JPEG (baseline) or as PNG" }
}
