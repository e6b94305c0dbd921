//! The header of a BMP file.

use super::error::{CUT, ImageError};

/// Width and height in pixels.
///
/// # Errors
/// The file ends in its header, or has one of a rare kind.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
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

fn cut() -> ImageError {
    ImageError::Broken { format: "BMP", reason: CUT.to_owned() }
}

/// Whether the bytes behind the header can hold an image of this size.
pub(super) fn holds(bytes: &[u8], width: u32, height: u32) -> bool {
    let is_old = number(bytes, 14, 4) == Some(12);
    let bits = number(bytes, if is_old { 24 } else { 28 }, 2);
    let compression = if is_old { Some(0) } else { number(bytes, 30, 4) };
    match (number(bytes, 10, 4), bits, compression) {
        (Some(start), Some(bits), Some(0 | 3)) => {
            let row_bits = u64::from(width) * u64::from(bits);
            // Rows fill whole groups of four bytes; behind the last one the rest may be missing.
            let whole_rows = u64::from(height.saturating_sub(1)) * row_bits.div_ceil(32) * 4;
            u64::from(start) + whole_rows + row_bits / 8 <= bytes.len() as u64
        }
        // Run lengths may leave out what has the first color: even all of it.
        (Some(_), Some(_), Some(_)) => true,
        _ => false,
    }
}

/// A number of `n` bytes, the lowest first.
fn number(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + n)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}
