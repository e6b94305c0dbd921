//! The header of a PNG file (ISO/IEC 15948).

use super::error::CUT;
use super::expansion::DEFLATE;

/// Width and height in pixels, which have a fixed place.
///
/// # Errors
/// What is wrong with the header.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), &'static str> {
    let header = bytes.get(12..24).ok_or(CUT)?;
    let (chunks, _) = header.as_chunks::<4>();
    match chunks {
        [[b'I', b'H', b'D', b'R'], width, height] => {
            let size = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
            if size.0 == 0 || size.1 == 0 { Err("it holds no image") } else { Ok(size) }
        }
        _ => Err("it does not begin with its header"),
    }
}

/// Whether the bytes behind the header can hold this number of pixels.
pub(super) fn holds(bytes: &[u8], pixels: u64) -> bool {
    let Some(&[.., depth, color]) = bytes.get(..26) else {
        return false;
    };
    let channels = match color {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let bits = pixels * channels * u64::from(depth);
    (bytes.len() - 26) as u64 * DEFLATE >= bits / 8
}
