//! The header and the chunks of a PNG file (ISO/IEC 15948).

use flate2::Crc;

use super::error::CUT;
use super::expansion::DEFLATE;

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;

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

/// What is wrong with a file that the decoder refuses, by its chunks; `None` if they are whole.
pub(super) fn damage(bytes: &[u8]) -> Option<&'static str> {
    let mut rest = bytes.get(SIGNATURE..)?;
    loop {
        let Some((chunk, stated, behind)) = first_chunk(rest) else { return Some(CUT) };
        let mut sum = Crc::new();
        sum.update(chunk);
        if sum.sum() != stated {
            return Some("a checksum in it does not fit its bytes");
        }
        if chunk.starts_with(b"IEND") {
            return None;
        }
        rest = behind;
    }
}

/// Kind and data of the first chunk, their checksum as it is stated, and what follows.
fn first_chunk(bytes: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (chunk, rest) = rest.split_at_checked(length.checked_add(4)?)?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    Some((chunk, u32::from_be_bytes(*sum), rest))
}
