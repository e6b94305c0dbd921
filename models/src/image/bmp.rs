//! The header of a BMP file.

use super::error::ImageError;

/// Width and height in pixels.
///
/// # Errors
/// The file ends in its header, or has one of a rare kind.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    let cut = || damaged("the file ends before the image does");
    match number(bytes, 14, 4).ok_or_else(cut)? {
        // The oldest headers have 16 bits a side.
        12 => Some((number(bytes, 18, 2), number(bytes, 20, 2))),
        // A negative height means that the rows go downwards.
        40.. => Some((number(bytes, 18, 4).map(unsigned), number(bytes, 22, 4).map(unsigned))),
        _ => None,
    }
    .ok_or(ImageError::Unsupported {
        what: "this kind of BMP",
        hint: "save it as an ordinary JPEG or PNG",
    })
    .and_then(|(width, height)| width.zip(height).ok_or_else(cut))
}

fn unsigned(side: u32) -> u32 {
    side.cast_signed().unsigned_abs()
}

fn damaged(reason: &str) -> ImageError {
    ImageError::Broken { format: "BMP", reason: reason.to_owned() }
}

/// A number of `n` bytes, the lowest first.
fn number(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + n)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}
