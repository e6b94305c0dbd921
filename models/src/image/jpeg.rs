//! A check of the markers of a JPEG file (ITU-T T.81, annex B).
//!
//! The decoder fills what is missing with gray, and decodes every scan of a progressive file,
//! however many there are. So the file is checked first: it must end where the image ends, and have
//! a sane number of scans.

/// More scans than this are an attack: real encoders write about ten.
const MAX_SCANS: usize = 100;

/// The width and height that the file claims.
///
/// # Errors
/// What is wrong with its structure.
pub(super) fn inspect(bytes: &[u8]) -> Result<(u32, u32), &'static str> {
    let mut size = None;
    let mut n_scans = 0;
    // After the first marker, by which the file was recognized.
    let mut at = 2;
    loop {
        let (marker, after) =
            next_marker(bytes, at).ok_or("the file ends before the image does")?;
        at = after;
        match marker {
            END_OF_IMAGE => return size.ok_or("it holds no image"),
            // Markers without a length: TEM, the restarts, and another start of the image.
            0x01 | 0xD0..=0xD8 => continue,
            START_OF_SCAN => n_scans += 1,
            // SOF0 to SOF15 without the three other segments in that range.
            0xC0..=0xCF if ![0xC4, 0xC8, 0xCC].contains(&marker) => {
                size = size.or(frame_size(bytes, at))
            }
            _ => {}
        }
        if n_scans > MAX_SCANS {
            return Err("it has more than 100 scans");
        }
        at += usize::from(u16_at(bytes, at).ok_or("the file ends before the image does")?);
    }
}

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// The first marker at or after `from`, and where it ends.
// It also skips entropy-coded data, where a 0xFF that is no marker is followed by 0. Several 0xFF
// in a row only fill the space before a marker.
fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let tail = bytes.get(from..)?;
    let at = tail.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF))?;
    Some((tail[at + 1], from + at + 2))
}

fn frame_size(bytes: &[u8], segment: usize) -> Option<(u32, u32)> {
    let height = u16_at(bytes, segment + 3)?;
    let width = u16_at(bytes, segment + 5)?;
    Some((width.into(), height.into()))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}
